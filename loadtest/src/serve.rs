//! Serves a router until told to stop: no Nagle delay, no waiting for idle sockets.
use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Serves; open connections are dropped when `stop` is cancelled.
pub(crate) async fn until(listener: TcpListener, router: Router, stop: CancellationToken) {
    let listener = listener.tap_io(|socket| {
        // Without it small frames wait for the receiver's acknowledgement.
        let _ = socket.set_nodelay(true);
    });
    tokio::select! {
        () = stop.cancelled() => {}
        served = axum::serve(listener, router) => {
            if let Err(error) = served {
                tracing::error!(%error, "The emulator's server ended");
            }
        }
    }
}
