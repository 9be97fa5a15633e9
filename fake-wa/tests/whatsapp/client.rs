//! A product's client in miniature: pairs, keeps its store, acknowledges when told to.
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fake_wa::Server;
use tokio::sync::watch;
use whatsapp_rust::bot::{Bot, BotHandle};
use whatsapp_rust::transport::TokioWebSocketTransportFactory;
use whatsapp_rust::wacore::net::{HttpClient, HttpRequest, HttpResponse};
use whatsapp_rust::wacore::store::InMemoryBackend;
use whatsapp_rust::wacore::store::traits::DeviceStore;
use whatsapp_rust::wacore::types::events::{ChannelEventHandler, Event, InboundMessage};
use whatsapp_rust::{Client, InboundDurabilityHook, anyhow, async_trait};

pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) fn phone(text: &str) -> fake_wa::Phone {
    text.parse().unwrap()
}

/// Never asked: the version is pinned and no media is moved.
struct NoHttp;

#[async_trait]
impl HttpClient for NoHttp {
    async fn execute(&self, _request: HttpRequest) -> anyhow::Result<HttpResponse> {
        anyhow::bail!("no HTTP in this test")
    }
}

/// Commits, or refuses to, and counts.
#[derive(Default)]
pub(crate) struct Commits {
    pub(crate) refuse: AtomicBool,
    pub(crate) asked: watch::Sender<u32>,
    pub(crate) texts: Mutex<Vec<String>>,
}

/// The library takes the hook for itself.
struct Hook(Arc<Commits>);

#[async_trait]
impl InboundDurabilityHook for Hook {
    async fn on_messages(&self, _client: Arc<Client>, batch: &[InboundMessage]) -> anyhow::Result<()> {
        use whatsapp_rust::proto_helpers::MessageExt;
        self.0.asked.send_modify(|asked| *asked += 1);
        anyhow::ensure!(!self.0.refuse.load(Ordering::SeqCst), "the database is away");
        let mut texts = self.0.texts.lock().unwrap();
        texts.extend(
            batch
                .iter()
                .filter_map(|item| item.message.text_content().map(str::to_owned)),
        );
        Ok(())
    }
}

/// One process of the product, as far as a session is concerned.
pub(crate) struct Process {
    pub(crate) client: Arc<Client>,
    pub(crate) store: Arc<InMemoryBackend>,
    pub(crate) commits: Arc<Commits>,
    events: Arc<Mutex<Vec<Arc<Event>>>>,
    count: watch::Receiver<usize>,
    handle: BotHandle,
}

impl Process {
    /// A session that has never been paired.
    pub(crate) async fn new(server: &Server) -> Self {
        Self::resume(server, Arc::new(InMemoryBackend::new())).await
    }

    /// A session that was paired by the server, from its exported record.
    pub(crate) async fn provisioned(server: &Server, number: &str) -> Self {
        let session = server.provision(phone(number), "The business").unwrap();
        let store = Arc::new(InMemoryBackend::new());
        store.save(&session.record).await.unwrap();
        let process = Self::resume(server, store).await;
        process.connected().await;
        process
    }

    /// Another process takes over what a store holds.
    pub(crate) async fn resume(server: &Server, store: Arc<InMemoryBackend>) -> Self {
        let commits = Arc::new(Commits::default());
        let bot = Bot::builder()
            .with_backend_arc(Arc::<InMemoryBackend>::clone(&store))
            .with_transport_factory(TokioWebSocketTransportFactory::new().with_url(server.socket_url()))
            .with_http_client(NoHttp)
            .with_version((2, 3000, 0))
            .with_inbound_durability_hook(Hook(Arc::clone(&commits)))
            .skip_history_sync()
            .build()
            .await
            .unwrap();
        let client = bot.client();
        let (handler, incoming) = ChannelEventHandler::new();
        client.subscribe_handler(handler).detach();
        let events: Arc<Mutex<Vec<Arc<Event>>>> = Arc::default();
        let (counted, count) = watch::channel(0);
        let kept = Arc::clone(&events);
        tokio::spawn(async move {
            while let Ok(event) = incoming.recv().await {
                kept.lock().unwrap().push(event);
                counted.send_modify(|count| *count += 1);
            }
        });
        let handle = bot.spawn();
        Self {
            client,
            store,
            commits,
            events,
            count,
            handle,
        }
    }

    pub(crate) async fn connected(&self) {
        if let Err(error) = self.client.wait_for_connected(PATIENCE).await {
            panic!("{error}; the client said {:?}", self.events.lock().unwrap());
        }
    }

    /// The first event that gives something, past ones included.
    pub(crate) async fn event<T>(&self, what: &str, find: impl Fn(&Event) -> Option<T>) -> T {
        let (mut count, mut found) = (self.count.clone(), None);
        let seen = count.wait_for(|_| {
            found = self.events.lock().unwrap().iter().find_map(|event| find(event));
            found.is_some()
        });
        let waited = tokio::time::timeout(PATIENCE, seen).await.is_ok();
        assert!(
            waited,
            "no {what}; the client said {:?}",
            self.events.lock().unwrap()
        );
        found.expect("the client lives as long as its test")
    }

    pub(crate) async fn qr(&self) -> String {
        self.event("QR", |event| match event {
            Event::PairingQrCode(qr) => Some(qr.code.clone()),
            _ => None,
        })
        .await
    }

    /// The text of the first message that fits.
    pub(crate) async fn got(&self, text: &str) {
        use whatsapp_rust::proto_helpers::MessageExt;
        self.event(text, |event| {
            let mut messages = event.messages();
            messages.find_map(|item| (item.message.text_content() == Some(text)).then_some(()))
        })
        .await;
    }

    /// The end of the process in good order.
    pub(crate) async fn stop(self) -> Arc<InMemoryBackend> {
        self.handle.shutdown().await;
        self.store
    }
}
