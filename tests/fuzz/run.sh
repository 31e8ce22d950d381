#!/bin/sh
# Runs every fuzz target of a tree for FUZZ_SECONDS, as many at a time as there are processors:
# run.sh TREE, or one of them: run.sh TREE NAME
#
# Seeds are in tests/fuzz/corpus/NAME, words in tests/fuzz/fuzz_NAME.dict; what the fuzzer finds is
# kept in TREE/corpus/NAME and used again, an input that fails in TREE/failures.
set -u

cd "$(dirname "$0")/../.." || exit 2
tree=$1
seconds=${FUZZ_SECONDS:-10}

run_one() {
  name=$1
  found=$tree/corpus/$name
  log=$tree/failures/$name.log
  mkdir -p "$found" "$tree/failures"
  set -- -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$tree/failures/$name-"
  [ ! -f "tests/fuzz/fuzz_$name.dict" ] || set -- "$@" -dict="tests/fuzz/fuzz_$name.dict"
  set -- "$@" "$found"
  [ ! -d "tests/fuzz/corpus/$name" ] || set -- "$@" "tests/fuzz/corpus/$name"
  if "$tree/tests/fuzz/fuzz_$name" "$@" >"$log" 2>&1; then
    echo "fuzz/$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $seconds s"
  else
    # In one piece, though others speak, too.
    printf '%s\nfuzz/%s: failed; the input is in %s\n' "$(tail -n 60 "$log")" "$name" "$tree/failures"
  fi
}

if [ $# -gt 1 ]; then
  run_one "$2"
  exit 0
fi

said=$(mktemp) || exit 2
trap 'rm -f "$said"' EXIT
for source in tests/fuzz/fuzz_*.c; do
  name=$(basename "$source" .c)
  echo "${name#fuzz_}"
done | xargs -P "$(nproc)" -n 1 sh tests/fuzz/run.sh "$tree" | tee "$said"
passed=$(grep -c '^fuzz/.* inputs in ' "$said")
failed=$(($(find tests/fuzz -name 'fuzz_*.c' | wc -l) - passed))

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
