//! SMS webhooks on an open-loop schedule, each with a marker by which screens recognise it.
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use anyhow::{Result, ensure};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::TaskTracker;

use crate::clock;
use crate::product::{Entrance, Event};
use crate::run::Run;
use crate::twilio::signature_headers;

/// Units under way at most; beyond, units are dropped and counted, so that the generator cannot drown itself.
pub(super) const UNDER_WAY_MAX: usize = 5000;

/// What became of every unit.
#[derive(Default)]
pub struct Ledger {
    units: Mutex<HashMap<u64, Unit>>,
}

#[derive(Clone, Copy, Default)]
struct Unit {
    acknowledged: bool,
    seen: u32,
}

impl Ledger {
    fn acknowledged(&self, n: u64) {
        self.units
            .lock()
            .expect("no holder of the lock panics")
            .entry(n)
            .or_default()
            .acknowledged = true;
    }

    /// A screen shows unit `n`; how often it had been seen before.
    pub fn seen(&self, n: u64) -> u32 {
        let mut units = self.units.lock().expect("no holder of the lock panics");
        let unit = units.entry(n).or_default();
        unit.seen += 1;
        unit.seen - 1
    }

    /// Acknowledged units that no screen has shown.
    pub fn lost(&self) -> u64 {
        let units = self.units.lock().expect("no holder of the lock panics");
        units
            .values()
            .filter(|unit| unit.acknowledged && unit.seen == 0)
            .count() as u64
    }

    /// Units that one screen showed more than once.
    pub fn doubled(&self) -> u64 {
        let units = self.units.lock().expect("no holder of the lock panics");
        units.values().filter(|unit| unit.seen > 1).count() as u64
    }
}

/// The unit that an event is about.
pub fn unit(event: &Event, seed: u64) -> Option<u64> {
    if event.kind != "message.created" {
        return None;
    }
    let body = event
        .data
        .pointer("/message/body")
        .and_then(serde_json::Value::as_str)?;
    body.split_once(&format!("[lt-{seed}-"))?
        .1
        .split_once(']')?
        .0
        .parse()
        .ok()
}

/// Sends everything that the schedule wants, and waits for the answers.
pub async fn send(run: &Run, entrance: &Entrance, contacts: u32, ledger: &Arc<Ledger>) -> Result<()> {
    let seed = run.options().seed;
    let mut dice = StdRng::seed_from_u64(seed);
    let (http, _) = crate::outbound::clients(None)?;
    let slots = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    let tasks = TaskTracker::new();
    let sender = Arc::new(Sender {
        http,
        url: format!(
            "{}/webhooks/twilio/sms",
            entrance.target.as_str().trim_end_matches('/')
        ),
        public: format!(
            "{}/webhooks/twilio/sms",
            entrance.public().as_str().trim_end_matches('/')
        ),
        entrance: entrance.clone(),
    });
    // Microseconds, not units, make the run apart from an earlier one with the same seed.
    let run_mark = clock::unix_s();
    let mut n = 0;
    while let Some(due) = run.due(n) {
        sleep_until(due).await;
        run.histogram("generator_late").record(clock::us(due.elapsed()));
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            run.add("dropped", 1.0);
            n += 1;
            continue;
        };
        let from = format!("+1555{:07}", 100_000 + dice.random_range(0..contacts.max(1)));
        let body = format!("Is the boiler repaired? [lt-{seed}-{n}]");
        let sid = format!("SM{run_mark:016x}{n:016x}");
        let (run, sender, ledger) = (run.clone(), Arc::clone(&sender), Arc::clone(ledger));
        run.begin();
        tasks.spawn(async move {
            let outcome = sender.post(&sid, &from, &body).await;
            if outcome.is_ok() {
                ledger.acknowledged(n);
                record(&run, "ack", due);
            }
            run.finish(outcome);
            drop(slot);
        });
        n += 1;
    }
    tasks.close();
    tasks.wait().await;
    Ok(())
}

/// Writes the time since `due` down, when it is measured.
pub fn record(run: &Run, name: &str, due: Instant) {
    if run.measured(due) {
        run.histogram(name).record(clock::us(due.elapsed()));
    }
}

struct Sender {
    http: reqwest::Client,
    url: String,
    public: String,
    entrance: Entrance,
}

impl Sender {
    async fn post(&self, sid: &str, from: &str, body: &str) -> Result<()> {
        let params: Vec<(String, String)> = [
            ("MessageSid", sid),
            ("SmsSid", sid),
            ("SmsMessageSid", sid),
            ("AccountSid", &self.entrance.account),
            ("From", from),
            ("To", &self.entrance.to),
            ("Body", body),
            ("NumMedia", "0"),
            ("NumSegments", "1"),
            ("SmsStatus", "received"),
            ("ApiVersion", "2010-04-01"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        let mut request = self.http.post(&self.url).form(&params);
        for (name, value) in signature_headers(&self.entrance.auth_token, None, &self.public, &params) {
            request = request.header(name, value);
        }
        let response = request.send().await?;
        let status = response.status();
        // The body is read, so that the connection can serve again.
        let text = response.text().await?;
        ensure!(
            status.is_success(),
            "the webhook answered {status}: {}",
            text.chars().take(200).collect::<String>()
        );
        Ok(())
    }
}
