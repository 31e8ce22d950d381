#!/bin/sh
# Runs every fuzz target of a tree for FUZZ_SECONDS: run.sh TREE
#
# Seeds are in tests/fuzz/corpus/NAME, words in tests/fuzz/fuzz_NAME.dict; what the fuzzer finds is
# kept in TREE/corpus/NAME and used again, an input that fails in TREE/failures.
set -u

cd "$(dirname "$0")/../.." || exit 2
tree=$1
seconds=${FUZZ_SECONDS:-10}
passed=0
failed=0
mkdir -p "$tree/failures"

for source in tests/fuzz/fuzz_*.c; do
  [ -f "$source" ] || continue
  name=$(basename "$source" .c)
  name=${name#fuzz_}
  found=$tree/corpus/$name
  log=$tree/failures/$name.log
  mkdir -p "$found"
  set -- -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$tree/failures/$name-"
  [ ! -f "tests/fuzz/fuzz_$name.dict" ] || set -- "$@" -dict="tests/fuzz/fuzz_$name.dict"
  set -- "$@" "$found"
  [ ! -d "tests/fuzz/corpus/$name" ] || set -- "$@" "tests/fuzz/corpus/$name"
  if "$tree/tests/fuzz/fuzz_$name" "$@" >"$log" 2>&1; then
    passed=$((passed + 1))
    echo "fuzz/$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $seconds s"
  else
    failed=$((failed + 1))
    tail -n 60 "$log"
    echo "fuzz/$name: failed; the input is in $tree/failures"
  fi
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
