//! TwiML as Twilio reads it: strict about what it does not know.
use anyhow::{Context, Result, bail, ensure};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// One instruction of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Verb {
    /// Speak a text.
    Say { text: String, repeat: u32 },
    /// Play a WAV file.
    Play { url: String, repeat: u32 },
    /// Wait.
    Pause { seconds: u64 },
    /// Collect digits while prompting.
    Gather(Gather),
    /// Record the caller.
    Record(Record),
    /// Connect the caller with somebody.
    Dial(Dial),
    /// Go on with another document.
    Redirect { url: String, method: String },
    /// End the call.
    Hangup,
    /// Refuse the call without answering it.
    Reject { reason: String },
    /// Bidirectional stream; blocks until the server closes it.
    Connect(Stream),
    /// Unidirectional stream beside the call.
    StartStream(Stream),
    /// Ends a unidirectional stream.
    StopStream { name: String },
    /// Records the whole call from here on.
    StartRecording { callback: Option<Callback> },
    /// Send an SMS (in an answer to an SMS).
    Message { to: Option<String>, body: String },
}

/// Where something is reported.
#[derive(Clone, Debug, PartialEq)]
pub struct Callback {
    /// The URL as written.
    pub url: String,
    /// GET or POST.
    pub method: String,
    /// Events asked for; empty means the default.
    pub events: Vec<String>,
}

/// `<Gather>`.
#[derive(Clone, Debug, PartialEq)]
pub struct Gather {
    /// Where the digits go; the current document's URL when absent.
    pub action: Option<Callback>,
    /// Complete after this many digits.
    pub digits: Option<usize>,
    /// Seconds without a key that end it.
    pub timeout_s: u64,
    /// The key that completes it.
    pub finish_on: String,
    /// Whether the action is called without any digit.
    pub on_empty: bool,
    /// What is said meanwhile.
    pub prompts: Vec<Verb>,
}

/// `<Record>`.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Where the call goes on.
    pub action: Option<Callback>,
    /// Seconds of silence that end it.
    pub timeout_s: u64,
    /// Longest recording.
    pub max_s: u64,
    /// Keys that end it.
    pub finish_on: String,
    /// Whether a beep comes first.
    pub beep: bool,
    /// Who is told that the file is ready.
    pub callback: Option<Callback>,
}

/// `<Dial>`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dial {
    /// Where the call goes on.
    pub action: Option<Callback>,
    /// Seconds it rings.
    pub timeout_s: u64,
    /// Whom the called sees.
    pub caller_id: Option<String>,
    /// The numbers that ring, with their status callbacks; the first that answers wins.
    pub numbers: Vec<(String, Option<Callback>)>,
}

/// `<Stream>`.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// The socket's URL as written.
    pub url: String,
    /// Name for `<Stop>`.
    pub name: String,
    /// Tracks of a unidirectional stream.
    pub track: String,
    /// Custom parameters.
    pub parameters: Vec<(String, String)>,
    /// Where stream-started, -stopped and -error go.
    pub callback: Option<Callback>,
    /// `<Connect action>`.
    pub action: Option<Callback>,
}

#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

/// The verbs of a document, in order.
pub fn parse(document: &str) -> Result<Vec<Verb>> {
    ensure!(
        document.len() <= 64 * 1024,
        "11750: the document is larger than 64 KiB"
    );
    let root = tree(document).context("12100: document parse failure")?;
    ensure!(
        root.name == "Response",
        "12100: the root element is not <Response>"
    );
    let mut verbs = Vec::new();
    for child in &root.children {
        verbs.extend(verb(child)?);
    }
    Ok(verbs)
}

