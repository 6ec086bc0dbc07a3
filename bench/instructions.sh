#!/usr/bin/env bash
#
# Instructions of one decision in the core, by kind: "instructions-KIND N
# instructions", one a line.  A difference of two runs under callgrind, so
# that what loading the policy costs drops out; it does not depend on the
# machine's speed.

set -eu
export LC_ALL=C

policy=${1:-conf/policy/policy.json}
decide=${2:-build/bench/decide}
few=100
many=1100


# count KIND N: instructions of the whole run
count()
{
    valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        "$decide" "$policy" "$2" "$1" 2>&1 \
        | sed -n 's/^==[0-9]*== Collected : \([0-9]*\)$/\1/p'
}


for kind in $("$decide"); do
    a=$(count "$kind" $few)
    b=$(count "$kind" $many)

    [ -n "$a" ] && [ -n "$b" ] || {
        echo "instructions: callgrind counted nothing for $kind" >&2
        exit 1
    }

    echo "instructions-$kind $(( (b - a) / (many - few) )) instructions"
done
