//! CPU time and memory of other processes, from `/proc`.
use std::str::FromStr;

use anyhow::{Context, Result};
use serde::Serialize;

/// Linux tells user and system time in hundredths of a second on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process that is watched: `1234` or `switchboard=1234`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Watched {
    /// How the report calls it.
    pub name: String,
    /// Its id.
    pub pid: u32,
}

/// What one process has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Usage {
    /// User and system time since its start.
    pub cpu_s: f64,
    /// Resident memory.
    pub rss_bytes: u64,
}

impl FromStr for Watched {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, pid) = text.split_once('=').unwrap_or((text, text));
        Ok(Self {
            name: name.to_owned(),
            pid: pid.parse().with_context(|| format!("read the pid {pid}"))?,
        })
    }
}

impl Watched {
    /// This process itself: the generator.
    pub fn myself() -> Self {
        Self {
            name: "loadtest".to_owned(),
            pid: std::process::id(),
        }
    }

    /// Reads its present usage.
    pub fn usage(&self) -> Result<Usage> {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", self.pid));
        let stat = read("stat").with_context(|| format!("read the process {}", self.pid))?;
        // The name in parentheses may hold spaces; the fields after it do not.
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .map_or("", |parts| parts.1)
            .split_whitespace()
            .collect();
        let ticks = |index: usize| {
            fields
                .get(index)
                .and_then(|text| text.parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        let status = read("status").unwrap_or_default();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let rss_kb: u64 = rss
            .and_then(|text| text.split_whitespace().next()?.parse().ok())
            .unwrap_or(0);
        Ok(Usage {
            cpu_s: (ticks(11) + ticks(12)) / TICKS_PER_SECOND,
            rss_bytes: rss_kb * 1024,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory_and_a_dead_one_is_an_error() {
        assert!(Watched::myself().usage().unwrap().rss_bytes > 100_000);
        assert!("ghost=4294967".parse::<Watched>().unwrap().usage().is_err());
    }
}
