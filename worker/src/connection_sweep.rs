//! Asks a connection's provider what it had not told us: texts of an outage, reports that never came.

use std::time::Duration;

use anyhow::Context as _;
use connectors::http::Http;
use connectors::twilio::messages::{Message, Progress, failure_help, progress};
use connectors::twilio::rest::Fault;
use connectors::twilio::{Account, Rest};
use hub::Hub;
use hub::connection::sweep::{self, Number, Plan, SweepConnection, Swept};
use hub::ids::TenantId;
use hub::message::{Failure, State};
use hub::receipt::{self, Report};
use hub::submission::{self, Body, NewSubmission, Sms};

use crate::registry::{Job, Outcome};

/// Pages of one sweep; the next one goes on where this one ended.
const PAGES_MAX: usize = 10;
/// Between two requests: a sweep is in nobody's way.
const PACE: Duration = Duration::from_millis(100);
/// Files of one text; carriers send ten at most.
const FILES_MAX: usize = 10;

/// A provider that does not answer is written down as the connection's health; the next sweep is the repeat.
pub(crate) async fn run(http: Http, hub: Hub, job: Job<SweepConnection>) -> anyhow::Result<Outcome> {
    let (tenant, connection) = (job.tenant, job.payload.connection);
    let Some(plan) = sweep::plan(&hub, tenant, connection).await? else {
        return Ok(Outcome::Done);
    };
    let account = Account::from_plain_json(&plan.credentials).context("read the connection's credentials")?;
    let rest = Rest::new(http, hub.config.twilio.api_url.clone(), account);
    let mut sweeping = Sweeping {
        hub: &hub,
        rest,
        tenant,
        swept: Swept::default(),
    };
    let asked = match sweeping.texts(&plan).await {
        Ok(()) => sweeping.receipts(&plan).await,
        early => early,
    };
    let mut swept = sweeping.swept;
    if let Err(fault) = asked {
        let fault = fault.downcast::<Fault>()?;
        tracing::info!(connection.id = %connection, "The sweep of connection {connection} ended early: {fault}");
        // A page that is not there any more is not asked for again: the window is.
        swept.next_page = None;
        swept.problem = Some(problem(&fault).to_owned());
    }
    sweep::ended(&hub, tenant, connection, plan.until, &swept).await?;
    let found = |kind: &'static str, count: i64| {
        metrics::counter!("switchboard_sweep_found_total", "kind" => kind)
            .increment(u64::try_from(count).unwrap_or(0));
    };
    found("texts", swept.texts);
    found("receipts", swept.receipts);
    let outcome = if swept.problem.is_some() { "failed" } else { "done" };
    metrics::counter!("switchboard_sweeps_total", "outcome" => outcome).increment(1);
    Ok(Outcome::Done)
}

struct Sweeping<'a> {
    hub: &'a Hub,
    rest: Rest,
    tenant: TenantId,
    swept: Swept,
}

impl Sweeping<'_> {
    async fn texts(&mut self, plan: &Plan) -> anyhow::Result<()> {
        if plan.numbers.is_empty() {
            return Ok(());
        }
        let (from, until) = (plan.from.jiff(), plan.until.jiff());
        let mut page = plan.page.clone();
        for _ in 0..PAGES_MAX {
            let listed = self.rest.list_messages(from, until, page.as_deref()).await?;
            self.take_in(&plan.numbers, listed.messages).await?;
            page = listed.next;
            if page.is_none() {
                break;
            }
            tokio::time::sleep(PACE).await;
        }
        self.swept.next_page = page;
        Ok(())
    }

    /// Those that nobody told us of, as if they had just come; oldest first, as they were sent.
    async fn take_in(&mut self, numbers: &[Number], messages: Vec<Message>) -> anyhow::Result<()> {
        let ours: Vec<(&Number, Message)> = messages
            .into_iter()
            .filter(|message| message.direction.as_deref() == Some("inbound"))
            .filter_map(|message| {
                let to = hub::phone::sender(message.to.as_deref()?);
                let number = numbers.iter().find(|number| number.address == to)?;
                let is_after = message.created_at()? >= number.since.before(Duration::from_secs(1)).jiff();
                is_after.then_some((number, message))
            })
            .collect();
        let keys = ours.iter().map(|(_, message)| message.sid.clone()).collect();
        let unknown = submission::unknown(self.hub, self.tenant, keys).await?;
        for (number, message) in ours.into_iter().rev() {
            if unknown.contains(&message.sid) {
                self.take_one_in(number, message).await?;
            }
        }
        Ok(())
    }

    async fn take_one_in(&mut self, number: &Number, message: Message) -> anyhow::Result<()> {
        let files = if message.has_files() {
            let mut files = self.rest.files(&message.sid).await?;
            files.truncate(FILES_MAX);
            files
        } else {
            Vec::new()
        };
        let (media, media_types) = files.into_iter().map(|file| (file.url, file.media_type)).unzip();
        let sent_at = message.created_at().map(Into::into);
        let text = Sms {
            from: message.from.unwrap_or_default(),
            body: message.body.unwrap_or_default().replace('\0', ""),
            provider_id: message.sid.clone(),
            keyword_answered: false,
            media,
            media_types,
            sent_at,
        };
        let new = NewSubmission {
            tenant: self.tenant,
            inbox: number.inbox,
            dedup_key: message.sid,
            body: Body::Sms(text),
        };
        self.hub.intake.commit(self.hub, new).await?;
        self.swept.texts += 1;
        Ok(())
    }

    async fn receipts(&mut self, plan: &Plan) -> anyhow::Result<()> {
        let mut asked = Vec::new();
        let mut early = Ok(());
        for unsettled in &plan.unsettled {
            let found = match self.rest.message(&unsettled.provider_id).await {
                Ok(found) => Some(found),
                // It has no such message: nothing will ever be reported.
                Err(Fault::Refused { status: 404, .. }) => None,
                Err(fault) => {
                    early = Err(fault.into());
                    break;
                }
            };
            asked.push(unsettled.message);
            let state = found.as_ref().and_then(|found| final_state(&found.status));
            if let (Some(found), Some(state)) = (found, state) {
                let report = Report {
                    message: unsettled.message,
                    attempt: unsettled.attempt,
                    provider_id: found.sid,
                    state,
                    failure: (state == State::Failed).then(|| failure(found.error_code)),
                };
                receipt::record(self.hub, self.tenant, &report).await?;
                self.swept.receipts += 1;
            }
            tokio::time::sleep(PACE).await;
        }
        sweep::asked(self.hub, self.tenant, &asked).await?;
        early
    }
}

fn final_state(status: &str) -> Option<State> {
    match progress(status)? {
        Progress::Taken => None,
        Progress::Failed => Some(State::Failed),
        Progress::Delivered => Some(State::Delivered),
        Progress::Read => Some(State::Read),
    }
}

fn failure(code: Option<u32>) -> Failure {
    Failure {
        code: code.map_or_else(|| "undelivered".to_owned(), |code| code.to_string()),
        help: failure_help(code).to_owned(),
    }
}

fn problem(fault: &Fault) -> &'static str {
    match fault {
        Fault::Refused {
            status: 401 | 403, ..
        } => "Twilio does not accept this account's credentials. Enter them again.",
        Fault::Refused { .. } => "Twilio refused our question. It is asked again in a few minutes.",
        Fault::Busy { .. } => "Twilio asks for fewer requests. It is asked again in a few minutes.",
        Fault::NotSent(_) | Fault::Unknown { .. } => {
            "Twilio does not answer. It is asked again in a few minutes; see status.twilio.com."
        }
    }
}
