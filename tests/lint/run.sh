#!/bin/sh
# Every check of the manner. A check whose tool is missing is said to be skipped, never passed.
set -u

cd "$(dirname "$0")/../.." || exit 2
log=$(mktemp) || exit 2
trap 'rm -f "$log"' EXIT
passed=0
failed=0
PATH=$PATH:/usr/sbin

sources=$(find src tests bench -name node_modules -prune -o -name '*.[ch]' -print)
scripts=$(find deploy tests db .ci -name node_modules -prune -o -name '*.sh' -print 2>/dev/null)

# check NAME TOOL COMMAND...
check() {
  name=$1 tool=$2
  shift 2
  if ! command -v "$tool" >/dev/null; then
    echo "skipped  $name: there is no $tool"
  elif "$@" >"$log" 2>&1; then
    passed=$((passed + 1))
    echo "passed   $name"
  else
    failed=$((failed + 1))
    cat "$log"
    echo "FAILED   $name"
  fi
}

cppcheck_all() {
  cppcheck -q -j "$(nproc)" --std=c11 --language=c --enable=warning,performance,portability \
    --inline-suppr --suppress=missingIncludeSystem --error-exitcode=1 -D_GNU_SOURCE -Isrc src
}

# The server's template names hosts that only Docker's DNS knows, which haproxy -c accepts.
haproxy_config() { haproxy -c -q -f deploy/haproxy/haproxy.cfg; }
# What it says of the files goes to the log.
alert_rules() {
  promtool check rules deploy/monitoring/alerts.yml &&
    promtool test rules deploy/monitoring/alerts_test.yml &&
    promtool check config deploy/monitoring/prometheus.yml
}
compose_config() {
  export BANTER_DB_PASSWORD=lint
  docker-compose -f docker-compose.yml --profile monitoring config -q &&
    docker-compose -f docker-compose.yml -f docker-compose.secrets.yml config -q
}

# shellcheck disable=SC2086 # the files are words
{
  check formatting clang-format clang-format --dry-run -Werror $sources
  check sources node node tests/lint/sources.mjs
  check tables node node tests/lint/tables.mjs
  check cppcheck cppcheck cppcheck_all
  check shellcheck shellcheck shellcheck $scripts .ci/run
  check haproxy haproxy haproxy_config
  check alerts promtool alert_rules
  check compose docker-compose compose_config
}

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
