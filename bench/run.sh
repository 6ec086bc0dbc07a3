#!/usr/bin/env bash
#
# Measures nginx with the module, at each level of durability, side by side
# with its peers (bench/peers/), with TLS and in clear: every round takes one
# slice of each, so that what else the machine does falls on all, and two of a
# bare proxy_pass, which say how far apart the same thing comes.  Then what was
# traced is verified, and what that costs is measured, too.  Prints a table,
# writes bench/report.json and bench/REPORT.md.  Installs what it lacks.
# Everything it makes is below build/bench; everything it starts listens on
# loopback and ends with it.
#
#   ROUNDS=N  how many rounds (9)     SLICE_MS=N  length of a slice (600)
#   CLIENTS=N connections (64)        KEEP=1      leaves build/bench/run
#   DEADLINE_MS=N  what comes later from the store is a 503, and ends the run
#                  (1000): a slow disk or a busy machine is not what is measured
#   REPORT=DIR     where the two reports go (bench)

set -euo pipefail
export LC_ALL=C

cd "$(dirname "$0")/.."

ROUNDS=${ROUNDS:-9}
SLICE_MS=${SLICE_MS:-600}
CLIENTS=${CLIENTS:-64}
REPORT=${REPORT:-bench}

# shellcheck source=bench/rig.sh
. bench/rig.sh
# shellcheck source=bench/peers.sh
. bench/peers.sh

samples=$run/samples.jsonl
levels=(memory fsync replicas)
others=(auth haproxy lua piped cerbos)        # less what is not to be had
verifications=3                          # of each store
cached=10000                             # records, for a worker's memory
tls=(--cert "$pki/morel.pem" --key "$pki/morel.key" --ca "$pki/server-ca.pem")


# ---------------------------------------------------------------- measuring

is_ours()
{
    [[ " ${levels[*]} " == *" $1 "* ]]
}


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


# watched PEER: the options of the load that name its processes
watched()
{
    local worker=${1}_worker store=store_${1}_pid

    # shellcheck disable=SC2154    # start_nginx names it
    echo "--watch gateway=${!worker} --watch host=$host_worker"
    echo "--watch load=self"

    if [ -n "${!store:-}" ]; then
        echo "--watch store=${!store}"
    fi

    # shellcheck disable=SC2154    # start_redis names the replica's
    case $1 in
        replicas) echo "--watch replica=$replica_pid" ;;
        cerbos)   echo "--watch engine=$engine_pid" ;;
    esac
}


# slice ROUND ROW PEER CLIENTS MS: one line of samples
slice()
{
    local round=$1 row=$2 peer=$3 clients=$4 ms=$5 result before after
    local port=${peer}_port targets=${row#clear_}
    local -a how=()

    read -r -d '' -a how < <(watched "$peer") || true
    targets=${targets%1}

    case $row in
        clear_*)
            port=${peer}_clear_port
            how+=(--clear)
            ;;
        full | resumed)
            targets='read'
            how+=("${tls[@]}" --handshake "$row")
            ;;
        *)
            how+=("${tls[@]}")
            ;;
    esac

    if [ -e "$run/seed/$peer.header" ]; then
        how+=(--header "$(<"$run/seed/$peer.header")")
    fi

    before=null after=null
    ! is_ours "$peer" || before=$(store_state "$peer")

    result=$($(place load) "$tools/load" --port "${!port}" \
        --targets "$run/seed/$targets.$peer" --connections "$clients" \
        --ms "$ms" "${how[@]}") || die "$row through $peer: wrong answers"

    ! is_ours "$peer" || after=$(store_state "$peer")

    printf '{"round":%s,"row":"%s","peer":"%s","result":%s,' \
        "$round" "$row" "$peer" "$result" >>"$samples"
    printf '"before":%s,"after":%s}\n' "$before" "$after" >>"$samples"
}


