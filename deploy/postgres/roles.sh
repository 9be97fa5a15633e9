#!/bin/sh
# Makes Switchboard's database, the roles that code runs as, and the two logins: one owns the schema and migrates, the other
# is what the roles of Switchboard connect with and owns nothing. Needs a superuser (or CREATEROLE and CREATEDB) by libpq's
# own variables (PGHOST, PGUSER, PGPASSWORD), and OWNER_PASSWORD and LOGIN_PASSWORD. May be run again.
set -eu
: "${OWNER_PASSWORD:?the password of switchboard_owner}" "${LOGIN_PASSWORD:?the password of switchboard_login}"
psql -X -v ON_ERROR_STOP=1 --dbname "${PGDATABASE:-postgres}" \
	-v owner_password="$OWNER_PASSWORD" -v login_password="$LOGIN_PASSWORD" <<'SQL'
SELECT format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', name)
FROM unnest(ARRAY['switchboard_app', 'switchboard_system']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
SELECT format('CREATE ROLE %I LOGIN NOSUPERUSER NOBYPASSRLS', name)
FROM unnest(ARRAY['switchboard_owner', 'switchboard_login']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE switchboard_owner PASSWORD :'owner_password';
ALTER ROLE switchboard_login PASSWORD :'login_password';
GRANT switchboard_app, switchboard_system TO switchboard_login;
SELECT 'CREATE DATABASE switchboard OWNER switchboard_owner'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'switchboard') \gexec
SQL
