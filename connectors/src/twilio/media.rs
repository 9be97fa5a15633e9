//! Files that came with a text, as Twilio keeps them. An address in a webhook is a claim: it is opened at the API that the
//! account is at and nowhere else, a redirect is followed to Twilio's own file hosts only, and what a file is said to be is
//! believed only where its first bytes agree.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use reqwest::{StatusCode, header};
use url::Url;

use super::Rest;
use crate::file_type::{HEAD_LEN, recognise};

/// Carriers pass on far less; Twilio's own limit for a text's files is 5 MB together.
pub const BYTES_MAX: u64 = 16 << 20;
/// From the request to the last byte.
const LIMIT: Duration = Duration::from_secs(90);
/// The API leads to the file's host; that one to nobody else.
const HOPS_MAX: usize = 3;
/// Where Twilio keeps files, with what their paths begin with.
const HOSTS: [(&str, &str); 3] = [
    ("mms.twiliocdn.com", "/"),
    ("media.twiliocdn.com", "/"),
    ("s3-external-1.amazonaws.com", "/media.twiliocdn.com/"),
];

/// Why a file could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The address, or where it leads, is not Twilio's.
    #[error("the file's address leads elsewhere")]
    Elsewhere,
    /// Twilio has it no more.
    #[error("the file is gone")]
    Gone,
    /// Twilio does not take the account's credentials.
    #[error("the account's credentials were refused")]
    Credentials,
    /// More than [`BYTES_MAX`].
    #[error("the file is too large")]
    TooLarge,
    /// Anything that may go better another time.
    #[error("the file could not be read")]
    Broken(#[source] anyhow::Error),
}

/// A file on its way.
pub struct Media {
    /// What it is, as far as we believe it.
    pub media_type: String,
    /// Its bytes; the first error ends it. One of [`Fault::TooLarge`] is in the error's chain.
    pub pieces: BoxStream<'static, anyhow::Result<Bytes>>,
}

impl Rest {
    /// Opens a file at the address a webhook or the API named.
    pub async fn open_media(&self, address: &str, said: &str) -> Result<Media, Fault> {
        let mut url = self.own_media(address).ok_or(Fault::Elsewhere)?;
        for _ in 0..HOPS_MAX {
            let request = self.http().client().get(url.clone()).timeout(LIMIT);
            // Our credentials go to the account's own resources, never along with a redirect.
            let request = if self.own_media(url.as_str()).is_some() {
                self.signed_in(request)
            } else {
                request
            };
            let answer = request
                .send()
                .await
                .map_err(|fault| Fault::Broken(fault.into()))?;
            let status = answer.status();
            if status.is_redirection() {
                let next = location(&url, &answer).ok_or(Fault::Elsewhere)?;
                url = Some(next)
                    .filter(|next| self.may_lead_to(next))
                    .ok_or(Fault::Elsewhere)?;
                continue;
            }
            return match status {
                StatusCode::OK => receive(answer, said).await,
                StatusCode::NOT_FOUND | StatusCode::GONE => Err(Fault::Gone),
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Fault::Credentials),
                other => Err(Fault::Broken(anyhow::anyhow!("Twilio answered {other}"))),
            };
        }
        Err(Fault::Elsewhere)
    }

    /// The address, when it is of a message's file of this account, at the API we use: what names Twilio's usual host is
    /// asked for at the configured one.
    fn own_media(&self, address: &str) -> Option<Url> {
        let said = Url::parse(address).ok()?;
        let mut url = self.base().clone();
        let is_usual =
            said.scheme() == "https" && said.host_str() == Some("api.twilio.com") && said.port().is_none();
        let path = format!("/2010-04-01/Accounts/{}/Messages/", self.account().sid);
        let fits =
            (is_usual || same_origin(&said, &url)) && is_plain(&said) && said.path().starts_with(&path);
        fits.then(|| {
            url.set_path(said.path());
            url
        })
    }

    fn may_lead_to(&self, url: &Url) -> bool {
        let is_file_host = url.scheme() == "https"
            && url.port().is_none()
            && HOSTS
                .iter()
                .any(|(host, path)| url.host_str() == Some(host) && url.path().starts_with(path));
        is_plain(url) && (is_file_host || same_origin(url, self.base()))
    }
}

fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host_str() == other.host_str()
        && one.port_or_known_default() == other.port_or_known_default()
}

