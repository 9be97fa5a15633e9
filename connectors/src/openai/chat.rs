//! One question to a chat model, one answer, with limits.

use std::time::Duration;

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::http::Http;

const LIMIT: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
struct Answer {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Content,
}

#[derive(Deserialize)]
struct Content {
    content: Option<String>,
}

/// A chat model.
#[derive(Clone, Debug)]
pub struct Chat {
    /// As `OPENAI_BASE_URL`.
    pub base_url: Url,
    /// The key.
    pub api_key: SecretString,
    /// Which model.
    pub model: String,
}

impl Chat {
    /// What the model makes of `text`, told how by `instructions`; at most `tokens_max` tokens of it.
    ///
    /// # Errors
    /// When it refuses, fails or takes longer than half a minute.
    pub async fn ask(
        &self,
        http: &Http,
        instructions: &str,
        text: &str,
        tokens_max: u32,
    ) -> anyhow::Result<String> {
        let url = format!(
            "{}/chat/completions",
            self.base_url.as_str().trim_end_matches('/')
        );
        let body = json!({
            "model": self.model,
            "max_completion_tokens": tokens_max,
            "messages": [
                { "role": "system", "content": instructions },
                { "role": "user", "content": text }
            ]
        });
        let answer = http
            .client()
            .post(url)
            .bearer_auth(self.api_key.expose_secret())
            .timeout(LIMIT)
            .json(&body)
            .send()
            .await?
            .error_for_status()?
            .json::<Answer>()
            .await
            .context("read the model's answer")?;
        let first = answer
            .choices
            .into_iter()
            .next()
            .and_then(|choice| choice.message.content);
        first.context("the model answered nothing")
    }
}
