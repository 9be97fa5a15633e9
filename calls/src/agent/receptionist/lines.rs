//! What the receptionist says: each line in words, and the prompts that stand in where words cannot be rendered.

use hub::agent_settings::MenuAction;

use crate::agent::briefing::Briefing;
use crate::speech::{Prompt, texts};

/// Something to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) words: String,
    pub(super) otherwise: Vec<Prompt>,
}

impl Line {
    pub(super) fn new(words: &str, otherwise: Vec<Prompt>) -> Self {
        Self {
            words: words.trim().to_owned(),
            otherwise,
        }
    }

    pub(super) fn of(prompt: Prompt, briefing: &Briefing) -> Self {
        Self::new(prompt.words(texts(&briefing.settings.language)), vec![prompt])
    }
}

/// The keys, one line each.
pub(super) fn menu(briefing: &Briefing) -> Vec<Line> {
    let keys = briefing.settings.menu.iter().map(|item| {
        let action = match item.action {
            MenuAction::Message => Prompt::MessagePress,
            MenuAction::Transfer => Prompt::TransferPress,
            MenuAction::HangUp => Prompt::HangUpPress,
        };
        let digit = item
            .digit
            .bytes()
            .next()
            .map_or(0, |byte| byte.saturating_sub(b'0'));
        let words = texts(&briefing.settings.language).option(item);
        Line::new(&words, vec![action, Prompt::Digit(digit)])
    });
    keys.collect()
}
