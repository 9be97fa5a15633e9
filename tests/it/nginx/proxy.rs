//! A real nginx with the shipped configuration, a throw-away certificate and a port of its own.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The parts of `nginx/` that run as they are shipped.
const SHIPPED: [&str; 4] = ["http.conf", "routes.conf", "proxy.conf", "socket.conf"];
const READY_LIMIT: Duration = Duration::from_secs(20);

/// A running nginx.
pub(crate) struct Nginx {
    child: Child,
    client: Client,
    port: u16,
    folder: TempDir,
}

impl Nginx {
    /// Starts it in front of an `api` and a `calls`, and waits until it answers.
    pub(crate) async fn start(api: &str, calls: &str) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let folder = tempfile::tempdir().expect("make a folder");
        let address = crate::fleet::free_address();
        let port = address
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok())
            .expect("an address has a port");
        write_configuration(folder.path(), port, api, calls);
        let log = fs::File::create(folder.path().join("error.log")).expect("make the log");
        let child = Command::new("nginx")
            .env(
                "PATH",
                "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/opt/homebrew/bin",
            )
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(folder.path().join("nginx.conf"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("start nginx (apt-get install nginx)");
        let client = Client::builder()
            .no_proxy()
            .http1_only()
            .danger_accept_invalid_certs(true)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(20))
            .build()
            .expect("an HTTP client");
        let nginx = Self {
            child,
            client,
            port,
            folder,
        };
        nginx.ready().await;
        nginx
    }

    /// `https://localhost:port` and `path`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// A request to one path.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// A request to upgrade to a WebSocket.
    pub(crate) fn upgrade(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    /// Opens a WebSocket, or answers the status that it was refused with.
    pub(crate) async fn open_socket(&self, path: &str) -> Result<Socket, reqwest::StatusCode> {
        let answer = self.upgrade(path).send().await.expect("ask for a socket");
        if answer.status() != reqwest::StatusCode::SWITCHING_PROTOCOLS {
            return Err(answer.status());
        }
        Ok(Socket(answer.upgrade().await.expect("upgrade")))
    }

    async fn ready(&self) {
        let answers = async {
            // `/metrics` is answered by nginx alone, so this counts nothing and asks no role.
            while self.request(Method::GET, "/metrics").send().await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let log = self.folder.path().join("error.log");
        tokio::time::timeout(READY_LIMIT, answers)
            .await
            .unwrap_or_else(|_| {
                panic!(
                    "nginx did not start: {}",
                    fs::read_to_string(log).unwrap_or_default()
                )
            });
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let id = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).ok();
        self.child.wait().ok();
    }
}

fn write_configuration(folder: &Path, port: u16, api: &str, calls: &str) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("nginx");
    for name in SHIPPED {
        fs::copy(shipped.join(name), folder.join(name)).expect("copy a part of the configuration");
    }
    let write = |name: &str, text: String| {
        fs::write(folder.join(name), text).expect("write a part of the configuration");
    };
    write(
        "listen.conf",
        format!(
            "listen 127.0.0.1:{port} ssl http2;\nssl_certificate certificate.pem;\nssl_certificate_key key.pem;\nadd_header X-Upstream $upstream_addr always;\n"
        ),
    );
    write(
        "upstreams.conf",
        format!(
            "upstream api {{ server {api}; keepalive 8; }}\nupstream calls {{ server {calls}; keepalive 8; }}\n"
        ),
    );
    write(
        "origins.conf",
        "\"https://tools.example.com\" $http_origin;\n".to_owned(),
    );
    // Its own folders, as those of the system are root's.
    let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let folders = folders.map(|name| format!("{name}_temp_path {name};")).join("\n");
    write(
        "nginx.conf",
        format!(
            "daemon off;\nworker_processes 1;\npid nginx.pid;\nerror_log stderr warn;\nevents {{ worker_connections 512; }}\nhttp {{\n{folders}access_log off;\ninclude http.conf;\n}}\n"
        ),
    );
    let made = Command::new("openssl")
        .current_dir(folder)
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args([
            "-days",
            "1",
            "-subj",
            "/CN=localhost",
            "-keyout",
            "key.pem",
            "-out",
            "certificate.pem",
        ])
        .stderr(Stdio::null())
        .status()
        .expect("run openssl");
    assert!(made.success(), "openssl made no certificate");
}

/// An open WebSocket, spoken by hand: text frames of less than 126 bytes.
pub(crate) struct Socket(reqwest::Upgraded);

impl Socket {
    /// Sends one text frame, masked with zeros as the protocol allows.
    pub(crate) async fn send(&mut self, text: &str) {
        let len = u8::try_from(text.len()).expect("a short text");
        let mut frame = vec![0x81, 0x80 | len, 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        self.0.write_all(&frame).await.expect("send a frame");
    }

    /// The text of the next frame.
    pub(crate) async fn receive(&mut self) -> String {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).await.expect("receive a frame");
        let mut text = vec![0; usize::from(head[1])];
        self.0
            .read_exact(&mut text)
            .await
            .expect("receive a frame's text");
        String::from_utf8(text).expect("text")
    }
}
