//! `/v1/embeddings`: deterministic, and nearer to each other the more words two texts share.
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::world::World;

pub(crate) async fn serve(State(world): State<Arc<World>>, Json(request): Json<Value>) -> Json<Value> {
    let texts: Vec<String> = match request.get("input") {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(list)) => list
            .iter()
            .map(|text| text.as_str().unwrap_or_default().to_owned())
            .collect(),
        _ => Vec::new(),
    };
    let size = request
        .get("dimensions")
        .and_then(Value::as_u64)
        .unwrap_or(1536)
        .clamp(1, 4096);
    let packed = request.get("encoding_format") == Some(&json!("base64"));
    world.ledger.record("embeddings", json!({"texts": texts.len()}));
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let vector = embed(text, usize::try_from(size).unwrap_or(1536));
            let embedding = if packed {
                json!(
                    STANDARD.encode(
                        vector
                            .iter()
                            .flat_map(|value| value.to_le_bytes())
                            .collect::<Vec<u8>>()
                    )
                )
            } else {
                json!(vector)
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let tokens: usize = texts.iter().map(|text| text.len() / 4 + 1).sum();
    let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    Json(json!({"object": "list", "data": data, "model": request.get("model"), "usage": usage}))
}

/// Every word votes on a few places of the vector, which then has length one.
fn embed(text: &str, size: usize) -> Vec<f32> {
    let mut vector = vec![0.0_f32; size];
    let lower = text.to_lowercase();
    let words = lower
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty());
    for word in words.chain([""]) {
        let weight = if word.len() > 3 { 1.0 } else { 0.2 };
        for pair in Sha256::digest(word.as_bytes()).chunks_exact(4) {
            let place = pair
                .iter()
                .take(3)
                .fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte))
                % size;
            let sign = if pair.last().is_some_and(|byte| byte & 1 == 1) {
                weight
            } else {
                -weight
            };
            if let Some(slot) = vector.get_mut(place) {
                *slot += sign;
            }
        }
    }
    let length = vector
        .iter()
        .map(|value| value * value)
        .sum::<f32>()
        .sqrt()
        .max(f32::MIN_POSITIVE);
    vector.into_iter().map(|value| value / length).collect()
}

#[cfg(test)]
mod tests {
    use super::embed;

    #[test]
    fn related_texts_are_nearer_than_strangers() {
        let near = |left: &str, right: &str| -> f32 {
            embed(left, 256)
                .iter()
                .zip(embed(right, 256))
                .map(|(a, b)| a * b)
                .sum()
        };
        let question = "When are you open on Saturday?";
        assert!(
            near(question, "We are open Saturday from nine to one") > near(question, "A boiler costs 900")
        );
        assert!((near(question, question) - 1.0).abs() < 1e-5);
    }
}
