//! The fake WhatsApp server, driven over its control surface.
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::program::Program;

/// The first session's number and the first customer's; nobody has numbers of the area 555.
const SESSIONS_FROM: u64 = 15_552_000_000;
const CUSTOMERS_FROM: u64 = 15_553_000_000;
/// The fake's first line comes within this time.
const PATIENCE: Duration = Duration::from_secs(20);

/// See the module.
pub(super) struct Fake {
    http: reqwest::Client,
    control: String,
    /// What clients connect to.
    pub(super) socket: String,
    /// The process.
    pub(super) program: Program,
}

/// A session that is linked already.
#[derive(Deserialize)]
pub(super) struct Provisioned {
    /// Its number.
    pub(super) phone: String,
    /// The library's record of the device.
    pub(super) record: Box<RawValue>,
}

/// One login.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Stay {
    phone: String,
    /// By the fake's clock.
    pub(super) from_us: u64,
    /// Absent while it lasts.
    pub(super) until_us: Option<u64>,
}

/// Something that happened.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Effect {
    /// Counts up.
    pub(super) number: u64,
    /// What.
    pub(super) data: Value,
}

#[derive(Deserialize)]
struct First {
    socket: String,
    control: String,
}

#[derive(Deserialize)]
struct Made {
    sessions: Vec<Provisioned>,
}

#[derive(Deserialize)]
struct Connected {
    now_us: u64,
    connected: u64,
}

/// The number of a session.
pub(super) fn session(number: u64) -> String {
    format!("+{}", SESSIONS_FROM + number)
}

/// The number of a customer.
pub(super) fn customer(number: u64) -> String {
    format!("+{}", CUSTOMERS_FROM + number)
}

/// How long a session was away before its last stay.
pub(super) fn last_gap_us(stays: &[Stay]) -> Option<u64> {
    let [.., before, last] = stays else {
        return None;
    };
    Some(last.from_us.saturating_sub(before.until_us?))
}

impl Fake {
    /// Starts it on a free port.
    pub(super) async fn start(program: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped());
        let mut program = Program::start("fake_whatsapp", &mut command)?;
        let mut lines = BufReader::new(program.output()?).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line())
            .await
            .context("wait for the fake's first line")??;
        let first: First =
            serde_json::from_str(&line.unwrap_or_default()).context("read the fake's first line")?;
        let (http, _) = crate::outbound::clients(None)?;
        Ok(Self {
            http,
            control: first.control,
            socket: first.socket,
            program,
        })
    }

    /// Makes linked sessions.
    pub(super) async fn provision(&self, count: u64) -> Result<Vec<Provisioned>> {
        let wanted = json!({"first": session(0), "count": count});
        let request = self
            .http
            .post(format!("{}/sessions", self.control))
            .timeout(Duration::from_mins(5))
            .json(&wanted);
        let made: Made = read(request).await?.json().await.context("read the sessions")?;
        Ok(made.sessions)
    }

    /// A person who writes: a real client.
    pub(super) async fn come(&self, number: u64) -> Result<()> {
        let phone = customer(number);
        let body = json!({"phone": phone, "name": format!("Customer {number}")});
        self.post("customers", &body).await
    }

    /// They write to a session.
    pub(super) async fn say(&self, number: u64, to: &str, id: &str, text: &str) -> Result<()> {
        let path = format!("customers/{}/say", customer(number));
        self.post(&path, &json!({"to": to, "id": id, "text": text})).await
    }

    /// Nobody is let in any more, or everybody again.
    pub(super) async fn shut(&self, is_shut: bool) -> Result<()> {
        let faults = if is_shut {
            json!({"connect": {"http": 503}})
        } else {
            json!({})
        };
        let request = self.http.put(format!("{}/faults", self.control)).json(&faults);
        read(request).await.map(drop)
    }

    /// All sockets end without a word.
    pub(super) async fn cut_all(&self) -> Result<()> {
        self.post("cut", &json!({"all": true})).await
    }

    /// Its clock.
    pub(super) async fn now_us(&self) -> Result<u64> {
        Ok(self.look(0).await?.now_us)
    }

    /// How many of the first `count` sessions are connected.
    pub(super) async fn connected(&self, count: u64) -> Result<u64> {
        Ok(self.look(count).await?.connected)
    }

    async fn look(&self, count: u64) -> Result<Connected> {
        self.get(&format!("connected?first=%2B{SESSIONS_FROM}&count={count}"))
            .await
    }

    /// Every stay of every session, in order.
    pub(super) async fn stays(&self, count: u64) -> Result<Vec<Vec<Stay>>> {
        let stays: Vec<Stay> = self.get("record").await?;
        let mut of: BTreeMap<String, Vec<Stay>> =
            (0..count).map(|number| (session(number), Vec::new())).collect();
        for stay in stays {
            if let Some(stays) = of.get_mut(&stay.phone) {
                stays.push(stay);
            }
        }
        Ok(of.into_values().collect())
    }

    /// How often two sockets of one device were open at once.
    pub(super) async fn overlaps(&self) -> Result<u64> {
        let overlaps: Vec<Value> = self.get("overlaps").await?;
        Ok(overlaps.len() as u64)
    }

    /// Receipts after this effect, as soon as there is one.
    pub(super) async fn receipts(&self, after: u64) -> Result<Vec<Effect>> {
        self.get(&format!("effects?after={after}&kind=receipt&wait_ms=1000"))
            .await
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T> {
        let request = self.http.get(format!("{}/{path}", self.control));
        let answer = read(request).await?;
        answer.json().await.with_context(|| format!("read {path}"))
    }

    async fn post(&self, path: &str, body: &Value) -> Result<()> {
        let request = self.http.post(format!("{}/{path}", self.control)).json(body);
        read(request).await?.bytes().await?;
        Ok(())
    }
}

async fn read(request: reqwest::RequestBuilder) -> Result<reqwest::Response> {
    let answer = request.send().await.context("call the fake")?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let text = answer.text().await.unwrap_or_default();
    bail!("the fake answered {status}: {text}")
}
