//! G.711 μ-law at 8 kHz: frames, loudness, WAV files in and out.
use std::io::Cursor;

use anyhow::{Context, Result, ensure};
use audio_codec_algorithms::{decode_ulaw, encode_ulaw};

/// Bytes in one 20 ms frame.
pub const FRAME: usize = 160;
/// The byte that is silence.
pub const SILENCE: u8 = 0xFF;
/// Bytes in one millisecond.
pub const PER_MS: usize = 8;

/// Milliseconds that `bytes` of μ-law last.
pub fn duration_ms(bytes: usize) -> u64 {
    (bytes / PER_MS) as u64
}

/// `ms` milliseconds of silence.
pub fn silence(ms: usize) -> Vec<u8> {
    vec![SILENCE; ms * PER_MS]
}

/// Linear samples to μ-law.
pub fn encode(samples: &[i16]) -> Vec<u8> {
    samples.iter().map(|sample| encode_ulaw(*sample)).collect()
}

/// μ-law to linear samples.
pub fn decode(audio: &[u8]) -> Vec<i16> {
    audio.iter().map(|byte| decode_ulaw(*byte)).collect()
}

/// Root mean square of the samples, 0 to 32,124.
pub fn loudness(audio: &[u8]) -> f64 {
    if audio.is_empty() {
        return 0.0;
    }
    let sum: f64 = audio
        .iter()
        .map(|byte| f64::from(decode_ulaw(*byte)).powi(2))
        .sum();
    (sum / f64::from(u32::try_from(audio.len()).unwrap_or(u32::MAX))).sqrt()
}

/// A WAV file (16-bit, 8 kHz, mono) of μ-law audio.
pub fn to_wav(audio: &[u8]) -> Result<Vec<u8>> {
    wav(&[decode(audio)], 8000)
}

/// A WAV file with one channel per list of samples; the shorter ones are padded with silence.
pub fn wav(channels: &[Vec<i16>], sample_rate: u32) -> Result<Vec<u8>> {
    let spec = hound::WavSpec {
        channels: u16::try_from(channels.len()).context("count the channels")?,
        sample_rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).context("open a WAV file")?;
    let length = channels.iter().map(Vec::len).max().unwrap_or(0);
    for at in 0..length {
        for channel in channels {
            writer
                .write_sample(channel.get(at).copied().unwrap_or(0))
                .context("write a sample")?;
        }
    }
    writer.finalize().context("close the WAV file")?;
    Ok(file.into_inner())
}

/// Any PCM WAV file as 8 kHz μ-law (the first channel of it).
pub fn from_wav(bytes: &[u8]) -> Result<Vec<u8>> {
    if let Some(audio) = raw_ulaw_wav(bytes) {
        return Ok(audio);
    }
    let mut reader = hound::WavReader::new(Cursor::new(bytes)).context("read the WAV header")?;
    let spec = reader.spec();
    ensure!(
        spec.bits_per_sample == 16,
        "only 16-bit or μ-law WAV files are understood"
    );
    let samples: Vec<i16> = reader
        .samples::<i16>()
        .step_by(usize::from(spec.channels.max(1)))
        .collect::<std::result::Result<_, _>>()
        .context("read the samples")?;
    Ok(encode(&resample(&samples, spec.sample_rate, 8000)))
}

/// The data of a WAV file whose format is μ-law (7) at 8 kHz mono; `hound` does not know that format.
fn raw_ulaw_wav(bytes: &[u8]) -> Option<Vec<u8>> {
    let format = u16::from_le_bytes(bytes.get(20..22)?.try_into().ok()?);
    let rate = u32::from_le_bytes(bytes.get(24..28)?.try_into().ok()?);
    if format != 7 || rate != 8000 {
        return None;
    }
    let data = bytes.windows(4).position(|window| window == b"data")?;
    bytes.get(data + 8..).map(<[u8]>::to_vec)
}

/// Resamples by a windowed sinc whose cut-off is the lower of the two Nyquist frequencies.
pub fn resample(samples: &[i16], from: u32, to: u32) -> Vec<i16> {
    if from == to || samples.is_empty() {
        return samples.to_vec();
    }
    let step = f64::from(from) / f64::from(to);
    let cutoff = (1.0 / step).min(1.0) * 0.95;
    let reach = 16.0 * step.max(1.0);
    let signal = Signal {
        samples,
        cutoff,
        reach,
    };
    let mut out = Vec::new();
    let mut at = 0.0;
    let end = f64::from(u32::try_from(samples.len()).unwrap_or(u32::MAX));
    while at < end {
        out.push(signal.at(at));
        at += step;
    }
    out
}

struct Signal<'a> {
    samples: &'a [i16],
    cutoff: f64,
    reach: f64,
}

impl Signal<'_> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "positions and samples are clamped to their ranges"
    )]
    fn at(&self, position: f64) -> i16 {
        let first = (position - self.reach).ceil() as i64;
        let last = (position + self.reach).floor() as i64;
        let mut sum = 0.0;
        for index in first..=last {
            let Some(sample) = usize::try_from(index)
                .ok()
                .and_then(|index| self.samples.get(index))
            else {
                continue;
            };
            let distance = position - f64::from(i32::try_from(index).unwrap_or(i32::MAX));
            sum += f64::from(*sample) * self.weight(distance);
        }
        sum.clamp(-32_768.0, 32_767.0) as i16
    }

    fn weight(&self, distance: f64) -> f64 {
        use std::f64::consts::PI;
        let window = 0.5 + 0.5 * (PI * distance / self.reach).cos();
        let x = PI * distance * self.cutoff;
        let sinc = if x.abs() < 1e-9 { 1.0 } else { x.sin() / x };
        window * sinc * self.cutoff
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wav_file_comes_back_as_the_same_ulaw() {
        let audio: Vec<u8> = (0..=255).filter(|byte| *byte != 0x7F).collect();
        assert_eq!(from_wav(&to_wav(&audio).unwrap()).unwrap(), audio);
    }

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "the amplitude is 8,000")]
    fn resampling_keeps_a_low_tone_and_its_loudness() {
        let tone: Vec<i16> = (0..16_000)
            .map(|n| ((f64::from(n) * 0.1).sin() * 8000.0) as i16)
            .collect();
        let slow = encode(&resample(&tone, 16_000, 8000));
        assert_eq!(slow.len(), 8000);
        assert!(
            (loudness(&slow) - 5657.0).abs() < 150.0,
            "loudness {}",
            loudness(&slow)
        );
    }
}
