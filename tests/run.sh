#!/bin/sh
# Runs suites over what make has built, and counts: run.sh TREE SUITE...
#
#   TREE    a build tree, such as build/release
#   SUITE   unit, sim (random schedules), conformance (the standards, case by case), integration (C
#           modules with a MariaDB), web (the web client's own), client (the JavaScript client) or
#           system
#
# With ONLY=text only the tests whose file name has that text run.
#
# The last line is "N passed, N failed"; the exit status says whether N failed is 0. A program that
# dies, hangs or ends without a verdict is one failure. Any report of a sanitizer, from whatever
# process, is one too.
set -u

cd "$(dirname "$0")/.." || exit 2
tree=$1
shift
root=$(pwd -P)
work=$(mktemp -d "${TMPDIR:-/tmp}/banter-run.XXXXXX") || exit 2
reports=$root/$tree/sanitizer
database=
passed=0
failed=0

# shellcheck disable=SC2317 # called by the trap
leave() {
  [ -z "$database" ] || sh deploy/mariadb.sh stop "$work/mariadb"
  rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT TERM

# What the suites may rely on.
export BANTER_BIN_DIR="$root/$tree/bin"
export BANTER_MARIADB_TEMPLATE="$root/build/mariadb-template"
rm -rf "$reports"
mkdir -p "$reports"
# A sanitizer makes system calls that the sandbox has no place for.
case $tree in *asan* | *tsan*) export BANTER_SANDBOX=0 ;; esac
case $tree in
*asan*)
  export ASAN_OPTIONS="log_path=$reports/report:detect_stack_use_after_return=1"
  export UBSAN_OPTIONS="log_path=$reports/report:print_stacktrace=1"
  ;;
*tsan*) export TSAN_OPTIONS="log_path=$reports/report:suppressions=$root/tests/tsan.supp" ;;
esac

# add NAME PASSED FAILED STATUS: counts one program.
add() {
  add_failed=$3
  if [ "$4" -ne 0 ] && [ "$3" -eq 0 ]; then
    add_failed=1
    echo "$1: ended with status $4 (124: it took too long; 128 and more: a signal)"
  fi
  passed=$((passed + $2))
  failed=$((failed + add_failed))
}

count() { grep -cE "$1" "$2" || :; }

wanted() { [ -f "$1" ] && case $1 in *"${ONLY:-}"*) ;; *) false ;; esac }

# cmocka_suite FOLDER: every built program of tests/FOLDER.
cmocka_suite() {
  for source in tests/"$1"/test_*.c; do
    wanted "$source" || continue
    name=$1/$(basename "$source" .c)
    CMOCKA_MESSAGE_OUTPUT=tap timeout 300 "$tree/tests/$name" >"$work/out" 2>&1
    status=$?
    good=$(count '^ok ' "$work/out")
    bad=$(grep -E '^not ok ' "$work/out" | grep -vc '# SKIP')
    [ $((good + bad)) -gt 0 ] || [ "$status" -ne 0 ] || status=1
    if [ "$status" -ne 0 ] || [ "$bad" -ne 0 ]; then cat "$work/out"; fi
    printf '%-44s %5d passed %3d failed\n' "$name" "$good" "$bad"
    add "$name" "$good" "$bad" "$status"
  done
}

integration_suite() {
  ls tests/integration/test_*.c >/dev/null 2>&1 || return
  database=$work/mariadb
  # Neither this database nor those that tests start outlive a run that is killed.
  { echo "$work" && exec tail --pid=$$ -f /dev/null; } 2>/dev/null |
    setsid sh tests/system/lib/reaper.sh >/dev/null 2>&1 &
  export TEST_FOLDER="$work"
  if ! sh deploy/mariadb.sh start "$database"; then
    add integration 0 1 1
    return
  fi
  BANTER_TEST_DATABASE_URL=$(sh deploy/mariadb.sh url "$database")
  export BANTER_TEST_DATABASE_URL
  cmocka_suite integration
  unset TEST_FOLDER
}

# number NAME FILE: the figure of a "# NAME 12" line of node's TAP summary, the last one.
number() { sed -n "s/^# $1 \([0-9]*\)\$/\1/p" "$2" | tail -n 1; }

# parallel N: how node runs so many files at once; Node 18 has no such option.
parallel() { node --help | grep -q -e --test-concurrency && echo "--test-concurrency=$1"; }

# node_suite NAME AT_ONCE FILE...: those of the files that are wanted.
node_suite() {
  name=$1
  at_once=$2
  shift 2
  for source in "$@"; do
    shift
    if wanted "$source"; then set -- "$@" "$source"; fi
  done
  [ $# -gt 0 ] || return
  # shellcheck disable=SC2046 # none: no word
  node $(parallel "$at_once") --test --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$work/tap" "$@"
  status=$?
  good=$(number pass "$work/tap")
  bad=$(number fail "$work/tap")
  cancelled=$(number cancelled "$work/tap")
  add "$name" "${good:-0}" $((${bad:-0} + ${cancelled:-0})) "$status"
}

web_suite() {
  ls web/node_modules/.bin/vitest >/dev/null 2>&1 || return
  (cd web && npx --no-install vitest run --reporter=tap-flat) >"$work/out" 2>&1
  status=$?
  good=$(count '^ok ' "$work/out")
  bad=$(count '^not ok ' "$work/out")
  if [ "$status" -ne 0 ]; then cat "$work/out"; fi
  printf '%-44s %5d passed %3d failed\n' web "$good" "$bad"
  add web "$good" "$bad" "$status"
}

for suite in "$@"; do
  echo "== $suite"
  case $suite in
  unit) cmocka_suite unit ;;
  sim) cmocka_suite sim ;;
  conformance) node_suite conformance 1 tests/conformance/*.test.mjs ;;
  integration) integration_suite ;;
  # Each story has a stack of its own and mostly waits: several at once, however few the cores.
  system) node_suite system 2 tests/system/*.test.mjs ;;
  web) web_suite ;;
  client) node_suite client 3 clients/js/test/*/*.test.mjs ;;
  *)
    echo "run.sh: there is no suite \"$suite\"" >&2
    exit 2
    ;;
  esac
done

for report in "$reports"/report.*; do
  [ -f "$report" ] || continue
  echo "== sanitizer: $report"
  cat "$report"
  failed=$((failed + 1))
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
