//! A customer: a real WhatsApp client, so that what it sends and receives is really encrypted.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use whatsapp_rust::bot::{Bot, BotHandle};
use whatsapp_rust::transport::TokioWebSocketTransportFactory;
use whatsapp_rust::wacore::store::InMemoryBackend;
use whatsapp_rust::wacore::store::traits::DeviceStore;
use whatsapp_rust::wacore::types::events::ChannelEventHandler;
use whatsapp_rust::{Client, Jid};

use crate::address::Phone;
use crate::provision::Provisioned;
use crate::server::Server;

pub(crate) mod http;
mod news;
mod say;

pub use say::{Media, Said};

/// The version that customers say they are; pinned, because looking it up would need WhatsApp.
const VERSION: (u32, u32, u32) = (2, 3000, 0);

/// How long to wait for what has to come.
#[derive(Clone, Copy, Debug)]
pub struct Patience(pub Duration);

impl Default for Patience {
    /// Long enough for a loaded machine, since nothing here waits when it need not.
    fn default() -> Self {
        Self(Duration::from_secs(30))
    }
}

/// See the module. It comes back by itself after a lost connection, as phones do.
pub struct Customer {
    /// Its number.
    pub phone: Phone,
    /// Its device in the account.
    pub device: u16,
    store: Arc<InMemoryBackend>,
    url: String,
    news: Arc<news::News>,
    running: Mutex<Option<Running>>,
}

struct Running {
    client: Arc<Client>,
    handle: BotHandle,
}

/// Customers by number and device.
type ByDevice = BTreeMap<(Phone, u16), Arc<Customer>>;

/// All customers of a server.
#[derive(Clone, Default)]
pub(crate) struct Customers(Arc<Mutex<ByDevice>>);

impl Customers {
    pub(crate) async fn add(&self, server: &Server, phone: Phone, name: &str) -> Result<Arc<Customer>> {
        let session = server.provision(phone, name)?;
        let customer = Arc::new(Customer::new(server.socket_url(), &session).await?);
        customer.come(Patience::default()).await?;
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((phone, session.device), Arc::clone(&customer));
        Ok(customer)
    }

    /// The customer with this number, by default the first device of it.
    pub(crate) fn find(&self, phone: Phone, device: Option<u16>) -> Result<Arc<Customer>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .find(|((known, number), _)| *known == phone && device.is_none_or(|device| device == *number))
            .map(|(_, customer)| Arc::clone(customer))
            .with_context(|| format!("there is no customer {phone}"))
    }

    pub(crate) fn all(&self) -> Vec<Arc<Customer>> {
        let customers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        customers.values().map(Arc::clone).collect()
    }

    pub(crate) async fn stop(&self) {
        for customer in self.all() {
            customer.go().await;
        }
    }
}

impl Customer {
    /// A client of a server anywhere, for a session that the server has made; it does not connect yet.
    pub async fn new(url: String, session: &Provisioned) -> Result<Self> {
        let store = Arc::new(InMemoryBackend::new());
        store.save(&session.record).await.context("store the session")?;
        Ok(Self {
            phone: session.phone,
            device: session.device,
            store,
            url,
            news: Arc::default(),
            running: Mutex::default(),
        })
    }

    /// Connects and waits until it is let in.
    pub async fn come(&self, patience: Patience) -> Result<()> {
        let bot = Bot::builder()
            .with_backend_arc(Arc::<InMemoryBackend>::clone(&self.store))
            .with_transport_factory(TokioWebSocketTransportFactory::new().with_url(self.url.clone()))
            .with_http_client(http::PlainHttp::new()?)
            .with_version(VERSION)
            .skip_history_sync()
            .build()
            .await
            .context("build the client")?;
        let client = bot.client();
        let (handler, events) = ChannelEventHandler::new();
        client.subscribe_handler(handler).detach();
        let news = Arc::clone(&self.news);
        tokio::spawn(async move {
            while let Ok(event) = events.recv().await {
                news.take(&event);
            }
        });
        let handle = bot.spawn();
        client
            .wait_for_connected(patience.0)
            .await
            .with_context(|| format!("connect the customer {}", self.phone))?;
        let running = Running { client, handle };
        let before = self
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(running);
        if let Some(before) = before {
            before.handle.shutdown().await;
        }
        Ok(())
    }

    /// Disconnects and stays away; its store remembers everything.
    pub async fn go(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            running.handle.shutdown().await;
        }
    }

    /// The client itself, for what has no word of its own here.
    pub fn client(&self) -> Result<Arc<Client>> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let running = running.as_ref().context("the customer is away")?;
        Ok(Arc::clone(&running.client))
    }

    /// Its address.
    pub fn jid(&self) -> Jid {
        self.phone.pn()
    }

    /// Everything that it has heard after the news with this number: `message`, `receipt`, `typing`, `presence`, `ack`,
    /// `group`, `connection`.
    pub fn news(&self, after: u64) -> Vec<crate::Effect> {
        self.news.ledger.after(after)
    }

    /// News after a number and of one kind, as soon as there is one, at the latest after `patience`.
    pub async fn poll(&self, after: u64, kind: Option<&str>, patience: Duration) -> Vec<crate::Effect> {
        self.news.ledger.poll(after, kind, patience).await
    }

    /// Waits for the first news of `kind` that `fits`, past ones included.
    pub async fn heard(
        &self,
        kind: &str,
        patience: Patience,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let found = self.news.ledger.wait(kind, patience.0, fits).await;
        Ok(found
            .with_context(|| format!("wait for a {kind} at {}", self.phone))?
            .data)
    }

    /// Waits for a message that `fits`; the n-th copy of one says so in `copies`.
    pub async fn received(&self, patience: Patience, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        self.heard("message", patience, fits).await
    }

    /// Waits until one of its own messages was `accepted`, `delivered`, `read` or `played`.
    pub async fn ticked(&self, id: &str, tick: &str, patience: Patience) -> Result<()> {
        let concerns = |news: &Value| {
            let ids = news.get("ids").and_then(Value::as_array);
            let about = ids.is_some_and(|ids| ids.iter().any(|known| known == id));
            about && news.get("tick").is_some_and(|known| known == tick)
        };
        self.heard("receipt", patience, concerns).await.map(|_| ())
    }

    /// How often it has got a message that it could read.
    pub fn copies(&self, id: &str) -> u64 {
        self.news.copies(id)
    }
}
