#!/bin/sh
# Makes what Banter needs in the MariaDB of this host, and starts the services: database.sh, as root.
#
# The database "banter", and a user "banter" whom MariaDB knows by the socket: the system user
# banter, without a password. Nothing that is there already is changed; run it as often as you like.
set -eu

mariadb=$(command -v mariadb || command -v mysql) || {
  echo "database.sh: there is no MariaDB client; is mariadb-server installed?" >&2
  exit 1
}
"$mariadb" <<'SQL'
CREATE DATABASE IF NOT EXISTS banter CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE USER IF NOT EXISTS banter@localhost IDENTIFIED VIA unix_socket;
GRANT ALL PRIVILEGES ON banter.* TO banter@localhost;
SQL
echo "database.sh: the database banter is there, for the system user banter"

if [ -d /run/systemd/system ]; then
  systemctl restart banter-broker.service banter-gateway.service
  echo "database.sh: banter-broker and banter-gateway run"
fi
