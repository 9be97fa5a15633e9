//! μ-law: loudness for meters, samples for recordings, and the one tone we make ourselves.

use std::sync::LazyLock;

use audio_codec_algorithms::{decode_ulaw, encode_ulaw};

/// Samples a second; one byte each.
pub(crate) const RATE: usize = 8_000;
/// A frame of 20 ms.
pub(crate) const FRAME: usize = 160;
/// μ-law for silence.
pub(crate) const SILENCE: u8 = 0xff;
/// Mean loudness above this is a voice rather than a quiet line.
const VOICE: f32 = 0.012;
/// How loud each byte is.
static LOUDNESS: LazyLock<[u16; 256]> = LazyLock::new(|| {
    let mut table = [0; 256];
    for (byte, loudness) in (0..=u8::MAX).zip(&mut table) {
        *loudness = decode_ulaw(byte).unsigned_abs();
    }
    table
});

/// Mean loudness, 0 to 1.
pub(crate) fn loudness(audio: &[u8]) -> f32 {
    if audio.is_empty() {
        return 0.0;
    }
    let table = &*LOUDNESS;
    let sum: u64 = audio
        .iter()
        .filter_map(|byte| table.get(usize::from(*byte)))
        .map(|loudness| u64::from(*loudness))
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "a meter's precision")]
    let mean = sum as f32 / audio.len() as f32;
    (mean / 32_768.0).min(1.0)
}

/// The same for a meter on a screen: speech fills it, whispers show.
pub(crate) fn meter(audio: &[u8]) -> f32 {
    (loudness(audio) * 6.0).sqrt().min(1.0)
}

/// Whether somebody speaks in it.
pub(crate) fn is_voice(audio: &[u8]) -> bool {
    loudness(audio) > VOICE
}

/// A recording as a WAV file of 16-bit samples.
pub(crate) fn to_wav(audio: &[u8]) -> anyhow::Result<Vec<u8>> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = std::io::Cursor::new(Vec::with_capacity(44 + audio.len() * 2));
    let mut writer = hound::WavWriter::new(&mut file, spec)?;
    for byte in audio {
        writer.write_sample(decode_ulaw(*byte))?;
    }
    writer.finalize()?;
    Ok(file.into_inner())
}

/// 16-bit samples of any rate as μ-law at 8 kHz, through a low-pass at 3.6 kHz.
pub(crate) fn from_samples(samples: &[i16], rate: u32) -> Vec<u8> {
    let step = f64::from(rate) / 8_000.0;
    let cutoff = 3_600.0 / f64::from(rate);
    let reach = 8.0 * step.max(1.0);
    let mut at = 0.0;
    let mut out = Vec::new();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "indices of a prompt's samples, and a clamped sample"
    )]
    while (at as usize) < samples.len() {
        let first = (at - reach).max(0.0) as usize;
        let last = ((at + reach) as usize).min(samples.len());
        let (mut sum, mut weight) = (0.0, 0.0);
        for (index, sample) in samples.iter().enumerate().take(last).skip(first) {
            let distance = index as f64 - at;
            let window = 0.5 + 0.5 * (std::f64::consts::PI * distance / reach).cos();
            let tap = sinc(2.0 * cutoff * distance) * window;
            sum += f64::from(*sample) * tap;
            weight += tap;
        }
        let value = if weight == 0.0 { 0.0 } else { sum / weight };
        out.push(encode_ulaw(value.clamp(-32_000.0, 32_000.0) as i16));
        at += step;
    }
    out
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        1.0
    } else {
        (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x)
    }
}

/// The tone before a recording.
pub(crate) fn beep() -> Vec<u8> {
    (0..3_200_u16)
        .map(|n| {
            let phase = f64::from(n) * 1_000.0 / 8_000.0 * std::f64::consts::TAU;
            #[expect(clippy::cast_possible_truncation, reason = "within 16 bits by its factor")]
            encode_ulaw((phase.sin() * 8_000.0) as i16)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_a_voice_and_silence_is_not() {
        assert!(is_voice(&beep()) && !is_voice(&[SILENCE; FRAME]));
        assert!(meter(&beep()) > 0.5 && meter(&[SILENCE; FRAME]) < 0.05);
        assert!(loudness(&[]).abs() < f32::EPSILON);
    }

    #[test]
    fn resampling_keeps_length_and_loudness() {
        let samples: Vec<i16> = (0..22_050)
            .map(|n| {
                #[expect(clippy::cast_possible_truncation, reason = "within 16 bits by its factor")]
                let sample =
                    ((f64::from(n) * 440.0 / 22_050.0 * std::f64::consts::TAU).sin() * 8_000.0) as i16;
                sample
            })
            .collect();
        let audio = from_samples(&samples, 22_050);
        assert!(audio.len().abs_diff(RATE) <= 1);
        let expected = 8_000.0 * 2.0 / std::f32::consts::PI / 32_768.0;
        assert!((loudness(&audio) - expected).abs() < 0.01, "{}", loudness(&audio));
    }

    #[test]
    fn a_recording_is_a_wav_file() {
        let wav = to_wav(&[SILENCE; 80]).unwrap();
        let reader = hound::WavReader::new(&*wav).unwrap();
        assert_eq!((reader.spec().sample_rate, reader.duration()), (8_000, 80));
    }
}
