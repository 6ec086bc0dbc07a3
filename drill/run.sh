#!/bin/sh
#
# The attack drill (docs/drill.md).  With --host it is played against what is
# given; without, against the demo, which is started for it and ended after.

set -eu

root=$(cd "$(dirname "$0")/.." && pwd -P)

for word in "$@"; do
    case $word in
    --host|--host=*|--help|--list)
        exec node "$root/drill/drill.mjs" "$@"
        ;;
    esac
done

exec "$root/demo/run.sh" with node "$root/drill/stage.mjs" "$@"
