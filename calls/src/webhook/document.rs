//! The documents Twilio gets: the call's stream, or what a caller gets who is not taken.

use connectors::twilio::twiml::{Dial, Document, Record};
use hub::Hub;
use hub::agent_settings::AgentSettings;
use hub::call::Call;
use hub::call::token::{self, Purpose};
use hub::ids::TenantId;
use std::time::Duration;

use crate::speech::texts;

/// A token opens its socket within this time; a reconnect of Twilio's within the call's first minutes uses it again.
const TOKEN_LIFE: Duration = Duration::from_mins(5);
const RING_S: u32 = 25;
const MESSAGE_SECONDS_MAX: u32 = 180;

/// Connects the call to a media socket; what follows leads back to us.
pub(super) fn stream(hub: &Hub, tenant: TenantId, call: &Call) -> String {
    let token = token::mint(
        hub,
        Purpose::Twilio,
        tenant,
        call.id,
        hub.clock.now().after(TOKEN_LIFE),
    );
    Document::new()
        .connect_stream(
            &hub.config.public_socket(&format!("/media/twilio/{token}")),
            &about(hub, "/webhooks/twilio/stream", call),
        )
        .redirect(&hub.config.public("/webhooks/twilio/voice/resume"))
        .finish()
}

/// What a caller gets whom we do not take.
pub(super) fn fallback(hub: &Hub, settings: &AgentSettings, call: &Call) -> String {
    match (&*call.fallback.clone().unwrap_or_default(), &settings.forward_to) {
        ("forward", Some(number)) => forward(hub, number),
        _ => voicemail(hub, settings, call),
    }
}

/// Connects the caller to a person; afterwards we are asked.
fn forward(hub: &Hub, number: &str) -> String {
    let action = hub.config.public("/webhooks/twilio/voice/resume");
    Document::new()
        .dial(Dial {
            number,
            caller_id: None,
            action: &action,
            ring_s: RING_S,
        })
        .finish()
}

/// Takes a message at Twilio, which tells us where it is.
pub(super) fn voicemail(hub: &Hub, settings: &AgentSettings, call: &Call) -> String {
    let texts = texts(&settings.language);
    Document::new()
        .say(&texts.say, texts.voice.as_deref(), &texts.voicemail)
        .record(Record {
            action: &hub.config.public("/webhooks/twilio/voice/resume"),
            callback: &about(hub, "/webhooks/twilio/recording", call),
            seconds_max: MESSAGE_SECONDS_MAX,
        })
        .hang_up()
        .finish()
}

/// An address for callbacks whose forms do not name the number: it is in the address, and so in what is signed.
fn about(hub: &Hub, path: &str, call: &Call) -> String {
    let number: String = url::form_urlencoded::byte_serialize(call.to_address.as_bytes()).collect();
    hub.config.public(&format!("{path}?to={number}"))
}

/// What callers of a business hear that is switched off: no call of ours, and no silence.
pub(super) fn switched_off() -> String {
    let words = "This number cannot take calls at the moment. Please try again another day. Goodbye.";
    Document::new().say("en-US", None, words).hang_up().finish()
}
