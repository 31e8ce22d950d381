#!/bin/sh
# The images that docker-compose.yml and the Dockerfile begin with, made here from Debian's packages,
# so that nothing is pulled: images.sh FOLDER prints the settings that name them.
#
# Each is tagged by what it is made of (its folder here, what it begins with, the Debian release), so
# a second run makes nothing. What they stand in for, and how they differ: docs/OPERATIONS.md.
set -eu

PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
HERE=$(cd "$(dirname "$0")" && pwd -P)
WORK=$1
SUITE=bookworm
CA=/etc/ssl/certs/ca-certificates.crt

# A package list is good for so long; a newer one brings the security updates.
MONTH=$(date +%Y-%m)

say() { echo "images: $*" >&2; }
have() { docker image inspect "$1" >/dev/null 2>&1; }
key_of() { cat "$@" | sha256sum | cut -c 1-12; }

mkdir -p "$WORK"
export DOCKER_BUILDKIT=1

base=banter-stack/debian:$SUITE-$MONTH-$(key_of "$0")
if ! have "$base"; then
  say "making a Debian $SUITE from its packages"
  if ! mmdebstrap --quiet --variant=minbase --include=ca-certificates \
    --components=main "$SUITE" "$WORK/base.tar" >"$WORK/base.log" 2>&1; then
    tail -n 20 "$WORK/base.log" >&2
    exit 1
  fi
  docker import -c 'CMD ["bash"]' "$WORK/base.tar" "$base" >/dev/null
  rm -f "$WORK/base.tar"
fi

# make_image NAME: from images/NAME, on the base; says which setting names it.
make_image() {
  image=banter-stack/$1:$(printf %s "$base" | cat - "$HERE/images/$1"/* | sha256sum | cut -c 1-12)
  echo "BANTER_STACK_$(echo "$1" | tr '[:lower:]' '[:upper:]')=$image"
  ! have "$image" || return 0
  say "making $1"
  rm -rf "${WORK:?}/$1"
  cp -R "$HERE/images/$1" "$WORK/$1"
  # Whom this machine trusts, which may be more than Debian's list; only Node's image takes it.
  [ "$1" != node ] || cp "$CA" "$WORK/$1/trusted.crt"
  if ! docker build -t "$image" --build-arg "BASE=$base" "$WORK/$1" >"$WORK/$1.log" 2>&1; then
    tail -n 20 "$WORK/$1.log" >&2
    return 1
  fi
}

# Side by side: most of it is waiting for packages.
echo "BANTER_STACK_DEBIAN=$base"
jobs=
for name in node mariadb haproxy nginx prometheus; do
  make_image $name &
  jobs="$jobs $!"
done
for job in $jobs; do wait "$job"; done
