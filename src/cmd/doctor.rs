//! `switchboard doctor`: checks a whole deployment and says what to do about what it finds.

mod outside;
mod report;
mod stores;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::process;
use report::Report;

pub(crate) async fn run(file: Option<&Path>) -> Result<ExitCode> {
    let config = process::settings("doctor", file, &[])?;
    let mut report = Report::default();
    report.good("the settings can be used");
    stores::postgres(&config, &mut report).await;
    stores::redis(&config, &mut report).await;
    outside::programs(&mut report);
    outside::public_url(&config, &mut report).await;
    outside::openai(&config, &mut report).await;
    outside::twilio(&config, &mut report).await;
    Ok(report.conclude())
}
