//! What callers hear that no model says, in their language: `calls/prompts/texts.toml`, one table a language.

use std::collections::HashMap;
use std::sync::LazyLock;

use hub::agent_settings::{AgentSettings, MenuAction, MenuItem};
use serde::Deserialize;

static TEXTS: LazyLock<HashMap<String, Texts>> = LazyLock::new(|| {
    toml::from_str(include_str!("../../prompts/texts.toml")).expect("a test reads the same file")
});

/// One language's texts. A language without one of them is refused by the test below.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Texts {
    /// The language of Twilio's own voice.
    pub(crate) say: String,
    /// Twilio's voice, where the usual one does not speak the language.
    pub(crate) voice: Option<String>,
    pub(super) greeting: String,
    pub(super) apology: String,
    pub(super) one_moment: String,
    option: String,
    leave_a_message: String,
    end_the_call: String,
    pub(super) invitation: String,
    pub(super) thanks: String,
    pub(super) goodbye: String,
    pub(super) connecting: String,
    pub(super) not_a_choice: String,
    pub(super) not_reached: String,
    /// Said by Twilio to callers we do not take.
    pub(crate) voicemail: String,
}

/// The texts of a language, by its tag; English for one we do not have.
pub(crate) fn texts(language: &str) -> &'static Texts {
    let base = language
        .split('-')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    TEXTS
        .get(&base)
        .or_else(|| TEXTS.get("en"))
        .expect("a test finds English")
}

impl Texts {
    /// The tenant's greeting; one that nobody changed is said in the agent's language.
    pub(crate) fn greeting<'a>(&'a self, settings: &'a AgentSettings) -> &'a str {
        let unchanged = settings.greeting == AgentSettings::default().greeting;
        if unchanged && self.say != "en-US" {
            &self.greeting
        } else {
            &settings.greeting
        }
    }

    /// What is said of one key; a label that nobody changed is said in the agent's language.
    pub(crate) fn option(&self, item: &MenuItem) -> String {
        let unchanged = AgentSettings::default()
            .menu
            .iter()
            .any(|other| other.label == item.label && other.action == item.action);
        let label = match item.action {
            MenuAction::Message if unchanged => &*self.leave_a_message,
            MenuAction::HangUp if unchanged => &*self.end_the_call,
            _ => item.label.trim(),
        };
        self.option
            .replace("{digit}", &item.digit)
            .replace("{label}", label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_every_text() {
        for language in ["en", "es", "fr", "de", "pt", "it", "nl", "he", "ar"] {
            // Reading the file proves that no text is missing; here that none is empty, foreign or without its places.
            let texts = TEXTS
                .get(language)
                .unwrap_or_else(|| panic!("{language} is missing"));
            let said = [
                &texts.greeting,
                &texts.apology,
                &texts.one_moment,
                &texts.leave_a_message,
                &texts.end_the_call,
                &texts.invitation,
                &texts.thanks,
                &texts.goodbye,
                &texts.connecting,
                &texts.not_a_choice,
                &texts.not_reached,
                &texts.voicemail,
            ];
            let english = TEXTS.get("en").unwrap();
            assert!(said.iter().all(|text| text.trim().len() > 5), "{language}");
            assert!(
                language == "en" || (texts.apology != english.apology && texts.say != english.say),
                "{language}"
            );
            for place in ["{label}", "{digit}"] {
                assert_eq!(
                    texts.option.matches(place).count(),
                    1,
                    "{language}: {}",
                    texts.option
                );
            }
        }
    }

    #[test]
    fn what_nobody_changed_is_said_in_the_agents_language_and_the_tenants_words_are_kept() {
        let mut settings = AgentSettings::default();
        assert_eq!(
            texts("de-AT").greeting(&settings),
            "Guten Tag und vielen Dank für Ihren Anruf."
        );
        assert_eq!(texts("en").greeting(&settings), settings.greeting);
        assert_eq!(
            texts("de").option(&settings.menu[0]),
            "Um eine Nachricht zu hinterlassen, drücken Sie die 1."
        );
        settings.menu[0].label = "die Werkstatt {digit} zu sprechen".to_owned();
        "Moin.".clone_into(&mut settings.greeting);
        assert_eq!(
            texts("de").option(&settings.menu[0]),
            "Um die Werkstatt {digit} zu sprechen, drücken Sie die 1."
        );
        assert_eq!(texts("de").greeting(&settings), "Moin.");
        // A language we have no texts for.
        assert_eq!(texts("sw").goodbye, texts("en").goodbye);
    }
}
