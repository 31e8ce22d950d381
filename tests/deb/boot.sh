#!/bin/sh
# The first process of the namespaces that run.sh made: boot.sh ROOT. It mounts what a container has,
# makes ROOT the root, and becomes systemd.
set -eu

root=$1
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in null zero full random urandom tty; do
  : >"$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for unit in systemd-udevd systemd-networkd systemd-resolved systemd-timesyncd getty@tty1 console-getty; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit.service"
done
cd "$root"
mkdir .old
pivot_root . .old
umount -l /.old
rmdir /.old
# As a booted system has it: credentials reach a service by propagation.
mount --make-rshared /
exec env -i container=banter-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
