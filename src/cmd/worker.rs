//! `switchboard worker`: background jobs.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use hub::job::Queue;

use crate::process::{self, Signals};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Which queues to work on, by commas; all when not given.
    #[arg(long, value_delimiter = ',', value_parser = queue, value_name = "QUEUES")]
    queues: Vec<Queue>,
}

pub(crate) async fn run(file: Option<&Path>, arguments: Arguments) -> Result<()> {
    let config = process::settings("worker", file, &[])?;
    let mut signals = Signals::listen()?;
    let listener = process::bind(config.listen.worker).await?;
    let hub = process::connect(config).await?;
    let drain = Duration::from_secs(hub.config.shutdown.drain_s);
    let queues = if arguments.queues.is_empty() {
        Queue::ALL.to_vec()
    } else {
        arguments.queues
    };
    process::serve(
        &hub,
        &mut signals,
        drain,
        Box::pin(worker::serve(hub.clone(), listener, queues)),
    )
    .await
}

fn queue(name: &str) -> Result<Queue, String> {
    let names = || Queue::ALL.map(Queue::as_str).join(", ");
    let found = Queue::ALL.into_iter().find(|queue| queue.as_str() == name);
    found.ok_or_else(|| format!("there is no queue {name}; there are {}", names()))
}