fn tree(document: &str) -> Result<Element> {
    let mut reader = Reader::from_str(document.trim_start());
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event()? {
            Event::Start(start) => open.push(element(&start)?),
            Event::Empty(start) => open
                .last_mut()
                .context("no parent")?
                .children
                .push(element(&start)?),
            Event::End(_) => {
                let done = open.pop().context("an end without a start")?;
                open.last_mut()
                    .context("an end without a start")?
                    .children
                    .push(done);
            }
            Event::Text(text) => open.last_mut().context("no parent")?.text += &text.decode()?,
            Event::CData(text) => open.last_mut().context("no parent")?.text += &text.decode()?,
            Event::GeneralRef(name) => {
                let text = reference(&name.decode()?)?;
                open.last_mut().context("no parent")?.text.push(text);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    ensure!(open.len() == 1, "an element is not closed");
    let mut top = open.pop().context("no document")?;
    ensure!(
        top.children.len() == 1 && top.text.trim().is_empty(),
        "not exactly one root element"
    );
    top.children.pop().context("no root element")
}

fn reference(name: &str) -> Result<char> {
    let numbered = name
        .strip_prefix('#')
        .and_then(|digits| match digits.strip_prefix('x') {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => digits.parse().ok(),
        });
    Ok(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => numbered
            .and_then(char::from_u32)
            .with_context(|| format!("unknown entity &{name};"))?,
    })
}

fn element(start: &BytesStart<'_>) -> Result<Element> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute?;
        let name = String::from_utf8(attribute.key.as_ref().to_vec())?;
        attributes.push((name, attribute.unescape_value()?.into_owned()));
    }
    let name = String::from_utf8(start.name().as_ref().to_vec())?;
    Ok(Element {
        name,
        attributes,
        ..Element::default()
    })
}

impl Element {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str, default: u64) -> Result<u64> {
        self.get(name).map_or(Ok(default), |text| {
            text.parse()
                .with_context(|| format!("12200: {}.{name} is not a number", self.name))
        })
    }

    fn callback(&self, name: &str) -> Option<Callback> {
        let method = self.get(&format!("{name}Method")).or(if name == "action" {
            self.get("method")
        } else {
            None
        });
        Some(Callback {
            url: self.get(name)?.to_owned(),
            method: method.unwrap_or("POST").to_uppercase(),
            events: self
                .get(&format!("{name}Event"))
                .unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
        })
    }

    fn words(&self) -> String {
        let own = self.text.trim().to_owned();
        self.children
            .iter()
            .fold(own, |text, child| text + " " + &child.words())
            .trim()
            .to_owned()
    }
}

fn verb(element: &Element) -> Result<Vec<Verb>> {
    let repeat = u32::try_from(element.number("loop", 1)?)
        .unwrap_or(1)
        .clamp(1, 10);
    Ok(vec![match element.name.as_str() {
        "Say" => Verb::Say {
            text: element.words(),
            repeat,
        },
        "Play" => Verb::Play {
            url: element.text.trim().to_owned(),
            repeat,
        },
        "Pause" => Verb::Pause {
            seconds: element.number("length", 1)?,
        },
        "Gather" => Verb::Gather(gather(element)?),
        "Record" => Verb::Record(record(element)?),
        "Dial" => Verb::Dial(dial(element)?),
        "Redirect" => Verb::Redirect {
            url: element.text.trim().to_owned(),
            method: element.get("method").unwrap_or("POST").to_uppercase(),
        },
        "Hangup" => Verb::Hangup,
        "Reject" => Verb::Reject {
            reason: element.get("reason").unwrap_or("rejected").to_owned(),
        },
        "Message" | "Sms" => {
            let body = element
                .children
                .iter()
                .find(|child| child.name == "Body")
                .unwrap_or(element);
            Verb::Message {
                to: element.get("to").map(str::to_owned),
                body: body.text.trim().to_owned(),
            }
        }
        "Connect" => {
            let child = only_child(element)?;
            ensure!(
                child.name == "Stream",
                "12200: <Connect><{}> is not emulated",
                child.name
            );
            Verb::Connect(Stream {
                action: element.callback("action"),
                ..stream(child)?
            })
        }
        "Start" => match only_child(element)? {
            child if child.name == "Stream" => Verb::StartStream(stream(child)?),
            child if child.name == "Recording" => Verb::StartRecording {
                callback: child.callback("recordingStatusCallback"),
            },
            child => bail!("12200: <Start><{}> is not emulated", child.name),
        },
        "Stop" => Verb::StopStream {
            name: only_child(element)?.get("name").unwrap_or_default().to_owned(),
        },
        unknown => bail!("12200: schema validation: <{unknown}> is not a TwiML verb"),
    }])
}

