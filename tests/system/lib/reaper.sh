#!/bin/sh
# Ends what is left of tests whose process is gone, however it went: SIGKILL lets nobody clean up.
#
# Reads folders, one a line. At the end of its input, which is when whoever wrote to it is gone, it
# kills every process that was started with BANTER_RUN_DIR or TEST_FOLDER set to one of the folders,
# and removes the folders. A folder that is gone by then was left in order.
set -u

# What ends the tests by a key or for the whole group is not for us.
trap '' HUP INT TERM

left_over() {
  grep -lszxF -e "BANTER_RUN_DIR=$1" -e "TEST_FOLDER=$1" /proc/[0-9]*/environ
}

# A process that is just being started can start another: again, until there is none.
end_all() {
  turns=100
  while files=$(left_over "$1"); [ -n "$files" ] && [ "$turns" -gt 0 ]; do
    for file in $files; do
      pid=${file#/proc/}
      kill -9 "${pid%/environ}" 2>/dev/null
    done
    turns=$((turns - 1))
    sleep 0.05
  done
}

# As the arguments, so that a name may have blanks.
set --
while IFS= read -r folder; do set -- "$@" "$folder"; done
# All of them before the first is removed: one can be inside of another.
for folder; do
  if [ -d "$folder" ]; then end_all "$folder"; fi
done
for folder; do rm -rf "$folder"; done
