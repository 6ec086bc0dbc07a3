#!/usr/bin/env bash
#
# nginx-id.sh NGX_SRC: prints what the module's binary depends on, or fails
# with a sentence when the nginx installed and its sources are not the same.

set -euo pipefail

src=$1
export LC_ALL=C


die()
{
    echo "nginx: $*" >&2
    exit 1
}


command -v nginx >/dev/null \
    || die "not installed: run 'make deps', or install the package nginx"
[ -r "$src/conf_flags" ] \
    || die "no sources in $src: run 'make deps', or install nginx-dev"

running=$(nginx -v 2>&1 | sed 's,.*/\([0-9.]*\).*,\1,')
sources=$(sed -n 's/^#define NGINX_VERSION *"\(.*\)"/\1/p' \
    "$src/src/core/nginx.h")

[ "$running" = "$sources" ] \
    || die "nginx is $running but nginx-dev is $sources: a module built" \
           "from one is refused by the other; install both at one version"

nginx -V 2>&1
cat "$src/conf_flags"
dpkg-query -W nginx-dev libssl-dev libhiredis-dev libjansson-dev \
    libjwt-dev libutf8proc-dev 2>/dev/null \
    || true
