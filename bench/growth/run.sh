#!/usr/bin/env bash
#
# Measures how what a request costs grows with what there is: records in the
# store, documents and authorisations of a record, gateways, connections, TLS
# handshakes.  Every round takes one slice of each point, so that what else the
# machine does falls on all.  Writes REPORT.md, report.json and a plot of each
# series beside this script, and fails where something grows faster than it
# may.  Everything it makes is below build/bench/growth; everything it starts
# listens on loopback and ends with it.
#
#   ROUNDS=N    how many rounds (5)       SLICE_MS=N   length of a slice (400)
#   RECORDS=N   records of the largest store, a power of ten (1000000): the
#               whole needs about 4 kB of memory for each
#   QUICK=1     a smoke run: small sizes, short slices, files below
#               build/bench/growth only
#   KEEP=1      leaves build/bench/growth/run
#
# Exit code 0: nothing grows faster than it may; 1: something does; 2: it could
# not be measured.

set -euo pipefail
export LC_ALL=C

cd "$(dirname "$0")/../.."

QUICK=${QUICK:-}
ROUNDS=${ROUNDS:-$([ -n "$QUICK" ] && echo 3 || echo 5)}
SLICE_MS=${SLICE_MS:-$([ -n "$QUICK" ] && echo 150 || echo 400)}
RECORDS=${RECORDS:-$([ -n "$QUICK" ] && echo 10000 || echo 1000000)}
DEADLINE_MS=${DEADLINE_MS:-2000}         # no 503, whatever else the machine does

tools=$PWD/build/bench/growth
run=$tools/run
out=$PWD/bench/growth

# shellcheck disable=SC1091    # it is checked by itself
. bench/rig.sh

# what a failure here is, is not that something is too steep
die()
{
    printf 'growth: %s\n' "$*" >&2
    exit 2
}

# shellcheck disable=SC2154    # the rig names these
: "$dmpctl" "$pki"

samples=$run/samples.jsonl
CLIENTS=32
LARGEST_ANSWER=32m
COLD=128                                 # patients read once after a reload

if [ -n "$QUICK" ]; then
    out=$tools/out
    mkdir -p "$out"
    documents=(10 100 1000)
    authorisations=(1 10 100)
    connections=(1 4 16 64)
    shakes=(1 4 16)
    COLD=32
else
    documents=(10 100 1000 10000)
    authorisations=(1 10 100 1000)
    connections=(1 4 16 64 256 1000)
    shakes=(1 4 16 64 256)
fi

sizes=()
for ((size = 1000; size <= RECORDS; size *= 10)); do
    sizes+=("$size")
done

gateways=4


say()
{
    printf 'growth: %s (%d s)\n' "$*" "$SECONDS" >&2
}


# ------------------------------------------------------------------ tools

# The load is built anew where its own bound on connections is below ours.
build_load()
{
    local largest=${connections[-1]} bound

    mkdir -p "$tools/src"
    cp bench/load*.[ch] "$tools/src/"

    bound=$(sed -n 's/^#define LOAD_CONNECTIONS_MAX  *\([0-9]*\)$/\1/p' \
        bench/load.h)
    [ -n "$bound" ] || die 'bench/load.h does not say LOAD_CONNECTIONS_MAX'

    if [ "$bound" -lt "$largest" ]; then
        sed -i "s/^\(#define LOAD_CONNECTIONS_MAX  *\)[0-9]*$/\1$largest/" \
            "$tools/src/load.h"
    fi

    gcc "${CFLAGS[@]}" -o "$tools/load" "$tools"/src/load*.c -lssl -lcrypto
    gcc "${CFLAGS[@]}" -o "$tools/cost" bench/cost.c
}


# Nanoseconds on a CPU, of the main thread.
cpu_of()
{
    local ns rest

    read -r ns rest <"/proc/$1/schedstat" || die "process $1 is gone"
    : "$rest"
    echo "$ns"
}


# ----------------------------------------------------------------- stores

init_store()
{
    start_redis "$1" --port 0 --appendonly no
    "$dmpctl" init --redis "unix:$run/$1/sock" \
        --deadline "${DEADLINE_MS}ms" >"$run/$1.init"
}


# import_into STORE FILE NODE: what it cost is in FILE.cost
import_into()
{
    "$tools/cost" "$2.cost" "$dmpctl" record import "$2" \
        --redis "unix:$run/$1/sock" --node "$3" \
        --record-key "$run/keys/record.key" \
        --audit-key "$run/keys/audit.key" \
        --pseudonym-key "$run/keys/pseudonym.key" >"$2.said" 2>&1 \
        || die "import into $1: $(tail -n 2 "$2.said")"
}


