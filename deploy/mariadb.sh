#!/bin/sh
# A private MariaDB in one folder: unix socket only, its own data, never the system's instance.
#
#   mariadb.sh start DIR     first use makes DIR; returns when connections are accepted
#   mariadb.sh stop DIR      clean shutdown
#   mariadb.sh status DIR    exit status 0 when it runs, 3 when not
#   mariadb.sh url DIR       the BANTER_DATABASE_URL of it
#
# DIR holds data/, tmp/, mariadb.sock, mariadb.pid and mariadb.log. Nobody listens on the network, and DIR
# opens for its owner alone, so the database user "banter" needs no password. It owns the database
# "banter" and every database named "banter_..." (what tests make).
#
# Started by root, the server runs as "mysql" if there is such a user and it can reach DIR, else as
# the owner of DIR; the choice is made once, when the data is made. Started by anybody else, it runs
# as that user.
#
#   BANTER_MARIADB_ARGS       further options of mariadbd
#   BANTER_MARIADB_TEMPLATE   a folder that keeps freshly initialised data, for quick first starts
#   BANTER_MARIADB_WAIT_S     how long a start or a stop may take (60)
set -eu

WAIT_S=${BANTER_MARIADB_WAIT_S:-60}
SOCKET_PATH_MAX=107 # sun_path of unix(7), less its final zero

say() { echo "mariadb: $*"; }
fail() {
  echo "mariadb: $*" >&2
  exit 1
}

# Debian keeps it in /usr/sbin, which is not on everybody's PATH.
PATH=$PATH:/usr/sbin

# The pid of the server of this folder, or failure. A zombie has no command line, and a pid that
# went to another program has another one.
running() {
  [ -r "$DIR/mariadb.pid" ] || return 1
  pid=$(cat "$DIR/mariadb.pid") || return 1
  [ -n "$pid" ] && tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF -e "--datadir=$DIR/data"
}

accepts() {
  mariadb --no-defaults --socket="$DIR/mariadb.sock" --user=banter --execute='DO 0' banter 2>/dev/null
}

# Calls "$@" until it succeeds; fails when the time is over or "$alive" does.
wait_until() {
  alive=$1 what=$2
  shift 2
  turns=$((WAIT_S * 20))
  turn=0
  until "$@"; do
    "$alive" || return 1
    turn=$((turn + 1))
    [ "$turn" -lt "$turns" ] || return 1
    [ $((turn % 100)) -ne 0 ] || say "still $what after $((turn / 20)) s"
    sleep 0.05
  done
}

# Who shall own the data: empty for "whoever calls".
choose_user() {
  [ "$(id -u)" -eq 0 ] || return 0
  if id mysql >/dev/null 2>&1 && setpriv --reuid=mysql --clear-groups test -x "$(dirname "$DIR")"; then
    echo mysql
  else
    stat -c %U "$DIR"
  fi
}

# The data is made aside and moved into place, so that a start that was cut short leaves none.
initialise() {
  user=$(choose_user)
  rm -rf "$DIR/data.new"
  template=${BANTER_MARIADB_TEMPLATE:+$BANTER_MARIADB_TEMPLATE/$(mariadbd --no-defaults --version | awk '{print $3}')}
  if [ -n "$template" ] && [ -d "$template" ]; then
    cp -R --sparse=always "$template" "$DIR/data.new"
  else
    say "making a new database in $DIR"
    mkdir "$DIR/data.new"
    # --force: whether names of hosts can be looked up here does not matter to a server without network.
    # shellcheck disable=SC2046 # two words or none
    mariadb-install-db --no-defaults --force --auth-root-authentication-method=normal --skip-test-db \
      --skip-name-resolve --innodb-log-file-size=48M --datadir="$DIR/data.new" --tmpdir="$DIR/tmp" \
      $([ "$(id -u)" -ne 0 ] || echo --user=root) >"$DIR/mariadb.log" 2>&1 || {
      tail -n 20 "$DIR/mariadb.log" >&2
      fail "mariadb-install-db failed; the whole log is $DIR/mariadb.log"
    }
    if [ -n "$template" ]; then
      mkdir -p "$BANTER_MARIADB_TEMPLATE"
      # Side by side with others that make the same one: a rename has one winner.
      cp -R --sparse=always "$DIR/data.new" "$template.$$"
      mv -T "$template.$$" "$template" 2>/dev/null || rm -rf "$template.$$"
    fi
  fi
  if [ -n "$user" ]; then
    chown -R "$user:" "$DIR/data.new"
    chown "$user:" "$DIR"
  fi
  mv "$DIR/data.new" "$DIR/data"
}

