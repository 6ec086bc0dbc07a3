#!/usr/bin/env bash
#
# nginx-configure.sh dynamic|static NGX_SRC DIR CC_OPT
#
# Prepares a build in DIR, of the module alone or of an nginx that has it
# inside.  The sources are only linked to: nothing is written there.

set -euo pipefail

mode=$1
src=$2
dir=$3
cc_opt=$4
top=$PWD

case $mode in

dynamic)
    # shellcheck source=/dev/null
    . "$src/conf_flags"
    flags=("${NGX_CONF_FLAGS[@]}" --add-dynamic-module="$top")
    ;;

static)
    # what the tests of the module use, and no more
    flags=(--with-compat --with-debug --with-threads --with-pcre-jit
           --with-http_ssl_module --with-http_v2_module
           --with-http_auth_request_module --with-http_gunzip_module
           --with-http_addition_module --with-http_slice_module
           --without-http_memcached_module --without-http_empty_gif_module
           --add-module="$top")
    ;;

*)
    echo "$0: $mode: dynamic or static" >&2
    exit 2
    ;;

esac

rm -rf "$dir"
mkdir -p "$dir"
ln -s "$src/auto" "$src/configure" "$src/src" "$dir/"
cd "$dir"

if ! ./configure "${flags[@]}" --with-cc-opt="$cc_opt" >configure.log 2>&1; then
    grep 'error:' configure.log >&2 || tail -n 20 configure.log >&2
    rm -f objs/Makefile
    exit 1
fi
