#!/usr/bin/env bash
#
# Measures nginx with the module against the same nginx with a bare
# proxy_pass, side by side: every round takes one slice of each, so that what
# else the machine does falls on both.  Prints a table and writes
# bench/report.json.  Everything it makes is below build/bench; everything it
# starts listens on loopback and ends with it.
#
#   ROUNDS=N  how many rounds (9)     SLICE_MS=N  length of a slice (1000)
#   CLIENTS=N connections (64)        KEEP=1      leaves build/bench/run

set -euo pipefail
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin

cd "$(dirname "$0")/.."

ROUNDS=${ROUNDS:-9}
SLICE_MS=${SLICE_MS:-1000}
CLIENTS=${CLIENTS:-64}

tools=$PWD/build/bench
run=$tools/run
pki=$PWD/build/pki
samples=$run/samples.jsonl
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
    local status=$? pid

    trap - EXIT

    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done

    for pid in "${pids[@]}"; do
        wait "$pid" 2>/dev/null || true
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
        const servers = Array.from({ length: 4 }, () =>
            require("net").createServer().listen(0, "127.0.0.1"));
        setTimeout(() => {
            console.log(servers.map((s) => s.address().port).join(" "));
            servers.forEach((s) => s.close());
        }, 50);'
}


# --------------------------------------------------------------- services

# start_store NAME OPTION...
start_store()
{
    local name=$1
    shift

    mkdir "$run/$name"
    start "$name" store redis-server --port 0 --unixsocket "$run/$name/sock" \
        --dir "$run/$name" --save '' --maxmemory-policy noeviction \
        --no-appendfsync-on-rewrite no --auto-aof-rewrite-percentage 0 "$@"
    eval "${name}_pid=$pid"

    wait_for "store $name" redis-cli -s "$run/$name/sock" ping
    build/dmpctl init --redis "unix:$run/$name/sock" >"$run/$name.init"
    build/dmpctl record import "$run/seed/records.jsonl" \
        --redis "unix:$run/$name/sock" --record-key "$run/keys/record.key" \
        --audit-key "$run/keys/audit.key" --node bench \
        --pseudonym-key "$run/keys/pseudonym.key" >"$run/$name.import"
    build/dmpctl directory import "$run/seed/directory.jsonl" \
        --redis "unix:$run/$name/sock" --record-key "$run/keys/record.key" \
        --audit-key "$run/keys/audit.key" --node bench >>"$run/$name.import"
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
    dmp_redis unix:$run/$store/sock;
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
    local kind

    read -r host_port bare_port memory_port fsync_port < <(free_ports)

    rm -rf "$run"
    mkdir -p "$run/keys"
    chmod 700 "$run/keys"
    t/lib/pki.sh "$pki"
    node bench/seed.mjs "$run/seed"

    # a build beside us must not change what is measured
    cp build/ngx_http_dmp_module.so "$tools/"

    cp -r conf/policy "$run/policy"

    for kind in audit record pseudonym; do
        build/dmpctl keygen "$kind" "$run/keys" >/dev/null
    done

    start_store store_memory --appendonly no
    start_store store_fsync --appendonly yes --appendfsync always

    host_conf >"$run/host.conf"
    gateway_conf "$bare_port" '' >"$run/bare.conf"
    gateway_conf "$memory_port" memory store_memory >"$run/memory.conf"
    gateway_conf "$fsync_port" fsync store_fsync >"$run/fsync.conf"

    start_nginx host host "$host_port"
    start_nginx bare gateway "$bare_port"
    start_nginx memory gateway "$memory_port"
    start_nginx fsync gateway "$fsync_port"
}


# ---------------------------------------------------------------- measuring

# slice ROUND ROW PEER CLIENTS MS: one line of samples
slice()
{
    local round=$1 row=$2 peer=$3 clients=$4 ms=$5 result
    local port=${peer}_port worker=${peer}_worker store=store_${peer}_pid
    local targets=${row%1}
    local -a how=(--watch "gateway=${!worker}" --watch "host=$host_worker"
                  --watch load=self)

    if [ "$peer" != bare ]; then
        how+=(--watch "store=${!store}")
    fi

    case $row in
        full | resumed)
            targets='read'
            how+=(--handshake "$row")
            ;;
    esac

    result=$($(place load) "$tools/load" --port "${!port}" \
        --cert "$pki/morel.pem" --key "$pki/morel.key" \
        --ca "$pki/server-ca.pem" --targets "$run/seed/$targets" \
        --connections "$clients" --ms "$ms" "${how[@]}") \
        || die "$row through $peer: wrong answers"

    printf '{"round":%s,"row":"%s","peer":"%s","result":%s}\n' \
        "$round" "$row" "$peer" "$result" >>"$samples"
}


# From the gateway's core: a wake-up on another core is most of a round trip.
roundtrip()
{
    local round=$1 peer=$2 result

    result=$($(place gateway) "$tools/roundtrip" "$run/store_$peer/sock" 300)

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
    local -a peers=(bare memory fsync)

    if ((n % 2 == 0)); then
        peers=(fsync memory bare)
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
            .filter((s) => s.peer === peer && s.row !== "store")
            .reduce((n, s) => n + s.result.requests, 0));' "$samples" "$1"
}


# How many entries the histories of the patients hold.
traced()
{
    redis-cli -s "$run/store_$1/sock" --scan --pattern '{dmp:*}:idx:*' \
        | sed 's/^/LLEN /' | redis-cli -s "$run/store_$1/sock" \
        | awk '{ n += $1 } END { print n + 0 }'
}


# The figures count only if every answer had its trace, and the trace is whole.
verify()
{
    local peer answers entries imported

    imported=$(wc -l <"$run/seed/records.jsonl")

    for peer in memory fsync; do
        answers=$(answered "$peer")
        entries=$(($(traced "$peer") - imported))
        [ "$entries" = "$answers" ] \
            || die "$answers answers through $peer, but $entries traces"

        build/dmpctl audit verify --redis "unix:$run/store_$peer/sock" \
            --audit-public-key "$run/keys/audit.pub" >"$run/$peer.verify" \
            || die "the trace of $peer does not verify: $(tail -n 3 "$run/$peer.verify")"
    done

    if grep -hE '\[(alert|emerg|crit|error)\]' "$run"/*/error.log >&2; then
        die 'an nginx reported errors'
    fi
}


[ -e build/ngx_http_dmp_module.so ] || die 'make build first'
[ "$ROUNDS" -ge 5 ] && [ "$ROUNDS" -le 50 ] || die 'ROUNDS is 5 to 50'
[ "$SLICE_MS" -ge 100 ] && [ "$SLICE_MS" -le 10000 ] \
    || die 'SLICE_MS is 100 to 10000'

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
