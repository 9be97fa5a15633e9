//! Our own Redis: on a loopback port behind a random password, every write in its append-only file, nothing evicted.
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;

use super::account::Account;
use super::child::{self, Server};
use super::folder;
use super::orphans;
use super::server_binaries;
use crate::progress::{self, Step};

const READY_TIMEOUT: Duration = Duration::from_mins(1);

/// The running server.
pub(super) struct Redis {
    server: Server,
    address: SocketAddr,
    password: String,
}

impl Redis {
    pub(super) async fn start(home: &Path, account: Option<Account>) -> Result<Self> {
        let (base, data) = (home.join("redis"), home.join("redis/data"));
        folder::make_private(&base, account)?;
        folder::make_private(&data, account)?;
        let program = server_binaries::redis()?;
        if orphans::clear(&data, &base.join("redis.pid"), Signal::SIGTERM).await? {
            progress::line("Stopped a Redis that an earlier start had left behind");
        }
        let step = Step::begin();
        let address = free_port()?;
        let password = hub::ids::random_hex(24);
        let settings = write_settings(&base, &data, address, &password, account)?;
        let mut command = Command::new(program);
        command.arg(settings);
        let log = base.join("redis.log");
        let mut server = Server::start("redis-server", command, account, &log, Signal::SIGTERM)?;
        if let Err(error) = ready(&mut server, address, &password, &log).await {
            server.stop().await;
            return Err(error);
        }
        step.done("Redis is ready");
        Ok(Self {
            server,
            address,
            password,
        })
    }

    pub(super) fn url(&self) -> String {
        format!("redis://:{}@{}", self.password, self.address)
    }

    pub(super) async fn stop(self) {
        self.server.stop().await;
    }
}

/// Waits until the server has ended by itself; for ever, when there is none.
pub(super) async fn ended(redis: Option<&mut Redis>) {
    match redis {
        Some(redis) => redis.server.wait().await,
        None => std::future::pending().await,
    }
}

/// The settings go into a file: a password among the arguments could be read by every user of the machine.
fn write_settings(
    base: &Path,
    data: &Path,
    address: SocketAddr,
    password: &str,
    account: Option<Account>,
) -> Result<PathBuf> {
    let path = base.join("redis.conf");
    let quoted = |path: &Path| path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"");
    let settings = format!(
        "bind {host}\nport {port}\nrequirepass {password}\ndir \"{data}\"\npidfile \"{pid}\"\ndaemonize no\n\
         appendonly yes\nappendfsync everysec\nsave \"\"\nmaxmemory-policy noeviction\n",
        host = address.ip(),
        port = address.port(),
        data = quoted(data),
        pid = quoted(&base.join("redis.pid")),
    );
    folder::write_private(&path, &settings)?;
    account.map_or(Ok(()), |account| account.own(&path))?;
    Ok(path)
}

/// A port that was free a moment ago. Should somebody take it meanwhile, Redis says so and `up` can be started again.
fn free_port() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    listener.local_addr().context("find a free port")
}

/// Waits for `PONG`; while the append-only file is being read, Redis answers that it is loading.
async fn ready(server: &mut Server, address: SocketAddr, password: &str, log: &Path) -> Result<()> {
    let wait = async {
        while !answers(address, password).await.unwrap_or(false) {
            if let Some(status) = server.ended() {
                anyhow::bail!("redis-server ended ({status}); {}", child::log_tail(log));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    };
    tokio::time::timeout(READY_TIMEOUT, wait)
        .await
        .with_context(|| format!("wait for redis-server; {}", child::log_tail(log)))?
}

async fn answers(address: SocketAddr, password: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(format!("AUTH {password}\r\nPING\r\nQUIT\r\n").as_bytes())
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.contains("+PONG"))
}
