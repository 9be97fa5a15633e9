//! Contact cards (vCard 3.0), as the network's own clients write and read them.

/// Somebody's card; numbers in E.164. `waid` is by what the network knows a number: a touch on it begins a chat.
pub(super) fn write(name: &str, phones: &[String]) -> String {
    let numbers = phones.iter().map(|phone| {
        let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
        format!("TEL;type=CELL;waid={digits}:{}\n", escaped(phone))
    });
    let (name, numbers) = (escaped(name), numbers.collect::<String>());
    format!("BEGIN:VCARD\nVERSION:3.0\nN:;{name};;;\nFN:{name}\n{numbers}END:VCARD")
}

/// As a value is written: what would end it, or its line, is marked.
fn escaped(value: &str) -> String {
    let mut written = String::with_capacity(value.len());
    for letter in value.chars() {
        match letter {
            '\\' | ',' | ';' => written.extend(['\\', letter]),
            '\n' => written.push_str("\\n"),
            other if other.is_control() => {}
            other => written.push(other),
        }
    }
    written
}

/// The numbers on a card; phones put a group's name before what has a label.
pub(super) fn phones(card: &str) -> Vec<String> {
    let numbers = card.lines().filter_map(|line| {
        let (what, number) = line.rsplit_once(':')?;
        let what = what.split(';').next()?;
        let what = what.rsplit_once('.').map_or(what, |(_, what)| what);
        (what == "TEL").then(|| number.trim().to_owned())
    });
    numbers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_cannot_say_more_than_a_name_and_numbers() {
        let card = write(
            "Ben; of \"A, B\\C\"\r\nTEL:+1",
            &["+15550107".to_owned(), "+15550108".to_owned()],
        );
        let expected = "BEGIN:VCARD\nVERSION:3.0\nN:;Ben\\; of \"A\\, B\\\\C\"\\nTEL:+1;;;\n\
                        FN:Ben\\; of \"A\\, B\\\\C\"\\nTEL:+1\n\
                        TEL;type=CELL;waid=15550107:+15550107\n\
                        TEL;type=CELL;waid=15550108:+15550108\nEND:VCARD";
        assert_eq!(card, expected);
        assert_eq!(phones(&card), ["+15550107", "+15550108"]);
    }

    #[test]
    fn numbers_are_found_on_what_phones_write() {
        let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ben\r\nitem1.TEL;waid=15550107:+1 555-0107\r\n\
                    item1.X-ABLabel:Mobile\r\nTEL:+15550108\r\nTELEX:5\r\nEND:VCARD";
        assert_eq!(phones(card), ["+1 555-0107", "+15550108"]);
    }
}
