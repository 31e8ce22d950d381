#!/bin/sh
# Installs from Debian what this machine lacks to build and run Banter; with --test also what "make
# test" uses; with --dev what "make lint", "make fuzz" and the like do, too; with --stack what "make test-stack" uses: a container
# engine (docker.io), docker-compose, mmdebstrap, balancers and a name server; with --deb what makes
# and tries the Debian package; with --bench the peers of "make bench" that Debian has. It looks for the things themselves, not for packages, so a compiler
# or a Node of your own is fine. When nothing is missing it does and says nothing.
#
# No system service is installed or started: of MariaDB only the programs are taken
# (mariadb-server-core), and Banter starts its own private instance. The tests are the exception:
# Debian's haproxy, prometheus, nginx and docker.io bring services, which a system with systemd starts.
set -eu

PATH=$PATH:/usr/sbin
missing=

# has_KIND THING; need PACKAGE KIND THING
has_command() { command -v "$1" >/dev/null 2>&1; }
has_file() { [ -e "$1" ]; }
has_library() { pkg-config --exists "$1" 2>/dev/null; }
has_node() { node -e "process.exit(parseInt(process.versions.node, 10) >= $1 ? 0 : 1)" 2>/dev/null; }
has_libfuzzer() { ls "/usr/lib/llvm-$1"/lib/clang/*/lib/linux/libclang_rt.fuzzer-* >/dev/null 2>&1; }
need() { "has_$2" "$3" || missing="$missing $1"; }

look() {
  missing=
  need gcc command gcc
  need libc6-dev file /usr/include/stdio.h
  need make command make
  need pkg-config command pkg-config
  need libevent-dev library libevent_pthreads
  need libzmq3-dev library libzmq
  need libjansson-dev library jansson
  need libmariadb-dev library libmariadb
  need libssl-dev library libcrypto
  need zlib1g-dev library zlib
  need libscrypt-dev file /usr/include/libscrypt.h
  need libseccomp-dev file /usr/include/seccomp.h
  need libcrypt-dev file /usr/include/crypt.h
  need libutf8proc-dev library libutf8proc
  need libcmocka-dev library cmocka
  need mariadb-server-core command mariadb-install-db
  need mariadb-client-core command mariadb
  need nodejs node 18
  need npm command npm
  need ca-certificates file /etc/ssl/certs/ca-certificates.crt
  need curl command curl
  if [ "$1" = --test ] || [ "$1" = --dev ]; then
    need openssl command openssl
    need haproxy command haproxy
  fi
  if [ "$1" = --dev ]; then
    need clang command clang
    need libclang-rt-14-dev libfuzzer 14
    need llvm command llvm-cov
    need clang-format command clang-format
    need clang-tidy command clang-tidy
    need cppcheck command cppcheck
    need shellcheck command shellcheck
    need valgrind command valgrind
    need prometheus command promtool
    need mariadb-backup command mariadb-backup
  fi
  if [ "$1" = --stack ]; then
    need docker.io command dockerd
    need docker-compose command docker-compose
    need iptables command iptables
    need mmdebstrap command mmdebstrap
    need iproute2 command ip
    need dnsmasq-base command dnsmasq
    need haproxy command haproxy
    need nginx-light command nginx
    need prometheus command prometheus
  fi
  if [ "$1" = --bench ]; then
    need nginx command nginx
    need libnginx-mod-nchan file /usr/lib/nginx/modules/ngx_nchan_module.so
    need util-linux command taskset
    need wrk command wrk
  fi
  if [ "$1" = --deb ]; then
    need build-essential file /usr/share/doc/build-essential
    need debhelper command dh
    need dpkg-dev command dpkg-buildpackage
    need lintian command lintian
    need mmdebstrap command mmdebstrap
  fi
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif has_command sudo; then
    sudo "$@"
  else
    echo "bootstrap: run this as root (there is no sudo): $*" >&2
    exit 1
  fi
}

case ${1:-} in
'' | --test | --dev | --stack | --deb | --bench) ;;
*)
  echo "usage: bootstrap.sh [--test|--dev|--stack|--deb|--bench]" >&2
  exit 2
  ;;
esac

look "${1:-}"
[ -n "$missing" ] || exit 0

echo "bootstrap: missing on this machine:$missing"
if ! has_command apt-get; then
  echo "bootstrap: this is no Debian; please install the equivalents of these packages" >&2
  exit 1
fi
echo "bootstrap: installing them with apt-get"
as_root apt-get -q -q -o DPkg::Lock::Timeout=300 update ||
  echo "bootstrap: the package lists could not be renewed; trying with the old ones" >&2
# shellcheck disable=SC2086 # the packages are words
as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -q -y -o DPkg::Lock::Timeout=300 \
  -o Dpkg::Use-Pty=0 install --no-install-recommends $missing

look "${1:-}"
if [ -n "$missing" ]; then
  echo "bootstrap: still missing after the installation:$missing" >&2
  exit 1
fi
echo "bootstrap: done"
