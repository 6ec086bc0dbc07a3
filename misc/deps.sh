#!/usr/bin/env bash
#
# Installs what the build, the tests and the demo need: Debian packages, by
# name; with the argument "bench", also the peers that "make bench" measures.
# Silent and quick when nothing is missing.  No service is started, and those
# installed here are left disabled: the tests start their own.

set -eu
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

# One requirement a line; "a|b" is whichever this release of Debian has.  A
# mail server would take the place of another one: who has one keeps it, and
# goes without the test that needs OpenSMTPD.
PACKAGES='
    gcc
    libc6-dev
    make
    dpkg-dev
    libpcre2-dev
    zlib1g-dev
    perl
    openssl
    ca-certificates
    curl
    procps
    nginx
    nginx-dev
    libhiredis-dev
    libjansson-dev
    libjwt-dev
    libssl-dev
    libutf8proc-dev
    libcurl4-openssl-dev
    libcmocka-dev
    redis-server|valkey-server
    redis-sentinel|valkey-sentinel
    strace
    iproute2
    iptables
    opensmtpd|postfix|exim4-daemon-light|exim4-daemon-heavy|sendmail-bin
    valgrind
    spin
    wrk
    nghttp2-client
    libnghttp2-dev
    clang
    clang-tidy
    cppcheck
    libclang-rt-dev|libclang-rt-14-dev
    libio-socket-ssl-perl
'

# What the module is compared with, and nothing else uses.
BENCH_PACKAGES='
    libnginx-mod-http-lua
    lua-resty-core
    lua-resty-lrucache
    lua-nginx-redis
    lua-cjson
    haproxy
    util-linux
'

# Test::Nginx stands in no stable release yet: its package comes from sid.
SID_PACKAGE=libtest-nginx-perl
SID_SOURCE=/etc/apt/sources.list.d/dmp-sid.sources
SID_PIN=/etc/apt/preferences.d/dmp-sid

NODE_MIN=18
SERVICES='nginx redis-server valkey-server redis-sentinel valkey-sentinel haproxy
    opensmtpd'
POLICY=/usr/sbin/policy-rc.d

log=${DEPS_LOG:-build/deps.log}


say()
{
    printf 'deps: %s\n' "$*"
}


die()
{
    printf 'deps: %s\n' "$*" >&2
    exit 1
}


