#!/bin/sh
# How much of its code each fuzz target reaches by its seeds and what fuzzing has found:
# coverage.sh TREE [FOLDER-OF-CORPORA...], a table of regions and lines.
#
# TREE is one that was built for coverage. The code of a target is its module (fuzz_x: src/*/x.c), or
# what a line "// covers: gateway/rooms gateway/route_*" near its beginning names. FUZZ_MISSED=1 adds the
# functions that are not entered.
set -u

cd "$(dirname "$0")/../.." || exit 2
tree=$1
shift
profiles=$tree/profiles
mkdir -p "$profiles"

tool() { command -v "$1" || command -v "$1-14"; }
if ! cov=$(tool llvm-cov) || ! profdata=$(tool llvm-profdata); then
  echo "coverage.sh: there is no llvm-cov; it is in Debian's package llvm" >&2
  exit 1
fi

# The sources of a target, one a line.
sources_of() {
  covers=$(sed -n '1,3s|^// covers:||p' "tests/fuzz/fuzz_$1.c")
  for module in ${covers:-"*/$1"}; do
    # A pattern stays one until here.
    # shellcheck disable=SC2086
    ls src/$module.c
  done
}

printf '| target | regions | lines | regions of functions entered | functions not entered | of |\n'
printf '| --- | ---: | ---: | ---: | ---: | --- |\n'
for source in tests/fuzz/fuzz_*.c; do
  name=$(basename "$source" .c)
  name=${name#fuzz_}
  raw=$profiles/$name.raw
  inputs=$profiles/$name.inputs
  rm -rf "$inputs"
  mkdir -p "$inputs"
  for folder in tests/fuzz/corpus build/fuzz/corpus "$@"; do
    [ ! -d "$folder/$name" ] || find "$folder/$name" -type f -exec cp -t "$inputs" {} +
  done
  LLVM_PROFILE_FILE=$raw "$tree/tests/fuzz/fuzz_$name" -runs=0 -timeout=60 \
    -artifact_prefix="$profiles/$name-" "$inputs" >"$profiles/$name.log" 2>&1 || {
    echo "| $name | failed: $profiles/$name.log | | |"
    continue
  }
  "$profdata" merge -o "$profiles/$name.data" "$raw"
  # Each name of a source is a word.
  # shellcheck disable=SC2046
  "$cov" export "$tree/tests/fuzz/fuzz_$name" -instr-profile="$profiles/$name.data" |
    node tests/fuzz/coverage.mjs "$name" $(sources_of "$name")
done
