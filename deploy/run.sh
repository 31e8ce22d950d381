#!/bin/sh
# The whole chat in the foreground: run.sh FOLDER_OF_THE_PROGRAMS ("make run" calls it).
#
# A private MariaDB, the broker and the gateway, with the settings of the environment; Ctrl-C stops
# them in the opposite order. What dies without being asked is started again, more slowly each time.
# All files are in BANTER_RUN_DIR (./var). With BANTER_DATABASE_URL no MariaDB is started, with
# BANTER_BROKERS no broker.
set -eu

BIN=$1
HERE=$(dirname "$0")
READY_S=60
BACKOFF_MAX_S=10
STEADY_S=30
KILL_AFTER_S=15

say() { echo "run: $*"; }
fail() {
  echo "run: $*" >&2
  exit 1
}

# ---- the settings that concern us ----------------------------------------------------------------

umask 022
mkdir -p "${BANTER_RUN_DIR:=./var}"
BANTER_RUN_DIR=$(cd "$BANTER_RUN_DIR" && pwd -P)
# Others may pass through (the database's user does), not look around.
chmod 711 "$BANTER_RUN_DIR"
export BANTER_RUN_DIR
# A stop at the keyboard should not take the ten seconds that a balancer wants.
export BANTER_DRAIN_MS="${BANTER_DRAIN_MS:-1000}" BANTER_DRAIN_NOTICE_MS="${BANTER_DRAIN_NOTICE_MS:-0}"
# A socket is a descriptor: take as many as we may.
# shellcheck disable=SC3045 # dash and bash both know -S and -H
ulimit -S -n "$(ulimit -H -n)" 2>/dev/null || :

LISTEN=${BANTER_LISTEN:-0.0.0.0:8000}
PORT=${LISTEN##*:}
HOST=${LISTEN%:*}
case $HOST in 0.0.0.0 | '[::]' | '') HOST=localhost ;; esac
URL=http://$HOST:$PORT

DATABASE=
[ -n "${BANTER_DATABASE_URL:-}${BANTER_DATABASE_URL_FILE:-}" ] || DATABASE=$BANTER_RUN_DIR/mariadb
BROKER=
[ -n "${BANTER_BROKERS:-}${BANTER_BROKERS_FILE:-}" ] || BROKER=$BIN/banter-broker

# Another program of ours could share the port without an error (SO_REUSEPORT), so look first.
port_in_use() {
  [ "$1" -gt 0 ] 2>/dev/null || return 1
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    awk -v port="$(printf ':%04X' "$1")" '$4 == "0A" && $2 ~ port "$" { found = 1 } END { exit !found }'
}

# ---- processes -----------------------------------------------------------------------------------

gateway_pid=
broker_pid=
database_pid=
stopping=

# A process that ended but was not waited for yet is a zombie.
alive() {
  [ -n "$1" ] && IFS= read -r state 2>/dev/null <"/proc/$1/stat" || return 1
  case $state in *') Z '*) return 1 ;; esac
}

# In sessions of their own, so that Ctrl-C reaches us alone and we choose the order; should we be
# killed ourselves, the kernel tells them to stop.
launch() { exec setsid setpriv --pdeathsig TERM "$@"; }

start_database() {
  sh "$HERE/mariadb.sh" start "$DATABASE"
  database_pid=$(cat "$DATABASE/mariadb.pid")
}
start_broker() {
  launch "$BROKER" &
  broker_pid=$!
}
start_gateway() {
  launch "$BIN/banter-gateway" &
  gateway_pid=$!
}

# end NAME PID: asks it to stop, and its whole group to die if it does not.
end() {
  [ -n "$2" ] || return 0
  kill -TERM "$2" 2>/dev/null || :
  turns=$((KILL_AFTER_S * 20 + (BANTER_DRAIN_MS + BANTER_DRAIN_NOTICE_MS) / 50))
  while alive "$2" && [ "$turns" -gt 0 ] && [ "$stopping" != now ]; do
    turns=$((turns - 1))
    sleep 0.05
  done
  if kill -0 -- "-$2" 2>/dev/null; then
    ! alive "$2" || say "the $1 has not stopped: killed"
    kill -KILL -- "-$2" 2>/dev/null || :
  fi
  wait "$2" 2>/dev/null || :
}

