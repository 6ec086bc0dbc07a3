#!/usr/bin/env bash
#
# run.sh [REF]: compares this build with the last release, side by side and
# interleaved in one run, and fails where it has become slower: more than 5 %
# in requests per second or in CPU time for a request, beyond the noise that
# the release shows against itself in the same run; more than 1 % in
# instructions, which hardly have any.
#
# This build is what the folder holds, files that git ignores left out.  The
# release is REF, or the last tag v*; where there is none, the last commit.
# Both are built from clean trees, with the same tools for both, below
# build/bench/check.
#
#   ROUNDS=N   how many rounds (12)       SLICE_MS=N  length of a slice (300)
#   CLIENTS=N  connections (32)           KEEP=1      leaves what was measured
#   THIS=DIR   the tree to take for this build
#
# Exit code 0: as fast; 1: slower; 2: nothing could be compared.

set -euo pipefail
export LC_ALL=C

cd "$(dirname "$0")/../.."

ROUNDS=${ROUNDS:-12}
SLICE_MS=${SLICE_MS:-300}
CLIENTS=${CLIENTS:-32}
DEADLINE_MS=${DEADLINE_MS:-2000}         # valgrind is slow

tools=$PWD/build/bench/check
run=$tools/run

# shellcheck disable=SC1091    # it is checked by itself
. bench/rig.sh

# what a failure here is, is not that something is slower
die()
{
    printf 'check: %s\n' "$*" >&2
    exit 2
}

# shellcheck disable=SC2154    # the rig names it
: "$pki"

samples=$run/samples.jsonl
counts=$run/counts

# requests under callgrind, few and many: what comes once drops out
declare -A few=([read]=200 [search]=50) many=([read]=1200 [search]=250)


say()
{
    printf 'check: %s (%d s)\n' "$*" "$SECONDS" >&2
}


# ------------------------------------------------------------------ trees

# What is compared with: its name, and why it is that.
choose_base()
{
    if [ $# -gt 0 ]; then
        base=$1
    elif base=$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null); then
        :
    else
        base=HEAD
        say 'there is no release (no tag v*) to compare with: the last' \
            'commit is taken'
    fi

    base_id=$(git rev-parse --verify --quiet "$base^{commit}") \
        || die "\"$base\" is no commit of this repository"
}


# The base is built once; what the folder holds, each time.
make_trees()
{
    base_tree=$tools/base-${base_id:0:12}
    this_tree=$tools/this

    if ! [ -e "$base_tree/.built" ]; then
        rm -rf "$tools"/base-*
        mkdir "$base_tree"
        git archive "$base_id" | tar -x -C "$base_tree"
        build_tree "$base_tree"
    fi

    rm -rf "$this_tree"
    mkdir "$this_tree"

    if [ -n "${THIS:-}" ]; then
        [ -e "$THIS/config" ] || die "THIS=$THIS is no tree of this project"
        tar -c -C "$THIS" --exclude=./build --exclude=node_modules \
            --exclude=./.git . | tar -x -C "$this_tree"
    else
        git ls-files -z --cached --others --exclude-standard \
            | while IFS= read -r -d '' file; do
                  if [ -e "$file" ]; then
                      printf '%s\0' "$file"
                  fi
              done \
            | tar -c --null -T - | tar -x -C "$this_tree"
    fi

    build_tree "$this_tree"
}


build_tree()
{
    say "building ${1##*/}"

    if ! make -C "$1" "-j$(nproc)" build >"$1.log" 2>&1; then
        tail -n 20 "$1.log" >&2
        die "${1##*/} does not build"
    fi

    touch "$1/.built"
}


# The load is the same for both, and so is what cuts answers; decisions are
# those of each tree's own bench/decide.c.  What does not build is not compared.
build_counters()
{
    local tree root=$PWD

    gcc "${CFLAGS[@]}" -o "$tools/load" bench/load*.c -lssl -lcrypto \
        || die 'the load does not build'

    for tree in "$base_tree" "$this_tree"; do
        rm -f "$tree/decide" "$tree/filter"
        (
            cd "$tree"
            gcc "${CFLAGS[@]}" -I. -o filter "$root/bench/check/filter.c" \
                build/libdmp.a -ljansson -lcrypto -lutf8proc
        ) >"$tree.filter.log" 2>&1 || true
        (
            cd "$tree"
            gcc "${CFLAGS[@]}" -o decide bench/decide.c \
                tools/policy_files.c tools/files.c build/libdmp.a \
                -ljansson -lcrypto -lutf8proc
        ) >"$tree.decide.log" 2>&1 || true
    done
}


# ----------------------------------------------------------------- what runs

