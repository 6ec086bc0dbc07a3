#!/usr/bin/env bash
#
# Measures nginx with the module, at each level of durability, against the same
# nginx with a bare proxy_pass, side by side: every round takes one slice of
# each, so that what else the machine does falls on all.  Then what was traced
# is verified, and what that costs is measured, too.  Prints a table and writes
# bench/report.json.  Everything it makes is below build/bench; everything it
# starts listens on loopback and ends with it.
#
#   ROUNDS=N  how many rounds (9)     SLICE_MS=N  length of a slice (1000)
#   CLIENTS=N connections (64)        KEEP=1      leaves build/bench/run
#   DEADLINE_MS=N  what comes later from the store is a 503, and ends the run
#                  (250): more, where others use the machine

set -euo pipefail
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin

cd "$(dirname "$0")/.."

ROUNDS=${ROUNDS:-9}
SLICE_MS=${SLICE_MS:-1000}
CLIENTS=${CLIENTS:-64}
DEADLINE_MS=${DEADLINE_MS:-250}

tools=$PWD/build/bench
run=$tools/run
pki=$PWD/build/pki
dmpctl=$tools/dmpctl
samples=$run/samples.jsonl
levels=(memory fsync replicas)
verifications=3                          # of each store
pids=()

CFLAGS=(-std=c11 -D_GNU_SOURCE -Iinclude -Wall -Wextra -Wshadow -Wconversion
        -Werror -O2 -g)


die()
{
    printf 'bench: %s\n' "$*" >&2
    exit 1
}


end()
{
    local status=$? i

    trap - EXIT

    # gateways before their stores: they end their epochs
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
        kill "${pids[i]}" 2>/dev/null || true
        wait "${pids[i]}" 2>/dev/null || true
    done

    if [ $status = 0 ] && [ -z "${KEEP:-}" ]; then
        rm -rf "$run"
    else
        echo "bench: left to look at: build/bench/run" >&2
    fi

    exit $status
}

trap end EXIT
trap 'exit 130' INT TERM HUP


# ------------------------------------------------------------------ tools

build_tools()
{
    mkdir -p "$tools"
    gcc "${CFLAGS[@]}" -o "$tools/load" bench/load.c bench/load_run.c \
        -lssl -lcrypto
    gcc "${CFLAGS[@]}" -o "$tools/roundtrip" bench/roundtrip.c -lhiredis
    gcc "${CFLAGS[@]}" -o "$tools/cost" bench/cost.c

    rm -f "$tools/scan"
    if [ -e bench/scan.c ]; then
        make build/libdmp.a >/dev/null
        gcc "${CFLAGS[@]}" -o "$tools/scan" bench/scan.c build/libdmp.a \
            -ljansson -lcrypto -lutf8proc
    fi

    gcc "${CFLAGS[@]}" -o "$tools/decide" bench/decide.c \
        tools/policy_files.c tools/files.c build/libdmp.a \
        -ljansson -lcrypto -lutf8proc
}


# The gateway under test has a core of its own where there are two: what is
# compared is what it costs, and not what host, store and load cost.
place()
{
    local cores
    cores=$(nproc)

    if [ "$cores" -lt 2 ]; then
        return
    fi

    case $1 in
        gateway) echo taskset -c 0 ;;
        *)       echo taskset -c 1-$((cores - 1)) ;;
    esac
}


# start NAME ROLE COMMAND...: its pid is in $pid
start()
{
    local name=$1 role=$2
    shift 2

    $(place "$role") "$@" >"$run/$name.out" 2>&1 &
    pid=$!
    pids+=("$pid")
}


wait_for()
{
    local i what=$1
    shift

    for ((i = 0; i < 500; i++)); do
        if "$@" >/dev/null 2>&1; then
            return
        fi
        sleep 0.02
    done

    die "no $what (see build/bench/run)"
}


free_ports()
{
    node -e '
        const servers = Array.from({ length: 6 }, () =>
            require("net").createServer().listen(0, "127.0.0.1"));
        setTimeout(() => {
            console.log(servers.map((s) => s.address().port).join(" "));
            servers.forEach((s) => s.close());
        }, 50);'
}


# --------------------------------------------------------------- services

# start_redis NAME OPTION...
start_redis()
{
    local name=$1
    shift

    mkdir "$run/$name"
    start "$name" store redis-server --unixsocket "$run/$name/sock" \
        --dir "$run/$name" --save '' --maxmemory-policy noeviction \
        --no-appendfsync-on-rewrite no --auto-aof-rewrite-percentage 0 "$@"
    eval "${name}_pid=$pid"

    wait_for "store $name" redis-cli -s "$run/$name/sock" ping
}


