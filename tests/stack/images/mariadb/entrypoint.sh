#!/bin/sh
# What Banter's compose file asks of the released image: a first start makes the database and its
# user from MARIADB_DATABASE, MARIADB_USER and MARIADB_PASSWORD (or MARIADB_PASSWORD_FILE); root has
# no password, but only inside, by socket. Then the server takes the place of this shell.
set -eu

[ "$1" = mariadbd ] || exec "$@"
shift
data=/var/lib/mysql
if [ ! -d $data/mysql ]; then
  [ -z "${MARIADB_PASSWORD_FILE:-}" ] || MARIADB_PASSWORD=$(cat "$MARIADB_PASSWORD_FILE")
  chown mysql: $data
  mariadb-install-db --user=mysql --datadir=$data --skip-test-db \
    --auth-root-authentication-method=socket >/dev/null
  cat >/run/mysqld/first.sql <<SQL
CREATE DATABASE $MARIADB_DATABASE CHARACTER SET utf8mb4;
CREATE USER '$MARIADB_USER'@'%' IDENTIFIED BY '$MARIADB_PASSWORD';
GRANT ALL ON $MARIADB_DATABASE.* TO '$MARIADB_USER'@'%';
SQL
  chown mysql: /run/mysqld/first.sql
  chmod 600 /run/mysqld/first.sql
  exec mariadbd --user=mysql --bind-address=0.0.0.0 --skip-name-resolve \
    --init-file=/run/mysqld/first.sql "$@"
fi
exec mariadbd --user=mysql --bind-address=0.0.0.0 --skip-name-resolve "$@"