# start_peer PEER TREE PORT: a store and a gateway, by the tree's own tools
start_peer()
{
    local peer=$1 tree=$2 port=$3
    # shellcheck disable=SC2034    # start_store uses it
    local dmpctl=$tree/build/dmpctl

    start_store "store_$peer" --port 0 --appendonly no
    peer_conf "$peer" "$tree" "$port" "$peer" >"$run/$peer.conf"
    start_nginx "$peer" gateway "$port" 2> >(grep -v 'TEST authorities' >&2)
    eval "${peer}_port=$port"
}


# peer_conf PEER TREE PORT NODE
peer_conf()
{
    local text want
    text=$(gateway_conf "$3" memory "store_$1" \
        | sed -e "s#^load_module .*#load_module $2/build/ngx_http_dmp_module.so;#" \
            -e "s#^\( *dmp_policy\) .*#\1 $2/conf/policy/policy-test.json;#" \
            -e "s#^\( *dmp_node\) .*#\1 $4;#")

    for want in "$2/build/ngx_http_dmp_module.so;" \
        "$2/conf/policy/policy-test.json;" "dmp_node $4;"
    do
        [[ $text == *"$want"* ]] \
            || die "bench/rig.sh configures gateways in another way: no $want"
    done

    printf '%s\n' "$text"
}


start_peers()
{
    local kind
    local -a ports

    rm -rf "$run"
    mkdir -p "$run/keys"
    chmod 700 "$run/keys"
    t/lib/pki.sh "$pki"
    node bench/seed.mjs "$run/seed"

    # what an older build has made, a newer one must read
    for kind in audit record pseudonym; do
        "$base_tree/build/dmpctl" keygen "$kind" "$run/keys" >/dev/null
    done

    read -r -a ports < <(free_ports 6)

    # shellcheck disable=SC2034    # host_conf and gateway_conf read it
    host_port=${ports[0]}
    host_conf >"$run/host.conf"
    start_nginx host host "${ports[0]}"

    start_peer base "$base_tree" "${ports[1]}"
    start_peer again "$base_tree" "${ports[2]}"
    start_peer this "$this_tree" "${ports[3]}"
    counted_ports=("${ports[4]}" "${ports[5]}")
}


# ---------------------------------------------------------------- measuring

# load PORT TARGETS CONNECTIONS OPTION...
load()
{
    local port=$1 targets=$2 connections=$3
    shift 3

    $(place load) "$tools/load" --port "$port" --cert "$pki/morel.pem" \
        --key "$pki/morel.key" --ca "$pki/server-ca.pem" \
        --targets "$run/seed/$targets" --connections "$connections" "$@"
}


slice()
{
    local round=$1 row=$2 peer=$3 result
    local -n port=${peer}_port worker=${peer}_worker store=store_${peer}_pid

    result=$(load "$port" "$row" "$CLIENTS" --ms "$SLICE_MS" \
        --watch "gateway=$worker" --watch "store=$store") \
        || die "$row through $peer: wrong answers"

    if [ "$round" -gt 0 ]; then
        printf '{"round":%s,"row":"%s","peer":"%s","result":%s}\n' \
            "$round" "$row" "$peer" "$result" >>"$samples"
    fi
}


# All six orders of the three in turn: nobody is always first, or always after
# the same.
measure()
{
    local n row peer
    local -a order orders=(
        'base again this' 'this again base' 'again this base'
        'base this again' 'this base again' 'again base this'
    )

    for ((n = 0; n <= ROUNDS; n++)); do              # 0: warm, not kept
        read -r -a order <<<"${orders[n % 6]}"

        for row in read search check; do
            for peer in "${order[@]}"; do
                slice "$n" "$row" "$peer"
            done
        done
    done

    say "$ROUNDS rounds of ${SLICE_MS} ms slices"
}


# ----------------------------------------------------------------- counting

# Lines of counts: WHAT PEER INSTRUCTIONS, or the word "none" and why.
count_decisions()
{
    local peer tree name n unit

    for peer in base this; do
        tree=${peer}_tree

        if ! [ -x "${!tree}/decide" ]; then
            echo "decisions $peer none its decide.c does not build" >>"$counts"
            continue
        fi

        (cd "${!tree}" && bench/instructions.sh conf/policy/policy.json \
            ./decide) >"$run/decisions" \
            || die "the decisions of $peer could not be counted"

        while read -r name n unit; do
            [ "$unit" = instructions ] \
                || die "bench/instructions.sh said \"$name $n $unit\""
            echo "decision:${name#instructions-} $peer $n" >>"$counts"
        done <"$run/decisions"
    done
}


# collected COMMAND...: instructions of the whole command
collected()
{
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1 \
        | sed -n 's/^==[0-9]*== Collected : \([0-9]*\)$/\1/p'
}


