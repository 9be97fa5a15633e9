//! Companions measured in the same run on the same machine, so that figures can be told as ratios: a raw TCP relay
//! and a plain bridge for calls, a plain send loop for the inbox. Each is a process of its own, for its CPU time.
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::calls::{Cpu, Drive, Steady};
use crate::pace::Pace;
use crate::process::Watched;
use crate::run::Options;
use crate::stage::exact;

/// Bytes of a media message of Twilio on the wire.
const FRAME_BYTES: usize = 382;

/// Copies every connection to `to` and back: what any bridge costs at least.
pub async fn serve_relay(listener: TcpListener, to: std::net::SocketAddr) -> Result<()> {
    loop {
        let (mut near, _) = listener.accept().await.context("accept")?;
        near.set_nodelay(true)?;
        tokio::spawn(async move {
            let Ok(mut far) = TcpStream::connect(to).await else {
                return;
            };
            // Either end closing is the end of both.
            let _ = far.set_nodelay(true);
            let _ = tokio::io::copy_bidirectional_with_sizes(&mut near, &mut far, 4096, 4096).await;
        });
    }
}

/// A subcommand of this program as a child; it says its address in a line of JSON.
struct Companion {
    child: Child,
    address: std::net::SocketAddr,
}

impl Companion {
    async fn start(arguments: &[&str]) -> Result<Self> {
        let program = std::env::current_exe().context("find this program")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().context("start a companion")?;
        let out = child.stdout.take().context("read the companion")?;
        let mut lines = BufReader::new(out).lines();
        let line = timeout(Duration::from_secs(10), lines.next_line())
            .await
            .context("wait for the companion")??;
        let line: Value = serde_json::from_str(&line.context("the companion said nothing")?)?;
        let address = line
            .get("listen")
            .and_then(Value::as_str)
            .context("the companion has no address")?;
        Ok(Self {
            address: address.parse()?,
            child,
        })
    }

    fn cpu_s(&self) -> Result<f64> {
        let pid = self.child.id().context("the companion has ended")?;
        Ok(Watched {
            name: "companion".to_owned(),
            pid,
            with_children: false,
        }
        .usage()?
        .cpu_s)
    }
}

