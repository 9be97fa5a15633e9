# The door: `make run` starts everything on this machine, `make test` runs every test. Plain cargo works too.
.DEFAULT_GOAL := help
.PHONY: help run test soak lint fmt sqlx openapi hooks

ifdef RELEASE
PROFILE := --release
BINARY := target/release/switchboard
else
BINARY := target/debug/switchboard
endif

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## install what is missing, build, start everything, print the sign-in link (RELEASE=1: optimised)
	@./services.sh install run
	@./services.sh web
	@echo '▸ Building Switchboard (the first time takes some minutes) …' >&2
	@cargo build --workspace $(PROFILE)
	@exec $(BINARY) up

test: ## every test: Rust, web, browser; on a throw-away server
	@./services.sh install test
	@./services.sh web
	@cargo build --workspace
	@cp -f target/debug/switchboard target/debug/switchboard-product
	@TEST_PRODUCT="$(CURDIR)/target/debug/switchboard-product" ./services.sh with-postgres cargo test --workspace
	@./services.sh npm run test --if-present
	@CHROMIUM=$$(command -v chromium || command -v chromium-browser || command -v google-chrome) ./services.sh npm run e2e --if-present
	@echo '▸ Every test passed' >&2

soak: ## the long suite: WhatsApp workers killed, frozen, cut off and deployed, 20 rounds each, beside a release build
	@./services.sh install test
	@./services.sh web
	@echo '▸ Building the release, which must refuse a server that is not WhatsApp (the first time takes a quarter of an hour) …' >&2
	@cargo build --release --workspace
	@TEST_ROUNDS=20 TEST_PRODUCT="$(CURDIR)/target/release/switchboard" ./services.sh with-postgres \
		cargo test --workspace --test it whatsapp:: -- --nocapture

lint: ## formatting, spelling, clippy, shell, migrations, nginx, compose, web
	@./services.sh install check
	@.ci/lint

fmt: ## format Rust, TOML and the web app
	cargo fmt --all
	@./services.sh install check
	.switchboard/python/bin/taplo fmt
	@./services.sh npm run format --if-present

sqlx: ## write .sqlx anew, from a throw-away Postgres with the schema
	@./services.sh install run
	@touch hub/src/lib.rs
	@rm -rf .sqlx && mkdir .sqlx
	@SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$(CURDIR)/.sqlx" ./services.sh with-schema cargo check --workspace --all-targets

openapi: ## write web/openapi.json and the web app's types anew
	@./services.sh install run
	@cargo build --workspace
	@target/debug/switchboard openapi > web/openapi.json.new && mv web/openapi.json.new web/openapi.json
	@./services.sh npm run generate --if-present

hooks: ## check formatting and spelling before every commit
	@./services.sh install check
	git config core.hooksPath .githooks