fn only_child(element: &Element) -> Result<&Element> {
    let [child] = element.children.as_slice() else {
        bail!(
            "12200: schema validation: <{}> needs exactly one noun",
            element.name
        )
    };
    Ok(child)
}

fn gather(element: &Element) -> Result<Gather> {
    let mut prompts = Vec::new();
    for child in &element.children {
        ensure!(
            ["Say", "Play", "Pause"].contains(&child.name.as_str()),
            "12200: <{}> inside <Gather>",
            child.name
        );
        prompts.extend(verb(child)?);
    }
    Ok(Gather {
        action: element.callback("action"),
        digits: element.get("numDigits").and_then(|digits| digits.parse().ok()),
        timeout_s: element.number("timeout", 5)?,
        finish_on: element.get("finishOnKey").unwrap_or("#").to_owned(),
        on_empty: element.get("actionOnEmptyResult") == Some("true"),
        prompts,
    })
}

fn record(element: &Element) -> Result<Record> {
    Ok(Record {
        action: element.callback("action"),
        timeout_s: element.number("timeout", 5)?,
        max_s: element.number("maxLength", 3600)?,
        finish_on: element.get("finishOnKey").unwrap_or("1234567890*#").to_owned(),
        beep: element.get("playBeep") != Some("false"),
        callback: element.callback("recordingStatusCallback"),
    })
}

fn dial(element: &Element) -> Result<Dial> {
    let mut numbers = Vec::new();
    if !element.text.trim().is_empty() {
        numbers.push((element.text.trim().to_owned(), None));
    }
    for child in &element.children {
        ensure!(
            child.name == "Number",
            "12200: <Dial><{}> is not emulated",
            child.name
        );
        numbers.push((child.text.trim().to_owned(), child.callback("statusCallback")));
    }
    ensure!(!numbers.is_empty(), "13214: <Dial> has nobody to call");
    Ok(Dial {
        action: element.callback("action"),
        timeout_s: element.number("timeout", 30)?,
        caller_id: element.get("callerId").map(str::to_owned),
        numbers,
    })
}

fn stream(element: &Element) -> Result<Stream> {
    let mut parameters = Vec::new();
    for child in element.children.iter().filter(|child| child.name == "Parameter") {
        let (name, value) = (
            child.get("name").unwrap_or_default(),
            child.get("value").unwrap_or_default(),
        );
        ensure!(
            name.len() + value.len() <= 500,
            "12200: a <Parameter> is longer than 500 characters"
        );
        parameters.push((name.to_owned(), value.to_owned()));
    }
    Ok(Stream {
        url: element
            .get("url")
            .context("12200: <Stream> has no url")?
            .to_owned(),
        name: element.get("name").unwrap_or_default().to_owned(),
        track: element.get("track").unwrap_or("inbound_track").to_owned(),
        parameters,
        callback: element.callback("statusCallback"),
        action: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_becomes_verbs_in_order() {
        let verbs = parse(
            r#"<?xml version="1.0" encoding="UTF-8"?>
            <Response>
              <Say>Ann &amp; Ben&#39;s <prosody>shop</prosody></Say>
              <Connect action="https://x.test/a"><Stream url="wss://x.test/m/1" statusCallback="/s">
                <Parameter name="a" value="&lt;b&gt;"/></Stream></Connect>
              <Redirect method="GET">https://x.test/r?a=1&amp;b=2</Redirect>
            </Response>"#,
        )
        .unwrap();
        assert_eq!(
            verbs[0],
            Verb::Say {
                text: "Ann & Ben's shop".into(),
                repeat: 1
            }
        );
        let Verb::Connect(stream) = &verbs[1] else {
            panic!("{verbs:?}")
        };
        assert_eq!(stream.parameters, [("a".to_owned(), "<b>".to_owned())]);
        assert_eq!(stream.callback.as_ref().unwrap().url, "/s");
        assert_eq!(
            verbs[2],
            Verb::Redirect {
                url: "https://x.test/r?a=1&b=2".into(),
                method: "GET".into()
            }
        );
    }

    #[test]
    fn what_twilio_would_refuse_is_refused() {
        for bad in [
            "<Response>",
            "<Foo/>",
            "<Response><Sing/></Response>",
            "hello",
            "<Response><Connect/></Response>",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