fn is_plain(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none()
}

fn location(from: &Url, answer: &reqwest::Response) -> Option<Url> {
    let location = answer.headers().get(header::LOCATION)?.to_str().ok()?;
    from.join(location).ok()
}

async fn receive(answer: reqwest::Response, said: &str) -> Result<Media, Fault> {
    if answer.content_length().is_some_and(|length| length > BYTES_MAX) {
        return Err(Fault::TooLarge);
    }
    let answered = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .map(|kind| {
            kind.split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase()
        });
    let mut pieces = answer.bytes_stream().map_err(anyhow::Error::from).boxed();
    let mut head = BytesMut::new();
    while head.len() < HEAD_LEN
        && let Some(piece) = pieces.next().await
    {
        head.extend_from_slice(&piece.map_err(Fault::Broken)?);
    }
    if head.is_empty() {
        return Err(Fault::Broken(anyhow::anyhow!("the file is empty")));
    }
    let media_type = recognise(answered.as_deref().unwrap_or(said), &head);
    let pieces = stream::once(async move { Ok(head.freeze()) }).chain(pieces);
    let mut left = BYTES_MAX;
    let pieces = pieces.map(move |piece| {
        let piece = piece?;
        left = left.checked_sub(piece.len() as u64).ok_or(Fault::TooLarge)?;
        Ok(piece)
    });
    Ok(Media {
        media_type,
        pieces: pieces.boxed(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Http;
    use crate::twilio::Account;

    const SID: &str = "AC00000000000000000000000000000001";

    fn rest(base: &str) -> Rest {
        drop(rustls::crypto::ring::default_provider().install_default());
        let account: Account =
            serde_json::from_value(serde_json::json!({ "sid": SID, "auth_token": "secret" })).unwrap();
        Rest::new(Http::new().unwrap(), base.parse().unwrap(), account)
    }

    #[test]
    fn an_address_is_opened_only_where_the_account_is() {
        let twilio = rest("https://api.twilio.com");
        let media = format!("/2010-04-01/Accounts/{SID}/Messages/MM1/Media/ME1");
        let own = format!("https://api.twilio.com{media}");
        assert_eq!(twilio.own_media(&own).unwrap().as_str(), own);
        for other in [
            format!("http://api.twilio.com{media}"),
            format!("https://api.twilio.com:8443{media}"),
            format!("https://api.twilio.com.example.com{media}"),
            format!("https://api.twilio.com@169.254.169.254{media}"),
            format!("https://user:word@api.twilio.com{media}"),
            format!("https://127.0.0.1{media}"),
            format!("https://api.twilio.com/2010-04-01/Accounts/{SID}/Messages/../../AC2/Calls.json"),
            format!("https://api.twilio.com/2010-04-01/Accounts/{SID}/Messages/%2e%2e/%2e%2e/AC2/x"),
            format!("https://api.twilio.com/2010-04-01/Accounts/{SID}/Calls/CA1"),
            "file:///etc/passwd".to_owned(),
            "gopher://api.twilio.com/".to_owned(),
        ] {
            assert!(twilio.own_media(&other).is_none(), "{other}");
        }
        let proxied = rest("http://127.0.0.1:9/");
        assert_eq!(
            proxied.own_media(&own).unwrap().as_str(),
            format!("http://127.0.0.1:9{media}")
        );
    }

    #[test]
    fn a_redirect_leads_to_twilios_file_hosts_alone() {
        let twilio = rest("https://api.twilio.com");
        let may = |text: &str| twilio.may_lead_to(&Url::parse(text).unwrap());
        for good in [
            "https://mms.twiliocdn.com/AC1/x?sig=1",
            "https://s3-external-1.amazonaws.com/media.twiliocdn.com/AC1/x",
        ] {
            assert!(may(good), "{good}");
        }
        for bad in [
            "http://mms.twiliocdn.com/x",
            "https://mms.twiliocdn.com:22/x",
            "https://mms.twiliocdn.com.example.com/x",
            "https://a@mms.twiliocdn.com/x",
            "https://s3-external-1.amazonaws.com/another-bucket/x",
            "https://169.254.169.254/latest/meta-data",
            "https://[::ffff:127.0.0.1]/",
            "https://localhost./",
            "https://2130706433/",
        ] {
            assert!(!may(bad), "{bad}");
        }
    }
}
