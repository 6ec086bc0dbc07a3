#!/usr/bin/env bash
#
# valkey.sh DIR: puts a Valkey 8 at DIR/valkey-server, for the tests.  One that
# is installed is used; else Debian 13's packages are fetched by apt, which
# checks their signatures, and unpacked into DIR with the libraries that they
# need.  Nothing is installed.  Silent and quick when it is there.

set -eu
export LC_ALL=C

MAJOR=8
SUITE=trixie
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
ARCHIVE=http://deb.debian.org/debian

[ $# -eq 1 ] || { echo "usage: valkey.sh DIR" >&2; exit 2; }

mkdir -p "$1"
dir=$(cd "$1" && pwd)
work=$dir/work
log=$dir/log


die()
{
    [ ! -s "$log" ] || tail -n 20 "$log" >&2
    printf 'valkey: %s\n' "$*" >&2
    exit 1
}


is_good()
{
    "$1" --version 2>/dev/null | grep -Eq "Valkey server v=$MAJOR\."
}


# apt with a state, a source and a cache of its own, and no package installed.
private_apt()
{
    apt-get -qq -o Dir::Etc::SourceList="$work/debian.sources" \
        -o Dir::Etc::SourceParts=- -o Dir::Etc::Preferences=- \
        -o Dir::Etc::PreferencesParts=- -o Dir::State="$work/state" \
        -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" \
        -o APT::Sandbox::User="$(id -un)" -o Acquire::Retries=3 \
        -o Dpkg::Use-Pty=0 "$@" >>"$log" 2>&1 </dev/null
}


fetch_from()
{
    rm -rf "$work"
    mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial"
    : >"$work/status"

    cat >"$work/debian.sources" <<END
Types: deb
URIs: $1
Suites: $SUITE
Components: main
Targets: Packages
Languages: none
Signed-By: $KEYRING
END

    private_apt -o APT::Update::Error-Mode=any update \
        && private_apt --no-install-recommends --download-only -y \
               -o Debug::NoLocking=1 install valkey-server
}


# The archive that apt knows here, which may be a mirror; then Debian's own.
fetch()
{
    local uri

    for uri in $(apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)' \
                     'Created-By: Packages' 2>/dev/null \
                     | sed -n 's/^Debian|//p' | grep -v security | head -n 1) \
               "$ARCHIVE"
    do
        if fetch_from "$uri"; then
            return
        fi
    done

    die "valkey-server $MAJOR of Debian $SUITE could not be fetched (log: $log)"
}


unpack()
{
    local deb loader path

    rm -rf "$dir/root"
    mkdir -p "$dir/root"

    for deb in "$work"/cache/archives/{valkey-,lib,zlib}*.deb; do
        dpkg-deb -x "$deb" "$dir/root" >>"$log" 2>&1 \
            || die "$deb cannot be unpacked"
    done

    loader=$(find "$dir/root" -name 'ld-linux*.so.*' | head -n 1)
    path=$(find "$dir/root" -name 'libc.so.6' | head -n 1)
    [ -n "$loader" ] && [ -n "$path" ] || die "its C library is not complete"

    cat >"$dir/valkey-server.new" <<END
#!/bin/sh
exec '$loader' --library-path '${path%/*}' '$dir/root/usr/bin/valkey-server' "\$@"
END
    chmod 755 "$dir/valkey-server.new"
}


main()
{
    local name

    if is_good "$dir/valkey-server"; then
        exit 0
    fi

    rm -f "$log"
    name=$(command -v valkey-server || true)

    if [ -n "$name" ] && is_good "$name"; then
        ln -sfn "$name" "$dir/valkey-server"
        exit 0
    fi

    [ -r "$KEYRING" ] \
        || die "no $KEYRING: the packages' signatures cannot be checked"

    echo "valkey: fetching Valkey $MAJOR of Debian $SUITE, for the tests"
    fetch
    unpack
    is_good "$dir/valkey-server.new" \
        || die "what was fetched is not Valkey $MAJOR, or does not run here"
    mv -f "$dir/valkey-server.new" "$dir/valkey-server"
    rm -rf "$work"
}


main
