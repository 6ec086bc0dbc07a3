# shellcheck shell=bash
# What is measured, for the scripts that source it from the project's folder:
# stores, a record host, nginx with the module and without, and the programs
# that measure.  Everything it makes is below $run; everything it starts listens
# on loopback and ends with the script.

PATH=$PATH:/usr/sbin:/sbin
DEADLINE_MS=${DEADLINE_MS:-1000}
tools=${tools:-$PWD/build/bench}
run=${run:-$tools/run}
pki=$PWD/build/pki
dmpctl=$tools/dmpctl
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
        echo "bench: left to look at: $run" >&2
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
        bench/load_answer.c -lssl -lcrypto
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
        engine)  ;;                          # where there is room
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

    die "no $what (see $run)"
}


# free_ports [N]: that many, or six
free_ports()
{
    node -e '
        const net = require("net");
        const open = () => new Promise((resolve, reject) => {
            const server = net.createServer();

            server.on("error", reject);
            server.listen(0, "127.0.0.1", () => resolve(server));
        });

        Promise.all(Array.from({ length: Number(process.argv[1]) }, open))
            .then((servers) => {
                console.log(servers.map((s) => s.address().port).join(" "));
                servers.forEach((s) => s.close());
            });' "${1:-6}"
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
        --stream-node-max-bytes 16384 --no-appendfsync-on-rewrite no \
        --auto-aof-rewrite-percentage 0 "$@"
    eval "${name}_pid=$pid"

    wait_for "store $name" redis-cli -s "$run/$name/sock" ping
}


# import_records STORE FILE
import_records()
{
    "$dmpctl" record import "$2" --record-key "$run/keys/record.key" \
        --audit-key "$run/keys/audit.key" --node bench \
        --redis "unix:$run/$1/sock" \
        --pseudonym-key "$run/keys/pseudonym.key" >"$run/$1.import"
}


# start_store NAME OPTION...: with the records and the directory in it
start_store()
{
    local name=$1

    start_redis "$@"

    "$dmpctl" init --redis "unix:$run/$name/sock" \
        --deadline "${DEADLINE_MS}ms" >"$run/$name.init"
    import_records "$name" "$run/seed/records.jsonl"
    "$dmpctl" directory import "$run/seed/directory.jsonl" \
        --record-key "$run/keys/record.key" \
        --audit-key "$run/keys/audit.key" --node bench \
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

    # shellcheck disable=SC2154    # who sources this has chosen the ports
    start_store store_replicas --port "$primary_port" --bind 127.0.0.1 \
        --repl-diskless-sync-delay 0 "${fsync[@]}"
    start_redis replica --port 0 "${fsync[@]}" \
        --replicaof "127.0.0.1 $primary_port"
    wait_for 'replica' in_step replica
}


# start_nginx NAME ROLE PORT [CONFIGURATION]
start_nginx()
{
    local name=$1 role=$2 port=$3 conf=${4:-$run/$1.conf}

    mkdir -p "$run/$name/temp"
    nginx -t -q -e stderr -p "$run/$name" -c "$conf" \
        || die "nginx refuses $conf"
    start "$name" "$role" nginx -e "$run/$name/error.log" -p "$run/$name" \
        -c "$conf"
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

    # shellcheck disable=SC2154    # who sources this has chosen the ports
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
        ssl_session_cache shared:tls:64m;

        location /fhir/ {
            $on
            proxy_pass http://record_host;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffers 8 32k;
            proxy_busy_buffers_size 64k;
        }
    }
}
END
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
