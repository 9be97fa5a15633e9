//! The socket, which carries nothing once the shard is not ours: what a thawed process still wants to say stays here.

use std::sync::Arc;

use bytes::Bytes;
use hub::shard::Tenure;
use whatsapp_rust::async_trait;
use whatsapp_rust::transport::{TokioWebSocketTransportFactory, Transport, TransportEvent, TransportFactory};

/// Opens sockets while the tenure holds.
pub(super) struct Fenced {
    pub(super) inner: TokioWebSocketTransportFactory,
    pub(super) tenure: Tenure,
}

struct FencedSocket {
    inner: Arc<dyn Transport>,
    tenure: Tenure,
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
        let tenure = self.tenure.clone();
        Ok((Arc::new(FencedSocket { inner, tenure }), events))
    }
}

#[async_trait]
impl Transport for FencedSocket {
    async fn send(&self, data: Bytes) -> anyhow::Result<()> {
        refuse_unless_held(&self.tenure)?;
        self.inner.send(data).await
    }

    async fn disconnect(&self) {
        self.inner.disconnect().await;
    }
}
