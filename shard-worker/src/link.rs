//! One connection of a session. The only part that knows the library: `link/` turns its words into ours.
//!
//! A link is one connection and no more. The library can reconnect by itself, but when and whether is decided in one
//! place, the minder, which also knows other workers; so that is switched off, but for the restart that ends a pairing,
//! because the library remembers in between that the account is new.

mod address;
mod commit;
mod events;
pub(crate) mod files;
mod http;
pub(crate) mod import;
mod order;
mod reach;
mod said;
mod showing;
mod store;
mod transport;
mod upload;
mod vcard;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use hub::Hub;
use hub::session::Hold;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use whatsapp_rust::Client;
use whatsapp_rust::bot::Bot;
use whatsapp_rust::pair_code::PairCodeOptions;
use whatsapp_rust::transport::TokioWebSocketTransportFactory;
use whatsapp_rust::wacore::iq::keepalive::KeepaliveSpec;
use whatsapp_rust::wacore::store::DevicePropsOverride;
use whatsapp_rust::waproto::whatsapp::device_props::PlatformType;

pub(crate) use order::Sent;

use commit::Commit;
use events::{Answers, Report, Sorter, Verdict};
use store::Store;
use transport::Fenced;

/// A link that does not close in this time is left to end by itself: its socket carries nothing any more.
const CLOSING_LIMIT: Duration = Duration::from_secs(7);

/// A question whose only use is that it is answered.
const ASKING_LIMIT: Duration = Duration::from_secs(20);

