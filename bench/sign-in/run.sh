#!/usr/bin/env bash
#
# Measures what sign-ins cost: how many a second, with one thread and with two
# in the pool that looks at passwords, and how long reads wait meanwhile, to
# what they wait without.  Side by side: each round takes a slice of each.
# Prints a table, and writes bench/sign-in/REPORT.md.  Everything it makes is
# below build/bench/sign-in; everything it starts listens on loopback and ends
# with it.
#
#   ROUNDS=N how many (5)     SECONDS_EACH=N of a slice (3)

set -euo pipefail
export LC_ALL=C

cd "$(dirname "$0")/../.."

ROUNDS=${ROUNDS:-5}
SECONDS_EACH=${SECONDS_EACH:-3}
tools=$PWD/build/bench/sign-in
run=$tools/run

# shellcheck disable=SC1091    # it is checked by itself
. bench/rig.sh

samples=$run/samples.jsonl


# The gateway's configuration, with sign-ins and so many threads.
conf()
{
    gateway_conf "$1" memory store_memory \
        | sed -e "1i thread_pool dmp threads=$2 max_queue=64;" \
              -e "s|^    dmp_node bench;|    dmp_node bench;\n    dmp_session_key $run/keys/session.key;\n    dmp_signin_rate 10000r/m burst=10000;|" \
              -e "s|^        location /fhir/ {|        location /api/ { dmp_api; }\n\n        location /fhir/ {|"
}


# reads NAME PORT ROUND KIND: a slice of reads, by eight clients
reads()
{
    local result

    result=$($(place load) "$tools/load" --port "$2" \
        --targets "$run/seed/read" --connections 8 \
        --ms $((SECONDS_EACH * 1000)) --cert "$pki/morel.pem" \
        --key "$pki/morel.key" --ca "$pki/server-ca.pem") \
        || die "reads through $1: wrong answers"
    printf '{"round":%s,"pool":"%s","kind":"%s","result":%s}\n' \
        "$3" "$1" "$4" "$result" >>"$samples"
}


# sign_ins NAME PORT ROUND KIND: as many sign-ins as there are
sign_ins()
{
    local result

    result=$($(place load) node bench/sign-in/sign-in.mjs "$2" \
        "$pki/server-ca.pem" "$SECONDS_EACH" 8) || die "sign-ins of $1"
    printf '{"round":%s,"pool":"%s","kind":"%s","result":%s}\n' \
        "$3" "$1" "$4" "$result" >>"$samples"
}


round()
{
    local pool port

    for pool in one two; do
        port=${pool}_port
        reads "$pool" "${!port}" "$1" quiet
        sign_ins "$pool" "${!port}" "$1" alone
        reads "$pool" "${!port}" "$1" beside &
        sign_ins "$pool" "${!port}" "$1" beside-reads
        wait $! || die 'reads beside sign-ins failed'
    done
}


prepare()
{
    local kind

    rm -rf "$run"
    mkdir -p "$run/keys"
    chmod 700 "$run/keys"
    t/lib/pki.sh "$pki"
    node bench/seed.mjs "$run/seed" 10
    cp build/ngx_http_dmp_module.so build/dmpctl "$tools/"
    cp -r conf/policy "$run/policy"

    for kind in audit record pseudonym session; do
        "$dmpctl" keygen "$kind" "$run/keys" >/dev/null
    done
}


within ROUNDS 3 50
within SECONDS_EACH 1 30
{ [ -e build/ngx_http_dmp_module.so ] && [ -x build/dmpctl ]; } \
    || die 'make build first'

mkdir -p "$tools"
build_tools
prepare

# shellcheck disable=SC2034    # read by their names
read -r host_port one_port two_port < <(free_ports 3)
host_conf >"$run/host.conf"
start_nginx host host "$host_port"
start_store store_memory --appendonly no
conf "$one_port" 1 >"$run/one.conf"
conf "$two_port" 2 >"$run/two.conf"
start_nginx one gateway "$one_port"
start_nginx two gateway "$two_port"

for ((n = 1; n <= ROUNDS; n++)); do
    round "$n"
    printf '.' >&2
done
printf '\n' >&2

node bench/sign-in/report.mjs "$samples" "$ROUNDS" "$SECONDS_EACH" \
    | tee bench/sign-in/REPORT.md
