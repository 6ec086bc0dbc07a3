#!/bin/bash
#
# The demo: starts a private Redis, a FHIR record host and nginx with the
# module on loopback, then plays story.mjs.  "run.sh stop" ends it.  "run.sh
# with COMMAND..." runs that on the same stage instead, and ends it.
#
# All of it lives in demo/run/ (build/stage/ for a command), but for the Redis socket and nginx's temporary
# files: those are in a folder of /tmp, which nginx's workers can reach wherever
# the repository is.  Processes are known by pid and start time, nothing else.

set -euo pipefail
export LC_ALL=C.UTF-8
export PATH=$PATH:/usr/sbin:/sbin

root=$(cd "$(dirname "$0")/.." && pwd -P)
run=$root/demo/run
node=gateway                            # dmp_node of nginx.conf.in
workers=1                               # its worker_processes
keep=no
failed=1                                # exit code of a stage that fails

# what run/ holds, and nothing else may be removed from it
folders='bin keys pki redis mail'
files='temp nginx.conf nginx.pid jeanne.json centre-15.jsonl
       record-host.requests.jsonl
       nginx.access.log nginx.error.log nginx.log redis.log record-host.log
       keys.log pki.log init.log mailbox.log notifyd.json notifyd.log'
jeanne='urn:oid:1.2.250.1.213.1.4.8|285037512000151'


# Says why, with the end of a log where there is one.
die()
{
    local log=${2:-}

    printf 'demo: %s\n' "$1" >&2

    if [ -n "$log" ] && [ -s "$log" ]; then
        tail -n 15 "$log" | sed '/^$/d; s/^/    /' >&2
    fi

    exit "$failed"
}


# A start that fails, whatever the reason, leaves nothing behind.
on_exit()
{
    local rc=$?

    if [ "$keep" != yes ]; then
        stop
    fi

    exit "$rc"
}


# ---------------------------------------------------------------- processes

