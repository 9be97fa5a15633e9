//! Emulators of the outside and load scenarios; depends on none of the other crates.
//!
//! Two emulators stand in for the providers, in tests and by hand. Both are real servers on real sockets, keep state,
//! are strict about what they receive, fail on demand, and write down every effect:
//!
//! - [`twilio::Emulator`]: the REST API, signed webhooks, TwiML that is followed verb by verb, media streams at
//!   20 ms, SMS. [`twilio::Emulator::call`] gives a [`twilio::Caller`]: a person who speaks, listens, presses keys,
//!   interrupts and hangs up.
//! - [`openai::Emulator`]: the Realtime socket, which listens to the audio it receives and speaks the replies of an
//!   [`openai::Script`]; chat, embeddings, speech and transcription beside it.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use loadtest::{openai, twilio};
//! let openai = openai::Emulator::start(openai::Config::default()).await?;
//! let twilio = twilio::Emulator::start(twilio::Config::default()).await?;
//! openai.set_script(openai::Script::of(&[("Are you open today?", "Yes, until five o'clock.")])).await;
//! // Start the product with OPENAI_BASE_URL = openai.url(), OPENAI_API_KEY = openai.api_key(),
//! // TWILIO_API_URL = twilio.url(), a connection of twilio.account(), PUBLIC_URL = https://hub.example.test, then:
//! twilio.aim("https://hub.example.test", "http://127.0.0.1:5000")?;
//!
//! let caller = twilio.call("+15550100", "+15550199")?;
//! caller.first_audio().await?;                       // each wait has a timeout and says what happened instead
//! caller.say_text("Are you open today?").await;      // really spoken (flite or espeak-ng), at the pace of time
//! let session = openai.session_when(0, |session| session.spoken.len() == 2).await?;
//! assert_eq!(session.errors.len(), 0);
//! caller.hang_up();
//! caller.ended().await?;
//! let heard = caller.heard();                        // audio with times, marks, clears
//! std::fs::write("heard.wav", loadtest::ulaw::to_wav(&heard.audio())?)?;
//!
//! let (_sid, status) = twilio.send_sms("+15550100", "+15550199", "Thank you!").await?;
//! assert_eq!(status, 200);
//! twilio.wait_for("sms", |sms| sms["direction"] == "outbound-api").await?;   // the staff's reply
//! # Ok(()) }
//! ```
//!
//! What goes wrong on demand: [`twilio::Faults`], [`openai::Faults`]. What happened: `effects()`, of these kinds:
//! Twilio `rest`, `webhook`, `call.status`, `call.ended`, `call.say`, `stream.closed`, `stream.second`, `recording`,
//! `recording.fetched`, `sms`, `sms.status`, `callback.dropped`, `twilio.error`; OpenAI `session.opened`,
//! `session.update`, `session.closed`, `item`, `utterance`, `response`, `tool.call`, `tool.output`, `truncated`,
//! `openai.error`, `connect.refused`, `http.refused`, `chat`, `embeddings`, `speech`, `transcription`.
//!
//! The same powers over HTTP, for browser tests and by hand: `loadtest emulate`, then `GET /_control/` on either.
#![expect(
    clippy::disallowed_methods,
    reason = "the rules are for the product's hub; here tasks, clocks and random ids are the emulated world's own"
)]
pub mod clock;
pub mod histogram;
pub mod ledger;
pub mod openai;
pub mod outbound;
pub mod pace;
pub mod plain;
pub mod probe;
pub mod process;
pub mod product;
mod progress;
pub mod report;
pub mod run;
pub mod scenario;
mod serve;
pub mod speech;
pub mod stage;
pub mod thin;
pub mod threshold;
pub mod twilio;
pub mod ulaw;

#[cfg(test)]
mod tests;
