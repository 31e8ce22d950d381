#!/bin/sh
# A container engine for the tests: engine.sh start DIR | stop DIR.
#
# start   prints the DOCKER_HOST to use. One that runs already is used as it is; else Debian's dockerd
#         is started, with all of its files in DIR and networks of its own (198.18.0.0/15, the range
#         for benchmarks, which meets no real network). Fails, with the reason, where none can run.
# stop    ends the one that start started, and takes its bridge and its packet filter rules away. Its
#         images stay in DIR, so the next start has them.
set -eu

PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
START_S=30
STOP_S=30

fail() {
  echo "engine: $*" >&2
  exit 1
}

answers() { timeout 10 docker version >/dev/null 2>&1; }

# dockerd may live on after its own exit status is known, or be another program's pid by now.
is_ours() { [ -r "$DIR/pid" ] && tr '\0' ' ' 2>/dev/null <"/proc/$(cat "$DIR/pid")/cmdline" | grep -qF -e "$DIR/data"; }

start() {
  if answers; then
    echo "${DOCKER_HOST:-unix:///var/run/docker.sock}"
    return
  fi
  [ -z "${DOCKER_HOST:-}" ] || fail "DOCKER_HOST is $DOCKER_HOST, and nobody answers there"
  [ "$(id -u)" -eq 0 ] || fail "only root can start dockerd"
  command -v dockerd >/dev/null || fail "there is no dockerd"
  mkdir -p "$DIR"
  DOCKER_HOST=unix://$DIR/socket
  export DOCKER_HOST
  if ! answers; then
    iptables -S FORWARD >"$DIR/forward" 2>/dev/null || fail "there is no packet filter to use"
    cat /proc/sys/net/ipv4/ip_forward >"$DIR/ip_forward"
    setsid dockerd --data-root "$DIR/data" --exec-root "$DIR/exec" -H "$DOCKER_HOST" -p "$DIR/pid" \
      --bip 198.18.0.1/24 --default-address-pool base=198.18.128.0/17,size=24 \
      </dev/null >"$DIR/log" 2>&1 &
    turns=$((START_S * 5))
    until answers; do
      turns=$((turns - 1))
      if [ "$turns" -eq 0 ] || ! kill -0 $! 2>/dev/null; then
        kill $! 2>/dev/null || :
        tail -n 5 "$DIR/log" >&2
        fail "dockerd does not start here"
      fi
      sleep 0.2
    done
  fi
  echo "$DOCKER_HOST"
}

stop() {
  is_ours || return 0
  [ -r "$DIR/forward" ] || echo "-P FORWARD ACCEPT" >"$DIR/forward"
  pid=$(cat "$DIR/pid")
  kill "$pid"
  turns=$((STOP_S * 5))
  while is_ours && [ "$turns" -gt 0 ]; do
    turns=$((turns - 1))
    sleep 0.2
  done
  if is_ours; then kill -KILL "$pid"; fi
  rm -f "$DIR/pid"
  # What it leaves behind in the kernel.
  for link in $(ip -o -4 address show | awk '$4 ~ /^198\.18\./ && $2 ~ /^(docker0|br-)/ { print $2 }'); do
    ip link delete "$link" || :
  done
  iptables-save | grep -vE 'DOCKER|docker0|br-[0-9a-f]{12}|198\.18\.' | iptables-restore || :
  # "-P FORWARD ACCEPT" is the first line of what was there before.
  iptables -P FORWARD "$(sed -n 's/^-P FORWARD //p' "$DIR/forward")" || :
  cat "$DIR/ip_forward" >/proc/sys/net/ipv4/ip_forward
}

[ $# -eq 2 ] || fail "usage: engine.sh start|stop DIR"
case $2 in /*) DIR=$2 ;; *) DIR=$PWD/$2 ;; esac
case $1 in
start) start ;;
stop) stop ;;
*) fail "usage: engine.sh start|stop DIR" ;;
esac
