//! The server as a value: started on a port, told what to do, asked what happened.
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use loadtest::ledger::Effect;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::address::Phone;
use crate::customer::{Customer, Customers};
use crate::faults::{Faults, Refusal};
use crate::provision::{self, Provisioned};
use crate::record::{Overlap, Stay};
use crate::world::World;
use crate::{control, media, pairing, socket};

/// How to start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; everything is on one port.
    pub listen: SocketAddr,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        }
    }
}

/// A running server; clones are the same one. Stops with [`Server::stop`].
#[derive(Clone)]
pub struct Server {
    pub(crate) world: Arc<World>,
    pub(crate) customers: Customers,
}

impl Server {
    /// Listens and answers from now on.
    pub async fn start(config: Config) -> Result<Self> {
        let listener = TcpListener::bind(config.listen).await.context("bind the port")?;
        let world = Arc::new(World::new(listener.local_addr().context("read the port")?));
        let server = Self {
            world: Arc::clone(&world),
            customers: Customers::default(),
        };
        let router = Router::new()
            .route("/ws/chat", get(socket::open))
            .route("/mms/{kind}/{token}", post(media::upload))
            .route("/v/{kind}/{token}", get(media::download))
            .with_state(Arc::clone(&world))
            .nest("/_control", control::router(server.clone()))
            .layer(DefaultBodyLimit::max(media::UPLOAD_MAX_BYTES));
        let listener = listener.tap_io(|socket| {
            // Without it small frames wait for the receiver's acknowledgement.
            let _ = socket.set_nodelay(true);
        });
        let stop = world.stop.clone();
        world.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                served = axum::serve(listener, router) => {
                    if let Err(error) = served {
                        tracing::error!(%error, "The fake's server ended");
                    }
                }
            }
        });
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.world.address
    }

    /// What a client connects to.
    pub fn socket_url(&self) -> String {
        format!("ws://{}/ws/chat", self.address())
    }

    /// Ends every socket and the listener.
    pub async fn stop(&self) {
        self.customers.stop().await;
        self.world.stop.cancel();
        self.world.tasks.close();
        let patience = Duration::from_secs(5);
        let _ = tokio::time::timeout(patience, self.world.tasks.wait()).await;
    }

    /// The owner of `phone` scans the QR that a client shows. The number of the new device.
    pub fn scan(&self, qr: &str, phone: Phone) -> Result<u16> {
        pairing::scan(&self.world, qr, phone)
    }

    /// The owner of `phone` types the code that a client shows.
    pub async fn type_code(&self, phone: Phone, code: &str) -> Result<()> {
        pairing::code::type_code(Arc::clone(&self.world), phone, code.to_owned()).await
    }

    /// Links a device without a client; see [`Provisioned`].
    pub fn provision(&self, phone: Phone, name: &str) -> Result<Provisioned> {
        provision::provision(&self.world, phone, name)
    }

    /// A real client on a device of its own, connected and ready. On an account that exists it is one more device of
    /// its owner's, which is how somebody writes "on the phone" beside the product.
    pub async fn customer(&self, phone: Phone, name: &str) -> Result<Arc<Customer>> {
        self.customers.add(self, phone, name).await
    }

    /// The account writes one-to-one by LID from now on; devices learn it when they are linked.
    pub fn address_by_lid(&self, phone: Phone, name: &str) -> Result<()> {
        self.world.state().open_account(phone, name)?.by_lid = true;
        Ok(())
    }

    /// Opens a group; its address.
    pub fn group(&self, subject: &str, creator: Phone, members: &[Phone], by_lid: bool) -> Result<String> {
        let mut state = self.world.state();
        let id = crate::iq::create_group(&self.world, &mut state, creator, subject, members, by_lid)?;
        Ok(format!("{id}@g.us"))
    }

    /// The owner removes a linked device.
    pub fn unlink(&self, phone: Phone, device: u16) -> Result<()> {
        self.world.unlink(phone, device)
    }

    /// From now on the account's logins are refused so, and its live sockets end; `None` lets it in again.
    pub fn refuse(&self, phone: Phone, refusal: Option<Refusal>) -> Result<()> {
        let mut state = self.world.state();
        let account = state.account(phone)?;
        let shut = refusal.is_some();
        account.refusal = refusal;
        let devices: Vec<u16> = account.devices.keys().copied().collect();
        for device in devices.into_iter().filter(|_| shut) {
            state.end_stream(phone, device, None, "refused");
        }
        Ok(())
    }

    /// Drops sockets without a word: of one account, or all; how many.
    pub fn cut(&self, phone: Option<Phone>) -> usize {
        let mut state = self.world.state();
        let state = &mut *state;
        let accounts = state.accounts.values_mut();
        let mut count = 0;
        for account in accounts.filter(|account| phone.is_none_or(|phone| phone == account.phone)) {
            for connection in account
                .devices
                .values()
                .filter_map(|device| device.connection.as_ref())
            {
                state.record.ending(connection.id, "cut");
                connection.cut();
                count += 1;
            }
        }
        count
    }

    /// Sends `<stream:error code>` to an account's devices (429, 503, 515 …) and ends their sockets.
    pub fn stream_error(&self, phone: Phone, code: u16) -> Result<()> {
        let mut state = self.world.state();
        let devices: Vec<u16> = state.account(phone)?.devices.keys().copied().collect();
        for device in devices {
            let error = crate::world::stream_error(Some(code), None);
            state.end_stream(phone, device, Some(error), "stream_error");
        }
        Ok(())
    }

    /// Keeps everything back from an account's devices, or lets it go.
    pub fn hold(&self, phone: Phone, held: bool) -> Result<()> {
        let mut state = self.world.state();
        for device in state.account(phone)?.devices.values_mut() {
            if held {
                device.queue.closed = true;
            } else {
                device.queue.open(device.connection.as_ref());
            }
        }
        Ok(())
    }

    /// What goes wrong.
    pub fn faults(&self) -> Faults {
        self.world.state().faults.clone()
    }

    /// Sets what goes wrong.
    pub fn set_faults(&self, faults: Faults) {
        self.world.state().faults = faults;
    }

    /// Accounts with their devices: connected or not, how much waits for each, how many one-time keys are left.
    pub fn accounts(&self) -> Value {
        let state = self.world.state();
        let mut phones: Vec<&Phone> = state.accounts.keys().collect();
        phones.sort();
        let accounts = phones.into_iter().filter_map(|phone| state.accounts.get(phone));
        let told = accounts.map(|account| {
            let devices = account.devices.iter().map(|(number, device)| {
                json!({
                    "device": number,
                    "connection": device.connection.as_ref().map(|connection| connection.id),
                    "waiting": device.queue.len(),
                    "one_time_keys": device.bundle.as_ref().map(|bundle| bundle.one_time.len()),
                })
            });
            json!({
                "phone": account.phone, "name": account.name, "here": account.here, "refusal": account.refusal,
                "devices": devices.collect::<Vec<_>>(),
            })
        });
        told.collect()
    }

    /// How many of `count` accounts, from this number on, have a device that is connected.
    pub fn connected(&self, first: Phone, count: u64) -> usize {
        let state = self.world.state();
        let accounts = state.accounts.values().filter(|account| {
            let is_asked_for = (first.0..first.0.saturating_add(count)).contains(&account.phone.0);
            is_asked_for && account.devices.values().any(|device| device.connection.is_some())
        });
        accounts.count()
    }

    /// Stanzas that a device has not acknowledged.
    pub fn waiting(&self, phone: Phone, device: u16) -> Result<usize> {
        Ok(self.world.state().account(phone)?.device(device)?.queue.len())
    }

    /// Who was connected when, of one account or of all.
    pub fn record(&self, phone: Option<Phone>) -> Vec<Stay> {
        let state = self.world.state();
        let of = |stay: &&Stay| phone.is_none_or(|phone| stay.phone == phone);
        state.record.stays().filter(of).cloned().collect()
    }

    /// Two live sockets of one device for longer than the margin: must be empty.
    pub fn overlaps(&self, margin: Duration) -> Vec<Overlap> {
        let margin_us = u64::try_from(margin.as_micros()).unwrap_or(u64::MAX);
        self.world.state().record.overlaps(margin_us)
    }

    /// Everything that happened after the effect with this number.
    pub fn effects(&self, after: u64) -> Vec<Effect> {
        self.world.ledger.after(after)
    }

    /// Waits for the first effect of `kind` that `fits`, past ones included.
    pub async fn effect(
        &self,
        kind: &str,
        patience: Duration,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Effect> {
        self.world.ledger.wait(kind, patience, fits).await
    }
}
