#!/usr/bin/env bash
#
# Every check of the source, all of them even after one has failed.

set -u
export LC_ALL=C

ngx_src=${NGX_SRC:-/usr/share/nginx/src}
jobs=${JOBS:-2}
failed=0

shopt -s nullglob
core=(policy/*.c)
tools=(tools/*.c)
module=(ngx_dmp_module/*.c)
c_files=("${core[@]}" "${tools[@]}" "${module[@]}" policy/*.h include/dmp/*.h
         tools/*.h ngx_dmp_module/*.h t/unit/*.[ch] t/fuzz/*.[ch]
         t/notify/*.[ch] t/oracle/*.[ch] t/race/*.[ch])

plain=(-std=c11 -D_GNU_SOURCE -Iinclude -Ibuild)
nginx=(-Iinclude -Ibuild -I"$ngx_src/src/core" -I"$ngx_src/src/event"
       -I"$ngx_src/src/event/modules" -I"$ngx_src/src/os/unix"
       -I"$ngx_src/src/http" -I"$ngx_src/src/http/modules"
       -I"$ngx_src/src/http/v2" -Ibuild/dynamic/objs)


# check NAME COMMAND...: shows what it printed only if it failed
check()
{
    local name=$1 out
    shift

    if out=$("$@" 2>&1); then
        printf 'lint: %-36s ok\n' "$name"
    else
        printf 'lint: %-36s FAILED\n%s\n' "$name" "$out"
        failed=1
    fi
}


# The core must not know nginx; naming the module in a comment is all right.
core_without_nginx()
{
    ! grep -rnE '\bngx_' policy include | grep -vE '\bngx_http_dmp_module\b' \
        && ! grep -rnoE '\bngx_[a-z0-9_]*' policy include \
            | grep -v ':ngx_http_dmp_module$'
}


# "config" names each source, and no other.
config_is_complete()
{
    diff <(sed -n 's/^    \([a-z0-9_]*\.c\) .*/\1/p' config | sort) \
        <(for f in "${core[@]}" "${module[@]}"; do
              echo "${f##*/}"
          done | sort)
}


no_long_files()
{
    wc -l "${c_files[@]}" t/*.t t/lib/*.pm t/lib/*/*.pm \
        | awk '$2 != "total" && $1 > 800 { print; bad = 1 } END { exit bad }'
}


# tidy FLAGS... -- FILES...
tidy()
{
    local -a flags=()

    while [ "$1" != -- ]; do
        flags+=("$1")
        shift
    done
    shift

    # its count of suppressed warnings says nothing
    printf '%s\0' "$@" | xargs -0 -P "$jobs" -I{} \
        clang-tidy --quiet {} -- "${flags[@]}" \
        2> >(grep -vE '^[0-9]+ warnings? |^Use -header-filter|^$' >&2)
}


analyse()
{
    cppcheck --quiet --error-exitcode=1 --std=c11 -j "$jobs" --inline-suppr \
        --enable=warning,performance,portability \
        --suppress=missingInclude --suppress=missingIncludeSystem "$@"
}


check 'style' perl misc/style.pl "${c_files[@]}"
check 'no nginx in the core' core_without_nginx
check 'config names every source' config_is_complete
check 'no file over 800 lines' no_long_files

if [ ${#core[@]} -gt 0 ] || [ ${#tools[@]} -gt 0 ]; then
    check 'clang-tidy, core and tools' \
        tidy "${plain[@]}" -- "${core[@]}" "${tools[@]}"
    check 'cppcheck, core and tools' \
        analyse -Iinclude -Ibuild "${core[@]}" "${tools[@]}"
fi

if [ ${#module[@]} -gt 0 ]; then
    check 'clang-tidy, module' tidy "${nginx[@]}" -- "${module[@]}"
    check 'cppcheck, module' analyse -Iinclude "${module[@]}"
fi

exit $failed
