#!/bin/sh
# Without a certificate nginx would not start: a self-signed one lets the first look happen. Mount a real one over it.
set -eu
folder=/etc/nginx/certificate
if [ -e "$folder/fullchain.pem" ]; then exit 0; fi
mkdir -p "$folder"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 -subj "/CN=${SERVER_NAME:-localhost}" \
	-keyout "$folder/privkey.pem" -out "$folder/fullchain.pem" 2>/dev/null
echo "No certificate in $folder: made a self-signed one for 90 days. Browsers will warn and Twilio will refuse it." >&2
