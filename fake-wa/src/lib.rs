//! A WhatsApp Web server for tests, with real clients as customers; depends on none of the other crates.
//!
//! [`Server`] speaks what WhatsApp's own server speaks to a linked device: Noise XX and IK, pairing by QR and by phone
//! code, prekeys, device lists, the relay of end-to-end encrypted messages, receipts, presence, the offline queue,
//! media, groups, app state. It keeps state, is strict about what it receives, fails on demand ([`Faults`]) and writes
//! down every effect ([`Server::effects`]) and who was connected when ([`Server::record`]). It never sees a plain text:
//! a [`Customer`] is a real `whatsapp-rust` client on a linked device, so every byte between it and the product is
//! really encrypted by one and decrypted by the other.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use fake_wa::{Config, Patience, Phone, Server};
//! let server = Server::start(Config::default()).await?;
//! // Start the product with WHATSAPP_WEB_URL = server.socket_url(), show the QR, then be the owner's phone:
//! let business: Phone = "+15550199".parse()?;
//! # let qr = "";
//! server.scan(qr, business)?;
//!
//! let customer = server.customer("+15550100".parse()?, "A customer").await?;
//! let id = customer.say(business, "Are you open today?").await?;
//! customer.ticked(&id, "delivered", Patience::default()).await?;
//! let reply = customer.received(Patience::default(), |message| message["text"] == "Until five.").await?;
//! assert_eq!(reply["copies"], 1);
//! # Ok(()) }
//! ```
//!
//! The same powers over HTTP, for scenarios with real processes and by hand: `fake-whatsapp serve`, then `GET /_control`.
//!
//! # Who may trust it
//!
//! WhatsApp's root key is a constant of the client, so a client that has never paired refuses this server unless
//! `whatsapp-rust` was built with `danger-skip-cert-chain-verify`. That feature is a **dev-dependency's** feature here
//! and nowhere else: Cargo adds features of dev-dependencies only while it builds tests, so `cargo build --workspace`
//! and `cargo run` leave it out of every binary, `cargo test --workspace` has it in every test binary, and nobody needs
//! a flag. `tests/whatsapp/trust.rs` reads all manifests for it, and [`certificates_are_checked`] asks the code that was
//! linked. A client that has paired before resumes with Noise IK, to the key that it pinned: that is why provisioned
//! sessions ([`Server::provision`]) and customers need no such feature, and why a release build can be measured.
#![expect(
    clippy::disallowed_methods,
    reason = "the rules are for the product's hub; here tasks, clocks and random ids are the emulated world's own"
)]
mod account;
mod address;
mod clock;
mod connection;
mod control;
mod customer;
mod faults;
mod group;
mod iq;
mod login;
mod media;
mod noise;
mod pairing;
mod phone;
mod prekey;
mod presence;
mod provision;
mod queue;
mod receipt;
mod record;
mod relay;
mod server;
mod socket;
mod stanza;
mod trust;
mod world;

pub use address::Phone;
pub use customer::http::plain_http;
pub use customer::{Customer, Media, Patience, Said};
pub use faults::{ConnectFault, Faults, Refusal};
pub use loadtest::ledger::Effect;
pub use provision::Provisioned;
pub use record::{Overlap, Stay};
pub use server::{Config, Server};
pub use trust::certificates_are_checked;
