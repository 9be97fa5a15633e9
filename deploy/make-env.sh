#!/bin/sh
# Prints settings for docker-compose.yml with fresh passwords: deploy/make-env.sh https://hub.example.com > .env
set -eu
url=${1:?the address that browsers and Twilio use, such as https://hub.example.com}
umask 077

random() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }
owner=$(random 16) login=$(random 16) redis=$(random 16)
cat <<ENV
# The address that browsers and Twilio use.
PUBLIC_URL=$url
# Seals tenants' credentials. Losing it means entering those credentials again.
SECRET_KEY=$(random 32)

POSTGRES_PASSWORD=$(random 16)
OWNER_PASSWORD=$owner
LOGIN_PASSWORD=$login
REDIS_PASSWORD=$redis
GRAFANA_PASSWORD=$(random 16)
# Change these for managed stores (postgres://…?sslmode=verify-full, rediss://…) and leave out the profile "data".
DATABASE_URL=postgres://switchboard_login:$login@postgres/switchboard
DATABASE_OWNER_URL=postgres://switchboard_owner:$owner@postgres/switchboard
REDIS_URL=redis://:$redis@redis:6379

# Voice agents with a model; without a key the receptionist answers.
OPENAI_API_KEY=
MAX_CONCURRENT_CALLS=200
# A folder with fullchain.pem and privkey.pem; without one nginx makes a self-signed pair.
# CERTIFICATE_FOLDER=/etc/letsencrypt/live/hub.example.com
# Recordings: a folder of the container, or s3://bucket/prefix.
# STORAGE=s3://recordings/switchboard
ENV
