//! One media socket: text messages in and out, with limits.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use connectors::twilio::stream::{Words, Writer};
use futures_util::SinkExt as _;
use hub::serve::Place;

/// A peer that does not read for this long is gone.
const WRITE_LIMIT: Duration = Duration::from_secs(2);

/// What came in.
pub(crate) enum Incoming {
    /// A message.
    Text(Utf8Bytes),
    /// Something without meaning here: a ping.
    Nothing,
    /// Something that is never sent on such a socket.
    Foreign,
    /// The socket is closed or broken.
    Closed,
}

/// An open media socket.
pub(crate) struct Socket {
    /// Counts against the listener's connections for as long as the socket is open.
    _place: Option<Place>,
    inner: WebSocket,
    writer: Writer,
}

impl Socket {
    pub(super) fn new(socket: WebSocket, place: Option<Place>) -> Self {
        Self {
            _place: place,
            inner: socket,
            writer: Writer::new(""),
        }
    }

    /// The stream's name, for everything sent from now on.
    pub(super) fn name(&mut self, stream_sid: &str) {
        self.writer = Writer::new(stream_sid);
    }

    /// The next message. May be dropped and asked again without losing one.
    pub(crate) async fn receive(&mut self) -> Incoming {
        match self.inner.recv().await {
            Some(Ok(Message::Text(text))) => Incoming::Text(text),
            Some(Ok(Message::Close(_)) | Err(_)) | None => Incoming::Closed,
            Some(Ok(Message::Binary(_))) => Incoming::Foreign,
            Some(Ok(_)) => Incoming::Nothing,
        }
    }

    /// Audio and its mark, in one write.
    pub(crate) async fn play(&mut self, payload: &str, mark: u64) -> bool {
        let (media, mark) = (self.writer.media(payload), self.writer.mark(mark));
        let both = async {
            self.inner.feed(Message::Text(media.into())).await?;
            self.inner.send(Message::Text(mark.into())).await
        };
        matches!(tokio::time::timeout(WRITE_LIMIT, both).await, Ok(Ok(())))
    }

    /// Drops what the other side has not played.
    pub(crate) async fn clear(&mut self) -> bool {
        let clear = self.writer.clear();
        self.send(clear).await
    }

    /// `false` when the socket is broken.
    async fn send(&mut self, text: String) -> bool {
        let sent = tokio::time::timeout(WRITE_LIMIT, self.inner.send(Message::Text(text.into()))).await;
        matches!(sent, Ok(Ok(())))
    }

    /// Closes with "policy violation".
    pub(crate) async fn close(mut self, reason: &'static str) {
        self.finish(close_code::POLICY, reason).await;
    }

    /// Closes with "try again later".
    pub(crate) async fn busy(mut self) {
        self.finish(close_code::AGAIN, "all lines are taken").await;
    }

    /// Words of the call, for a browser that has no feed.
    pub(crate) async fn transcribe(&mut self, words: &Words<'_>) -> bool {
        self.send(words.message()).await
    }

    /// Closes as usual: Twilio goes on with what follows in its document.
    pub(crate) async fn end(mut self) {
        self.finish(close_code::NORMAL, "").await;
    }

    async fn finish(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        let close = self.inner.send(Message::Close(Some(frame)));
        if tokio::time::timeout(WRITE_LIMIT, close).await.is_err() {
            tracing::debug!("A media socket did not take its close frame");
        }
    }
}
