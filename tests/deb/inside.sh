#!/bin/sh
# The story of the package, in the system that run.sh booted. Each check is a line; the last line
# counts them.
set -u

cd /
passed=0
failed=0
URL=http://127.0.0.1:8000
JSON='Content-Type: application/json'

# check NAME COMMAND...
check() {
  name=$1
  shift
  if "$@" >/tmp/out 2>&1; then
    passed=$((passed + 1))
    echo "passed   $name"
  else
    failed=$((failed + 1))
    sed 's/^/         /' /tmp/out
    echo "FAILED   $name"
  fi
}

# wait_for SECONDS COMMAND...
wait_for() {
  turns=$(($1 * 5))
  shift
  until "$@" >/dev/null 2>&1; do
    turns=$((turns - 1))
    [ "$turns" -gt 0 ] || return 1
    sleep 0.2
  done
}

main_pid() { systemctl show --value -p MainPID "banter-$1.service"; }
is_active() { systemctl -q is-active "banter-$1.service"; }
is_ready() { curl -fs -m 2 "$URL/readyz" | grep -q '"ready":true'; }
becomes_ready() { wait_for 30 is_ready || { journalctl --no-pager -n 30; false; }; }
has_changed() { [ "$(main_pid "$1")" != "$2" ] && [ "$(main_pid "$1")" != 0 ]; }
says() { grep -q "$1" "$2"; }
files() {
  find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp \
    -o -path /var/lib/dpkg -o -path /var/lib/mysql -o -path /var/cache -o -path /var/log -o -path /root \
    -o -path /var/lib/systemd -o -path /var/tmp -o -path /var/lib/apt \) -prune -o -print | sort
}

wait_for 60 test -S /run/mysqld/mysqld.sock
files >/tmp/before

# ---- installed, with a MariaDB that has no database for us ----

check 'apt installs it' apt-get -q -y install /root/banter.deb
[ "$failed" -eq 0 ] || exit 1
cp /tmp/out /tmp/installed
check 'it says that it is not configured, and what to do' says 'sh /usr/share/banter/database.sh' /tmp/installed
check 'both services are enabled' systemctl -q is-enabled banter-broker banter-gateway
not_started() { ! is_active broker && ! is_active gateway; }
check 'and not started' not_started
modes() { [ "$(stat -c '%U:%G %a' /etc/banter/*.conf | sort -u)" = 'root:banter 640' ]; }
check 'its configuration is for root and the group banter' modes
check 'man pages' man -w banter-gateway banter-broker banterctl
silent_verify() {
  systemd-analyze verify /lib/systemd/system/banter-*.service 2>&1 | tee /tmp/words
  [ ! -s /tmp/words ]
}
check 'systemd-analyze verify has nothing to say' silent_verify

# ---- configured ----

check 'database.sh makes the database and starts both' sh /usr/share/banter/database.sh
check 'ready' becomes_ready
check 'banterctl migrate, as the user banter, finds the schema up to date' \
  runuser -u banter -- banterctl migrate --config=/etc/banter/broker.conf
check 'banterctl check-config of the broker' \
  runuser -u banter -- banterctl check-config broker --config=/etc/banter/broker.conf

check 'register' curl -fsS "$URL/api/register" -H "$JSON" \
  -d '{"username": "ada", "email": "ada@example.org", "password": "analytical"}'
login() {
  TOKEN=$(curl -fsS "$URL/api/login" -H "$JSON" -d '{"username": "ada", "password": "analytical"}' |
    sed 's/.*"access_token":"\([^"]*\).*/\1/')
  [ "${#TOKEN}" -eq 64 ]
}
check 'log in' login
AUTH="Authorization: Bearer $TOKEN"
check 'make a room' curl -fsS "$URL/api/chat/rooms" -H "$AUTH" -H "$JSON" -d '{"name": "General"}'
say() { curl -fsS "$URL/api/chat/rooms/1/messages" -H "$AUTH" -H "$JSON" -d "{\"text\": \"$1\"}"; }
heard() { curl -fsS "$URL/api/chat/rooms/1/messages" -H "$AUTH" | grep -q "$1"; }
check 'say something' say one
check 'it is in the history' heard one
assets() { curl -fsSL "$URL/" -H 'Accept: text/html' | grep -q '<title>' && curl -fsSL -o /dev/null "$URL/docs"; }
check 'the web client and the API pages' assets

# ---- what the unit promises ----

# Each value is that of the running process, not of the unit's file.
confined() {
  for service in gateway broker; do
    status=/proc/$(main_pid $service)/status
    grep -q '^NoNewPrivs:[[:space:]]*1' "$status" && grep -q '^Seccomp:[[:space:]]*2' "$status" &&
      grep -q '^CapBnd:[[:space:]]*0*$' "$status" &&
      grep -q "^Uid:[[:space:]]*$(id -u banter)[[:space:]]" "$status" || return 1
  done
}
check 'no privileges, system calls filtered, no capabilities, user banter' confined

