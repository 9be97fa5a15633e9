//! What a file is: what it is said to be is believed only where its first bytes agree.

/// What of a file is looked at to see what it is.
pub const HEAD_LEN: usize = 16;

/// What a file is. Pictures by their first bytes; sound, moving pictures and plain papers as said; all else, and whatever a
/// browser would run, is bytes to be saved.
pub fn recognise(said: &str, head: &[u8]) -> String {
    const PICTURES: [(&[u8], &str); 4] = [
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
    ];
    const PAPERS: [&str; 6] = [
        "application/pdf",
        "text/calendar",
        "text/csv",
        "text/plain",
        "text/vcard",
        "text/x-vcard",
    ];
    if let Some((_, kind)) = PICTURES.iter().find(|(magic, _)| head.starts_with(magic)) {
        return (*kind).to_owned();
    }
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return "image/webp".to_owned();
    }
    let sounds_or_moves = said.starts_with("audio/") || said.starts_with("video/");
    let is_markup = head.trim_ascii_start().starts_with(b"<") || head.starts_with(b"\xef\xbb\xbf<");
    if !is_markup && (sounds_or_moves || PAPERS.contains(&said)) {
        return said.to_owned();
    }
    "application/octet-stream".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_first_bytes_say() {
        for (said, head, expected) in [
            ("image/png", &b"\xff\xd8\xff\xe0...."[..], "image/jpeg"),
            ("image/svg+xml", b"<svg onload=1>", "application/octet-stream"),
            ("image/jpeg", b"<html><script>", "application/octet-stream"),
            ("audio/mpeg", b"  <html>", "application/octet-stream"),
            ("text/html", b"hello", "application/octet-stream"),
            ("image/heic", b"\0\0\0\x18ftypheic", "application/octet-stream"),
            ("audio/amr", b"#!AMR\n", "audio/amr"),
            ("video/3gpp", b"\0\0\0\x18ftyp3gp4", "video/3gpp"),
            ("text/vcard", b"BEGIN:VCARD\r\n", "text/vcard"),
            ("", b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        ] {
            assert_eq!(recognise(said, head), expected, "{said}");
        }
    }
}
