//! Prompts rendered ahead in English, for where espeak-ng is not installed; `calls/prompts/render.sh` makes them from `prompts.txt`.

use bytes::Bytes;

use super::texts::Texts;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prompt {
    Welcome,
    Apology,
    MessagePress,
    TransferPress,
    HangUpPress,
    LeaveMessage,
    Thanks,
    Goodbye,
    Connecting,
    NotAChoice,
    NotReached,
    OneMoment,
    Digit(u8),
}

impl Prompt {
    /// Its words in a language.
    pub(crate) fn words(self, texts: &Texts) -> &str {
        match self {
            Self::Welcome => &texts.greeting,
            Self::Apology => &texts.apology,
            Self::LeaveMessage => &texts.invitation,
            Self::Thanks => &texts.thanks,
            Self::Goodbye => &texts.goodbye,
            Self::Connecting => &texts.connecting,
            Self::NotAChoice => &texts.not_a_choice,
            Self::NotReached => &texts.not_reached,
            Self::OneMoment => &texts.one_moment,
            // Parts of an English sentence, only said where a whole one cannot be rendered.
            Self::MessagePress | Self::TransferPress | Self::HangUpPress | Self::Digit(_) => "",
        }
    }

    /// In μ-law.
    pub(crate) fn audio(self) -> &'static [u8] {
        match self {
            Self::Welcome => include_bytes!("../../prompts/welcome.ulaw"),
            Self::Apology => include_bytes!("../../prompts/apology.ulaw"),
            Self::MessagePress => include_bytes!("../../prompts/message-press.ulaw"),
            Self::TransferPress => include_bytes!("../../prompts/transfer-press.ulaw"),
            Self::HangUpPress => include_bytes!("../../prompts/hang-up-press.ulaw"),
            Self::LeaveMessage => include_bytes!("../../prompts/leave-message.ulaw"),
            Self::Thanks => include_bytes!("../../prompts/thanks.ulaw"),
            Self::Goodbye => include_bytes!("../../prompts/goodbye.ulaw"),
            Self::Connecting => include_bytes!("../../prompts/connecting.ulaw"),
            Self::NotAChoice => include_bytes!("../../prompts/not-a-choice.ulaw"),
            Self::NotReached => include_bytes!("../../prompts/not-reached.ulaw"),
            Self::OneMoment => include_bytes!("../../prompts/one-moment.ulaw"),
            Self::Digit(0) => include_bytes!("../../prompts/digit-0.ulaw"),
            Self::Digit(1) => include_bytes!("../../prompts/digit-1.ulaw"),
            Self::Digit(2) => include_bytes!("../../prompts/digit-2.ulaw"),
            Self::Digit(3) => include_bytes!("../../prompts/digit-3.ulaw"),
            Self::Digit(4) => include_bytes!("../../prompts/digit-4.ulaw"),
            Self::Digit(5) => include_bytes!("../../prompts/digit-5.ulaw"),
            Self::Digit(6) => include_bytes!("../../prompts/digit-6.ulaw"),
            Self::Digit(7) => include_bytes!("../../prompts/digit-7.ulaw"),
            Self::Digit(8) => include_bytes!("../../prompts/digit-8.ulaw"),
            Self::Digit(_) => include_bytes!("../../prompts/digit-9.ulaw"),
        }
    }
}

/// Several, one after the other.
pub(super) fn join(prompts: &[Prompt]) -> Bytes {
    match prompts {
        [one] => Bytes::from_static(one.audio()),
        many => many.iter().flat_map(|prompt| prompt.audio()).copied().collect(),
    }
}
