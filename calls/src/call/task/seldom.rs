//! What comes to a call seldom, as one stream that is asked again only when it has something to say: a frame of audio, a
//! hundred and more a second, must not ask five others whether they are ready.

use std::task::{Context, Poll};

use futures_util::stream::{BoxStream, SelectAll};
use futures_util::{FutureExt as _, Stream, StreamExt as _, stream};
use hub::Hub;
use hub::call::order::{self, Order};
use hub::ids::{CallId, TenantId};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::call::machine::ToolDone;
use crate::media::Arrived;

/// One of these.
pub(super) enum Event {
    /// A tool was done.
    Tool(ToolDone),
    /// Staff want something of the call.
    Order(Order),
    /// Another socket of the call opened.
    Arrived(Box<Arrived>),
    /// The call turned out to be over already.
    Over,
    /// The process stops, and the call is to go on elsewhere.
    MoveOn,
}

/// See the module.
pub(super) struct Seldom(SelectAll<BoxStream<'static, Event>>);

impl Seldom {
    pub(super) fn new(
        tools: mpsc::Receiver<ToolDone>,
        sockets: mpsc::Receiver<Arrived>,
        over: CancellationToken,
    ) -> Self {
        let mut all = SelectAll::new();
        all.push(drain(tools).map(Event::Tool).boxed());
        all.push(
            drain(sockets)
                .map(|arrived| Event::Arrived(Box::new(arrived)))
                .boxed(),
        );
        all.push(over.cancelled_owned().map(|()| Event::Over).into_stream().boxed());
        Self(all)
    }

    /// Orders to this call; without Redis there are none, and the call goes on.
    pub(super) async fn follow_orders(&mut self, hub: &Hub, tenant: TenantId, call: CallId) {
        let following = match order::follow(hub, tenant, call).await {
            Ok(following) => following,
            Err(fault) => {
                tracing::warn!(call.id = %call, error = %fault, "Call {call} hears no orders");
                return;
            }
        };
        let orders = stream::unfold(following, async |mut following| {
            Some((following.next().await, following))
        })
        // What is no order is passed over.
        .filter_map(async |body| serde_json::from_slice(&body).ok().map(Event::Order));
        self.0.push(orders.boxed());
    }

    /// When this resolves the call is to go on elsewhere.
    pub(super) fn move_on_after(&mut self, moment: impl Future<Output = ()> + Send + 'static) {
        self.0.push(moment.map(|()| Event::MoveOn).into_stream().boxed());
    }

    /// Never ready when nothing can come any more.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        match self.0.poll_next_unpin(cx) {
            Poll::Ready(Some(event)) => Poll::Ready(event),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

fn drain<T: Send + 'static>(mut receiver: mpsc::Receiver<T>) -> impl Stream<Item = T> + Send {
    stream::poll_fn(move |cx| receiver.poll_recv(cx))
}
