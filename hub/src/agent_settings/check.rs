//! What agent settings must hold: all faults at once, each at its field.

use super::hours::minutes;
use super::{AgentSettings, ClosedRule, Fallback, MenuAction};
use crate::error::{Error, FieldFault, Result};

const VOICES: [&str; 10] = [
    "alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar",
];

pub(super) fn check(settings: &AgentSettings) -> Result<()> {
    let mut faults = Faults(Vec::new());
    words(settings, &mut faults);
    limits(settings, &mut faults);
    numbers(settings, &mut faults);
    menu(settings, &mut faults);
    if let Some(hours) = &settings.hours {
        faults.unless(
            jiff::tz::TimeZone::get(&hours.timezone).is_ok(),
            "hours.timezone",
            "must be an IANA time zone such as Europe/Berlin",
        );
        faults.unless(hours.days.len() <= 50, "hours.days", "must be 50 or fewer");
        for (at, opening) in hours.days.iter().enumerate() {
            let holds =
                matches!((minutes(&opening.from), minutes(&opening.to)), (Some(from), Some(to)) if from < to);
            faults.unless(
                holds,
                format!("hours.days.{at}"),
                "from and to must be HH:MM, from before to",
            );
        }
    }
    if faults.0.is_empty() {
        return Ok(());
    }
    let detail = "some settings cannot be as they are".to_owned();
    Err(Error::Invalid {
        code: "invalid",
        detail,
        fields: faults.0,
    })
}

struct Faults(Vec<FieldFault>);

impl Faults {
    fn unless(&mut self, holds: bool, field: impl Into<String>, message: &str) {
        if !holds {
            self.0.push(FieldFault {
                field: field.into(),
                message: message.to_owned(),
            });
        }
    }
}

fn words(settings: &AgentSettings, faults: &mut Faults) {
    let name = settings.name.trim().chars().count();
    faults.unless((1..=60).contains(&name), "name", "must have 1 to 60 characters");
    let greeting = settings.greeting.trim().chars().count();
    faults.unless(
        (1..=500).contains(&greeting),
        "greeting",
        "must have 1 to 500 characters",
    );
    let instructions = settings.instructions.chars().count();
    faults.unless(
        instructions <= 8_000,
        "instructions",
        "must have 8,000 characters or fewer",
    );
    faults.unless(
        VOICES.contains(&&*settings.voice),
        "voice",
        "must be one of the model's voices",
    );
    let language = settings.language.split('-').next().unwrap_or_default();
    let plain = (2..=3).contains(&language.len())
        && settings.language.len() <= 35
        && settings
            .language
            .chars()
            .all(|char| char.is_ascii_alphanumeric() || char == '-');
    faults.unless(plain, "language", "must be a language tag such as en or pt-BR");
}

fn limits(settings: &AgentSettings, faults: &mut Faults) {
    faults.unless(
        (30..=14_000).contains(&settings.max_duration_s),
        "max_duration_s",
        "must be between 30 and 14000: the network ends a call at four hours",
    );
    faults.unless(
        (5..=120).contains(&settings.silence_s),
        "silence_s",
        "must be between 5 and 120",
    );
}

fn numbers(settings: &AgentSettings, faults: &mut Faults) {
    let forwards =
        settings.over_capacity == Fallback::Forward || settings.outside_hours == ClosedRule::Forward;
    faults.unless(
        settings.forward_to.is_some() || !forwards,
        "forward_to",
        "must be set when calls are forwarded",
    );
    if let Some(number) = &settings.forward_to {
        faults.unless(
            is_e164(number),
            "forward_to",
            "must be a number such as +15550100",
        );
    }
    let targets = &settings.transfer_targets;
    faults.unless(targets.len() <= 20, "transfer_targets", "must be 20 or fewer");
    for (at, target) in targets.iter().enumerate() {
        let name = target.name.trim().chars().count();
        faults.unless(
            (1..=60).contains(&name),
            format!("transfer_targets.{at}.name"),
            "must have 1 to 60 characters",
        );
        let first = targets
            .iter()
            .take(at)
            .all(|other| !other.name.eq_ignore_ascii_case(&target.name));
        faults.unless(first, format!("transfer_targets.{at}.name"), "is there twice");
        let field = format!("transfer_targets.{at}.number");
        faults.unless(
            is_e164(&target.number),
            field,
            "must be a number such as +15550100",
        );
    }
}

fn menu(settings: &AgentSettings, faults: &mut Faults) {
    faults.unless(settings.menu.len() <= 10, "menu", "must be 10 keys or fewer");
    for (at, item) in settings.menu.iter().enumerate() {
        let digit = matches!(item.digit.as_bytes(), [b'0'..=b'9']);
        faults.unless(digit, format!("menu.{at}.digit"), "must be one key, 0 to 9");
        let first = settings
            .menu
            .iter()
            .take(at)
            .all(|other| other.digit != item.digit);
        faults.unless(first, format!("menu.{at}.digit"), "is there twice");
        let label = item.label.trim().chars().count();
        faults.unless(
            (1..=80).contains(&label),
            format!("menu.{at}.label"),
            "must have 1 to 80 characters",
        );
        let reachable = item.action != MenuAction::Transfer
            || item
                .transfer_to
                .as_deref()
                .is_some_and(|to| settings.target(to).is_some());
        faults.unless(
            reachable,
            format!("menu.{at}.transfer_to"),
            "must be one of the transfer targets",
        );
    }
}

/// `+`, a country's first digit, and 6 to 14 more: nothing that a dialler could read as anything but a number.
fn is_e164(number: &str) -> bool {
    match number.as_bytes() {
        [b'+', b'1'..=b'9', rest @ ..] => {
            (6..=14).contains(&rest.len()) && rest.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MenuItem, TransferTarget};
    use super::*;

    #[test]
    fn the_defaults_hold() {
        assert!(check(&AgentSettings::default()).is_ok());
    }

    #[test]
    fn every_fault_is_named_at_its_field() {
        let settings = AgentSettings {
            voice: "nobody".into(),
            greeting: " ".into(),
            silence_s: 1,
            outside_hours: ClosedRule::Forward,
            transfer_targets: vec![TransferTarget {
                name: "Sales".into(),
                number: "sip:x@y".into(),
            }],
            menu: vec![MenuItem {
                digit: "12".into(),
                label: "sales".into(),
                action: MenuAction::Transfer,
                transfer_to: Some("support".into()),
            }],
            ..AgentSettings::default()
        };
        let Err(Error::Invalid { fields, .. }) = check(&settings) else {
            panic!("refused")
        };
        let named: Vec<_> = fields.iter().map(|fault| &*fault.field).collect();
        assert_eq!(
            named,
            [
                "greeting",
                "voice",
                "silence_s",
                "forward_to",
                "transfer_targets.0.number",
                "menu.0.digit",
                "menu.0.transfer_to"
            ]
        );
    }

    #[test]
    fn numbers_are_numbers() {
        assert!(is_e164("+15550100") && is_e164("+4915550100123"));
        for wrong in [
            "15550100",
            "+05550100",
            "+1555",
            "+1555;ext=1",
            "+1 555 0100",
            "client:me",
            "+１5550100",
        ] {
            assert!(!is_e164(wrong), "{wrong}");
        }
    }
}
