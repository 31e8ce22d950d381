#!/bin/sh
# Puts what was built where it belongs: install.sh build/VARIANT ("make install" calls it).
# DESTDIR, PREFIX, SYSCONFDIR and UNITDIR say where; a configuration that is there already stays.
set -eu

built=$1
cd "$(dirname "$0")/.."
to=${DESTDIR-}$PREFIX
etc=${DESTDIR-}${SYSCONFDIR:-/etc}
share=$to/share/banter
units=${DESTDIR-}${UNITDIR:-$PREFIX/lib/systemd/system}

# put MODE FOLDER FILE...
put() {
  mode=$1 folder=$2
  shift 2
  install -d "$folder"
  install -m "$mode" "$@" "$folder/"
}

# The units name the programs by their whole path.
put_unit() {
  install -d "$units"
  sed "s|/usr/\(bin/banter\)|$PREFIX/\1|; s|/usr/\(share/doc\)|$PREFIX/\1|" "$1" >"$units/${1##*/}"
  chmod 644 "$units/${1##*/}"
}

# Secrets may come to stand in it: the service's group reads it, and nobody else.
put_config() {
  target=$etc/banter/${1##*/}
  if [ -e "$target" ]; then
    echo "install: $target is there already, and stays as it is"
    return
  fi
  put 640 "$etc/banter" "$1"
  if [ -z "${DESTDIR-}" ] && getent group banter >/dev/null; then chgrp banter "$target"; fi
}

put 755 "$to/bin" "$built"/bin/*
[ ! -d build/assets ] || {
  install -d "$share"
  rm -rf "$share/assets"
  cp -R build/assets "$share/assets"
  chmod -R u=rwX,go=rX "$share/assets"
}

put 644 "$to/share/man/man1" "$built"/man/*.1
put 644 "$to/share/man/man8" "$built"/man/*.8
install -d "$to/share/bash-completion/completions"
install -m 644 deploy/completion/banterctl.bash "$to/share/bash-completion/completions/banterctl"

for unit in deploy/systemd/*.service; do put_unit "$unit"; done
install -d "$to/lib/sysusers.d"
install -m 644 deploy/systemd/banter.sysusers "$to/lib/sysusers.d/banter.conf"
put_config deploy/systemd/gateway.conf
put_config deploy/systemd/broker.conf
put 755 "$share" deploy/systemd/database.sh

examples=$share/examples
put 644 "$examples/systemd" deploy/systemd/credentials.conf
for folder in haproxy nginx monitoring kubernetes; do
  [ -d "deploy/$folder" ] || continue
  install -d "$examples"
  rm -rf "${examples:?}/$folder"
  cp -R "deploy/$folder" "$examples/$folder"
  chmod -R u=rwX,go=rX "$examples/$folder"
done
put 644 "$to/share/doc/banter" README.md CHANGELOG.md docs/*.md