# shellcheck disable=SC2317 # called by the trap
leave() {
  status=$?
  trap - EXIT
  trap 'stopping=now' INT TERM HUP
  [ -z "$stopping" ] || status=0
  [ -z "$gateway_pid$broker_pid$database_pid" ] || say "stopping"
  end gateway "$gateway_pid"
  end broker "$broker_pid"
  [ -z "$database_pid" ] || sh "$HERE/mariadb.sh" stop "$DATABASE"
  say "stopped"
  exit "$status"
}

# A waiting command ends with the signal; then the loop below sees why.
trap 'stopping=yes' INT TERM HUP
trap leave EXIT

# ---- start ---------------------------------------------------------------------------------------

exec 9>"$BANTER_RUN_DIR/run.lock"
flock -n 9 || fail "another \"make run\" uses $BANTER_RUN_DIR; choose another BANTER_RUN_DIR"
if port_in_use "$PORT"; then
  fail "port $PORT is in use; stop that program, or choose another: BANTER_LISTEN=0.0.0.0:8001 make run"
fi
ADMIN_PORT=${BANTER_ADMIN_LISTEN-127.0.0.1:9100}
ADMIN_PORT=${ADMIN_PORT##*:}
for port in "${ADMIN_PORT:-0}" $((${ADMIN_PORT:-0} + 1)); do
  if [ "$port" -gt 1 ] && port_in_use "$port"; then
    fail "port $port (metrics) is in use; choose others: BANTER_ADMIN_LISTEN=127.0.0.1:9200 make run"
  fi
done

# What we start shall not keep the lock: 9>&-.
[ -z "$DATABASE" ] || start_database 9>&-
[ -z "$BROKER" ] || [ -n "$stopping" ] || start_broker 9>&-
[ -n "$stopping" ] || start_gateway 9>&-

turns=$((READY_S * 10))
until [ -n "$stopping" ] || curl -fs -m 1 -o /dev/null "$URL/readyz"; do
  alive "$gateway_pid" || fail "the gateway did not start; it says why above"
  [ -z "$BROKER" ] || alive "$broker_pid" || fail "the broker did not start; it says why above"
  turns=$((turns - 1))
  [ "$turns" -gt 0 ] || fail "the chat is not ready after $READY_S s; $URL/readyz says what is missing"
  sleep 0.1 || :
done

[ -n "$stopping" ] || cat <<TEXT

  Banter is running.

    the chat             $URL
    the API, to try out  $URL/docs

  Ctrl-C stops it; what was said stays in $BANTER_RUN_DIR.

TEXT

# ---- watch ---------------------------------------------------------------------------------------

# again NAME: a process died; one that keeps dying waits longer each time.
again() {
  delay=1 last=0
  eval "delay=\${delay_$1:-1} last=\${last_$1:-0}"
  [ $(($(date +%s) - last)) -le $STEADY_S ] || delay=1
  say "the $1 died; starting it again in $delay s"
  sleep "$delay" || :
  [ -z "$stopping" ] || return 0
  eval "delay_$1=$((delay * 2 > BACKOFF_MAX_S ? BACKOFF_MAX_S : delay * 2)) last_$1=$(date +%s)"
  "start_$1" 9>&- || say "the $1 did not start"
}

while [ -z "$stopping" ]; do
  sleep 0.5 || :
  [ -n "$stopping" ] && break
  if [ -n "$DATABASE" ] && ! alive "$database_pid"; then again database; fi
  if [ -n "$BROKER" ] && ! alive "$broker_pid"; then again broker; fi
  if ! alive "$gateway_pid"; then again gateway; fi
done