# start_store NAME OPTION...: with the records and the directory in it
start_store()
{
    local name=$1
    local -a keys=(--record-key "$run/keys/record.key"
                   --audit-key "$run/keys/audit.key" --node bench)

    start_redis "$@"

    "$dmpctl" init --redis "unix:$run/$name/sock" \
        --deadline "${DEADLINE_MS}ms" >"$run/$name.init"
    "$dmpctl" record import "$run/seed/records.jsonl" "${keys[@]}" \
        --redis "unix:$run/$name/sock" \
        --pseudonym-key "$run/keys/pseudonym.key" >"$run/$name.import"
    "$dmpctl" directory import "$run/seed/directory.jsonl" "${keys[@]}" \
        --redis "unix:$run/$name/sock" >>"$run/$name.import"
}


# It has all, and no rewrite of its file is left to come.
in_step()
{
    local said
    said=$(redis-cli -s "$run/$1/sock" info replication persistence)

    [[ $said == *master_link_status:up* ]] \
        && [[ $said == *aof_rewrite_in_progress:0* ]] \
        && [[ $said == *aof_rewrite_scheduled:0* ]]
}


# Replication has no unix socket: the one store that has a replica listens on
# loopback, too.
start_stores()
{
    local -a fsync=(--appendonly yes --appendfsync always)

    start_store store_memory --port 0 --appendonly no
    start_store store_fsync --port 0 "${fsync[@]}"
    start_store store_replicas --port "$primary_port" --bind 127.0.0.1 \
        --repl-diskless-sync-delay 0 "${fsync[@]}"
    start_redis replica --port 0 "${fsync[@]}" \
        --replicaof "127.0.0.1 $primary_port"
    wait_for 'replica' in_step replica
}


start_nginx()
{
    local name=$1 role=$2 port=$3

    mkdir -p "$run/$name/temp"
    nginx -t -q -e stderr -p "$run/$name" -c "$run/$name.conf" \
        || die "nginx refuses build/bench/run/$name.conf"
    start "$name" "$role" nginx -e "$run/$name/error.log" -p "$run/$name" \
        -c "$run/$name.conf"
    wait_for "$name" bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
    wait_for "worker of $name" pgrep -P "$pid"
    eval "${name}_worker=$(pgrep -P "$pid")"
}


# What all nginx here have in common.
nginx_head()
{
    cat <<END
user $(id -un) $(id -gn);
daemon off;
worker_processes 1;
error_log error.log notice;
pid nginx.pid;
$1

events {
    worker_connections 1024;
}

http {
    access_log off;
    default_type application/fhir+json;
    keepalive_requests 10000000;
    keepalive_timeout 600s;
    client_body_temp_path temp;
    proxy_temp_path temp;
    fastcgi_temp_path temp;
    uwsgi_temp_path temp;
    scgi_temp_path temp;
END
}


# The record host: the same bytes from memory each time.
host_conf()
{
    nginx_head ''
    cat <<END
    sendfile on;
    open_file_cache max=1000 inactive=1h;
    open_file_cache_valid 1h;

    server {
        listen 127.0.0.1:$host_port;
        root $run/seed/www;

        location = /fhir/DocumentReference {
            types { }
            alias $run/seed/www/search.json;
        }

        location /fhir/ {
            alias $run/seed/www/;
        }
    }
}
END
}


# gateway_conf PORT DURABILITY [STORE]; bare without a store
gateway_conf()
{
    local port=$1 durability=$2 store=${3:-} on=''

    if [ -n "$store" ]; then
        nginx_head "load_module $tools/ngx_http_dmp_module.so;"
        on='dmp on; dmp_resource fhir;'
        cat <<END
    dmp_redis unix:$run/$store/sock timeout=$((DEADLINE_MS * 4))ms;
    dmp_policy $run/policy/policy-test.json;
    dmp_audit_key $run/keys/audit.key;
    dmp_audit_durability $durability;
    dmp_record_key $run/keys/record.key;
    dmp_pseudonym_key $run/keys/pseudonym.key;
    dmp_node bench;
END
    else
        nginx_head ''
    fi

    cat <<END
    upstream record_host {
        server 127.0.0.1:$host_port;
        keepalive 128;
        keepalive_requests 10000000;
        keepalive_timeout 600s;
    }

    server {
        listen 127.0.0.1:$port ssl;
        server_name localhost;
        ssl_certificate $pki/server.pem;
        ssl_certificate_key $pki/server.key;
        ssl_client_certificate $pki/clients-ca.pem;
        ssl_crl $pki/crl.pem;
        ssl_verify_client optional;
        ssl_verify_depth 3;
        ssl_protocols TLSv1.3;
        ssl_session_cache shared:tls:10m;

        location /fhir/ {
            $on
            proxy_pass http://record_host;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }
    }
}
END
}


