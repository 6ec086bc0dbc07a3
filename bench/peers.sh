# shellcheck shell=bash
# The peers, for run.sh, which has sourced rig.sh: what they need, how they
# are started.  The configuration of each stands in bench/peers/, with what it
# decides and why it is at its best.

# run.sh and rig.sh have these, and read what is set here
# shellcheck disable=SC2154,SC2034
npm=$tools/npm
cerbos=$npm/node_modules/@cerbos/cerbos-linux-x64/cerbos-linux-x64


# Debian's packages are installed with the rest; of npm there is one, with the
# engine's binary in it, and none of its scripts is run.  Without it its rows
# are left out, and the report says why.
get_peers()
{
    misc/deps.sh bench

    cerbos_missing='' cerbos_version=''

    if [ "$(uname -m)" != x86_64 ]; then
        cerbos_missing="its npm package has a binary for x86_64 only"
        return
    fi

    mkdir -p "$npm"

    if ! cmp -s bench/package-lock.json "$npm/package-lock.json" \
        || ! [ -x "$cerbos" ]
    then
        rm -rf "$npm/node_modules" "$npm/package-lock.json"
        cp bench/package.json bench/package-lock.json "$npm/"

        if ! (cd "$npm" && npm ci --ignore-scripts --no-audit --no-fund) \
            >"$tools/npm.log" 2>&1
        then
            rm -f "$npm/package-lock.json"
        fi
    fi

    if ! cerbos_version=$("$cerbos" --version 2>>"$tools/npm.log"); then
        cerbos_missing="npm ci of @cerbos/cerbos-linux-x64 gave no program"
        cerbos_missing+=" that runs"
        echo "bench: $cerbos_missing ($tools/npm.log)" >&2
        return
    fi

    cerbos_version=${cerbos_version%%[!0-9.]*}
}


# fill TEMPLATE PORT CLEAR_PORT: on standard output
fill()
{
    sed -e "s|@USER@|$(id -un) $(id -gn)|" -e "s|@RUN@|$run|g" \
        -e "s|@PKI@|$pki|g" -e "s|@PEERS@|$PWD/bench/peers|g" \
        -e "s|@MODULES@|/usr/lib/nginx/modules|g" \
        -e "s|@HOST@|$host_port|g" -e "s|@PORT@|$2|g" \
        -e "s|@CLEAR_PORT@|$3|g" "bench/peers/$1"
}


# start_nginx_peer NAME TEMPLATE PORT CLEAR_PORT
start_nginx_peer()
{
    local name=$1 part

    mkdir -p "$run/$name"

    for part in main http tls; do
        fill "$part.conf.in" "$3" "$4" >"$run/$name/$part.conf"
    done

    # nginx takes what a file includes from the folder of the main file
    fill "$2" "$3" "$4" >"$run/$name/nginx.conf"
    start_nginx "$name" gateway "$3" "$run/$name/nginx.conf"
}


# start_guard_store NAME: what Lua asks
start_guard_store()
{
    start_redis "$1" --port 0 --appendonly no
    redis-cli -s "$run/$1/sock" -x function load <bench/peers/guard.redis.lua \
        >"$run/$1.init"
    redis-cli -s "$run/$1/sock" <"$run/seed/guard.redis" >>"$run/$1.init"

    if grep -q '^(error)\|ERR' "$run/$1.init"; then
        die "the store of the guard in Lua refuses its seed ($run/$1.init)"
    fi
}


# A key pair and a token of it, which an hour or more from now is still good.
make_token()
{
    mkdir -p "$run/haproxy"
    cat "$pki/server.pem" "$pki/server.key" >"$run/haproxy/server.pem"
    openssl genrsa -out "$run/haproxy/token.key" 2048 2>/dev/null
    openssl rsa -in "$run/haproxy/token.key" -pubout \
        -out "$run/haproxy/token.pub" 2>/dev/null
    node bench/peers/token.mjs "$run/haproxy/token.key" doctor \
        >"$run/seed/haproxy.header"
    node bench/peers/token.mjs "$run/haproxy/token.key" clerk \
        >"$run/seed/haproxy.other"
}


# start_haproxy PORT CLEAR_PORT
start_haproxy()
{
    make_token
    fill haproxy.cfg.in "$1" "$2" >"$run/haproxy.cfg"
    haproxy -c -q -f "$run/haproxy.cfg" >"$run/haproxy.check" 2>&1 \
        || die "haproxy refuses $run/haproxy.cfg: $(<"$run/haproxy.check")"
    start haproxy gateway haproxy -db -f "$run/haproxy.cfg"
    haproxy_worker=$pid
    wait_for haproxy bash -c "exec 3<>/dev/tcp/127.0.0.1/$1"
}


# start_cerbos PORT CLEAR_PORT
start_cerbos()
{
    mkdir -p "$run/cerbos/policies"
    cp bench/peers/cerbos.policy.yaml "$run/cerbos/policies/document.yaml"
    fill cerbos.yaml.in "$1" "$2" >"$run/cerbos.yaml"

    CERBOS_NO_TELEMETRY=1 start engine engine "$cerbos" server \
        --log-level=error --config="$run/cerbos.yaml"
    engine_pid=$pid
    wait_for 'answer of cerbos' curl -sf --unix-socket \
        "$run/cerbos/http.sock" http://localhost/_cerbos/health

    start_guard_store store_cerbos
    start_nginx_peer cerbos cerbos.conf.in "$1" "$2"
}
