//! Periodic work. Any number of schedulers may run; one leads (a name in Redis that runs out), and a row per slot decides,
//! so that two leaders, or none while Redis is away, do each slot's work once. A slot that nobody did in its time is done
//! late, the latest one only.
//!
//! To add periodic work: a line in `worker/src/scheduler/schedule.rs`.

mod schedule;

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context as _;
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use hub::Hub;
use hub::clock::Timestamp;
use hub::{leader, tick};
use tokio::net::TcpListener;
use tokio::time::Instant;

pub use schedule::Tick;

/// Who led is missed for this long.
const LEAD: Duration = Duration::from_secs(10);
/// How often we look at the clock, and hold the lead again each third time.
const LOOK: Duration = Duration::from_secs(1);
/// A tick that failed is tried again after this.
const FAULT_PAUSE: Duration = Duration::from_secs(30);
const NAME: &str = "scheduler";

/// A tick and its parsed schedule.
struct Planned {
    tick: Tick,
    cron: Cron,
}

/// Does the product's periodic work until the soft stop.
pub async fn run(hub: Hub) -> anyhow::Result<()> {
    run_with(hub, schedule::ticks()).await
}

/// The same with its own listener for health and metrics, when the process does nothing else.
pub async fn serve(hub: Hub, listener: TcpListener) -> anyhow::Result<()> {
    let health = crate::health(hub.clone(), listener);
    let (worked, served) = tokio::join!(run(hub), health);
    worked.and(served)
}

/// Does the work of `ticks`.
///
/// # Errors
/// When a schedule cannot be read.
pub async fn run_with(hub: Hub, ticks: Vec<Tick>) -> anyhow::Result<()> {
    let plan = ticks
        .into_iter()
        .map(planned)
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The last slot of each that is settled, by us or somebody else, or not to be tried again before then.
    let mut settled: HashMap<&'static str, Timestamp> = HashMap::new();
    let mut paused: HashMap<&'static str, Instant> = HashMap::new();
    loop {
        tokio::select! {
            () = hub.tasks.stopping() => break,
            _ = look.tick() => {}
        }
        if !leads(&hub).await {
            continue;
        }
        for planned in &plan {
            let name = planned.tick.name;
            let slot = slot(&planned.cron, hub.clock.now())?;
            let waits = paused.get(name).is_some_and(|until| *until > Instant::now());
            if waits || settled.get(name) == Some(&slot) || hub.tasks.is_stopping() {
                continue;
            }
            match run_one(&hub, &planned.tick, slot).await {
                Ok(()) => drop(settled.insert(name, slot)),
                Err(fault) => {
                    metrics::counter!("switchboard_tick_faults_total", "tick" => name).increment(1);
                    tracing::error!(
                        tick = name,
                        error = format!("{fault:#}"),
                        "Periodic work {name} failed"
                    );
                    paused.insert(name, Instant::now() + FAULT_PAUSE);
                }
            }
            // Long work must not cost us the lead.
            leads(&hub).await;
        }
    }
    leader::leave(&hub, NAME).await;
    Ok(())
}

/// Whether this process leads. While Redis is away everybody does, and the rows decide.
async fn leads(hub: &Hub) -> bool {
    let leads = leader::hold(hub, NAME, LEAD).await.unwrap_or(true);
    metrics::gauge!("switchboard_scheduler_leads").set(if leads { 1.0 } else { 0.0 });
    leads
}

async fn run_one(hub: &Hub, tick: &Tick, slot: Timestamp) -> anyhow::Result<()> {
    let started = Instant::now();
    if tick::once(hub, tick.name, slot, (tick.work)(hub.clone())).await? {
        metrics::histogram!("switchboard_tick_seconds", "tick" => tick.name)
            .record(started.elapsed().as_secs_f64());
        tracing::debug!(tick = tick.name, "Periodic work {} is done for {slot}", tick.name);
    }
    Ok(())
}

fn planned(tick: Tick) -> anyhow::Result<Planned> {
    let parser = CronParser::builder().seconds(Seconds::Optional).build();
    let cron = parser
        .parse(tick.schedule)
        .with_context(|| format!("read the schedule of {}", tick.name))?;
    Ok(Planned { tick, cron })
}

/// The latest instant of the schedule that is not after `now`, in UTC.
fn slot(cron: &Cron, now: Timestamp) -> anyhow::Result<Timestamp> {
    let now = now.in_zone(&jiff::tz::TimeZone::UTC);
    let slot = cron
        .find_previous_occurrence(&now, true)
        .context("find the slot of a schedule")?;
    Ok(slot.timestamp().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse::<jiff::Timestamp>().unwrap().into()
    }

    #[test]
    fn a_slot_is_the_latest_instant_of_the_schedule() {
        let every_ten = CronParser::builder()
            .seconds(Seconds::Optional)
            .build()
            .parse("*/10 * * * *")
            .unwrap();
        for (now, expected) in [
            ("2026-03-29T01:19:59.9Z", "2026-03-29T01:10:00Z"),
            ("2026-03-29T01:20:00Z", "2026-03-29T01:20:00Z"),
            ("2026-01-01T00:00:00.000001Z", "2026-01-01T00:00:00Z"),
        ] {
            assert_eq!(slot(&every_ten, at(now)).unwrap(), at(expected), "{now}");
        }
    }

    #[test]
    fn every_schedule_can_be_read_and_names_differ() {
        let ticks = schedule::ticks();
        let names: std::collections::HashSet<_> = ticks.iter().map(|tick| tick.name).collect();
        assert_eq!(names.len(), ticks.len());
        for tick in ticks {
            planned(tick).unwrap();
        }
    }
}