# When a process started, which no other process with its pid shares; nothing
# for one that has ended.
started_at()
{
    local stat

    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    stat=${stat##*) }

    set -- $stat
    [ "$1" != Z ] && [ "$1" != X ] && echo "${20}"
}


# start NAME COMMAND...: outlives this script; output in run/NAME.log.
start()
{
    local name=$1 pid
    shift

    setsid "$@" >"$run/$name.log" 2>&1 </dev/null 9>&- &
    pid=$!

    echo "$pid $(started_at "$pid" || true)" >"$run/$name.process"
}


running()
{
    local pid since

    read -r pid since 2>/dev/null <"$run/$1.process" \
        && [ -n "$since" ] && [ "$(started_at "$pid")" = "$since" ]
}


# until_true SECONDS COMMAND...
until_true()
{
    local -i end=$((SECONDS + $1))
    shift

    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.02
    done
}


ready_or_gone() { "$2" || ! running "$1"; }


# ready NAME FUNCTION LOG: returns when the function says that NAME is.
ready()
{
    until_true 30 ready_or_gone "$1" "$2" \
        || die "$1 is not ready after 30 s" "$run/$3"
    running "$1" || die "$1 does not start" "$run/$3"
}


gone() { ! running "$1"; }


end()
{
    local name=$1 pid since

    if running "$name"; then
        read -r pid since <"$run/$name.process"
        kill -TERM "$pid" 2>/dev/null || true

        if ! until_true 10 gone "$name"; then
            kill -KILL -- "-$pid" 2>/dev/null || true   # its whole session
            until_true 5 gone "$name" || true
        fi
    fi

    rm -f "$run/$name.process"
}


# Ends what an earlier or this run started, and removes what it made.
stop()
{
    local temp name

    [ -d "$run" ] || return 0

    for name in nginx notifyd mailbox record-host redis; do
        end "$name"
    done

    temp=$(cat "$run/temp" 2>/dev/null || true)

    if [[ "$temp" == /tmp/dmp-demo.?????? && -O "$temp" ]]; then
        rm -rf -- "$temp"
    fi

    for name in $folders $files; do
        rm -rf -- "${run:?}/$name"
    done

    rmdir "$run" 2>/dev/null || true
}


# --------------------------------------------------------------- the scenery

say() { printf '  %s\n' "$*"; }


need()
{
    local what

    for what in build/dmpctl build/dmp-notifyd build/ngx_http_dmp_module.so \
                demo/backend/node_modules/@medplum
    do
        [ -e "$root/$what" ] || die "no $what: \"make demo\" makes it"
    done

    for what in nginx node curl openssl; do
        command -v "$what" >/dev/null \
            || die "no program \"$what\": \"make deps\" installs it"
    done

    redis_server=$(command -v redis-server || command -v valkey-server) \
        || die 'no redis-server: "make deps" installs it'
    redis_cli=$(command -v redis-cli || command -v valkey-cli) \
        || die 'no redis-cli: "make deps" installs it'
}


# The first of these ports that nobody listens on, or else any.
free_port()
{
    node -e '
        const ports = [...process.argv.slice(1), 0];
        const server = require("node:net").createServer();
        const next = () => server.listen({ port: +ports.shift(), host: "127.0.0.1" });

        server.on("error", next);
        server.on("listening", () => {
            console.log(server.address().port);
            server.close();
        });
        next();' "$@"
}


# Workers run as their own user, as they should: they need the store's socket
# and temporary files, and no key, since the master reads those.
prepare_folders()
{
    mkdir -p "$run"
    temp=$(mktemp -d /tmp/dmp-demo.XXXXXX)
    echo "$temp" >"$run/temp"
    mkdir -m 700 "$run/keys" "$run/redis"
    mkdir "$run/mail"
    mkdir "$run/bin"                    # a build meanwhile changes nothing here
    cp "$root/build/dmpctl" "$root/build/dmp-notifyd" \
        "$root/build/ngx_http_dmp_module.so" "$run/bin"
    user=

    if [ "$(id -u)" -eq 0 ]; then
        user=www-data
        id "$user" >/dev/null 2>&1 || user=nobody
        chgrp "$(id -gn "$user")" "$temp"
        chmod 2710 "$temp"              # the socket gets its group
    fi
}


redis_cli() { "$redis_cli" -s "$temp/redis.sock" "$@"; }
redis_answers() { [ "$(redis_cli ping 2>/dev/null)" = PONG ]; }


start_redis()
{
    start redis "$redis_server" --port 0 \
        --unixsocket "$temp/redis.sock" --unixsocketperm 770 \
        --dir "$run/redis" --save '' --appendonly yes --appendfsync always \
        --no-appendfsync-on-rewrite no --maxmemory-policy noeviction
    ready redis redis_answers redis.log
}


make_keys()
{
    local kind

    for kind in audit record pseudonym session; do
        "$run/bin/dmpctl" keygen "$kind" "$run/keys" >>"$run/keys.log" 2>&1 \
            || die "dmpctl keygen $kind failed" "$run/keys.log"
    done
}


host_address()
{
    host=$(sed -n 's|^ready http://||p' "$run/record-host.log")
    [ -n "$host" ]
}


start_record_host()
{
    start record-host node "$root/demo/backend/server.mjs" \
        --listen 127.0.0.1:0 --base "https://localhost:$port/fhir" \
        --log "$run/record-host.requests.jsonl" \
        --data "$root/demo/backend/seed" \
        --data "$root/t/fixtures/pdsm4dmp" --data "$root/t/fixtures/pdsm"
}


mailbox_ready() { grep -q '^ready' "$run/mailbox.log"; }


# Groups of the outboxes: it has made them when it looks for messages.
notifyd_ready()
{
    [ "$(redis_cli xinfo groups '{dmp:63}:outbox' 2>/dev/null | wc -l)" -gt 0 ]
}


# Mail goes to a folder of the demo's.
start_post()
{
    local mail

    mail=$(free_port 8025 8026 8027)
    start mailbox node "$root/demo/mailbox.mjs" "$mail" "$run/mail"
    ready mailbox mailbox_ready mailbox.log

    cat >"$run/notifyd.json" <<END
{
  "redis": { "address": "unix:$temp/redis.sock" },
  "record_keys": ["$run/keys/record.key"],
  "place": "https://localhost:$port",
  "templates": "$root/conf/notices",
  "smtp": { "host": "127.0.0.1", "port": $mail, "tls": "none",
            "plain_on_loopback": true,
            "from": "ne-pas-repondre@dmp.example.org" }
}
END
}


# "run.sh deliver", which the story calls: until then it looks at notices in
# the store.
deliver()
{
    temp=$(<"$run/temp")
    redis_cli=$(command -v redis-cli || command -v valkey-cli)
    start notifyd "$run/bin/dmp-notifyd" "$run/notifyd.json"
    ready notifyd notifyd_ready notifyd.log
}


# A worker is ready when it has opened its chain in the trace.
gateway_ready()
{
    [ "$(redis_cli --scan --pattern "{dmp:*}:w:$node/*" | wc -l)" -ge "$workers" ]
}


start_nginx()
{
    local conf

    conf=$(<"$root/demo/nginx.conf.in")
    conf=${conf//'@ROOT@'/"$root"}
    conf=${conf//'@RUN@'/"$run"}
    conf=${conf//'@TEMP@'/"$temp"}
    conf=${conf//'@HOST@'/"$host"}
    conf=${conf//'@PORT@'/"$port"}
    conf=${conf//'@PORT15@'/"$port15"}
    conf=${conf//'@USER@'/"${user:+user $user;}"}
    printf '%s\n' "$conf" >"$run/nginx.conf"

    nginx -t -q -e stderr -p "$run" -c "$run/nginx.conf" >"$run/nginx.log" 2>&1 \
        || die 'nginx refuses its configuration' "$run/nginx.log"
    start nginx nginx -e stderr -p "$run" -c "$run/nginx.conf"
    ready nginx gateway_ready nginx.error.log
}


start_all()
{
    printf 'Setting the scene\n\n'

    prepare_folders
    port=$(free_port 8443 8444 8445)
    port15=$(free_port 8415 8416 8417)
    start_record_host

    say 'test PKI          cards of fictitious doctors, signed by a test authority'
    "$root/t/lib/pki.sh" "$run/pki" >"$run/pki.log" 2>&1 \
        || die 'the test PKI could not be made' "$run/pki.log"

    make_keys

    start_redis
    say "store             a private Redis, each write on disk before it is acknowledged"
    "$run/bin/dmpctl" init --redis "unix:$temp/redis.sock" \
        >"$run/init.log" 2>&1 || die 'dmpctl init failed' "$run/init.log"

    start_post
    say 'mailbox           a mail server that keeps what comes in a folder'

    ready record-host host_address record-host.log
    say "record host       a FHIR server at http://$host, which knows nothing of the gateway"

    start_nginx
    say "gateway           nginx with the module at https://localhost:$port,"
    say "                  for the centres 15 at https://localhost:$port15"
}


still_running()
{
    cat <<END


Everything was as told.  Still running, on loopback only:

  gateway       https://localhost:$port/fhir   nginx, log demo/run/nginx.access.log
  centre 15     https://localhost:$port15/fhir
  record host   http://$host/fhir
  store         redis-cli -s $temp/redis.sock

Try it by hand, for instance as Dr Petit:

  cd $(printf %q "$run/pki")
  curl --cacert server-ca.pem --cert petit.pem --key petit.key -G \\
      https://localhost:$port/fhir/DocumentReference \\
      --data-urlencode 'patient.identifier=$jeanne'

Other cards lie in the same folder.  "make demo-stop" ends it all.
END
}


left_running()
{
    cat >&2 <<END

All is left running, to look at: logs are in $run.
"make demo-stop" ends it.
END
}


# play COMMAND...: what it has to know is in its environment.
play()
{
    DEMO_GATEWAY=https://localhost:$port/fhir DEMO_HOST=http://$host/fhir \
        DEMO_API=https://localhost:$port/api \
        DEMO_CENTRE_15=https://localhost:$port15/fhir \
        DEMO_SOCKET=$temp/redis.sock DEMO_RUN=$run \
        "$@" 9>&-
}


main()
{
    local rc=0

    if [ "${1:-}" = with ]; then
        run=$root/build/stage
        failed=3                        # not an answer of the command's
    fi

    if [ "${1:-}" = deliver ]; then     # by the story: the lock is ours
        deliver
        return
    fi

    exec 9<"$root/demo"

    if ! flock -n 9; then
        echo 'demo: one is playing just now; Ctrl-C there ends it' >&2
        exit "$failed"
    fi

    case ${1:-} in
    stop)
        if [ -d "$run" ]; then
            stop
            echo 'demo: ended'
        else
            echo 'demo: nothing to end'
        fi
        ;;
    '')
        stop
        need
        trap on_exit EXIT
        trap 'echo >&2; die interrupted' INT TERM HUP
        start_all
        play node "$root/demo/story.mjs" || rc=$?
        keep=yes

        if [ "$rc" -eq 0 ]; then
            still_running
        elif [ "$rc" -ge 128 ]; then
            keep=no
            die interrupted
        else
            left_running
        fi

        exit "$rc"
        ;;
    with)
        shift
        stop
        need
        trap on_exit EXIT
        trap 'echo >&2; die interrupted' INT TERM HUP
        start_all >&2
        play "$@" || rc=$?
        exit "$rc"
        ;;
    *)
        echo "usage: $0 [stop | with COMMAND...]" >&2
        exit 2
        ;;
    esac
}

main "$@"
