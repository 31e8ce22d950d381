#!/bin/sh
# The Debian package in a Debian of its own ("make test-deb", as root): a fresh system made by
# mmdebstrap, booted with systemd as its first process in namespaces of its own, without a network.
# There the package is installed, run, reloaded, upgraded, killed and purged (inside.sh).
#
# The fresh system is kept in build/deb-base.tar; remove that file to make it anew. It comes from the
# mirror that mmdebstrap chooses. The last line is "N passed, N failed".
set -eu

cd "$(dirname "$0")/../.."
[ "$(id -u)" -eq 0 ] || {
  echo "test-deb: run it as root: it makes a system and boots it" >&2
  exit 2
}
deb=$(ls build/deb/banter_*.deb)
base=$PWD/build/deb-base.tar
wanted=systemd,systemd-sysv,dbus,mariadb-server,curl,man-db

if [ ! -s "$base" ]; then
  echo "test-deb: making a fresh Debian 12"
  depends=$(dpkg-deb -f "$deb" Depends | sed 's/([^)]*)//g; s/|[^,]*//g; s/ //g')
  mmdebstrap --quiet --format=tar --variant=apt --include="$wanted,$depends" bookworm "$base.new"
  mv "$base.new" "$base"
fi

dir=$(mktemp -d /var/tmp/banter-deb-XXXXXX)
cgroups=/sys/fs/cgroup
[ ! -d "$cgroups/unified" ] || cgroups=$cgroups/unified
group=$cgroups/${dir##*/}
outer=
init=

# shellcheck disable=SC2317 # called by the trap
leave() {
  status=$?
  trap - EXIT
  # The first process of the namespace takes the others with it.
  [ -z "$init" ] || kill -KILL "$init" 2>/dev/null || :
  [ -z "$outer" ] || wait "$outer" 2>/dev/null || :
  rmdir_turns=50
  while [ -d "$group" ] && [ "$rmdir_turns" -gt 0 ]; do
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
    rmdir_turns=$((rmdir_turns - 1))
  done
  rm -rf --one-file-system "$dir"
  exit "$status"
}
trap 'exit 1' INT TERM HUP
trap leave EXIT

root=$dir/root
mkdir "$root" "$group"
tar -xf "$base" -C "$root"
: >"$root/etc/machine-id"
cp "$deb" "$root/root/banter.deb"
cp tests/deb/inside.sh "$root/root/inside.sh"

sh -c "echo \$\$ > '$group/cgroup.procs'
  exec unshare --mount --pid --fork --uts --ipc --net --cgroup --propagation=private --kill-child \
    sh tests/deb/boot.sh '$root'" >"$dir/console" 2>&1 </dev/null &
outer=$!
turns=100
until init=$(pgrep -P "$outer" -f '^/lib/systemd/systemd') || [ "$turns" -eq 0 ]; do
  turns=$((turns - 1))
  sleep 0.1
done
[ -n "$init" ] || {
  cat "$dir/console" >&2
  echo "test-deb: systemd does not start in namespaces here" >&2
  exit 1
}

cd /
nsenter -t "$init" -m -p -n -i -u -C -r -w \
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
  sh /root/inside.sh
