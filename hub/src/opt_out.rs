//! STOP, START and HELP: which words count, and what is answered. The law counts a bare word in any case and punctuation;
//! a sentence that asks the same is shown to staff instead of being guessed at.

use serde::Deserialize;

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::submission::Body;

/// What a text asks for by a bare keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyword {
    /// No more texts.
    Stop,
    /// Texts again.
    Start,
    /// Who is this?
    Help,
}

/// Whether a word said at `at` counts, after `last` was the last that did. Words arrive in any order, later ones first when
/// an outage is caught up on: the one said last holds, and of two said in one moment the STOP.
pub(crate) fn counts(last: Option<Timestamp>, is_stop: bool, at: Timestamp) -> bool {
    last.is_none_or(|last| last < at || (is_stop && last == at))
}

/// Whether a STOP of this number is acknowledged and not worked in yet: it holds from its acknowledgement.
pub(crate) async fn is_under_way(tx: &mut Tx, number: &str) -> Result<bool> {
    let rows = sqlx::query_scalar!(
        "SELECT body FROM submissions
         WHERE tenant_id = $1 AND processed_at IS NULL AND source = 'sms' AND body->>'from' = $2
         ORDER BY received_at DESC, id DESC",
        tx.tenant().uuid(),
        number
    )
    .fetch_all(&mut **tx)
    .await?;
    let words = rows
        .into_iter()
        .filter_map(|body| match serde_json::from_value(body) {
            Ok(Body::Sms(sms)) => keyword(&sms.body),
            _ => None,
        });
    let last = words.into_iter().find(|word| *word != Keyword::Help);
    Ok(last == Some(Keyword::Stop))
}

/// English (the words of the FCC and the carriers), then the same asked in the languages around.
const STOP: [&str; 28] = [
    "stop",
    "stop all",
    "stopall",
    "unsubscribe",
    "cancel",
    "end",
    "quit",
    "revoke",
    "opt out",
    "optout",
    "remove",
    "alto",
    "baja",
    "parar",
    "cancelar",
    "detener",
    "arret",
    "arrêt",
    "arreter",
    "arrêter",
    "desabonner",
    "désabonner",
    "stopp",
    "abmelden",
    "pare",
    "sair",
    "ferma",
    "annulla",
];
const START: [&str; 9] = [
    "start",
    "unstop",
    "subscribe",
    "resume",
    "opt in",
    "optin",
    "empezar",
    "anmelden",
    "reprendre",
];
const HELP: [&str; 6] = ["help", "info", "ayuda", "aide", "hilfe", "aiuto"];

/// Phrases that ask for an end without the bare word.
const ASKS: [&str; 10] = [
    "stop texting",
    "stop messaging",
    "stop sending",
    "stop contacting",
    "don't text",
    "do not text",
    "dont text",
    "take me off",
    "remove me",
    "unsubscribe me",
];

/// The keyword a text is, if it is one and nothing else.
pub fn keyword(body: &str) -> Option<Keyword> {
    let bare = bare(body);
    let one_of = |words: &[&str]| words.contains(&bare.as_str());
    if one_of(&STOP) {
        Some(Keyword::Stop)
    } else if one_of(&START) {
        Some(Keyword::Start)
    } else if one_of(&HELP) {
        Some(Keyword::Help)
    } else {
        None
    }
}

/// Whether a text seems to ask for an end in a sentence; staff decide.
pub fn seems_to_ask(body: &str) -> bool {
    let lower = body.to_lowercase().replace('’', "'");
    ASKS.iter().any(|phrase| lower.contains(phrase))
}

/// Lower case, letters and digits only, one space between words.
fn bare(body: &str) -> String {
    // A keyword is short; a long text is not looked at further.
    let kept: String = body
        .chars()
        .take(60)
        .map(|letter| if letter.is_alphanumeric() { letter } else { ' ' })
        .collect();
    kept.to_lowercase()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// What is answered, where a number's settings say otherwise than the usual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Texts {
    #[serde(rename = "stop_reply")]
    stop: Option<String>,
    #[serde(rename = "start_reply")]
    start: Option<String>,
    #[serde(rename = "help_reply")]
    help: Option<String>,
}

impl Texts {
    /// Reads a number's settings.
    pub fn read(settings: &serde_json::Value) -> Result<Self> {
        let texts: Self = serde_json::from_value(settings.clone())
            .map_err(|fault| Error::field("settings", fault.to_string()))?;
        for text in [&texts.stop, &texts.start, &texts.help].into_iter().flatten() {
            if !(1..=320).contains(&text.chars().count()) {
                return Err(Error::field(
                    "settings",
                    "an answer must have 1 to 320 characters",
                ));
            }
        }
        Ok(texts)
    }

    /// The answer to a keyword, in the name of a business.
    pub fn answer(&self, keyword: Keyword, business: &str) -> String {
        let own = match keyword {
            Keyword::Stop => &self.stop,
            Keyword::Start => &self.start,
            Keyword::Help => &self.help,
        };
        own.clone().unwrap_or_else(|| match keyword {
            Keyword::Stop => format!("{business}: You will get no more texts from us. Text START to get them again."),
            Keyword::Start => format!("{business}: You will get texts from us again. Text STOP to end them."),
            Keyword::Help => format!(
                "{business}: Answer here and our team will read it. Text STOP for no more texts. Message and data rates \
                 may apply."
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_word_counts_in_any_dress() {
        for stop in [
            "STOP",
            " stop. ",
            "Stop!!",
            "\"Stop\"",
            "OPT-OUT",
            "Opt  out",
            "StopAll",
            "Arrêt",
            "Unsubscribe\n",
        ] {
            assert_eq!(keyword(stop), Some(Keyword::Stop), "{stop}");
        }
        assert_eq!(keyword("start"), Some(Keyword::Start));
        assert_eq!(keyword("HELP?"), Some(Keyword::Help));
        for other in [
            "",
            "please stop by at noon",
            "don't stop",
            "stop the leak",
            "end of the month",
            "👍",
        ] {
            assert_eq!(keyword(other), None, "{other}");
        }
    }

    #[test]
    fn a_sentence_is_for_staff() {
        assert!(seems_to_ask("Please stop texting me"));
        assert!(seems_to_ask("Don’t text me again"));
        assert!(!seems_to_ask("can you stop the leak"));
    }
}