start_all()
{
    local kind level

    # shellcheck disable=SC2034    # each is read by the name of its peer
    read -r host_port bare_port memory_port fsync_port replicas_port \
        primary_port < <(free_ports)

    rm -rf "$run"
    mkdir -p "$run/keys"
    chmod 700 "$run/keys"
    t/lib/pki.sh "$pki"
    node bench/seed.mjs "$run/seed"

    # a build beside us must not change what is measured
    cp build/ngx_http_dmp_module.so build/dmpctl "$tools/"

    cp -r conf/policy "$run/policy"

    for kind in audit record pseudonym; do
        "$dmpctl" keygen "$kind" "$run/keys" >/dev/null
    done

    start_stores

    host_conf >"$run/host.conf"
    gateway_conf "$bare_port" '' >"$run/bare.conf"
    gateway_conf "$memory_port" memory store_memory >"$run/memory.conf"
    gateway_conf "$fsync_port" fsync store_fsync >"$run/fsync.conf"
    gateway_conf "$replicas_port" "replicas 1 $((DEADLINE_MS * 4 / 5))ms" \
        store_replicas >"$run/replicas.conf"

    start_nginx host host "$host_port"
    start_nginx bare gateway "$bare_port"

    for level in "${levels[@]}"; do
        local port=${level}_port
        start_nginx "$level" gateway "${!port}"
    done
}


# ---------------------------------------------------------------- measuring

# What the store of LEVEL holds, less what it spends on its connections, and
# how often it was asked to append and to wait for replicas: one line of JSON.
store_state()
{
    redis-cli -s "$run/store_$1/sock" info memory persistence commandstats \
        | tr -d '\r' | awk -F '[:=,]' '
            $1 == "used_memory_dataset" { memory = $2 }
            $1 == "aof_current_size"    { aof = $2 }
            $1 == "cmdstat_fcall"       { appends = $3 }
            $1 == "cmdstat_wait"        { waits = $3 }
            END {
                printf "{\"memory\":%.0f,\"aof\":%.0f,\"appends\":%.0f,", \
                    memory, aof, appends
                printf "\"waits\":%.0f}", waits
            }'
}


# slice ROUND ROW PEER CLIENTS MS: one line of samples
slice()
{
    local round=$1 row=$2 peer=$3 clients=$4 ms=$5 result before after
    local port=${peer}_port worker=${peer}_worker store=store_${peer}_pid
    local targets=${row%1}
    local -a how=(--watch "gateway=${!worker}" --watch "host=$host_worker"
                  --watch load=self)

    if [ "$peer" != bare ]; then
        how+=(--watch "store=${!store}")
    fi

    if [ "$peer" = replicas ]; then
        # shellcheck disable=SC2154    # start_redis names it
        how+=(--watch "replica=$replica_pid")
    fi

    case $row in
        full | resumed)
            targets='read'
            how+=(--handshake "$row")
            ;;
    esac

    before=null after=null
    [ "$peer" = bare ] || before=$(store_state "$peer")

    result=$($(place load) "$tools/load" --port "${!port}" \
        --cert "$pki/morel.pem" --key "$pki/morel.key" \
        --ca "$pki/server-ca.pem" --targets "$run/seed/$targets" \
        --connections "$clients" --ms "$ms" "${how[@]}") \
        || die "$row through $peer: wrong answers"

    [ "$peer" = bare ] || after=$(store_state "$peer")

    printf '{"round":%s,"row":"%s","peer":"%s","result":%s,' \
        "$round" "$row" "$peer" "$result" >>"$samples"
    printf '"before":%s,"after":%s}\n' "$before" "$after" >>"$samples"
}


# From the gateway's core: a wake-up on another core is most of a round trip.
roundtrip()
{
    local round=$1 peer=$2 result
    local -a wait_for_replicas=()

    if [ "$peer" = replicas ]; then
        wait_for_replicas=(1)
    fi

    result=$($(place gateway) "$tools/roundtrip" "$run/store_$peer/sock" 300 \
        "${wait_for_replicas[@]}") \
        || die "no round trip to the store of $peer"

    printf '{"round":%s,"row":"store","peer":"%s","result":%s}\n' \
        "$round" "$peer" "$result" >>"$samples"
}


# A connection for each read, by a full handshake or a resumed session, in four
# short slices each: what is added is little beside what a handshake costs, and
# has to be seen against neighbours in time.  What the store does of a trace is
# not part of a handshake: one durability is enough.
handshakes()
{
    local n=$1 ms=$2 part row peer
    local -a peers=(bare memory)

    for part in 0 1 2 3; do
        for row in full resumed; do
            for peer in "${peers[@]}"; do
                slice "$((4 * n - part))" "$row" "$peer" 16 $((ms / 4))
            done
        done

        peers=("${peers[1]}" "${peers[0]}")
    done
}


