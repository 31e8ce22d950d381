#!/bin/sh
# clang-tidy over src/: tidy.sh COMPILER_FLAGS...; the checks are in .clang-tidy.
set -u

cd "$(dirname "$0")/../.." || exit 2
# shellcheck disable=SC2016 # $1 is the inner shell's
find src -name '*.c' -print0 |
  xargs -0 -n 4 -P "$(nproc)" sh -c 'flags=$1; shift; clang-tidy --quiet "$@" -- $flags 2>/dev/null' tidy "$*"
