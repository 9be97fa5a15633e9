//! The framing against itself, cut at every byte, and against what must be refused.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use proptest::prelude::*;

use super::*;

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let key = [7_u8, 19, 201, 3];
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(MASKED | u8::try_from(len).unwrap()),
        len @ 126..=65_535 => {
            bytes.push(MASKED + 126);
            bytes.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
        len => {
            bytes.push(MASKED + 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend(key);
    bytes.extend(
        payload
            .iter()
            .zip(key.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    bytes
}

fn all(bytes: &[u8]) -> Result<Vec<Received>, Fault> {
    let mut decoder = Decoder::default();
    decoder.buffer().extend_from_slice(bytes);
    let mut received = Vec::new();
    while let Some(one) = decoder.next(Instant::now())? {
        received.push(one);
    }
    Ok(received)
}

fn code(bytes: &[u8]) -> u16 {
    all(bytes).expect_err("it must be refused").code
}

#[test]
fn what_breaks_the_protocol_is_refused_with_its_code() {
    assert_eq!(code(&[0x81, 0x00]), 1002, "unmasked");
    assert_eq!(code(&masked(0xC1, b"x")), 1002, "reserved bit");
    assert_eq!(code(&masked(0x83, b"x")), 1002, "reserved opcode");
    assert_eq!(code(&masked(0x82, b"x")), 1003, "binary");
    assert_eq!(code(&masked(0x80, b"x")), 1002, "continuation of nothing");
    assert_eq!(code(&masked(0x09, b"x")), 1002, "fragmented ping");
    assert_eq!(code(&masked(0x89, &[0; 126])), 1002, "long ping");
    assert_eq!(code(&masked(0x88, &[3])), 1002, "half a close code");
    for bad in [0_u16, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
        assert_eq!(code(&masked(0x88, &bad.to_be_bytes())), 1002, "{bad}");
    }
    assert_eq!(code(&masked(0x81, &[0xFF])), 1007, "not UTF-8");
    let two_starts = [masked(0x01, b"a"), masked(0x81, b"b")].concat();
    assert_eq!(code(&two_starts), 1002, "a message inside a message");
}

#[test]
fn sizes_are_refused_from_the_header_alone() {
    let mut huge = vec![0x81, MASKED + 127];
    huge.extend(((1_u64 << 63) - 1).to_be_bytes());
    assert_eq!(code(&huge), 1009);
    assert_eq!(code(&masked(0x81, &vec![b'x'; MESSAGE_BYTES_MAX + 1])), 1009);
    assert_eq!(
        all(&masked(0x81, &vec![b'x'; MESSAGE_BYTES_MAX])).unwrap().len(),
        1
    );
    let half = vec![b'x'; MESSAGE_BYTES_MAX / 2 + 1];
    assert_eq!(code(&[masked(0x01, &half), masked(0x80, &half)].concat()), 1009);
}

#[test]
fn fragments_are_counted() {
    let message = |fragments: usize| {
        let mut bytes = masked(0x01, b"");
        for _ in 2..fragments {
            bytes.extend(masked(0x00, b""));
        }
        bytes.extend(masked(0x80, b"end"));
        bytes
    };
    assert_eq!(all(&message(64)).unwrap(), [Received::Text("end".into())]);
    assert_eq!(code(&message(65)), 1008);
}

#[test]
fn a_message_has_five_seconds() {
    let start = Instant::now();
    let mut decoder = Decoder::default();
    decoder.buffer().extend_from_slice(&masked(0x01, b"half"));
    assert_eq!(decoder.next(start), Ok(None));
    // Further bytes of the same message do not buy time.
    decoder.buffer().extend_from_slice(&masked(0x00, b"more"));
    assert_eq!(decoder.next(start + Duration::from_secs(4)), Ok(None));
    assert_eq!(decoder.deadline(), Some(start + MESSAGE_TIME_MAX));
    decoder.buffer().extend_from_slice(&masked(0x80, b"end"));
    let late = decoder.next(start + Duration::from_secs(5));
    assert_eq!(late.unwrap_err().code, 1008);
}

#[test]
fn an_idle_socket_holds_no_buffer() {
    let mut decoder = Decoder::default();
    decoder.buffer().extend_from_slice(&masked(0x81, b"hello"));
    assert!(decoder.next(Instant::now()).unwrap().is_some());
    assert_eq!(decoder.buffer().capacity(), 0);
    assert_eq!(decoder.deadline(), None);
}

#[test]
fn server_frames_have_the_shortest_length() {
    assert_eq!(text(b"hi")[..], [0x81, 2, b'h', b'i']);
    assert_eq!(text(&[b'x'; 126])[..4], [0x81, 126, 0, 126]);
    assert_eq!(
        text(&vec![b'x'; 65_536])[..10],
        [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]
    );
    assert_eq!(close(1012, "bye")[..], [0x88, 5, 0x03, 0xF4, b'b', b'y', b'e']);
}

proptest! {
    #[test]
    fn messages_survive_any_cut(texts in prop::collection::vec(".{0,300}", 1..6), pieces in 1_usize..5, chunk in 1_usize..40) {
        let mut bytes = Vec::new();
        for text in &texts {
            let parts: Vec<&[u8]> = text.as_bytes().chunks(text.len() / pieces + 1).collect();
            let parts = if parts.is_empty() { vec![&b""[..]] } else { parts };
            for (i, part) in parts.iter().enumerate() {
                let fin = if i + 1 == parts.len() { FIN } else { 0 };
                bytes.extend(masked(fin | if i == 0 { TEXT } else { CONTINUATION }, part));
                bytes.extend(masked(FIN | PING, b"between"));
            }
        }
        let mut decoder = Decoder::default();
        let mut heard = Vec::new();
        for piece in bytes.chunks(chunk) {
            decoder.buffer().extend_from_slice(piece);
            while let Some(one) = decoder.next(Instant::now()).unwrap() {
                if let Received::Text(text) = one { heard.push(text); }
            }
        }
        prop_assert_eq!(heard, texts);
        prop_assert_eq!(decoder.deadline(), None);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut decoder = Decoder::default();
        *decoder.buffer() = BytesMut::from(&bytes[..]);
        while let Ok(Some(_)) = decoder.next(Instant::now()) {}
    }
}
