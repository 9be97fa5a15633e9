//! Web forms: what a form asks for, from which sites it may be sent, and reading what came in.

mod limit;

use serde::{Deserialize, Serialize};

pub use limit::admit;

use crate::error::{Error, Result};

/// Fields of one form at most.
const FIELDS_MAX: usize = 40;
/// Characters of one answer at most.
const VALUE_MAX: usize = 8_000;

/// A form's settings, in its inbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The heading that the snippet shows, and the first line of the message.
    pub title: String,
    /// What is asked, in order.
    pub fields: Vec<Field>,
    /// Sites whose scripts may send it, such as `https://example.com`; none is all of them. A plain form post needs none.
    pub allowed_origins: Vec<String>,
    /// Shown after sending.
    pub thank_you: String,
    /// Where a plain form post leads afterwards, instead of the thank-you page.
    pub redirect_url: Option<String>,
}

/// One thing a form asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The field's name in posts: lower-case letters, digits, `_`.
    pub name: String,
    /// What people read.
    pub label: String,
    /// What it is; decides the keyboard and who the contact is.
    #[serde(default)]
    pub kind: FieldKind,
    /// Whether it must be filled in.
    #[serde(default)]
    pub required: bool,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// One line.
    #[default]
    Text,
    /// Several lines.
    Long,
    /// The contact's name.
    Name,
    /// The contact's phone number.
    Phone,
    /// The contact's e-mail address.
    Mail,
}

impl Default for Settings {
    fn default() -> Self {
        let field = |name: &str, label: &str, kind, required| Field {
            name: name.to_owned(),
            label: label.to_owned(),
            kind,
            required,
        };
        Self {
            title: "Contact us".to_owned(),
            fields: vec![
                field("name", "Your name", FieldKind::Name, true),
                field("phone", "Phone", FieldKind::Phone, false),
                field("email", "E-mail", FieldKind::Mail, false),
                field("message", "How can we help?", FieldKind::Long, true),
            ],
            allowed_origins: Vec::new(),
            thank_you: "Thank you. We will get back to you shortly.".to_owned(),
            redirect_url: None,
        }
    }
}

impl Settings {
    /// Reads an inbox's settings; what is not set is as in [`Settings::default`].
    pub fn read(settings: &serde_json::Value) -> Result<Self> {
        let read: Self = serde_json::from_value(settings.clone())
            .map_err(|fault| Error::field("settings", fault.to_string()))?;
        let named = |field: &Field| {
            let plain =
                |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
            !field.name.is_empty()
                && field.name.len() <= 40
                && field.name.chars().all(plain)
                && !field.name.starts_with('_')
                && field.label.chars().count() <= 200
        };
        if read.fields.is_empty() || read.fields.len() > FIELDS_MAX || !read.fields.iter().all(named) {
            return Err(Error::field(
                "settings.fields",
                "must be 1 to 40 fields, named with a-z, 0-9 and _, with labels up to 200 characters",
            ));
        }
        let origin = |text: &String| {
            url::Url::parse(text).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == *text
            })
        };
        if !read.allowed_origins.iter().all(origin) {
            return Err(Error::field(
                "settings.allowed_origins",
                "each must be scheme and host, such as https://example.com",
            ));
        }
        let web =
            |text: &String| url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !read.redirect_url.iter().all(web) {
            return Err(Error::field(
                "settings.redirect_url",
                "must be an http or https address",
            ));
        }
        Ok(read)
    }

    /// Whether a script of this site may send the form.
    pub fn allows(&self, origin: &str) -> bool {
        self.allowed_origins.is_empty() || self.allowed_origins.iter().any(|allowed| allowed == origin)
    }
}

/// What somebody filled in, checked against the form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filled {
    /// The form's title.
    pub title: String,
    /// Who they say they are.
    pub name: Option<String>,
    /// E.164.
    pub phone: Option<String>,
    /// Lower case.
    pub mail: Option<String>,
    /// Label and answer, in the form's order; what says who they are is in it too.
    pub answers: Vec<(String, String)>,
}

