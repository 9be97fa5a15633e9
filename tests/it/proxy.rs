//! A way to a server that a test can make slow, or freeze as a broken network does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use url::Url;

/// What the way does with each piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Passes it on.
    Open,
    /// Holds it this long.
    Slow(Duration),
    /// Nothing gets through, and nothing is closed.
    Frozen,
}

/// See the module.
pub(crate) struct Proxy {
    way: Arc<watch::Sender<Way>>,
    /// The server's URL, but by this way.
    pub(crate) url: String,
    /// Where its connections to the server come from.
    ports: Arc<Mutex<Vec<i32>>>,
}

impl Proxy {
    /// A way to the server that `url` names.
    pub(crate) fn to(url: &str) -> Self {
        let mut url = Url::parse(url).unwrap();
        let target = (url.host_str().unwrap().to_owned(), url.port().unwrap());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let here = listener.local_addr().unwrap();
        url.set_ip_host(here.ip()).unwrap();
        url.set_port(Some(here.port())).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let way = Arc::new(watch::Sender::new(Way::Open));
        let ways = Arc::clone(&way);
        let ports = Arc::<Mutex<Vec<i32>>>::default();
        let own = Arc::clone(&ports);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect((target.0.as_str(), target.1)).await;
                let port = server.as_ref().ok().and_then(|server| server.local_addr().ok());
                own.lock()
                    .unwrap()
                    .extend(port.map(|address| i32::from(address.port())));
                join(client, server.ok(), &ways);
            }
        });
        Self {
            way,
            url: url.into(),
            ports,
        }
    }

    /// The ports of all connections to the server that there were by this way, as the server knows them.
    #[cfg(feature = "whatsapp-web")]
    pub(crate) fn ports(&self) -> Vec<i32> {
        self.ports.lock().unwrap().clone()
    }

    pub(crate) fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

/// A server that is gone ends the client's connection.
fn join(client: TcpStream, server: Option<TcpStream>, ways: &watch::Sender<Way>) {
    let Some(server) = server else { return };
    let ((from, to), (back, there)) = (client.into_split(), server.into_split());
    tokio::spawn(pass(from, there, ways.subscribe()));
    tokio::spawn(pass(back, to, ways.subscribe()));
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut way: watch::Receiver<Way>,
) {
    let mut piece = vec![0; 65_536];
    while let Ok(size) = from.read(&mut piece).await
        && size > 0
    {
        let now = *way.borrow_and_update();
        if let Way::Slow(held) = now {
            tokio::time::sleep(held).await;
        }
        if way.wait_for(|way| *way != Way::Frozen).await.is_err()
            || to.write_all(&piece[..size]).await.is_err()
        {
            return;
        }
    }
}
