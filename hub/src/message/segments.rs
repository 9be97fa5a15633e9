//! How many texts a carrier makes of one: 7-bit letters where all fit the GSM alphabet, otherwise UTF-16.

/// Letters of the GSM 03.38 alphabet beside ASCII's, one septet each.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";
/// These cost two: an escape and the letter.
const EXTENDED: &str = "^{}\\[~]|€\u{c}";

/// Texts that a body is sent as; an empty one is one.
pub fn count(body: &str) -> i32 {
    let septets: Option<Vec<usize>> = body.chars().map(septets).collect();
    match septets {
        Some(costs) => pack(&costs, 160, 153),
        None => pack(&body.chars().map(char::len_utf16).collect::<Vec<_>>(), 70, 67),
    }
}

fn septets(letter: char) -> Option<usize> {
    if letter.is_ascii_alphanumeric() || BASIC.contains(letter) {
        Some(1)
    } else if EXTENDED.contains(letter) {
        Some(2)
    } else {
        None
    }
}

/// A letter is never split over two texts.
fn pack(costs: &[usize], single: usize, multiple: usize) -> i32 {
    if costs.iter().sum::<usize>() <= single {
        return 1;
    }
    let (mut parts, mut room) = (1, multiple);
    for cost in costs {
        if *cost > room {
            parts += 1;
            room = multiple;
        }
        room -= cost;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn texts_are_cut_as_carriers_do() {
        for (body, texts) in [
            (String::new(), 1),
            ("a".repeat(160), 1),
            ("a".repeat(161), 2),
            ("a".repeat(306), 2),
            ("a".repeat(307), 3),
            ("€".repeat(80), 1),
            ("€".repeat(81), 2),
            // 76 letters of two septets fill 152 of 153: the last septet stays empty.
            ("€".repeat(152), 2),
            ("€".repeat(153), 3),
            ("ж".repeat(70), 1),
            ("ж".repeat(71), 2),
            ("👍".repeat(35), 1),
            ("👍".repeat(36), 2),
            ("👍".repeat(67), 3),
            ("à la carte – 5".to_owned(), 1),
        ] {
            assert_eq!(count(&body), texts, "{body}");
        }
    }
}
