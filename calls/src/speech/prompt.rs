//! Prompts rendered ahead, for where espeak-ng is not installed; `calls/prompts/render.sh` makes them from `prompts.txt`.

use bytes::Bytes;

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
    /// Its words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Welcome => "Hello, and thank you for calling.",
            Self::Apology => "I am sorry. Our assistant is not available right now.",
            Self::MessagePress => "To leave a message, press",
            Self::TransferPress => "To be connected to a person, press",
            Self::HangUpPress => "To end the call, press",
            Self::LeaveMessage => {
                "Please leave your message after the tone. When you are finished, press pound, or simply hang up."
            }
            Self::Thanks => "Thank you. Your message was recorded. Goodbye.",
            Self::Goodbye => "Thank you for calling. Goodbye.",
            Self::Connecting => "One moment, please. I am connecting you.",
            Self::NotAChoice => "I am sorry, that is not one of the choices.",
            Self::NotReached => "I am sorry, nobody could be reached.",
            Self::OneMoment => "One moment, please.",
            Self::Digit(_) => "",
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
