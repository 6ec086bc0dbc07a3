#!/usr/bin/env bash
#
# nginx-source.sh DIR: unpacks into DIR Debian's source package of the nginx
# that is installed.  nginx-dev has headers only, and a static build needs all.
# apt's own lists and sources are left as they are: copies in DIR.apt are used.

set -eu
export LC_ALL=C

dir=$(realpath -m "$1")
work=$dir.apt
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
signed_by=$([ ! -e "$keyring" ] || echo "$keyring")
version=$(dpkg-query -W -f '${source:Version}' nginx)


fail()
{
    tail -n 20 "$work/log" >&2
    echo "nginx-source: $*" >&2
    exit 1
}


options=(
    -o Dir::Etc::sourcelist="$work/sources.list"
    -o Dir::Etc::sourceparts=-
    -o Dir::State::lists="$work/lists"
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
    -o APT::Sandbox::User=root
    -o Acquire::Retries=2
)


run_apt()
{
    apt-get -qq "${options[@]}" "$@" >>"$work/log" 2>&1
}


rm -rf "$dir" "$work"
mkdir -p "$work/lists/partial"

# The same archives as the machine's packages come from, with their sources.
apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' \
    | awk -v by="${signed_by:+[signed-by=$signed_by]}" '
          $1 == "Debian" && $3 != "sid" && $4 == "main" {
              print "deb-src", by, $2, $3, $4
          }' | sort -u >"$work/sources.list"

: >"$work/log"
run_apt update || fail "the lists of source packages could not be fetched"

# The installed revision, or else another of the same upstream version.
fetch()
{
    local candidate

    for candidate in "$version" $(apt-cache "${options[@]}" showsrc --only-source nginx \
        | sed -n "s/^Version: \(${version%-*}-.*\)/\1/p" | sort -rVu)
    do
        if run_apt source --download-only "nginx=$candidate"; then
            return 0
        fi
        rm -f nginx_*
    done

    return 1
}


cd "$work"
fetch || fail "no source package of nginx $version could be fetched"
dpkg-source --no-check -x nginx_*.dsc "$dir" >>"$work/log" 2>&1 \
    || fail "the source package could not be unpacked"

rm -rf "$work"
