//! SMS both ways: segments, opt-outs, the life of a message and the callbacks about it.
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::attached::File;
use super::call::Call;
use super::callbacks::Callbacks;
use super::twiml::{self, Verb};
use super::webhook::{self, Webhook};
use super::world::{World, sid};
use crate::clock;

/// A message as Twilio keeps it.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) sid: String,
    pub(crate) account: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) body: String,
    pub(crate) files: Vec<File>,
    base_url: String,
    pub(crate) direction: &'static str,
    pub(crate) created: String,
    pub(crate) created_at: jiff::Timestamp,
    state: Mutex<(&'static str, Option<u32>)>,
}

impl Message {
    fn open(
        world: &World,
        account: &str,
        parties: (&str, &str),
        (body, files): (&str, Vec<File>),
        direction: &'static str,
    ) -> Arc<Self> {
        let status = if direction == "inbound" {
            "received"
        } else {
            "queued"
        };
        let message = Arc::new(Self {
            sid: sid(if files.is_empty() { "SM" } else { "MM" }),
            account: account.to_owned(),
            from: parties.0.to_owned(),
            to: parties.1.to_owned(),
            body: body.to_owned(),
            files,
            base_url: world.base_url.clone(),
            direction,
            created: clock::rfc2822(),
            created_at: jiff::Timestamp::now(),
            state: Mutex::new((status, None)),
        });
        world
            .messages
            .lock()
            .expect("no holder of the lock panics")
            .push(Arc::clone(&message));
        world.ledger.record(
            "sms",
            json!({
                "message_sid": message.sid, "direction": direction, "from": message.from, "to": message.to,
                "body": body, "account_sid": account, "files": message.files.len(),
            }),
        );
        message
    }

    pub(crate) fn status(&self) -> &'static str {
        self.state.lock().expect("no holder of the lock panics").0
    }

    /// The REST resource.
    pub(crate) fn json(&self) -> Value {
        let (status, error) = *self.state.lock().expect("no holder of the lock panics");
        json!({
            "sid": self.sid, "account_sid": self.account, "from": self.from, "to": self.to, "body": self.body,
            "status": status, "direction": self.direction, "num_segments": segments(&self.body).to_string(),
            "num_media": self.files.len().to_string(), "error_code": error, "error_message": error.map(reason),
            "date_created": self.created, "date_updated": self.created,
            "date_sent": (status != "queued").then_some(&self.created), "api_version": "2010-04-01",
            "messaging_service_sid": null, "price": null, "price_unit": "USD", "subresource_uris": {},
            "uri": format!("/2010-04-01/Accounts/{}/Messages/{}.json", self.account, self.sid),
        })
    }

    fn params(&self) -> Vec<(String, String)> {
        let (status, error) = *self.state.lock().expect("no holder of the lock panics");
        let mut params: Vec<(String, String)> = [
            ("MessageSid", self.sid.as_str()),
            ("SmsSid", &self.sid),
            ("AccountSid", &self.account),
            ("From", &self.from),
            ("To", &self.to),
            ("ApiVersion", "2010-04-01"),
            ("SmsStatus", status),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        if self.direction == "inbound" {
            for (name, value) in [("SmsMessageSid", self.sid.as_str()), ("Body", &self.body)] {
                params.push((name.to_owned(), value.to_owned()));
            }
            params.push(("NumMedia".to_owned(), self.files.len().to_string()));
            for (n, file) in self.files.iter().enumerate() {
                let url = format!("{}{}", self.base_url, file.path(&self.account, &self.sid));
                params.push((format!("MediaUrl{n}"), url));
                params.push((format!("MediaContentType{n}"), file.media_type.clone()));
            }
            params.push(("NumSegments".to_owned(), segments(&self.body).to_string()));
            params.push(("FromCountry".to_owned(), "US".to_owned()));
        } else {
            params.push(("MessageStatus".to_owned(), status.to_owned()));
        }
        params.extend(error.map(|code| ("ErrorCode".to_owned(), code.to_string())));
        params
    }
}

/// A person sends an SMS to one of our numbers; the answer of the webhook, which may hold a `<Message>`.
pub(crate) async fn receive(
    world: &Arc<World>,
    from: &str,
    to: &str,
    (body, files): (&str, Vec<File>),
) -> anyhow::Result<(String, u16)> {
    let number = world.number(to)?;
    let word = body.trim().to_uppercase();
    let pair = (from.to_owned(), number.account_sid.clone());
    if ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"].contains(&word.as_str()) {
        world
            .stopped
            .lock()
            .expect("no holder of the lock panics")
            .insert(pair);
    } else if ["START", "YES", "UNSTOP"].contains(&word.as_str()) {
        world
            .stopped
            .lock()
            .expect("no holder of the lock panics")
            .remove(&pair);
    }
    let message = Message::open(world, &number.account_sid, (from, to), (body, files), "inbound");
    let webhook = Webhook {
        purpose: "sms",
        account: number.account_sid.clone(),
        url: number.sms_url,
        method: "POST".to_owned(),
        params: message.params(),
    };
    let answer = webhook::send(world, &webhook).await?;
    if answer.status == 200 && !answer.body.trim().is_empty() {
        match twiml::parse(&answer.body) {
            Ok(verbs) => verbs.into_iter().for_each(|verb| {
                if let Verb::Message { to: other, body } = verb {
                    let to = other.unwrap_or_else(|| from.to_owned());
                    let _ = send(world, &number.account_sid, (&number.number, &to), &body, None);
                }
            }),
            Err(error) => world.ledger.record(
                "twilio.error",
                json!({"message_sid": message.sid, "error": format!("{error:#}")}),
            ),
        }
    }
    Ok((message.sid.clone(), answer.status))
}