# Runs before the first connection is accepted, at each start; it changes nothing the second time.
write_init_sql() {
  cat >"$DIR/init.sql" <<'SQL'
CREATE DATABASE IF NOT EXISTS banter CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS banter@localhost;
GRANT ALL ON banter.* TO banter@localhost;
GRANT ALL ON `banter\_%`.* TO banter@localhost;
SQL
}

start() {
  [ ${#DIR} -le $((SOCKET_PATH_MAX - 13)) ] ||
    fail "$DIR/mariadb.sock is too long for a unix socket (at most $SOCKET_PATH_MAX bytes); choose a shorter BANTER_RUN_DIR"
  for program in mariadbd mariadb-install-db mariadb; do
    command -v $program >/dev/null || fail "there is no $program; \"make bootstrap\" installs it"
  done
  if running && accepts; then
    say "already running (pid $pid)"
    return
  fi
  # Of its own: a server that starts removes every temporary table from its tmpdir, and in /tmp those
  # of others that run.
  mkdir -p "$DIR/tmp"
  [ -d "$DIR/data" ] || initialise
  write_init_sql
  user=$(stat -c %U "$DIR/data")
  if [ "$(id -u)" -eq 0 ]; then
    chown "$user" "$DIR/init.sql" "$DIR/tmp"
    user=--user=$user
  else
    user=
  fi
  # In a session of its own, so that a Ctrl-C is for whoever called us: the server goes last.
  # shellcheck disable=SC2086 # user and the arguments are words
  setsid mariadbd --no-defaults --datadir="$DIR/data" --tmpdir="$DIR/tmp" --socket="$DIR/mariadb.sock" \
    --pid-file="$DIR/mariadb.pid" --log-error="$DIR/mariadb.log" --init-file="$DIR/init.sql" \
    --skip-networking --skip-log-bin --skip-name-resolve --skip-symbolic-links \
    --character-set-server=utf8mb4 --collation-server=utf8mb4_bin \
    --innodb-flush-log-at-trx-commit=1 --innodb-buffer-pool-size=256M --innodb-log-file-size=48M \
    --max-connections=500 $user ${BANTER_MARIADB_ARGS:-} \
    </dev/null >>"$DIR/mariadb.log" 2>&1 9>&- &
  child=$!
  # By its state, not by its command line, which is empty for a moment at each exec.
  child_lives() { grep -q '^State:[[:space:]]*[^ZX]' "/proc/$child/status" 2>/dev/null; }
  # setsid becomes mariadbd in place, or, as a group's leader, forks: then the pid file says.
  still_alive() { child_lives || running; }
  wait_until still_alive starting accepts || {
    tail -n 20 "$DIR/mariadb.log" >&2
    running && kill "$pid"
    fail "it does not accept connections; the whole log is $DIR/mariadb.log"
  }
}

stop() {
  running || return 0
  kill "$pid" || fail "pid $pid cannot be stopped by this user"
  gone() { ! running; }
  always() { :; }
  wait_until always stopping gone || {
    say "it does not stop within $WAIT_S s: killed (the next start recovers)"
    kill -9 "$pid" 2>/dev/null || :
  }
}

[ $# -eq 2 ] || fail "usage: mariadb.sh start|stop|status|url DIR"
case $1 in
start)
  mkdir -p "$2"
  DIR=$(cd "$2" && pwd -P)
  chmod 700 "$DIR"
  # One start or stop at a time; the server itself does not keep the lock.
  exec 9>"$DIR/lock"
  flock 9
  start
  ;;
stop)
  [ -d "$2" ] || exit 0
  DIR=$(cd "$2" && pwd -P)
  exec 9>"$DIR/lock"
  flock 9
  stop
  ;;
status)
  DIR=$(cd "$2" 2>/dev/null && pwd -P) || DIR=$2
  if running; then say "running (pid $pid)"; else say "not running"; exit 3; fi
  ;;
url)
  mkdir -p "$2"
  echo "mysql://banter@/banter?socket=$(cd "$2" && pwd -P)/mariadb.sock"
  ;;
*) fail "usage: mariadb.sh start|stop|status|url DIR" ;;
esac
