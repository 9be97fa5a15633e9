# syntax=docker/dockerfile:1
# One image for every role (`docker run switchboard api`), and one for the reverse proxy in front of them.

FROM node:22-bookworm-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund --ignore-scripts
COPY web/ ./
RUN npm run build

FROM rust:1.95-bookworm AS build
WORKDIR /src
# Dependencies first, with empty crates in place of ours: this layer holds until a Cargo.toml or the lock file changes.
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY hub/Cargo.toml hub/
COPY connectors/Cargo.toml connectors/
COPY api/Cargo.toml api/
COPY calls/Cargo.toml calls/
COPY worker/Cargo.toml worker/
COPY shard-worker/Cargo.toml shard-worker/
COPY loadtest/Cargo.toml loadtest/
COPY fake-wa/Cargo.toml fake-wa/
RUN mkdir -p src tests/it && echo 'fn main() {}' > src/main.rs && echo > tests/it/main.rs \
    && for crate in hub connectors api calls worker shard-worker loadtest fake-wa; do mkdir -p $crate/src && echo > $crate/src/lib.rs; done \
    && mkdir -p fake-wa/tests/whatsapp && echo > fake-wa/tests/whatsapp/main.rs && echo 'fn main() {}' > fake-wa/src/main.rs \
    && if grep -q '^\[\[bin\]\]' loadtest/Cargo.toml; then echo 'fn main() {}' > loadtest/src/main.rs; fi
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    cargo build --release --locked --workspace --exclude fake-wa --features otlp,sentry,swagger
COPY . .
COPY --from=web /src/web/dist web/dist
# Empty crates are older than what they stand for only by the clock of the layer: touch decides.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    find . -path ./target -prune -o -name '*.rs' -exec touch {} + \
    && cargo build --release --locked --workspace --exclude fake-wa --features otlp,sentry,swagger

FROM nginx:1.28-alpine AS edge
RUN apk add --no-cache openssl
COPY nginx/*.conf /etc/nginx/
COPY deploy/nginx/throw-away-certificate.sh /docker-entrypoint.d/10-throw-away-certificate.sh
STOPSIGNAL SIGQUIT

FROM debian:12-slim AS switchboard
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates espeak-ng \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 65532 --user-group --create-home --home-dir /var/lib/switchboard switchboard \
    && install -d -o switchboard -g switchboard -m 0700 /var/lib/switchboard/objects
COPY --from=build /src/target/release/switchboard /usr/local/bin/switchboard
# The program links shard-worker, which is AGPL-3.0-or-later, so all of it is to be treated as that; the rest is Apache-2.0.
COPY LICENSE /usr/share/doc/switchboard/LICENSE.Apache-2.0
COPY shard-worker/LICENSE /usr/share/doc/switchboard/LICENSE.AGPL-3.0
LABEL org.opencontainers.image.title="Switchboard" \
      org.opencontainers.image.licenses="AGPL-3.0-or-later AND Apache-2.0"
USER 65532:65532
WORKDIR /var/lib/switchboard
ENV SWITCHBOARD_LOG_FORMAT=json
EXPOSE 5000 5050
# A role drains on SIGTERM: give it `shutdown.drain_s`, or for calls `shutdown.calls_drain_s`, before it is killed.
STOPSIGNAL SIGTERM
ENTRYPOINT ["switchboard"]
CMD ["api"]