/// `<Message>` in a call's document.
pub(crate) fn answer(world: &Arc<World>, call: &Call, to: Option<String>, body: &str) {
    let to = to.unwrap_or_else(|| call.from.clone());
    let _ = send(world, &call.account, (&call.to, &to), body, None);
}

/// Sends an SMS to a person; an error is Twilio's code and message.
pub(crate) fn send(
    world: &Arc<World>,
    account: &str,
    (from, to): (&str, &str),
    body: &str,
    callback: Option<String>,
) -> Result<Arc<Message>, (u32, String)> {
    if body.is_empty() {
        return Err((21602, "Message body is required.".to_owned()));
    }
    if body.chars().count() > 1600 {
        return Err((
            21617,
            "The concatenated message body exceeds the 1600 character limit.".to_owned(),
        ));
    }
    if !to.starts_with('+') || to.len() < 8 {
        return Err((21211, format!("Invalid 'To' Phone Number: {to}")));
    }
    if !from.starts_with('+') {
        return Err((21212, format!("Invalid From Number: {from}")));
    }
    let pair = (to.to_owned(), account.to_owned());
    if world
        .stopped
        .lock()
        .expect("no holder of the lock panics")
        .contains(&pair)
    {
        return Err((21610, "Attempt to send to unsubscribed recipient".to_owned()));
    }
    let message = Message::open(world, account, (from, to), (body, Vec::new()), "outbound-api");
    world.spawn(live(Arc::clone(world), Arc::clone(&message), callback));
    Ok(message)
}

/// queued → sent → its end, each told to the status callback.
async fn live(world: Arc<World>, message: Arc<Message>, callback: Option<String>) {
    let callbacks = Callbacks::start(&world);
    let person = world.person(&message.to);
    let (end, error) = match person.sms.as_str() {
        "undelivered" => ("undelivered", Some(30003)),
        "failed" => ("failed", Some(30006)),
        "sent" => ("sent", None),
        _ => ("delivered", None),
    };
    for (status, error) in [("queued", None), ("sent", None), (end, error)] {
        if status == "sent" && end == "failed" {
            continue;
        }
        if status == "sent" && message.status() == "sent" {
            break;
        }
        *message.state.lock().expect("no holder of the lock panics") = (status, error);
        world.ledger.record(
            "sms.status",
            json!({"message_sid": message.sid, "status": status, "to": message.to}),
        );
        if let Some(url) = &callback {
            let (url, method) = (url.clone(), "POST".to_owned());
            let (account, params) = (message.account.clone(), message.params());
            callbacks.send(
                status,
                Webhook {
                    purpose: "sms.status",
                    account,
                    url,
                    method,
                    params,
                },
            );
        }
        // The carrier's answer takes a moment, as it does outside.
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    }
    callbacks.close();
}

fn reason(code: u32) -> &'static str {
    match code {
        30003 => "Unreachable destination handset",
        30006 => "Landline or unreachable carrier",
        _ => "Unknown error",
    }
}

/// How many segments a body is billed as: 160/153 in the GSM alphabet, 70/67 in UCS-2.
pub fn segments(body: &str) -> usize {
    const GSM: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
    const EXTENDED: &str = "^{}\\[~]|€";
    let units: Option<usize> = body
        .chars()
        .map(|letter| {
            if GSM.contains(letter) {
                Some(1)
            } else {
                EXTENDED.contains(letter).then_some(2)
            }
        })
        .sum();
    match units {
        Some(units) if units <= 160 => 1,
        Some(units) => units.div_ceil(153),
        None => match body.encode_utf16().count() {
            units if units <= 70 => 1,
            units => units.div_ceil(67),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::segments;

    #[test]
    fn segments_are_counted_as_billed() {
        assert_eq!(
            [
                segments("hi"),
                segments(&"a".repeat(161)),
                segments(&"ü".repeat(160))
            ],
            [1, 2, 1]
        );
        assert_eq!(
            [
                segments("שלום"),
                segments(&"ш".repeat(71)),
                segments(&"€".repeat(81))
            ],
            [1, 2, 2]
        );
    }
}
