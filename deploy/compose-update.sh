#!/bin/sh
# A new version while people are connected: compose-update.sh broker, then compose-update.sh gateway, in
# the folder of docker-compose.yml, after the new image was named (BANTER_IMAGE in .env) and built or
# pulled. The broker first: it brings the database to its schema, which new gateways may need.
#
#   broker    the one container is replaced. For the seconds between nobody hears anything new; what
#             is sent waits, and is repeated by the gateways until the new broker answers.
#   gateway   one after the other: a new container, and once it is ready and the balancer has seen it,
#             an old one is stopped, which sends its clients away a few at a time (BANTER_DRAIN_MS).
#             There is one more than usual meanwhile. Takes about 25 s for each.
#
#   COMPOSE           the command, with its options; "docker compose", or "docker-compose" without it
#   READY_S           how long a new container may take to be ready (60)
#   BALANCER_S        how long the balancer may take to see a new gateway (6)
#   STOP_S            how long an old gateway may take to send its clients away (60)
set -eu

READY_S=${READY_S:-60}
BALANCER_S=${BALANCER_S:-6}
STOP_S=${STOP_S:-60}

if [ -z "${COMPOSE:-}" ]; then
  if docker compose version >/dev/null 2>&1; then COMPOSE='docker compose'; else COMPOSE=docker-compose; fi
fi

say() { echo "update: $*"; }
fail() {
  echo "update: $*" >&2
  exit 1
}
# shellcheck disable=SC2086 # a command with its words
compose() { $COMPOSE "$@"; }

# Ready is more than alive: it has its database and its broker.
is_ready() { docker exec "$1" curl -fsS -o /dev/null http://127.0.0.1:8000/readyz 2>/dev/null; }
is_healthy() { [ "$(docker inspect -f '{{.State.Health.Status}}' "$1")" = healthy ]; }

# wait_for TEST CONTAINER
wait_for() {
  left=$READY_S
  until "$1" "$2"; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || fail "$2 is not ready after $READY_S s; nothing else was changed"
    sleep 1
  done
}

update_gateways() {
  old=$(compose ps -q gateway)
  # shellcheck disable=SC2086 # one word each
  set -- $old
  [ $# -gt 0 ] || fail "no gateway is running"
  count=$# step=0
  for container in "$@"; do
    step=$((step + 1))
    before=$(compose ps -q gateway)
    compose up -d --no-deps --no-recreate --scale gateway=$((count + 1)) gateway
    for new in $(compose ps -q gateway); do
      case $before in *"$new"*) continue ;; esac
      wait_for is_ready "$new"
    done
    sleep "$BALANCER_S"
    docker stop -t "$STOP_S" "$container" >/dev/null
    docker rm "$container" >/dev/null
    say "gateway $step of $count is replaced"
  done
}

update_broker() {
  compose up -d --no-deps broker
  wait_for is_healthy "$(compose ps -q broker)"
  say "the broker is replaced"
}

case ${1:-} in
gateway) update_gateways ;;
broker) update_broker ;;
*) fail "usage: compose-update.sh broker|gateway" ;;
esac