/// What happens on a link.
pub(crate) enum News {
    /// A QR to show.
    Qr {
        /// What it says: a credential.
        code: String,
        /// For how long.
        lasts: Duration,
    },
    /// Eight characters to show.
    Code {
        /// A credential.
        code: String,
        /// For how long.
        lasts: Duration,
    },
    /// All codes were shown.
    CodesSpent,
    /// The network will not have it so: a code for why.
    Refused(&'static str),
    /// The account is linked.
    Linked {
        /// In E.164.
        phone: String,
    },
    /// Messages flow.
    Connected,
}

/// The code of a loss that the network explained with too many attempts.
pub(crate) const RATE_LIMITED: &str = "rate_limited";

/// Why a link ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Somebody connected with the same keys.
    Replaced,
    /// Unlinked; a code for why.
    LoggedOut(&'static str),
    /// Refused for so long.
    Banned {
        /// How long.
        lasts: Duration,
        /// A code.
        why: &'static str,
    },
    /// The account wants its passkey.
    PasskeyNeeded,
    /// The network wants a newer client.
    Outdated,
    /// Anything that may be over in a moment; a code.
    Lost(&'static str),
}

/// How an account is linked.
pub(crate) enum By {
    /// Its owner scans a QR.
    Qr,
    /// The owner of this number types a code.
    Code(String),
}

/// What a link is opened for.
pub(crate) struct Opening {
    /// To link an account, and how.
    pub(crate) pair: Option<By>,
    /// Whether groups come in.
    pub(crate) groups: bool,
}

/// See the module.
pub(crate) struct Link {
    client: Arc<Client>,
    answers: Arc<Answers>,
    verdict: Arc<Verdict>,
    ended: CancellationToken,
    /// What waits to be written down, for who has to know that it is.
    reports: mpsc::Sender<Report>,
    /// Whether groups come in.
    groups: Arc<AtomicBool>,
    /// Where files of ours are read from.
    storage: String,
}

impl Link {
    /// Begins to connect. What happens comes as news; that it is over, by [`Link::ended`].
    pub(crate) async fn open(
        hub: &Hub,
        hold: &Hold,
        opening: Opening,
    ) -> anyhow::Result<(Self, mpsc::Receiver<News>)> {
        let settings = &hub.config.whatsapp;
        let store = Arc::new(Store::new(hub.clone(), hold.clone()));
        let (sorter, sorted) = Sorter::new();
        let is_pairing = opening.pair.is_some();
        let groups = Arc::new(AtomicBool::new(opening.groups));
        let mut builder = Bot::builder()
            .with_backend_arc(Arc::<Store>::clone(&store))
            .with_transport_factory(Fenced {
                hub: hub.clone(),
                inner: TokioWebSocketTransportFactory::new().with_url(settings.web_url.as_str()),
                tenure: hold.tenure.clone(),
            })
            .with_http_client(http::Web::new(&settings.web_url)?)
            .with_device_props(
                DevicePropsOverride::new()
                    .with_os("Switchboard")
                    .with_platform_type(PlatformType::CHROME),
            )
            .with_inbound_durability_hook(Commit {
                hub: hub.clone(),
                hold: hold.clone(),
                store: Arc::clone(&store),
                verdict: Arc::clone(&sorted.verdict),
                groups: Arc::clone(&groups),
                names: std::sync::Mutex::default(),
            })
            .skip_history_sync();
        if let Some(version) = settings.version_parts() {
            builder = builder.with_version(version);
        }
        if let Some(By::Code(phone)) = opening.pair {
            builder = builder.with_pair_code(PairCodeOptions {
                phone_number: phone.trim_start_matches('+').to_owned(),
                ..PairCodeOptions::default()
            });
        }
        let bot = builder.build().await.context("build the client")?;
        let client = bot.client();
        client.enable_auto_reconnect.store(is_pairing, Ordering::Relaxed);
        client.subscribe_handler(sorter).detach();
        let reports = events::write_reports(hub.clone(), hold.clone(), store, sorted.reports);
        // It ends with the client and the link, which hold its other end.
        hub.tasks.spawn_supporter("session.reports", reports);
        let ended = CancellationToken::new();
        let end = ended.clone().drop_guard();
        hub.tasks.spawn_supporter("session.link", async move {
            let _end = end;
            bot.run().await;
        });
        let link = Self {
            client,
            answers: sorted.answers,
            verdict: sorted.verdict,
            reports: sorted.marks,
            ended,
            groups,
            storage: hub.config.calls.storage.clone(),
        };
        Ok((link, sorted.news))
    }

    /// Resolves when the connection is over; says why.
    pub(crate) async fn ended(&self) -> End {
        self.ended.cancelled().await;
        self.verdict.get().unwrap_or(End::Lost("connection"))
    }

    /// Why it is about to be over, if the network has said so.
    pub(crate) fn verdict(&self) -> Option<End> {
        self.verdict.get()
    }

    /// From now on a lost connection is the minder's to mend.
    pub(crate) fn stay_down_once_lost(&self) {
        self.client.enable_auto_reconnect.store(false, Ordering::Relaxed);
    }

    /// Has what the library remembers written down, now rather than within half a minute.
    pub(crate) async fn flush(&self) -> anyhow::Result<()> {
        let flushed = self.client.persistence_manager();
        flushed.flush().await.context("write the device down")
    }

    /// What the account calls itself.
    pub(crate) fn push_name(&self) -> Option<String> {
        Some(self.client.push_name()).filter(|name| !name.is_empty())
    }

    /// When anything last came over the wire, in milliseconds since 1970.
    pub(crate) fn heard_ms(&self) -> u64 {
        self.client.stats().last_data_received_ms
    }

    /// Has groups come in from now on, or not any more.
    pub(crate) fn take_groups(&self, groups: bool) {
        self.groups.store(groups, Ordering::Relaxed);
    }

    /// Asks the network for a sign of life, which is seen in [`Link::heard_ms`].
    pub(crate) async fn ask(&self) {
        let asked = self.client.execute(KeepaliveSpec::with_timeout(ASKING_LIMIT));
        if let Err(fault) = asked.await {
            tracing::debug!(error = %fault, "The network was asked for a sign of life and gave none");
        }
    }

    /// Disconnects in good order: what is buffered is written, what was taken is acknowledged, ticks are written down.
    pub(crate) async fn close(&self) {
        let closed = async {
            self.client.disconnect().await;
            self.ended.cancelled().await;
            let (mark, passed) = oneshot::channel();
            if self.reports.send(Report::Mark(mark)).await.is_ok() {
                // An error as it is dropped, which is all there is to say.
                passed.await.ok();
            }
        };
        if tokio::time::timeout(CLOSING_LIMIT, closed).await.is_err() {
            self.client.signal_shutdown_sync();
        }
    }

    /// Tells the network that this device is no more, and disconnects.
    pub(crate) async fn log_out(&self) {
        let gone = async {
            self.client.logout().await;
            self.ended.cancelled().await;
        };
        if tokio::time::timeout(CLOSING_LIMIT, gone).await.is_err() {
            self.client.signal_shutdown_sync();
        }
    }

    fn client(&self) -> &Client {
        &self.client
    }
}