import_directory()
{
    "$dmpctl" directory import "$run/seed/directory.jsonl" \
        --redis "unix:$run/$1/sock" --node growth \
        --record-key "$run/keys/record.key" \
        --audit-key "$run/keys/audit.key" >"$run/$1.directory"
}


memory_of()
{
    redis-cli -s "$run/$1/sock" info memory \
        | sed -n 's/^used_memory_dataset:\([0-9]*\).*/\1/p'
}


# The import waits for the store at each step: as many at once as there are
# cores, each with its part of the records.
fill_store()
{
    local size=$1 store=store_$1 part parts=1 before cpu waited=() i
    local -n store_pid=store_$1_pid

    init_store "$store"
    import_directory "$store"

    if [ "$size" -ge 1000000 ]; then
        parts=$(nproc)
    fi

    # head ends before its input does; both are files
    head -n "$size" "$run/seed/records.jsonl" >"$run/$store.jsonl"
    split -d -n "l/$parts" "$run/$store.jsonl" "$run/$store.part"
    rm "$run/$store.jsonl"

    before=$(memory_of "$store")
    cpu=$(cpu_of "$store_pid")

    for part in "$run/$store".part[0-9][0-9]; do
        import_into "$store" "$part" "import-${part: -2}" &
        waited+=("$!")
    done

    for i in "${waited[@]}"; do
        wait "$i" || die "the import of $size records failed"
    done

    printf '{"round":1,"series":"import","x":%s,"importers":%s,' \
        "$size" "$parts" >>"$samples"
    printf '"store_us":%s,"bytes":%s,"parts":[%s]}\n' \
        "$((($(cpu_of "$store_pid") - cpu) / 1000))" \
        "$(($(memory_of "$store") - before))" \
        "$(cat "$run/$store".part??.cost | paste -sd,)" >>"$samples"

    rm "$run/$store".part*
    say "$size records are in their store"
}


# ------------------------------------------------------------------ nginx

# Pages and answers of searches by what is asked, from memory.
growth_host_conf()
{
    nginx_head '' | sed 's/worker_connections 1024/worker_connections 8192/'
    cat <<END
    sendfile on;
    open_file_cache max=50000 inactive=1h;
    open_file_cache_valid 1h;

    map \$args \$answer {
        "~%7C(?<page_ins>[0-9]{15}).*_offset=(?<offset>[0-9]+)"
            \$page_ins-\$offset;
        "~%7C(?<first_ins>[0-9]{15}).*_count="  \$first_ins-0;
        "~%7C(?<whole_ins>[0-9]{15})"           \$whole_ins-all;
        default                                 none;
    }

    server {
        listen 127.0.0.1:$host_port;
        root $run/seed/www;

        location = /fhir/DocumentReference {
            types { }
            alias $run/seed/www/search/\$answer.json;
        }

        location /fhir/ {
            alias $run/seed/www/;
        }
    }
}
END
}


# start_gateway NAME PORT [STORE]: as the rig has it, with room for more
# connections and larger answers; bare without a store
start_gateway()
{
    local name=$1 port=$2 store=${3:-} want
    local -a wanted=('worker_connections 8192' 'keepalive 1024')

    gateway_conf "$port" memory "$store" \
        | sed -e 's/worker_connections 1024/worker_connections 8192/' \
            -e 's/keepalive 128;/keepalive 1024;/' \
            -e "s/dmp_node bench;/dmp_node $name;/" \
            -e "s/dmp on;/dmp on; dmp_max_answer_size $LARGEST_ANSWER;/" \
            >"$run/$name.conf"

    if [ -n "$store" ]; then
        wanted+=("dmp_node $name;" "dmp_max_answer_size $LARGEST_ANSWER;")
    fi

    for want in "${wanted[@]}"; do
        grep -qF "$want" "$run/$name.conf" \
            || die "bench/rig.sh configures gateways in another way: no $want"
    done

    start_nginx "$name" gateway "$port" 2> >(grep -v 'TEST authorities' >&2)
    # shellcheck disable=SC2154    # start names it
    eval "${name}_port=$port ${name}_master=$pid"
}


one_check()
{
    "$tools/load" --port "$1" --cert "$pki/morel.pem" --key "$pki/morel.key" \
        --ca "$pki/server-ca.pem" --targets "$run/seed/warm" \
        --connections 1 --requests 1
}


# A new worker, whose caches are empty.
reload_gateway()
{
    local -n master=${1}_master worker=${1}_worker port=${1}_port
    local old=$worker

    kill -HUP "$master"
    wait_for "end of the old worker of $1" replaced "$master" "$old"
    worker=$(pgrep -P "$master")
    wait_for "answer of the new worker of $1" one_check "$port"
}


replaced()
{
    local now
    now=$(pgrep -P "$1")

    [ "$now" != "$2" ] && [[ $now =~ ^[0-9]+$ ]]
}


