#!/bin/sh
# healthcheck.sh --connect --innodb_initialized, as in the released image: it answers a query.
exec mariadb --no-defaults --socket=/run/mysqld/mysqld.sock --execute='SELECT 1 FROM information_schema.innodb_metrics LIMIT 1'
