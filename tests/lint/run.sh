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
# The units name programs that are not installed here: each gets one that does nothing. Its score says
# how exposed a service is, from 0 to 10; the threshold is 1.5.
systemd_units() {
  folder=$(mktemp -d) || return 1
  for unit in deploy/systemd/*.service; do
    program=$folder/$(basename "$unit" .service)
    printf '#!/bin/sh\n' >"$program" && chmod +x "$program"
    mkdir "$folder/${unit##*/}.d"
    cp deploy/systemd/credentials.conf "$folder/${unit##*/}.d/"
    sed "s|^ExecStart=/usr/bin/|ExecStart=$folder/|" "$unit" >"$folder/${unit##*/}"
  done
  status=0
  words=$(systemd-analyze verify --man=no "$folder"/*.service 2>&1) || status=1
  # What it says of units that are not ours is not ours.
  if printf '%s\n' "$words" | grep banter; then status=1; fi
  for unit in "$folder"/*.service; do
    systemd-analyze security --no-pager --offline=true --threshold=15 "$unit" || status=1
  done
  rm -rf "$folder"
  return $status
}
kubernetes_manifests() { make -s tests/kubernetes/node_modules/.stamp && node --test tests/kubernetes/; }
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
  check documents node node tests/lint/documents.mjs
  check cppcheck cppcheck cppcheck_all
  check shellcheck shellcheck shellcheck $scripts .ci/run
  check haproxy haproxy haproxy_config
  check alerts promtool alert_rules
  check systemd systemd-analyze systemd_units
  check kubernetes npm kubernetes_manifests
  check compose docker-compose compose_config
}

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