impl Filled {
    /// Checks answers by field name. All faults at once.
    pub fn read(settings: &Settings, country: &str, answer: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut filled = Self {
            title: settings.title.clone(),
            name: None,
            phone: None,
            mail: None,
            answers: Vec::new(),
        };
        let mut faults = Vec::new();
        for field in &settings.fields {
            let value = answer(&field.name)
                .map(|value| clean(&value))
                .filter(|value| !value.is_empty());
            let taken = match value {
                Some(value) => filled.take(field, value, country),
                None if field.required => Err("please fill this in"),
                None => Ok(()),
            };
            if let Err(message) = taken {
                faults.push(fault(field, message));
            }
        }
        if faults.is_empty() && filled.answers.is_empty() {
            faults.extend(
                settings
                    .fields
                    .first()
                    .map(|field| fault(field, "please fill this in")),
            );
        }
        if faults.is_empty() {
            return Ok(filled);
        }
        Err(Error::Invalid {
            code: "invalid",
            detail: "some answers need another look".to_owned(),
            fields: faults,
        })
    }

    fn take(&mut self, field: &Field, mut value: String, country: &str) -> Result<(), &'static str> {
        if value.chars().count() > VALUE_MAX {
            return Err("this is too long");
        }
        match field.kind {
            FieldKind::Text | FieldKind::Long => {}
            FieldKind::Name => self.name = Some(value.chars().take(120).collect()),
            FieldKind::Phone => {
                let number = crate::phone::normalise(&value, country)
                    .ok_or("this does not look like a phone number; try it with the country code")?;
                value.clone_from(&number);
                self.phone = Some(number);
            }
            FieldKind::Mail => {
                value.make_ascii_lowercase();
                if !looks_like_mail(&value) {
                    return Err("this does not look like an e-mail address");
                }
                self.mail = Some(value.clone());
            }
        }
        self.answers.push((field.label.clone(), value));
        Ok(())
    }

    /// The message's text: the form's title, then each answer under its label.
    pub fn text(&self) -> String {
        let mut text = self.title.clone();
        for (label, answer) in &self.answers {
            text.push('\n');
            text.push_str(label);
            text.push_str(": ");
            text.push_str(answer);
        }
        text.chars().take(crate::message::BODY_MAX).collect()
    }
}

fn fault(field: &Field, message: &str) -> crate::error::FieldFault {
    crate::error::FieldFault {
        field: field.name.clone(),
        message: message.to_owned(),
    }
}

/// Without control characters (Postgres takes no NUL; screens no escapes), trimmed.
fn clean(text: &str) -> String {
    let keep = |letter: &char| !letter.is_control() || *letter == '\n';
    text.replace("\r\n", "\n")
        .chars()
        .filter(keep)
        .collect::<String>()
        .trim()
        .to_owned()
}

fn looks_like_mail(text: &str) -> bool {
    text.len() <= 254
        && !text.contains(char::is_whitespace)
        && text.split_once('@').is_some_and(|(before, host)| {
            !before.is_empty()
                && !host.contains('@')
                && host.contains('.')
                && !host.starts_with('.')
                && !host.ends_with('.')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Filled> {
        Filled::read(&Settings::default(), "US", |name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_filled_form_says_who_and_what() {
        let filled = read(&[
            ("name", " Ada\0 "),
            ("phone", "+1 (555) 0100"),
            ("email", "Ada@Example.com"),
            ("message", "My sink\r\nleaks"),
        ])
        .unwrap();
        assert_eq!(filled.name.as_deref(), Some("Ada"));
        assert_eq!(filled.phone.as_deref(), Some("+15550100"));
        assert_eq!(filled.mail.as_deref(), Some("ada@example.com"));
        assert!(filled.text().ends_with("How can we help?: My sink\nleaks"));
    }

    #[test]
    fn all_faults_are_named_at_once() {
        let Err(Error::Invalid { fields, .. }) = read(&[("phone", "call me"), ("email", "nobody")]) else {
            panic!("it was taken");
        };
        let names: Vec<_> = fields.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(names, ["name", "phone", "email", "message"]);
    }

    #[test]
    fn origins_are_compared_whole() {
        let settings =
            Settings::read(&serde_json::json!({ "allowed_origins": ["https://example.com"] })).unwrap();
        assert!(settings.allows("https://example.com"));
        for other in [
            "https://example.com.evil.example",
            "http://example.com",
            "null",
            "",
        ] {
            assert!(!settings.allows(other), "{other}");
        }
        for bad in ["https://example.com/", "example.com", "javascript:1"] {
            assert!(
                Settings::read(&serde_json::json!({ "allowed_origins": [bad] })).is_err(),
                "{bad}"
            );
        }
    }
}
