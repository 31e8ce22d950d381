#!/bin/sh
# make test-stack: the whole stack, made, tried, updated and taken down: run.sh [docker|netns]
#
#   docker  the shipped Dockerfile and docker-compose.yml in containers. Where no engine answers,
#           Debian's dockerd is started for the time of the test. Nothing is pulled: the images that
#           the files begin with are made from Debian's packages.
#   netns   where no engine can run: the same stories with a network namespace for each host
#   (none)  docker where it can be, else netns
#
# What it makes stays in build/stack (images, so that the next run is quicker); everything that it
# starts is ended. Root. The last line is "N passed, N failed".
set -eu

cd "$(dirname "$0")/../.."
root=$(pwd -P)
work=$root/build/stack
dir=
started=$(date +%s)
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
export PATH

# A test that hangs is a failure like another.
LIMIT_S=1500

since() { echo "$(($(date +%s) - started)) s"; }

[ "$(id -u)" -eq 0 ] || {
  echo "test-stack: containers and network namespaces are root's" >&2
  exit 2
}
mkdir -p "$work"
exec 9>"$work/lock"
flock -n 9 || {
  echo "test-stack: another one is running here" >&2
  exit 2
}

# shellcheck disable=SC2317 # called by the trap
leave() {
  status=$?
  trap - EXIT INT TERM
  [ -z "$dir" ] || rm -rf "$dir"
  [ "${STACK:-}" != docker ] || sh tests/stack/engine.sh stop "$work/engine" 9>&-
  exit "$status"
}
trap leave EXIT
trap 'exit 130' INT TERM

STACK=${1:-}
if [ "$STACK" != netns ]; then
  if DOCKER_HOST=$(sh tests/stack/engine.sh start "$work/engine" 9>&-); then
    STACK=docker
    export DOCKER_HOST
  elif [ -n "$STACK" ]; then
    exit 1
  else
    echo "test-stack: no engine here, so hosts are network namespaces"
    STACK=netns
  fi
fi
export STACK

# A socket is a descriptor, here as in the containers.
# shellcheck disable=SC3045 # dash and bash both know -S and -H
{
  BANTER_NOFILE=$(ulimit -H -n)
  [ "$BANTER_NOFILE" != unlimited ] && [ "$BANTER_NOFILE" -le 65536 ] || BANTER_NOFILE=65536
  ulimit -S -n "$BANTER_NOFILE"
}
export BANTER_NOFILE

if [ "$STACK" = docker ]; then
  settings=$(sh tests/stack/images.sh "$work/images" 9>&-)
  for setting in $settings; do export "${setting?}"; done
  echo "test-stack: the images that ours begins with are there ($(since))"
fi

# Names of sockets are short, so the folder is not in the tree.
dir=$(mktemp -d "${TMPDIR:-/tmp}/banter-stack.XXXXXX")
chmod 711 "$dir"
status=0
timeout --kill-after=60 "$LIMIT_S" node tests/stack/main.mjs "$dir" 9>&- || status=$?
[ "$status" -ne 124 ] || {
  echo "test-stack: it took more than $LIMIT_S s"
  echo "0 passed, 1 failed"
}
exit "$status"
