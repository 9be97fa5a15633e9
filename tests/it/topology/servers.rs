//! Redis processes of a test: a cluster of three, or a primary, its replica and a Sentinel.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use crate::jobs::eventually;

/// Nothing is kept on disk.
const FORGETS: &str = "save \"\"\nappendonly no\n";

/// A process that ends with the test.
struct Server {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Server {
    fn start(port: u16, settings: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("redis.conf");
        let path = folder.path().display();
        let common = format!("port {port}\nbind 127.0.0.1\ndir {path}\nlogfile {path}/log\n");
        std::fs::write(&file, common + settings).unwrap();
        let child = command("redis-server", &file, arguments).spawn().unwrap();
        Self {
            child,
            port,
            _folder: folder,
        }
    }

    async fn ready(&self) {
        eventually("Redis answers", async || {
            ask(self.port, &["ping"]).contains("PONG")
        })
        .await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn command(program: &str, file: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .arg(file)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// What redis-cli prints.
fn ask(port: u16, words: &[&str]) -> String {
    let port = port.to_string();
    let Output { stdout, .. } = Command::new("redis-cli")
        .args(["-p", &port])
        .args(words)
        .output()
        .unwrap();
    String::from_utf8_lossy(&stdout).into_owned()
}

/// Ports nobody has at this moment, all different.
fn free_ports<const N: usize>() -> [u16; N] {
    let taken = [(); N].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    taken.map(|listener| listener.local_addr().unwrap().port())
}

/// Three primaries that share the slots.
pub(super) struct Cluster(Vec<Server>);

impl Cluster {
    pub(super) async fn start() -> Self {
        let [a, b, c, bus_a, bus_b, bus_c] = free_ports();
        let servers: Vec<_> = [(a, bus_a), (b, bus_b), (c, bus_c)]
            .into_iter()
            .map(|(port, bus)| {
                let settings =
                    format!("{FORGETS}cluster-enabled yes\ncluster-port {bus}\ncluster-node-timeout 2000\n");
                Server::start(port, &settings, &[])
            })
            .collect();
        for server in &servers {
            server.ready().await;
        }
        let nodes = [a, b, c].map(|port| format!("127.0.0.1:{port}"));
        let made = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(&nodes)
            .arg("--cluster-yes")
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        for port in [a, b, c] {
            eventually("the cluster is whole", async || {
                ask(port, &["cluster", "info"]).contains("cluster_state:ok")
            })
            .await;
        }
        Self(servers)
    }

    pub(super) fn url(&self) -> String {
        let mut url = format!("redis-cluster://127.0.0.1:{}", self.0[0].port);
        for (n, server) in self.0.iter().enumerate().skip(1) {
            let mark = if n == 1 { '?' } else { '&' };
            write!(url, "{mark}node=127.0.0.1:{}", server.port).unwrap();
        }
        url
    }

    pub(super) fn flush(&self) {
        for server in &self.0 {
            ask(server.port, &["flushall"]);
        }
    }
}

/// A primary, a replica, and one Sentinel that decides alone, quickly.
pub(super) struct Sentinel {
    primary: Option<Server>,
    _replica: Server,
    watcher: Server,
}

impl Sentinel {
    pub(super) async fn start() -> Self {
        let [first, second, third] = free_ports();
        let primary = Server::start(first, FORGETS, &[]);
        primary.ready().await;
        let replica = Server::start(
            second,
            &format!("{FORGETS}replicaof 127.0.0.1 {first}\nrepl-diskless-sync-delay 0\n"),
            &[],
        );
        eventually("the replica follows", async || {
            ask(second, &["info", "replication"]).contains("master_link_status:up")
        })
        .await;
        let watch = format!(
            "sentinel monitor main 127.0.0.1 {first} 1\nsentinel down-after-milliseconds main 1000\n\
             sentinel failover-timeout main 3000\n"
        );
        let sentinel = Server::start(third, &watch, &["--sentinel"]);
        sentinel.ready().await;
        eventually("Sentinel knows the replica", async || {
            ask(third, &["sentinel", "master", "main"]).contains("num-slaves\n1")
        })
        .await;
        Self {
            primary: Some(primary),
            _replica: replica,
            watcher: sentinel,
        }
    }

    pub(super) fn url(&self) -> String {
        format!(
            "redis-sentinel://127.0.0.1:{}?sentinelServiceName=main",
            self.watcher.port
        )
    }

    pub(super) fn kill_the_primary(&mut self) {
        self.primary = None;
    }
}