# Odd rounds go one way and even ones the other: nobody is always first.
round()
{
    local n=$1 ms=$2 peer row
    local -a peers=(bare "${levels[@]}")

    if ((n % 2 == 0)); then
        peers=(replicas fsync memory bare)
    fi

    for row in read search; do
        for peer in "${peers[@]}"; do
            slice "$n" "$row" "$peer" "$CLIENTS" "$ms"
        done
    done

    handshakes "$n" "$ms"

    for peer in "${peers[@]}"; do
        slice "$n" read1 "$peer" 1 $((ms / 2))

        if [ "$peer" != bare ]; then
            slice "$n" check "$peer" "$CLIENTS" $((ms / 2))
            roundtrip "$n" "$peer"
        fi
    done
}


# How many requests were answered through PEER, those that warmed it included.
answered()
{
    node -e '
        const [file, peer] = process.argv.slice(1);
        const lines = require("fs").readFileSync(file, "utf8").trim().split("\n");
        console.log(lines.map(JSON.parse)
            .filter((s) => s.peer === peer)
            .reduce((n, s) => n + (s.result.requests ?? 0), 0));' "$samples" "$1"
}


# How many entries the histories of the patients hold: one for each access, and
# none for what a gateway writes of its own accord (epochs, checkpoints,
# heartbeats, outcomes).
traced()
{
    redis-cli -s "$run/$1/sock" --scan --pattern '{dmp:*}:idx:*' \
        | sed 's/^/LLEN /' | redis-cli -s "$run/$1/sock" \
        | awk '{ n += $1 } END { print n + 0 }'
}


# verify_store ROUND LEVEL: one line of samples.  Entries that no signed heads
# cover yet, and gateways that go on writing, break nothing.
verify_store()
{
    local round=$1 level=$2 out=$run/$2.verify

    $(place gateway) "$tools/cost" "$out.cost" "$dmpctl" audit verify --json \
        --redis "unix:$run/store_$level/sock" \
        --audit-public-key "$run/keys/audit.pub" >"$out" 2>"$out.err" \
        || die "the trace of $level does not verify: $(tail -n 3 "$out.err" "$out")"

    printf '{"round":%s,"row":"verify","peer":"%s","result":%s,"cost":%s}\n' \
        "$round" "$level" "$(<"$out")" "$(<"$out.cost")" >>"$samples"
}


# The figures count only if every answer had its trace, the trace is whole, and
# the replica has it.
verify()
{
    local level answers entries imported n

    imported=$(wc -l <"$run/seed/records.jsonl")

    for level in "${levels[@]}"; do
        answers=$(answered "$level")
        entries=$(($(traced "store_$level") - imported))
        [ "$entries" = "$answers" ] \
            || die "$answers answers through $level, but $entries traces"
    done

    entries=$(($(traced replica) - imported))
    [ "$entries" = "$answers" ] \
        || die "$answers answers through replicas, but $entries on the replica"

    for ((n = 1; n <= verifications; n++)); do
        for level in "${levels[@]}"; do
            verify_store "$n" "$level"
        done
    done

    if grep -hE '\[(alert|emerg|crit|error)\]' "$run"/*/error.log >&2; then
        die 'an nginx reported errors'
    fi
}


# within NAME LEAST MOST
within()
{
    if ! [[ ${!1} =~ ^[1-9][0-9]{0,5}$ ]] || [ "${!1}" -lt "$2" ] \
        || [ "${!1}" -gt "$3" ]
    then
        die "$1 is $2 to $3"
    fi
}


[ -e build/ngx_http_dmp_module.so ] || die 'make build first'
[ -x build/dmpctl ] || die 'make build first'
within ROUNDS 5 50
within SLICE_MS 100 10000
within CLIENTS 1 512
within DEADLINE_MS 50 5000

build_tools
start_all

echo "bench: $ROUNDS rounds of $SLICE_MS ms slices, $CLIENTS connections"
round 0 300                                          # warm: not reported

for ((n = 1; n <= ROUNDS; n++)); do
    round "$n" "$SLICE_MS"
    printf '.' >&2
done
printf '\n' >&2

verify

if [ -x "$tools/scan" ]; then
    $(place gateway) "$tools/scan" >"$run/scan"
else
    : >"$run/scan"
fi

bench/instructions.sh conf/policy/policy.json "$tools/decide" >>"$run/scan"

node bench/report.mjs "$samples" "$run/scan" bench/report.json
