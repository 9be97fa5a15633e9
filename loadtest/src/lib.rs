//! Emulators of the outside and load scenarios; depends on none of the other crates.
#![expect(
    clippy::disallowed_methods,
    reason = "the rules are for the product's hub; here tasks, clocks and random ids are the emulated world's own"
)]
pub mod clock;
pub mod histogram;
pub mod ledger;
pub mod outbound;
pub mod pace;
pub mod probe;
mod serve;
pub mod speech;
pub mod twilio;
pub mod ulaw;
