//! The socket, which ends with the tenure: by a task of its own, so that nothing that waits for Postgres holds it open, and
//! what a thawed process still wants to say stays here.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hub::Hub;
use hub::shard::Tenure;
use tokio_util::sync::{CancellationToken, DropGuard};
use whatsapp_rust::async_trait;
use whatsapp_rust::transport::{TokioWebSocketTransportFactory, Transport, TransportEvent, TransportFactory};

/// The close frame is a courtesy: with a peer that takes nothing, the socket goes without it. Less than
/// [`hub::shard::MARGIN`], so that it is gone before another may have the shard.
const GOODBYE_LIMIT: Duration = Duration::from_millis(250);

/// Opens sockets while the tenure holds.
pub(super) struct Fenced {
    pub(super) hub: Hub,
    pub(super) inner: TokioWebSocketTransportFactory,
    pub(super) tenure: Tenure,
}

struct FencedSocket {
    inner: Arc<dyn Transport>,
    tenure: Tenure,
    /// Who watches the tenure for it goes with it.
    _watched: DropGuard,
}

fn refuse_unless_held(tenure: &Tenure) -> anyhow::Result<()> {
    if tenure.holds() {
        return Ok(());
    }
    metrics::counter!("switchboard_session_sends_fenced_total").increment(1);
    anyhow::bail!("the shard is not ours any more")
}

#[async_trait]
impl TransportFactory for Fenced {
    async fn create_transport(
        &self,
    ) -> anyhow::Result<(
        Arc<dyn Transport>,
        whatsapp_rust::async_channel::Receiver<TransportEvent>,
    )> {
        refuse_unless_held(&self.tenure)?;
        let (inner, events) = self.inner.create_transport().await?;
        let gone = CancellationToken::new();
        let watch = watch(Arc::clone(&inner), self.tenure.clone(), gone.clone());
        self.hub.tasks.spawn_supporter("session.fence", watch);
        let socket = FencedSocket {
            inner,
            tenure: self.tenure.clone(),
            _watched: gone.drop_guard(),
        };
        Ok((Arc::new(socket), events))
    }
}

/// Closes the socket when the tenure is over, whatever the rest of the session waits for.
async fn watch(socket: Arc<dyn Transport>, tenure: Tenure, gone: CancellationToken) {
    tokio::select! {
        () = gone.cancelled() => {}
        () = tenure.over() => {
            // Reading ends at once; writing with the frame, or with the future that would have written it.
            let _said = tokio::time::timeout(GOODBYE_LIMIT, socket.disconnect()).await;
        }
    }
}

#[async_trait]
impl Transport for FencedSocket {
    async fn send(&self, data: Bytes) -> anyhow::Result<()> {
        refuse_unless_held(&self.tenure)?;
        tokio::select! {
            sent = self.inner.send(data) => sent,
            // What is stuck in a socket must not keep the socket.
            () = self.tenure.over() => refuse_unless_held(&self.tenure),
        }
    }

    async fn disconnect(&self) {
        self.inner.disconnect().await;
    }
}