count_filter()
{
    local peer tree ins few_cuts many_cuts

    ins=$(sed -n '1s/.*%7C\([0-9]*\)$/\1/p' "$run/seed/check")
    [ -n "$ins" ] || die 'the seed names no patient'

    for peer in base this; do
        tree=${peer}_tree

        if ! [ -x "${!tree}/filter" ]; then
            echo "filter $peer none bench/check/filter.c does not fit its core" \
                >>"$counts"
            continue
        fi

        few_cuts=$(collected "${!tree}/filter" "$run/seed/www/search.json" \
            "$ins" 2)
        many_cuts=$(collected "${!tree}/filter" "$run/seed/www/search.json" \
            "$ins" 22)

        [[ $few_cuts$many_cuts =~ ^[0-9]+$ ]] \
            || die "callgrind counted nothing for the filter of $peer"

        echo "filter $peer $(((many_cuts - few_cuts) / 20))" >>"$counts"
    done
}


# Instructions of all dumps of a process, without those of its signatures: the
# heads of the trace are signed by the clock, whatever the number of requests.
totals()
{
    local file n
    local -i sum=0

    for file in "$@"; do
        n=$(callgrind_annotate --inclusive=yes --threshold=100 "$file" \
            2>/dev/null | awk '
            / PROGRAM TOTALS/ { total = $1 }
            /:EVP_DigestSign / && signed == "" { signed = $1 }
            END {
                gsub(",", "", total)
                gsub(",", "", signed)
                printf "%.0f\n", total - signed
            }')
        sum+=n
    done

    [ "$sum" -gt 0 ] || die "callgrind counted nothing in $*"
    echo "$sum"
}


# All that has begun to be written is written.
dumped()
{
    local file

    for file in "$1"/cg.*; do
        grep -q '^totals: ' "$file" || return 1
    done
}


# counted DIR PID PORT TARGETS N: instructions of N requests on two connections
counted()
{
    local dir=$1 vpid=$2 port=$3 targets=$4 n=$5

    rm -f "$dir"/cg.*
    callgrind_control --instr=on "$vpid" >/dev/null 2>&1
    load "$port" "$targets" 2 --ms 60000 --requests "$n" >"$dir/load" \
        || die 'wrong answers under callgrind'
    callgrind_control --instr=off "$vpid" >/dev/null 2>&1
    callgrind_control --dump "$vpid" >/dev/null 2>&1
    wait_for 'dump of callgrind' dumped "$dir"
    totals "$dir"/cg.*
}


# One process of nginx under callgrind, with the store of its peer; counted
# from when it is warm.  A difference of two lengths: handshakes drop out.
count_requests()
{
    local peer=$1 tree=$2 port=$3 dir=$run/counted_$1 row vpid n m
    local -a each

    mkdir -p "$dir/temp"
    peer_conf "$peer" "$tree" "$port" "counted-$peer" \
        | sed -e 's/^daemon off;$/daemon off; master_process off;/' \
            -e 's/^\( *dmp_redis .*\);$/\1 connect_timeout=10s;/' \
            >"$dir/nginx.conf"

    start "counted_$peer.valgrind" gateway valgrind --tool=callgrind \
        --callgrind-out-file="$dir/cg" --instr-atstart=no \
        nginx -e "$dir/error.log" -p "$dir" -c "$dir/nginx.conf"
    # shellcheck disable=SC2154    # start names it
    vpid=$pid
    wait_for "nginx under callgrind" load "$port" check 1 --requests 1

    for row in read search; do
        load "$port" "$row" 2 --ms 60000 --requests "${few[$row]}" >/dev/null \
            || die 'wrong answers under callgrind'
        each=()

        while [ "${#each[@]}" -lt 3 ]; do
            n=$(counted "$dir" "$vpid" "$port" "$row" "${few[$row]}")
            m=$(counted "$dir" "$vpid" "$port" "$row" "${many[$row]}")
            each+=("$(((m - n) / (many[$row] - few[$row])))")
        done

        echo "request:$row $peer ${each[*]}" >>"$counts"
    done

    kill -QUIT "$vpid"
    wait "$vpid" || true
}


# ------------------------------------------------------------------- main

[ $# -le 1 ] || die 'run.sh [REF]'
for need in git valgrind callgrind_control callgrind_annotate node nginx; do
    command -v "$need" >/dev/null || die "$need is needed"
done
within ROUNDS 6 60
within SLICE_MS 50 10000
within CLIENTS 1 512
within DEADLINE_MS 250 5000

mkdir -p "$tools"
exec 9>"$tools/lock"
flock -n 9 || { trap - EXIT; die 'another run is under way here'; }

choose_base "$@"
make_trees
build_counters
start_peers
measure
count_decisions
count_filter
count_requests base "$base_tree" "${counted_ports[0]}"
count_requests this "$this_tree" "${counted_ports[1]}"
say 'instructions are counted'

if grep -hE '\[(alert|emerg|crit|error)\]' "$run"/*/error.log >&2; then
    die 'an nginx reported errors'
fi

node bench/check/compare.mjs "$samples" "$counts" \
    "$base (${base_id:0:12})" "${THIS:-this folder}"
