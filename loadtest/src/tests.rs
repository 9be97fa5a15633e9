//! The emulators against each other, over a plain bridge, and against small servers that misbehave.
mod calls;
mod realtime;
mod rest;
mod scenarios;
mod sms;
mod twiml;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::plain::{self, Plain};
use crate::{openai, serve, twilio};

const PUBLIC: &str = "https://hub.example.test";
const CALLER: &str = "+15550100";
const OURS: &str = "+15550199";

/// Both emulators with a plain bridge between them.
struct World {
    twilio: twilio::Emulator,
    openai: openai::Emulator,
    _bridge: DropGuard,
}

async fn world(script: openai::Script) -> World {
    let openai = openai::Emulator::start(openai::Config {
        script,
        ..Default::default()
    })
    .await
    .unwrap();
    let twilio = twilio::Emulator::start(twilio::Config::default()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    twilio
        .aim(PUBLIC, &format!("http://{}", listener.local_addr().unwrap()))
        .unwrap();
    let plain = Plain {
        openai_url: openai.url(),
        api_key: openai.api_key().to_owned(),
        public_url: PUBLIC.to_owned(),
    };
    let stop = CancellationToken::new();
    tokio::spawn(plain::serve(listener, plain, stop.clone()));
    World {
        twilio,
        openai,
        _bridge: stop.drop_guard(),
    }
}

/// An emulated Twilio whose webhooks reach `router`.
async fn twilio_before(router: Router) -> (twilio::Emulator, DropGuard) {
    let twilio = twilio::Emulator::start(twilio::Config::default()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    twilio
        .aim(PUBLIC, &format!("http://{}", listener.local_addr().unwrap()))
        .unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(serve::until(listener, router, stop.clone()));
    (twilio, stop.drop_guard())
}