# On a terminal apt shows its own progress; elsewhere it writes to the log,
# whose end is shown if it fails.
apt()
{
    local -a cmd=(apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@")

    if [ -t 1 ]; then
        "${cmd[@]}"

    elif ! "${cmd[@]}" -qq -o Dpkg::Use-Pty=0 >>"$log" 2>&1 </dev/null; then
        tail -n 30 "$log" >&2
        return 1
    fi
}


installed_packages()
{
    dpkg-query -W -f='${db:Status-Status} ${Package}\n' \
        | sed -n 's/^installed //p'
}


have_candidate()
{
    apt-cache policy "$1" 2>/dev/null \
        | grep -q "^  Candidate: [^(]"
}


node_is_good()
{
    local version

    version=$(node --version 2>/dev/null) && command -v npm >/dev/null || return 1
    version=${version#v}
    [ "${version%%.*}" -ge "$NODE_MIN" ]
}


# Prints the requirements that no installed package meets.
missing()
{
    local want name met

    for want in $PACKAGES "$SID_PACKAGE"; do
        met=

        for name in ${want//|/ }; do
            if [ -n "${here[$name]:-}" ]; then
                met=1
            fi
        done

        if [ -z "$met" ]; then
            echo "$want"
        fi
    done

    if ! node_is_good; then
        printf 'nodejs\nnpm\n'
    fi
}


# The archive that this machine's own Debian comes from, and its keyring.
debian_archive()
{
    local codename

    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")

    archive_uri=$(apt-get indextargets \
        --format '$(ORIGIN)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)' \
        'Created-By: Packages' \
        | sed -n "s/^Debian|$codename|main|//p" | head -n 1)

    [ -n "$archive_uri" ] || return 1

    # "Signed-By: FILE" of its deb822 stanza, or [signed-by=FILE] of its line
    archive_key=$(find /etc/apt/sources.list.d -name '*.sources' \
        -exec awk -v RS= -v uri="${archive_uri%/}" '
            index($0, uri) && match($0, /\nSigned-By:[ \t]*\/[^ \t\n]+/) {
                key = substr($0, RSTART, RLENGTH)
                sub(/.*[ \t:]/, "", key)
                print key
            }' {} + 2>/dev/null | head -n 1)

    if [ -z "$archive_key" ]; then
        archive_key=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
            2>/dev/null | grep '^deb ' | grep -F "${archive_uri%/}" \
            | sed -n 's/.*signed-by=\([^] ,]*\).*/\1/p' | head -n 1)
    fi

    if [ -z "$archive_key" ]; then
        archive_key=/usr/share/keyrings/debian-archive-keyring.gpg
    fi
}


# sid is known to apt for one package alone, and can never supply another.
add_sid()
{
    local archive_uri archive_key

    debian_archive || die "$SID_PACKAGE: apt knows no Debian archive here;" \
        "install it by hand, then try again"

    say "$SID_PACKAGE comes from sid, and nothing else may ($SID_PIN)"

    cat >"$SID_PIN" <<END
Package: *
Pin: release o=Debian, n=sid
Pin-Priority: -1

Package: $SID_PACKAGE
Pin: release o=Debian, n=sid
Pin-Priority: 500
END

    cat >"$SID_SOURCE" <<END
# For $SID_PACKAGE alone: see $SID_PIN.
Types: deb
URIs: $archive_uri
Suites: sid
Components: main
Targets: Packages
Languages: none
Signed-By: $archive_key
END

    apt update -o Dir::Etc::sourcelist="$SID_SOURCE" \
        -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0 \
        || die "the package lists of sid could not be fetched"
}


# Turns a requirement into the one package name to install.
choose()
{
    local name

    for name in ${1//|/ }; do
        if have_candidate "$name"; then
            echo "$name"
            return
        fi
    done

    die "no package ${1//|/ or } in the lists of this machine's apt"
}


forbid_services()
{
    if [ -e "$POLICY" ] && ! [ -e "$POLICY.before-dmp" ]; then
        mv "$POLICY" "$POLICY.before-dmp"
    fi

    trap allow_services EXIT
    printf '#!/bin/sh\nexit 101\n' >"$POLICY"
    chmod 755 "$POLICY"
}


allow_services()
{
    rm -f "$POLICY"

    if [ -e "$POLICY.before-dmp" ]; then
        mv "$POLICY.before-dmp" "$POLICY"
    fi
}


# What was installed here must not start at the next boot either.
disable_new_services()
{
    local name

    for name in $SERVICES; do
        if [ -z "${here[$name]:-}" ] \
            && [ -e "/lib/systemd/system/$name.service" ]
        then
            DPKG_MAINTSCRIPT_PACKAGE=$name \
                deb-systemd-helper disable "$name.service" >>"$log" 2>&1 || true
        fi
    done
}


main()
{
    local -A here=()
    local -a want=() names=()
    local name from_sid

    mapfile -t names < <(installed_packages)

    for name in "${names[@]}"; do
        here[$name]=1
    done

    mapfile -t want < <(missing)

    if [ ${#want[@]} -eq 0 ]; then
        exit 0
    fi

    [ "$(id -u)" -eq 0 ] || die "missing: ${want[*]} (run as root to install)"

    mkdir -p "$(dirname "$log")"
    : >"$log"

    say "reading the package lists"
    apt update || say "some package lists could not be read; going on"

    if [[ " ${want[*]} " == *" $SID_PACKAGE "* ]] \
        && ! have_candidate "$SID_PACKAGE"
    then
        add_sid
    fi

    names=()

    for name in "${want[@]}"; do
        names+=("$(choose "$name")")
    done

    from_sid=$(apt-get -s --no-install-recommends install "${names[@]}" \
        | sed -n 's/^Inst \([^ ]*\) .*([^ ]* Debian:unstable \[.*/\1/p' \
        | grep -vx "$SID_PACKAGE" || true)

    [ -z "$from_sid" ] || die "refused: sid would supply" $from_sid

    say "installing ${names[*]}"
    forbid_services
    apt install -y --no-install-recommends "${names[@]}" \
        || die "apt could not install them (log: $log)"
    disable_new_services
    say "done"
}


case $# in
    0) main ;;
    1)
        [ "$1" = bench ] || die "unknown argument: $1 (bench, or none)"
        PACKAGES+=$BENCH_PACKAGES
        main
        ;;
    *) die "one argument at most: bench" ;;
esac