start_what_grows()
{
    local size n kind
    local -a ports

    rm -rf "$run"
    mkdir -p "$run/keys"
    chmod 700 "$run/keys"
    t/lib/pki.sh "$pki"
    node bench/growth/seed.mjs "$run/seed" "$RECORDS" \
        "$(IFS=,; echo "${documents[*]}")" \
        "$(IFS=,; echo "${authorisations[*]}")" "$COLD"
    say 'seeds are written'

    # a build beside us must not change what is measured
    cp build/ngx_http_dmp_module.so build/dmpctl "$tools/"
    cp -r conf/policy "$run/policy"

    for kind in audit record pseudonym; do
        "$dmpctl" keygen "$kind" "$run/keys" >/dev/null
    done

    init_store main
    import_directory main
    import_into main "$run/seed/main.jsonl" import-main

    for size in "${sizes[@]}"; do
        fill_store "$size"
    done

    read -r -a ports < <(free_ports $((5 + gateways + ${#sizes[@]})))

    host_port=${ports[0]}
    growth_host_conf >"$run/host.conf"
    start_nginx host host "$host_port"

    start_gateway bare "${ports[1]}"
    start_gateway ours "${ports[2]}" main
    start_gateway cold "${ports[3]}" main
    start_gateway searches "${ports[4]}" main
    ports=("${ports[@]:5}")

    for ((n = 1; n <= gateways; n++)); do
        start_gateway "gateway$n" "${ports[0]}" main
        ports=("${ports[@]:1}")
    done

    for size in "${sizes[@]}"; do
        start_gateway "records$size" "${ports[0]}" "store_$size"
        ports=("${ports[@]:1}")
    done
}


# -------------------------------------------------------------- measuring

# slice SERIES X GATEWAY STORE TARGETS CONNECTIONS [OPTION...]: a line of
# samples; STORE is empty without one
slice()
{
    local series=$1 x=$2 gateway=$3 store=$4 targets=$5 clients=$6 result
    local -n port=${gateway}_port worker=${gateway}_worker
    local -a how=(--watch "gateway=$worker")
    shift 6

    if [ -n "$store" ]; then
        local -n watched=${store}_pid
        how+=(--watch "store=$watched")
    fi

    result=$($(place load) "$tools/load" --port "$port" \
        --cert "$pki/morel.pem" --key "$pki/morel.key" \
        --ca "$pki/server-ca.pem" --targets "$run/seed/$targets" \
        --connections "$clients" --ms "$SLICE_MS" "${how[@]}" "$@" \
        2>"$run/load.err") \
        || die "$series at $x: $(head -n 3 "$run/load.err")"

    if [ "$round" -gt 0 ]; then
        printf '{"round":%s,"series":"%s","x":%s,"result":%s}\n' \
            "$round" "$series" "$x" "$result" >>"$samples"
    fi
}


records_round()
{
    local size

    for size in "${sizes[@]}"; do
        slice records-same "$size" "records$size" "store_$size" \
            same "$CLIENTS"
    done

    for size in "${sizes[@]}"; do
        node bench/growth/seed.mjs sample "$size" 4096 "$((round + size))" \
            >"$run/seed/any-$size"
        slice records-any "$size" "records$size" "store_$size" \
            "any-$size" "$CLIENTS"
    done
}


documents_round()
{
    local n

    for n in "${documents[@]}"; do
        shuf -n 4096 "$run/seed/read-$n" >"$run/seed/some-$n"
        slice documents-read "$n" ours main "some-$n" "$CLIENTS"
    done

    for n in "${documents[@]}"; do
        slice documents-page "$n" searches main "page-$n" "$CLIENTS"
    done

    for n in "${documents[@]}"; do
        slice documents-whole "$n" searches main "whole-$n" 2
    done
}


authorisations_round()
{
    local n

    for n in "${authorisations[@]}"; do
        slice authorisations-hot "$n" ours main "hot-$n" "$CLIENTS"
    done

    reload_gateway cold

    for n in "${authorisations[@]}"; do
        slice authorisations-cold "$n" cold main "cold-$n" 8 --requests "$COLD"
    done
}


# Several loads at once, one for each gateway; what the store used is counted
# from before the first to after the last.
gateways_slice()
{
    local n=$1 i before waited=()
    local port worker

    # shellcheck disable=SC2154    # start_redis names it
    before=$(cpu_of "$main_pid")

    for ((i = 1; i <= n; i++)); do
        port=gateway${i}_port worker=gateway${i}_worker

        $(place load) "$tools/load" --port "${!port}" \
            --cert "$pki/morel.pem" --key "$pki/morel.key" \
            --ca "$pki/server-ca.pem" --targets "$run/seed/plain-check" \
            --connections "$CLIENTS" --ms "$SLICE_MS" \
            --watch "gateway=${!worker}" >"$run/load.$i" 2>"$run/load.$i.err" &
        waited+=("$!")
    done

    for i in "${!waited[@]}"; do
        wait "${waited[i]}" \
            || die "gateways at $n: $(head -n 3 "$run/load.$((i + 1)).err")"
    done

    if [ "$round" -gt 0 ]; then
        printf '{"round":%s,"series":"gateways","x":%s,"store_us":%s,' \
            "$round" "$n" "$((($(cpu_of "$main_pid") - before) / 1000))" \
            >>"$samples"
        printf '"loads":[%s]}\n' \
            "$(for ((i = 1; i <= n; i++)); do cat "$run/load.$i"; done \
                | paste -sd,)" >>"$samples"
    fi
}


connections_round()
{
    local n

    for n in "${connections[@]}"; do
        slice connections-bare "$n" bare '' plain-read "$n"
        slice connections "$n" ours main plain-read "$n"
    done
}


tls_round()
{
    local n kind

    for n in "${shakes[@]}"; do
        for kind in full resumed; do
            slice "tls-$kind-bare" "$n" bare '' plain-read "$n" \
                --handshake "$kind"
            slice "tls-$kind" "$n" ours main plain-read "$n" \
                --handshake "$kind"
        done
    done
}


# Caches filled, the host's too; every page's link taken.
warm()
{
    local n size all

    round=0

    node bench/growth/seed.mjs sample 1000 1000 7 >"$run/seed/same"

    for size in "${sizes[@]}"; do
        slice warm "$size" "records$size" "store_$size" same "$CLIENTS" \
            --requests 2000

        # as many as a worker remembers, or all
        for ((n = 0; n < (size < 10000 ? 1 : 6); n++)); do
            node bench/growth/seed.mjs sample "$size" 4096 "$((n + 100))" \
                >"$run/seed/any-$size"
            slice warm "$size" "records$size" "store_$size" "any-$size" \
                "$CLIENTS" --ms 4000 --requests 4096
        done
    done

    for n in "${documents[@]}"; do
        # shellcheck disable=SC2154    # start_gateway names it
        node bench/growth/pages.mjs "$searches_port" "$pki" \
            "$(<"$run/seed/page-$n")" >"$run/seed/pages" \
            || die "the pages of $n documents could not be followed"
        all=$(wc -l <"$run/seed/pages")
        [ "$all" = $(((n + 49) / 50)) ] || die "$n documents on $all pages"
        mv "$run/seed/pages" "$run/seed/page-$n"
        slice warm "$n" searches main "whole-$n" 1 --requests 2
    done

    # each document that can be read, once
    cat "$run"/seed/read-* | split -d -l 4000 - "$run/seed/part-"
    for all in "$run"/seed/part-??; do
        slice warm 0 ours main "${all##*/}" "$CLIENTS" --ms 10000 \
            --requests "$(wc -l <"$all")"
    done

    for n in "${authorisations[@]}"; do
        slice warm "$n" ours main "hot-$n" 1 --requests 10
    done

    for ((n = 1; n <= gateways; n++)); do
        slice warm "$n" "gateway$n" main plain-check "$CLIENTS"
    done
}


# ------------------------------------------------------------------- main

[ -e build/ngx_http_dmp_module.so ] || die 'make build first'
[ -x build/dmpctl ] || die 'make build first'
within ROUNDS 3 20
within SLICE_MS 50 10000
within DEADLINE_MS 250 5000
[[ $RECORDS =~ ^10{3,6}$ ]] || die 'RECORDS is 1000, 10000, 100000 or 1000000'

free_kb=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
[ "$free_kb" -gt $((RECORDS * 4 + 1000000)) ] \
    || die "$RECORDS records need $((RECORDS * 4 / 1000 + 1000)) MB of memory;" \
        "there are $((free_kb / 1000)): say RECORDS=100000"
[ "$(ulimit -n)" -ge 4096 ] || ulimit -n 4096 \
    || die 'ulimit -n must be 4096, for the connections'

mkdir -p "$tools"
exec 9>"$tools/lock"
flock -n 9 || { trap - EXIT; die 'another run is under way here'; }

build_load
start_what_grows
warm
say "warm: $ROUNDS rounds of ${SLICE_MS} ms slices"

for ((round = 1; round <= ROUNDS; round++)); do
    records_round
    documents_round
    authorisations_round

    for ((n = 1; n <= gateways; n++)); do
        gateways_slice "$n"
    done

    connections_round
    tls_round
    say "round $round of $ROUNDS"
done

if grep -hE '\[(alert|emerg|crit|error)\]' "$run"/*/error.log >&2; then
    die 'an nginx reported errors'
fi

node bench/growth/report.mjs "$samples" "$out"
