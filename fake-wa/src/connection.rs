//! A live socket as the rest of the server sees it: a queue of what to send, and a way to cut it.
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use whatsapp_rust::wacore_binary::Node;

/// What a socket is told.
pub(crate) enum Out {
    /// Send this.
    Stanza(Node),
    /// Say goodbye and close.
    Close,
}

/// Stanzas that may wait for one socket; a client that lets more pile up is cut, and gets them again when it is back.
pub(crate) const OUTBOX_MAX: usize = 4096;

/// The sending end; clones speak to the same socket.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) id: u64,
    outbox: mpsc::Sender<Out>,
    cut: CancellationToken,
}

impl Connection {
    pub(crate) fn open(id: u64) -> (Self, mpsc::Receiver<Out>, CancellationToken) {
        let (outbox, waiting) = mpsc::channel(OUTBOX_MAX);
        let cut = CancellationToken::new();
        let connection = Self {
            id,
            outbox,
            cut: cut.clone(),
        };
        (connection, waiting, cut)
    }

    pub(crate) fn send(&self, stanza: Node) {
        self.push(Out::Stanza(stanza));
    }

    pub(crate) fn close(&self) {
        self.push(Out::Close);
    }

    /// Drops the socket without a word.
    pub(crate) fn cut(&self) {
        self.cut.cancel();
    }

    fn push(&self, out: Out) {
        if matches!(self.outbox.try_send(out), Err(mpsc::error::TrySendError::Full(_))) {
            self.cut();
        }
    }
}
