#!/bin/sh
# The Debian package, made in a copy of the sources under build/deb, so that this folder stays clean
# ("make deb" calls it, after the assets are built). The last line names the package.
set -eu

cd "$(dirname "$0")/.."
version=$(sed -n 's/^#define BANTER_VERSION "\(.*\)"/\1/p' src/common/version.h)
out=build/deb
copy=$out/banter-$version
rm -rf "$out"
mkdir -p "$copy"

# A checkout has its list of files; an unpacked archive is taken whole.
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
  git ls-files -z --cached --others --exclude-standard | tar -c --null -T - | tar -x -C "$copy"
  SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
else
  tar -c --exclude=./build --exclude=./var --exclude=node_modules . | tar -x -C "$copy"
  SOURCE_DATE_EPOCH=$(stat -c %Y CHANGELOG.md)
fi
export SOURCE_DATE_EPOCH
mkdir -p "$copy/build"
cp -R build/assets "$copy/build/assets"

cat >"$copy/debian/changelog" <<TEXT
banter ($version) unstable; urgency=medium

  * Version $version; CHANGELOG.md says what changed.

 -- $(sed -n 's/^Maintainer: //p' debian/control)  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
TEXT

# What make was told here is not for the build there.
unset MAKEFLAGS MFLAGS MAKELEVEL
(cd "$copy" && dpkg-buildpackage -b -us -uc 2>&1 || exit 1) >"$out/log" || {
  tail -n 30 "$out/log" >&2
  echo "deb.sh: the package could not be built; $out/log has all of it" >&2
  exit 1
}
lintian --fail-on error --tag-display-limit 0 --allow-root "$out"/banter_*.changes
ls "$out"/banter_*.deb