/// CPU milliseconds that a raw relay takes for a second of a call: 50 frames there and 50 back.
pub async fn relay(calls: usize, length: Duration) -> Result<f64> {
    let echo = TcpListener::bind("127.0.0.1:0").await?;
    let to = echo.local_addr()?.to_string();
    let stop = CancellationToken::new();
    let _guard = stop.clone().drop_guard();
    tokio::spawn(stop.clone().run_until_cancelled_owned(serve_echo(echo)));
    let companion = Companion::start(&["relay", "--listen", "127.0.0.1:0", "--to", &to]).await?;
    let tasks = TaskTracker::new();
    for _ in 0..calls {
        let socket = TcpStream::connect(companion.address)
            .await
            .context("connect to the relay")?;
        socket.set_nodelay(true)?;
        tasks.spawn(stop.clone().run_until_cancelled_owned(talk(socket)));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before_s = companion.cpu_s()?;
    tokio::time::sleep(length).await;
    let used_s = companion.cpu_s()? - before_s;
    Ok(used_s * 1000.0 / (exact(calls as u64) * length.as_secs_f64()))
}

async fn serve_echo(listener: TcpListener) {
    while let Ok((mut socket, _)) = listener.accept().await {
        let _ = socket.set_nodelay(true);
        tokio::spawn(async move {
            let (mut read, mut write) = socket.split();
            let _ = tokio::io::copy(&mut read, &mut write).await;
        });
    }
}

async fn talk(mut socket: TcpStream) {
    let (mut read, mut write) = socket.split();
    let mut pace = Pace::from_now();
    let sending = async {
        loop {
            pace.beat().await;
            if write.write_all(&[b'x'; FRAME_BYTES]).await.is_err() {
                return;
            }
        }
    };
    let receiving = async {
        let mut buffer = [0; 4096];
        while matches!(read.read(&mut buffer).await, Ok(count) if count > 0) {}
    };
    tokio::join!(sending, receiving);
}

/// CPU milliseconds that the plain bridge takes for a second of a call, driven by the same emulators; and while all talk.
pub(super) async fn plain(drive: &Drive, options: Options) -> Result<(f64, Option<Steady>)> {
    let (openai, key) = (drive.openai().url(), drive.openai().api_key().to_owned());
    let public = drive.twilio.public_url();
    let arguments = [
        "plain",
        "--listen",
        "127.0.0.1:0",
        "--openai",
        &openai,
        "--api-key",
        &key,
        "--public-url",
        &public,
    ];
    let companion = Companion::start(&arguments).await?;
    let target = drive.twilio.target();
    drive
        .twilio
        .aim(&public, &format!("http://{}", companion.address))?;
    let before_s = companion.cpu_s()?;
    let cpu = || Cpu::from_iter(companion.cpu_s().ok().map(|cpu_s| ("plain".to_owned(), cpu_s)));
    let (talked_s, steady) = drive.again(options, cpu).await?;
    let used_s = companion.cpu_s()? - before_s;
    drive.twilio.aim(&public, &target)?;
    ensure!(talked_s > 0.0, "no call went through the plain bridge");
    Ok((used_s * 1000.0 / talked_s, steady))
}

/// Connected sockets that each get the same WebSocket text frame of `bytes` bytes in all, `burst` times in a row by as many
/// sends, `per_second` times a second.
pub async fn serve_fan(listener: TcpListener, bytes: usize, burst: u32, per_second: f64) -> Result<()> {
    let mut frame = vec![0x81, 126];
    let payload = u16::try_from(bytes.saturating_sub(4));
    frame.extend(
        payload
            .context("a frame of this companion has two length bytes")?
            .to_be_bytes(),
    );
    frame.resize(bytes, b'x');
    let mut sockets: Vec<TcpStream> = Vec::new();
    let mut beat = tokio::time::interval(Duration::from_secs_f64(1.0 / per_second.max(0.01)));
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let socket = accepted.context("accept")?.0;
                socket.set_nodelay(true)?;
                sockets.push(socket);
            }
            _ = beat.tick() => {
                for _ in 0..burst {
                    // A socket that is full or gone is no longer written to.
                    sockets.retain(|socket| socket.try_write(&frame).is_ok_and(|written| written == frame.len()));
                }
            }
        }
    }
}

/// A plain send loop, as it is measured.
#[derive(Clone, Copy, Debug)]
pub struct Fan {
    /// Sockets.
    pub clients: usize,
    /// Bytes of a frame, its header included.
    pub bytes: f64,
    /// Frames in a row, a send each.
    pub burst: u32,
    /// Such rows per second; fewer when the machine does not manage more.
    pub per_second: f64,
}

impl Fan {
    /// CPU microseconds that it takes for one delivery.
    pub async fn measure(self, length: Duration) -> Result<f64> {
        let (rate, burst) = (self.per_second.to_string(), self.burst.to_string());
        let bytes = format!("{:.0}", self.bytes);
        let arguments = [
            "fan",
            "--listen",
            "127.0.0.1:0",
            "--per-second",
            &rate,
            "--burst",
            &burst,
            "--bytes",
            &bytes,
        ];
        let companion = Companion::start(&arguments).await?;
        let stop = CancellationToken::new();
        let _guard = stop.clone().drop_guard();
        let received = Arc::new(AtomicU64::new(0));
        for _ in 0..self.clients {
            let socket = TcpStream::connect(companion.address)
                .await
                .context("connect to the send loop")?;
            let reading = drink(socket, Arc::clone(&received));
            tokio::spawn(stop.clone().run_until_cancelled_owned(reading));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (before_s, before) = (companion.cpu_s()?, received.load(Ordering::Relaxed));
        tokio::time::sleep(length).await;
        let (used_s, bytes) = (
            companion.cpu_s()? - before_s,
            received.load(Ordering::Relaxed) - before,
        );
        let deliveries = exact(bytes) / self.bytes.max(1.0);
        Ok(used_s * 1e6 / deliveries.max(1.0))
    }
}

/// Reads and counts, as thin screens do.
async fn drink(socket: TcpStream, received: Arc<AtomicU64>) {
    while socket.readable().await.is_ok() {
        let mut buffer = [0; 16_384];
        match socket.try_read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => {
                received.fetch_add(count as u64, Ordering::Relaxed);
            }
            Err(fault) if fault.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}
