#!/bin/sh
#
# embed-text.sh NAME FILE ...: prints a C header with the bytes of each file as
# a string, for a program that writes them.  NAME goes with the FILE after it.

set -eu

echo "/* Made by store/embed-text.sh. */"

while [ $# -gt 1 ]; do
    echo
    echo "/* $2 */"
    echo "static const char  $1[] = {"
    od -An -v -tx1 "$2" | sed 's/ \([0-9a-f][0-9a-f]\)/ 0x\1,/g; s/^/   /'
    echo "    0x00"
    echo "};"
    shift 2
done
