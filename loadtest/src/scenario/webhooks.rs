//! `loadtest webhooks`: signed SMS webhooks; the time to the 200 and the time to a member of staff's screen.
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio_util::sync::CancellationToken;

use super::postgres;
use super::texts::{self, Ledger};
use crate::product::{Entrance, Frame, Live, Product};
use crate::run::{Options, Run};
use crate::stage::exact;

/// Arguments of the scenario.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    entrance: Entrance,
    #[command(flatten)]
    options: Options,
    /// Different senders.
    #[arg(long, default_value_t = 200)]
    contacts: u32,
    /// Do not watch a screen (no sign-in needed).
    #[arg(long)]
    no_screen: bool,
    /// How long the screen may take to catch up after the last webhook.
    #[arg(long, default_value = "15s", value_parser = crate::stage::duration)]
    drain: Duration,
    /// First measure what Postgres takes without us (needs `pgbench` and `psql`): the URL of a database in which a table may
    /// be made, on the server that the product uses. Its CPU is told when `--pid` names it `postgres`.
    #[arg(long, value_name = "URL")]
    floor: Option<String>,
}

/// Runs it.
pub async fn run(args: Args) -> Result<ExitCode> {
    args.options.check_target(&args.entrance.target)?;
    let product = if args.no_screen {
        None
    } else {
        Some(Product::enter(&args.entrance).await?)
    };
    if let Some(product) = product.as_ref().filter(|_| args.entrance.prepare) {
        product
            .prepare(&args.entrance.twilio_account(), &args.entrance.to)
            .await
            .context("prepare the tenant")?;
    }
    let screen = match &product {
        Some(product) => Some(product.live(None).await.context("open a screen")?),
        None => None,
    };
    let mut floors = std::collections::BTreeMap::new();
    if let Some(url) = &args.floor {
        let postgres = args
            .options
            .pids
            .iter()
            .find(|watched| watched.name == "postgres");
        floors = postgres::floors(url, postgres)
            .await
            .context("measure the floors")?;
    }
    let run = Run::start("webhooks", args.options.clone());
    for (name, value) in floors {
        run.number(&name, value);
    }
    let (ledger, stop) = (Arc::new(Ledger::default()), CancellationToken::new());
    let watching = tokio::spawn({
        let (run, stop) = (run.clone(), stop.clone());
        async move { run.watch(stop).await }
    });
    let screening =
        screen.map(|screen| tokio::spawn(show(run.clone(), screen, Arc::clone(&ledger), stop.clone())));
    texts::send(&run, &args.entrance, args.contacts, &ledger).await?;
    if screening.is_some() {
        let deadline = tokio::time::Instant::now() + args.drain;
        while ledger.lost() > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        run.number("lost", exact(ledger.lost()));
        run.number("doubled", exact(ledger.doubled()));
    }
    stop.cancel();
    watching.await.context("end the sampling")?;
    if let Some(screening) = screening {
        screening.await.context("end the screen")?;
    }
    let late_ms = run.histogram("generator_late").percentile_ms(99.0);
    run.report(Some(late_ms))
}

async fn show(run: Run, mut screen: Live, ledger: Arc<Ledger>, stop: CancellationToken) {
    loop {
        let frame = tokio::select! {
            frame = screen.next() => frame,
            () = stop.cancelled() => return,
        };
        match frame {
            Ok(Frame::Event(event)) => {
                let Some(n) = texts::unit(&event, run.options().seed) else {
                    continue;
                };
                if ledger.seen(n) == 0
                    && let Some(due) = run.due(n)
                {
                    texts::record(&run, "screen", due);
                }
            }
            Ok(frame) => run.note(format!("the screen was told {frame:?}")),
            Err(error) => {
                run.note(format!("the screen was lost: {error:#}"));
                return;
            }
        }
    }
}