before=$(main_pid gateway)
check 'reload' systemctl reload banter-gateway banter-broker
check 'the main process stays' test "$(main_pid gateway)" = "$before"
check 'ready after the reload' becomes_ready

since=$(systemctl show --value -p ActiveEnterTimestampMonotonic banter-gateway)
check 'the package is installed over itself' apt-get -q -y install --reinstall /root/banter.deb
check 'another process has the sockets' has_changed gateway "$before"
check 'the service was not stopped for it' \
  test "$(systemctl show --value -p ActiveEnterTimestampMonotonic banter-gateway)" = "$since"
check 'ready after the upgrade' becomes_ready
check 'the session is still good' say two
# The process that came with the upgrade is told to stop as the first one would be: in order.
ends_in_order() { systemctl restart banter-gateway && ! journalctl -u banter-gateway | grep 'Killing process'; }
check 'a gateway that took over stops in order' ends_in_order
check 'ready after the restart' becomes_ready

before=$(main_pid gateway)
kill -KILL "$before"
check 'a gateway that was killed comes back' wait_for 30 has_changed gateway "$before"
check 'ready after the kill' becomes_ready
before=$(main_pid broker)
kill -STOP "$before"
check 'a broker that stands still is restarted by the watchdog' wait_for 120 has_changed broker "$before"
check 'ready after that' becomes_ready
check 'say something again' say three

# ---- secrets as credentials, an encrypted bus ----

secrets() {
  banterctl keys /etc/banter/keys gateway1 && chmod 755 /etc/banter/keys || return 1
  chgrp banter /etc/banter/keys/gateways.allow && chmod 640 /etc/banter/keys/gateways.allow || return 1
  install -d -m 700 /etc/banter/credentials
  (umask 077 && echo 'mysql://banter@/banter?socket=/run/mysqld/mysqld.sock' >/etc/banter/credentials/database-url)
  for service in gateway broker; do
    key=$service.key
    [ $service = broker ] || key=gateway1.key
    drop_in=/etc/systemd/system/banter-$service.service.d/credentials.conf
    install -D -m 644 /usr/share/banter/examples/systemd/credentials.conf "$drop_in"
    sed -i "s|bus.key:.*|bus.key:/etc/banter/keys/$key|" "$drop_in"
    sed -i '/^BANTER_DATABASE_URL=/d' /etc/banter/$service.conf
    echo "BANTER_DATABASE_URL_FILE=/run/credentials/banter-$service.service/database-url" >>/etc/banter/$service.conf
    echo "BANTER_BUS_KEY=/run/credentials/banter-$service.service/bus.key" >>/etc/banter/$service.conf
  done
  echo 'BANTER_BUS_BROKER_KEY_FILE=/etc/banter/keys/broker.pub' >>/etc/banter/gateway.conf
  echo 'BANTER_BUS_GATEWAY_KEYS=/etc/banter/keys/gateways.allow' >>/etc/banter/broker.conf
  systemctl daemon-reload && systemctl restart banter-broker banter-gateway
}
check 'the database URL and the keys of the bus as credentials' secrets
check 'ready with them' becomes_ready
check 'say something over the encrypted bus' say four
verified() { curl -fsS "$URL/api/chat/rooms/1/verify" -H "$AUTH" | grep -q '"holes":0'; }
check 'the log of the room has no hole' verified

# ---- stopped and removed ----

check 'stop' systemctl stop banter-gateway banter-broker
stopped_well() { [ "$(systemctl show --value -p Result "banter-$1")" = success ]; }
check 'the gateway ended in order' stopped_well gateway
check 'the broker ended in order' stopped_well broker
rm -rf /etc/banter/keys /etc/banter/credentials /etc/systemd/system/banter-*.service.d
systemctl daemon-reload
sed -i -e '/_FILE=\/run/d' -e '/^BANTER_BUS/d' /etc/banter/broker.conf
echo 'BANTER_DATABASE_URL=mysql://banter@/banter?socket=/run/mysqld/mysqld.sock' >>/etc/banter/broker.conf
check 'the broker starts again' systemctl start banter-broker
check 'apt purges it' apt-get -q -y purge banter
gone() { ! systemctl cat banter-gateway && ! systemctl cat banter-broker && ! pgrep -x banter-broker; }
check 'nothing runs' gone
left_over() {
  files >/tmp/after
  comm -13 /tmp/before /tmp/after | grep -v -e '^/etc/\(passwd\|group\|shadow\|gshadow\)-\{0,1\}$' >/tmp/left
  cat /tmp/left
  [ ! -s /tmp/left ]
}
check 'no file is left' left_over
check 'the user banter stays' getent passwd banter
check 'what was said stays' sh -c "mariadb -N -e 'SELECT COUNT(*) FROM banter.events' | grep -qv '^0'"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
