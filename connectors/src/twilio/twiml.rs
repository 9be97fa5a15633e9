//! TwiML, written verb by verb; every value is escaped, so that text from outside cannot become a verb.

use std::fmt::Write as _;

/// A document in the making.
#[derive(Clone, Debug, Default)]
pub struct Document {
    verbs: String,
}

/// What `<Record>` is told.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Asked for the next document when the recording ended.
    pub action: &'a str,
    /// Told when the recording can be fetched.
    pub callback: &'a str,
    /// Longest recording.
    pub seconds_max: u32,
}

/// What `<Dial>` is told.
#[derive(Clone, Copy, Debug)]
pub struct Dial<'a> {
    /// An E.164 number.
    pub number: &'a str,
    /// What the called person sees; a number of ours, or the caller's own.
    pub caller_id: Option<&'a str>,
    /// Asked for the next document when the other leg ended or never answered.
    pub action: &'a str,
    /// How long it rings.
    pub ring_s: u32,
}

impl Document {
    /// No verbs yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Twilio's voice speaks; `voice` where its usual one does not know the language.
    #[must_use]
    pub fn say(mut self, language: &str, voice: Option<&str>, text: &str) -> Self {
        let mut attributes = vec![("language", language)];
        attributes.extend(voice.map(|voice| ("voice", voice)));
        self.element("Say", &attributes, text);
        self
    }

    /// Connects the call to our media socket and waits until we close it.
    #[must_use]
    pub fn connect_stream(mut self, url: &str, status_callback: &str) -> Self {
        self.verbs.push_str("<Connect>");
        self.element("Stream", &[("url", url), ("statusCallback", status_callback)], "");
        self.verbs.push_str("</Connect>");
        self
    }

    /// Asks us what now.
    #[must_use]
    pub fn redirect(mut self, url: &str) -> Self {
        self.element("Redirect", &[("method", "POST")], url);
        self
    }

    /// Takes a voicemail.
    #[must_use]
    pub fn record(mut self, record: Record<'_>) -> Self {
        let seconds = record.seconds_max.to_string();
        self.element(
            "Record",
            &[
                ("action", record.action),
                ("recordingStatusCallback", record.callback),
                ("recordingStatusCallbackEvent", "completed"),
                ("maxLength", &seconds),
                ("playBeep", "true"),
                ("timeout", "5"),
                ("finishOnKey", "#"),
                ("trim", "do-not-trim"),
            ],
            "",
        );
        self
    }

    /// Connects the caller to a number.
    #[must_use]
    pub fn dial(mut self, dial: Dial<'_>) -> Self {
        let ring = dial.ring_s.to_string();
        let mut attributes = vec![("action", dial.action), ("method", "POST"), ("timeout", &*ring)];
        attributes.extend(dial.caller_id.map(|number| ("callerId", number)));
        self.element("Dial", &attributes, dial.number);
        self
    }

    /// Ends the call.
    #[must_use]
    pub fn hang_up(mut self) -> Self {
        self.element("Hangup", &[], "");
        self
    }

    /// Refuses the call with a busy tone, before it costs anything.
    #[must_use]
    pub fn reject(mut self) -> Self {
        self.element("Reject", &[("reason", "busy")], "");
        self
    }

    /// The document's text.
    pub fn finish(self) -> String {
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?><Response>{}</Response>"#,
            self.verbs
        )
    }

    fn element(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        let out = &mut self.verbs;
        // Writing to a String cannot fail.
        let _ = write!(out, "<{name}");
        for (attribute, value) in attributes {
            let _ = write!(out, r#" {attribute}=""#);
            escape(out, value);
            out.push('"');
        }
        if text.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        escape(out, text);
        let _ = write!(out, "</{name}>");
    }
}

/// XML's five, and characters XML 1.0 cannot carry become spaces.
fn escape(out: &mut String, text: &str) {
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push(' '),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use quick_xml::events::Event;

    use super::*;

    #[test]
    fn an_answered_call() {
        let document = Document::new()
            .connect_stream(
                "wss://hub.example/media/twilio/T",
                "https://hub.example/webhooks/twilio/stream",
            )
            .redirect("https://hub.example/webhooks/twilio/voice/resume")
            .finish();
        assert_eq!(
            document,
            r#"<?xml version="1.0" encoding="UTF-8"?><Response><Connect><Stream url="wss://hub.example/media/twilio/T" statusCallback="https://hub.example/webhooks/twilio/stream"/></Connect><Redirect method="POST">https://hub.example/webhooks/twilio/voice/resume</Redirect></Response>"#
        );
    }

    #[test]
    fn words_cannot_become_verbs() {
        let hostile = r#"</Say><Dial>+15550100</Dial><Say a="'>&amp; "#;
        let document = Document::new().say("en-US", None, hostile).hang_up().finish();
        let mut reader = quick_xml::Reader::from_str(&document);
        let (mut elements, mut text) = (Vec::new(), String::new());
        loop {
            match reader.read_event().unwrap() {
                Event::Start(tag) | Event::Empty(tag) => {
                    elements.push(String::from_utf8(tag.name().as_ref().to_vec()).unwrap());
                }
                Event::Text(words) => text.push_str(&words.decode().unwrap()),
                Event::GeneralRef(name) => match &*name.decode().unwrap() {
                    "lt" => text.push('<'),
                    "gt" => text.push('>'),
                    "amp" => text.push('&'),
                    "quot" => text.push('"'),
                    "apos" => text.push('\''),
                    other => panic!("{other}"),
                },
                Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!(elements, ["Response", "Say", "Hangup"]);
        assert_eq!(text, hostile);
    }
}
