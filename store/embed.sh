#!/bin/sh
#
# embed.sh FILE: prints a C header that holds a function library's text and its
# SHA-256, for programs that load it or compare what the store has with it.

set -eu

file=$1
name=$(sed -n '1s/^#!lua name=\([a-z0-9]*\)$/\1/p' "$file")
digest=$(sha256sum < "$file" | cut -d ' ' -f 1)

if [ -z "$name" ]; then
    echo "embed.sh: $file:1: no \"#!lua name=NAME\"" >&2
    exit 1
fi

echo "/* Made by store/embed.sh from $(basename "$file"). */"
echo
echo "#define DMP_LIBRARY_NAME    \"$name\""
echo "#define DMP_LIBRARY_SHA256  \\"
echo "    \"$digest\""
echo "#define DMP_LIBRARY_LEN     (sizeof(dmp_library_text) - 1)"
echo
echo "static const char  dmp_library_text[] = {"
od -An -v -tx1 "$file" | sed 's/ \([0-9a-f][0-9a-f]\)/ 0x\1,/g; s/^/   /'
echo "    0x00"
echo "};"
