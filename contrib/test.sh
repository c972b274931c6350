#!/bin/sh
# test.sh [FOLDER [CONFIGURE-OPTION...]]: everything a change must pass, from a fresh checkout: packages, build, unit tests, fuzz corpora, rules about the
# sources, and the scenarios against the built gateway. FOLDER is where it is built, ./build unless told.
. "$(dirname -- "$0")/common.sh"

folder=${1:-$root/build}
# shellcheck disable=SC2086
need $build_packages $test_packages
command -v npm >/dev/null || need nodejs npm # not by its package alone: those of others bring it, too
# Takes as long as npm's registry does: `make check-scenarios` waits for its end, and says if it failed.
"$root/tests/tools/install-provider" "$folder/tests/provider" >/dev/null 2>&1 &
say "building in $folder"
[ $# = 0 ] || shift
build "$folder" "$@"

# What an earlier run said is no result of this one.
find "$folder/tests" -name '*.trs' -delete
rm -f "$folder/scenario.xml"

status=0
say "unit tests, fuzz corpora, rules about the sources"
make -s -C "$folder" -j "$((2 * jobs))" check-unit || status=1 # many wait more than they work
say "scenarios"
make -s -C "$folder" check-scenarios || status=1

say "results"
"${PYTHON:-/usr/bin/python3}" "$root/tests/tools/results" "$folder" || status=1
exit "$status"
