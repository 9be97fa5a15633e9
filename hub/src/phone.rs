//! Phone numbers as they come in from people and providers, and the one form (E.164) in which we keep them.

use phonenumber::country::Id;

/// E.164 of what somebody typed, or `None` when it is no phone number. A number with `+` is taken as it is, so that ranges
/// a numbering plan does not list yet work; one without is read as `country`'s (ISO 3166) and must be valid there.
pub fn normalise(text: &str, country: &str) -> Option<String> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix('+') {
        return international(rest);
    }
    if let Some(rest) = text.strip_prefix("00") {
        return international(rest);
    }
    let country: Id = country.parse().ok()?;
    let number = phonenumber::parse(Some(country), text).ok()?;
    number
        .is_valid()
        .then(|| number.format().mode(phonenumber::Mode::E164).to_string())
}

/// The sender of a provider's message or call, as an address: E.164 where it is a number, otherwise (short codes, names,
/// withheld numbers) as it came, cut to a sane length.
pub fn sender(text: &str) -> String {
    let text = text.trim();
    text.strip_prefix('+')
        .and_then(international)
        .unwrap_or_else(|| text.chars().take(40).collect())
}

/// Digits with the usual separators: 7 to 15 of them, the first not zero.
fn international(rest: &str) -> Option<String> {
    let digits: String = rest
        .chars()
        .filter(|letter| !matches!(letter, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}'))
        .collect();
    let well_formed = (7..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    well_formed.then(|| format!("+{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_has_one_form() {
        for (text, country, expected) in [
            ("+1 (415) 555-2671", "DE", Some("+14155552671")),
            ("(415) 555-2671", "US", Some("+14155552671")),
            ("030 901820", "DE", Some("+4930901820")),
            ("0049 30 901820", "US", Some("+4930901820")),
            ("+15550100", "US", Some("+15550100")),
            ("12345", "US", None),
            ("+0123456789", "US", None),
            ("+1415555267a", "US", None),
            ("", "US", None),
        ] {
            assert_eq!(normalise(text, country).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_sender_without_a_number_is_kept() {
        assert_eq!(sender("+15550100"), "+15550100");
        assert_eq!(sender(" 72975 "), "72975");
        assert_eq!(sender("ACME"), "ACME");
    }
}
