#!/bin/sh
#
# Verifies commit.pml (README.md) in a build directory: that everything holds,
# that the model is not empty, and that each safety, when it is taken out, is
# missed.  One line a run; fails when anything is not as expected.
#
#   docs/model/run.sh build/model            all of it
#   docs/model/run.sh build/model NO_HOLD    tells the story of one

set -eu
export LC_ALL=C

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo "usage: run.sh DIRECTORY [SAFETY]" >&2
    exit 1
fi

here=$(cd "$(dirname "$0")" && pwd -P)
only=${2:-}
failed=0

mkdir -p "$1"
work=$(cd "$1" && pwd -P)

# Enough for each story, and quick.
SMALL='-DREADERS=2 -DCHANGERS=1 -DCHANGES=2'


tools_are_there()
{
    for tool in spin "${CC:-gcc}"; do
        if ! command -v "$tool" >/dev/null; then
            echo "model: $tool is not installed (make deps)" >&2
            exit 1
        fi
    done
}


# verify NAME "SPIN FLAGS" "COMPILER FLAGS" "PAN FLAGS"
#
# Each in its own directory: both programs write where they stand.  What was
# there before must not be taken for this run's.
verify()
{
    log=$work/$1/log
    trail=$work/$1/commit.pml.trail

    rm -rf "${work:?}/$1"
    mkdir -p "$work/$1"
    cp "$here/commit.pml" "$work/$1/"

    # the generated code has warnings of its own; pan's result is in its log
    if ! (cd "$work/$1" && spin -a $2 commit.pml >log 2>&1 \
          && "${CC:-gcc}" -w -DSAFETY -DMEMLIM=2000 $3 -o pan pan.c >>log 2>&1)
    then
        echo "spin or the compiler failed" >>"$log"
        return
    fi

    (cd "$work/$1" && ./pan $4 >>log 2>&1) || true
}


states()
{
    sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$log"
}


seconds()
{
    sed -n 's/^pan: elapsed time \([0-9.]*\) seconds/\1/p' "$log"
}


# say RESULT NAME WHAT: what the log says of it
say()
{
    printf 'model: %-8s %-21s %s: %s states, %s s\n' \
        "$1" "$2" "$3" "$(states)" "$(seconds)"
}


wrong()
{
    printf 'model: FAILED   %-21s %s (%s)\n' "$1" "$2" "$log"
    tail -n 25 "$log" | sed 's/^/    /'
    failed=1
}


# All of it was searched, with nothing found and no step that never happens.
is_complete()
{
    grep -q 'errors: 0$' "$log" \
        && grep -q '^Full statespace search' "$log" \
        && ! grep -q 'Search not completed' "$log" \
        && ! grep -q 'max search depth too small' "$log" \
        && ! grep 'commit.pml:[0-9]*, state' "$log" | grep -qv -- '"-end-"'
}


is_violated()
{
    grep -q 'errors: 1$' "$log" \
        && grep -q '^pan:1: assertion violated' "$log" \
        && [ -s "$trail" ]
}


# holds NAME REQUESTS CHANGERS CHANGES
holds()
{
    verify "$1" "-DREADERS=$2 -DCHANGERS=$3 -DCHANGES=$4" -O2 '-m1000000 -w25'

    if is_complete; then
        say holds "$1" "P1, P2, P3, $2 requests, $3 changers, $4 changes"
    else
        wrong "$1" 'should hold'
    fi
}


# possible NAME WHAT
possible()
{
    verify "$1" "$SMALL -DREACH=$1" '-O1 -DBFS' ''

    if is_violated; then
        say possible "$1" "$2"
    else
        wrong "$1" 'should be possible'
    fi
}


# missed PROPERTY SAFETY
missed()
{
    verify "$2-$1" "$SMALL -D$2 -D$1" '-O1 -DBFS' ''

    if is_violated; then
        say missed "$2" "$1 fails"
    else
        wrong "$2" "$1 should fail without it"
    fi
}


# The steps of the shortest counterexample, without those that say nothing.
story()
{
    verify "$only" "$SMALL -D$only" '-O1 -DBFS' ''

    if ! is_violated; then
        wrong "$only" 'has no counterexample'
        return
    fi

    (cd "$work/$only" && spin -t $SMALL "-D$only" commit.pml) \
        | sed -n -e 's/^ *//' -e 's/^spin: text of failed //' \
            -e '/^#processes/q' -e '/^spin:/!p'
}


tools_are_there

if [ -n "$only" ]; then
    story
    exit "$failed"
fi

holds as-built-1 2 2 3
holds as-built-2 3 1 2

possible COMPOSED     'an answer of the gateway itself leaves'
possible RELEASED     "an answer of the record host's leaves"
possible CONFIRMED    'a slow one, after its version was confirmed'
possible REJUDGED     'a slow one, judged anew and still allowed'
possible REFUSED_LATE 'a slow one, refused by the version that came'
possible STALE        'an entry with outcome 0, and another decision'
possible ABANDONED    'an entry with outcome 1 of which nothing is heard'
possible TOO_LATE     'an entry whose 1 comes too late'
possible TAKEN        'a right taken away, acknowledged'
possible TAKEN_AGAIN  'the same once more, acknowledged'

while read -r property safety; do
    missed "$property" "$safety"
done <<END
P1 NO_VERSION_CHECK
P3 NO_VERSION_CHECK
P1 NO_DEADLINE
P3 NO_DEADLINE
P1 NO_RECHECK
P1 NO_REJUDGE
P1 RECHECK_FROM_REPLY
P1 CLOCK_BEFORE_JUDGING
P1 STALE_CLOCK
P3 STALE_CLOCK
P1 OWN_D
P3 OWN_D
P1 NO_HOLD
P1 NO_HOLD_REPEATED
P1 HOLD_EXACTLY_D
P1 HOLD_FROM_SENDING
P2 NO_TRACE_FIRST
P2 NO_OUTCOME_CHECK
P1 FAIL_OPEN
P2 FAIL_OPEN
END

if [ "$failed" -eq 0 ]; then
    echo 'model: everything holds, and each safety is missed'
fi

exit "$failed"