# roundtrip ROUND PEER MS, from the gateway's core: a wake-up on another core is
# most of a round trip.
roundtrip()
{
    local round=$1 peer=$2 ms=$3 result
    local -a wait_for_replicas=()

    if [ "$peer" = replicas ]; then
        wait_for_replicas=(1)
    fi

    result=$($(place gateway) "$tools/roundtrip" "$run/store_$peer/sock" "$ms" \
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


# One client at a time, in four short slices each: what is added is a few
# wake-ups, and what one takes drifts with what else the machine does.  Beside
# each of ours, the round trips to its store.
one_client()
{
    local n=$1 ms=$2 part peer
    local -a peers=(bare "${levels[@]}" "${others[@]}" again)

    for part in 0 1 2 3; do
        for peer in $(in_turn $((n + part)) "${peers[@]}"); do
            slice "$((4 * n - part))" read1 "$peer" 1 $((ms / 6))

            if is_ours "$peer"; then
                roundtrip "$((4 * n - part))" "$peer" $((ms / 6))
            fi
        done
    done
}


# The arguments, the other way round in even rounds: nobody is always first.
in_turn()
{
    local n=$1 i
    shift

    if ((n % 2 == 1)); then
        echo "$@"
        return
    fi

    for ((i = $#; i > 0; i--)); do
        echo "${!i}"
    done
}


# slices ROUND ROW CLIENTS MS PEER...
slices()
{
    local n=$1 row=$2 clients=$3 ms=$4 peer
    shift 4

    for peer in $(in_turn "$n" "$@"); do
        slice "$n" "$row" "$peer" "$clients" "$ms"
    done
}


round()
{
    local n=$1 ms=$2
    local half=$((ms / 2))
    local -a lua=(lua)

    if [ -z "$cerbos_missing" ]; then
        lua+=(cerbos)
    fi

    slices "$n" 'read' "$CLIENTS" "$ms" bare "${levels[@]}" "${others[@]}" \
        again
    slices "$n" search "$CLIENTS" "$ms" bare "${levels[@]}" "${lua[@]}" again
    slices "$n" cut "$CLIENTS" "$half" bare
    slices "$n" check "$CLIENTS" "$half" "${levels[@]}" "${lua[@]}"
    one_client "$n" "$ms"
    slices "$n" clear_read "$CLIENTS" "$ms" bare "${others[@]}" again
    slices "$n" clear_search "$CLIENTS" "$ms" bare "${lua[@]}" again
    slices "$n" clear_cut "$CLIENTS" "$half" bare
    slices "$n" clear_check "$CLIENTS" "$half" "${lua[@]}"
    slices "$n" clear_read1 1 "$half" bare "${others[@]}" again

    handshakes "$n" "$ms"
}


# ------------------------------------------------------------ what is traced

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
}


# From commit to seal; the last entries are signed soon, while nobody asks.
seal()
{
    local result

    wait_for 'seal of the last entries' node bench/seal.mjs \
        "$run/store_memory/sock"
    result=$(node bench/seal.mjs "$run/store_memory/sock") || die 'no seal'

    printf '{"round":1,"row":"seal","peer":"memory","result":%s}\n' \
        "$result" >>"$samples"
}


# Last of all, since it changes what the worker holds: a check of each of many
# records, and what the worker's memory then is.
worker_memory()
{
    local result rss

    import_records store_memory "$run/seed/many.jsonl"

    result=$($(place load) "$tools/load" --port "$memory_port" \
        "${tls[@]}" --targets "$run/seed/many" --requests "$cached" --connections "$CLIENTS" --ms 60000) \
        || die 'checks of many records: wrong answers'
    # shellcheck disable=SC2154    # start_nginx names it
    # its own: the cache of TLS sessions is shared by all workers
    rss=$(awk '$1 == "RssAnon:" || $1 == "RssFile:" { n += $2 } END { print n }' \
        "/proc/$memory_worker/status")

    printf '{"round":1,"row":"memory","peer":"memory","result":%s,' \
        "$result" >>"$samples"
    printf '"cached":%s,"rss_kib":%s}\n' "$cached" "$rss" >>"$samples"
}


# ---------------------------------------------------------------- the whole

# A build beside us must not change what is measured: it is copied.
prepare()
{
    local kind

    rm -rf "$run"
    mkdir -p "$run/keys"
    chmod 700 "$run/keys"
    t/lib/pki.sh "$pki"
    node bench/seed.mjs "$run/seed" "$cached"

    if [ "$tools" = "$PWD/build/bench" ]; then
        cp build/ngx_http_dmp_module.so build/dmpctl "$tools/"
    fi

    cp -r conf/policy "$run/policy"

    for kind in audit record pseudonym; do
        "$dmpctl" keygen "$kind" "$run/keys" >/dev/null
    done
}


start_ours()
{
    local level port

    start_stores

    gateway_conf "$memory_port" memory store_memory >"$run/memory.conf"
    gateway_conf "$fsync_port" fsync store_fsync >"$run/fsync.conf"
    gateway_conf "$replicas_port" "replicas 1 $((DEADLINE_MS * 4 / 5))ms" \
        store_replicas >"$run/replicas.conf"

    for level in "${levels[@]}"; do
        port=${level}_port
        start_nginx "$level" gateway "${!port}"
    done
}


start_others()
{
    start_nginx_peer bare bare.conf.in "$bare_port" "$bare_clear_port"
    start_nginx_peer again bare.conf.in "$again_port" "$again_clear_port"
    start_nginx_peer auth auth_request.conf.in "$auth_port" "$auth_clear_port"

    start_guard_store store_lua
    start_nginx_peer lua lua.conf.in "$lua_port" "$lua_clear_port"
    start_guard_store store_piped
    start_nginx_peer piped piped.conf.in "$piped_port" "$piped_clear_port"
    start_haproxy "$haproxy_port" "$haproxy_clear_port"

    if [ -n "$cerbos_missing" ]; then
        echo "bench: without Cerbos: $cerbos_missing" >&2
        others=(auth haproxy lua piped)
        return
    fi

    start_cerbos "$cerbos_port" "$cerbos_clear_port"
}


start_all()
{
    # shellcheck disable=SC2034    # each is read by the name of its peer
    read -r host_port memory_port fsync_port replicas_port primary_port \
        bare_port bare_clear_port again_port again_clear_port \
        auth_port auth_clear_port lua_port lua_clear_port \
        piped_port piped_clear_port haproxy_port haproxy_clear_port \
        cerbos_port cerbos_clear_port < <(free_ports 19)

    prepare
    host_conf >"$run/host.conf"
    start_nginx host host "$host_port"
    start_ours
    start_others
}


# What each answers is looked at before how fast it does.
check_answers()
{
    local peer port clear asked
    local -a list=()

    for peer in bare again "${levels[@]}" "${others[@]}"; do
        port=${peer}_port
        clear=${peer}_clear_port
        list+=("$peer:${!port}:${!clear:-}")
    done

    asked=$(node bench/answers.mjs "$run" "$pki" "${list[@]}") \
        || die 'not measured'

    # they have their traces, too
    node -e '
        for (const [peer, requests] of Object.entries(JSON.parse(process.argv[1]))) {
            console.log(JSON.stringify(
                { round: 0, row: "answers", peer, result: { requests } }));
        }' "$asked" >>"$samples"
}


errors_of_nginx()
{
    if grep -hE '\[(alert|emerg|crit|error)\]' "$run"/*/error.log >&2; then
        die 'an nginx reported errors'
    fi
}


# instructions of a decision, and what the scanner does
core()
{
    : >"$run/scan"

    if [ -x "$tools/scan" ]; then
        $(place gateway) "$tools/scan" >"$run/scan"
    fi

    bench/instructions.sh conf/policy/policy.json "$tools/decide" >>"$run/scan"
}


within ROUNDS 5 50
within SLICE_MS 100 10000
within CLIENTS 1 512
within DEADLINE_MS 50 5000
[ -d "$REPORT" ] || die "REPORT=$REPORT is no folder"
[ "$tools" != "$PWD/build/bench" ] || {
    [ -e build/ngx_http_dmp_module.so ] && [ -x build/dmpctl ]
} || die 'make build first'

mkdir -p "$tools"
get_peers
build_tools
began=$SECONDS
start_all
check_answers

echo "bench: $ROUNDS rounds of $SLICE_MS ms slices, $CLIENTS connections"
round 0 200                                          # warm: not reported

for ((n = 1; n <= ROUNDS; n++)); do
    round "$n" "$SLICE_MS"
    printf '.' >&2
done
printf '\n' >&2

verify
seal
worker_memory
errors_of_nginx
core

printf -v facts '{"slice_ms":%s,"clients":%s,"seconds":%s,' \
    "$SLICE_MS" "$CLIENTS" $((SECONDS - began))
facts+="\"cerbos\":\"$cerbos_version\",\"cerbos_missing\":\"$cerbos_missing\"}"

node bench/report.mjs "$samples" "$run/scan" "$REPORT" "$facts"
