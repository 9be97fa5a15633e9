//! The doctor's look at everything but the stores: programs, our own address, providers.

use std::time::Duration;

use connectors::http::Http;
use hub::config::Config;
use secrecy::ExposeSecret as _;

use super::report::Report;

const ANSWER_LIMIT: Duration = Duration::from_secs(10);

pub(super) fn programs(report: &mut Report) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join("espeak-ng").is_file());
    if found {
        report.good("espeak-ng is installed: the receptionist speaks any words");
    } else {
        report.doubt(
            "espeak-ng is not installed: the receptionist only has prompts that were rendered ahead",
            "apt-get install -y espeak-ng where `calls` runs",
        );
    }
}

pub(super) async fn public_url(config: &Config, report: &mut Report) {
    let url = &config.public_url;
    let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if here {
        report.doubt(
            &format!("public_url is {url}: Twilio cannot reach it, and other machines neither"),
            "fine on one's own machine; in production set PUBLIC_URL to the https:// address",
        );
    } else if url.scheme() != "https" {
        report.fault(
            &format!("public_url is {url}: passwords and calls would travel in the clear"),
            "put nginx with a certificate in front and set PUBLIC_URL to https://…",
        );
    }
    match status(&config.public("/healthz"), None).await {
        Ok(200) => report.good(&format!("{url} answers")),
        Ok(status) => report.fault(
            &format!("{url} answers /healthz with {status}"),
            "check the proxy's routes (nginx/routes.conf)",
        ),
        Err(error) => report.doubt(
            &format!("{url} does not answer from here: {error:#}"),
            "start the roles and the proxy, then ask again; some networks cannot reach their own address",
        ),
    }
}

pub(super) async fn openai(config: &Config, report: &mut Report) {
    let key = config.openai.api_key.expose_secret();
    if key.is_empty() {
        report.doubt(
            "no OPENAI_API_KEY: every call is answered by the receptionist",
            "set it to have a voice agent",
        );
        return;
    }
    let base = config.openai.base_url.as_str().trim_end_matches('/');
    match status(&format!("{base}/models"), Some(key)).await {
        Ok(200) => report.good("OpenAI accepts the key"),
        Ok(401 | 403) => report.fault("OpenAI refuses the key", "make a new one and set OPENAI_API_KEY"),
        Ok(status) => report.doubt(
            &format!("OpenAI answers {status}"),
            "look at its status page; the receptionist takes calls meanwhile",
        ),
        Err(error) => report.fault(
            &format!("OpenAI cannot be reached: {error:#}"),
            "let this machine connect to it, or correct OPENAI_BASE_URL",
        ),
    }
}

pub(super) async fn twilio(config: &Config, report: &mut Report) {
    let url = config.twilio.api_url.as_str();
    // Any answer will do: credentials are each tenant's own.
    match status(url, None).await {
        Ok(_) => report.good("Twilio can be reached"),
        Err(error) => report.fault(
            &format!("Twilio cannot be reached: {error:#}"),
            "let this machine connect to it, or correct TWILIO_API_URL; without it no SMS is sent and no call is steered",
        ),
    }
}

/// The status that a GET is answered with.
async fn status(url: &str, bearer: Option<&str>) -> anyhow::Result<u16> {
    let http = Http::new()?;
    let mut request = http.client().get(url).timeout(ANSWER_LIMIT);
    if let Some(bearer) = bearer {
        request = request.bearer_auth(bearer);
    }
    // The chain may repeat the URL; it holds no secret.
    Ok(request.send().await?.status().as_u16())
}
