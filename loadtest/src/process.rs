//! CPU time and memory of other processes, from `/proc`.
use std::str::FromStr;

use anyhow::{Context, Result};
use serde::Serialize;

/// Linux tells user and system time in hundredths of a second on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// Pages are this large wherever we run.
const PAGE_BYTES: u64 = 4096;

/// A process that is watched: `1234` or `switchboard=1234`; `postgres=1234+` counts its children as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Watched {
    /// How the report calls it.
    pub name: String,
    /// Its id.
    pub pid: u32,
    /// Whether its children count as well, as with Postgres, which is a process for each connection.
    pub with_children: bool,
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
        let with_children = pid.ends_with('+');
        let pid = pid.trim_end_matches('+');
        let pid = pid.parse().with_context(|| format!("read the pid {pid}"))?;
        Ok(Self {
            name: name.trim_end_matches('+').to_owned(),
            pid,
            with_children,
        })
    }
}

impl Watched {
    /// This process itself: the generator.
    pub fn myself() -> Self {
        Self {
            name: "loadtest".to_owned(),
            pid: std::process::id(),
            with_children: false,
        }
    }

    /// Reads its present usage.
    pub fn usage(&self) -> Result<Usage> {
        let own = Stat::read(self.pid).with_context(|| format!("read the process {}", self.pid))?;
        if !self.with_children {
            return Ok(own.usage(false));
        }
        let processes = std::fs::read_dir("/proc")
            .context("list the processes")?
            .flatten();
        let children = processes
            .filter_map(|entry| Stat::read(entry.file_name().to_str()?.parse().ok()?).ok())
            .filter(|stat| stat.parent == self.pid);
        // Resident memory that children share is counted once for each of them.
        Ok(children.fold(own.usage(true), |sum, child| {
            let usage = child.usage(false);
            Usage {
                cpu_s: sum.cpu_s + usage.cpu_s,
                rss_bytes: sum.rss_bytes + usage.rss_bytes,
            }
        }))
    }
}

/// What `/proc/PID/stat` says.
struct Stat {
    parent: u32,
    cpu_s: f64,
    reaped_cpu_s: f64,
    rss_bytes: u64,
}

impl Stat {
    fn read(pid: u32) -> Result<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name in parentheses may hold spaces; the fields after it do not.
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .map_or("", |parts| parts.1)
            .split_whitespace()
            .collect();
        let field = |index: usize| fields.get(index).copied().unwrap_or("0");
        let seconds = |index: usize| field(index).parse::<f64>().unwrap_or(0.0) / TICKS_PER_SECOND;
        Ok(Self {
            parent: field(1).parse().unwrap_or(0),
            cpu_s: seconds(11) + seconds(12),
            reaped_cpu_s: seconds(13) + seconds(14),
            rss_bytes: field(21).parse::<u64>().unwrap_or(0) * PAGE_BYTES,
        })
    }

    fn usage(&self, with_reaped: bool) -> Usage {
        let reaped_s = if with_reaped { self.reaped_cpu_s } else { 0.0 };
        Usage {
            cpu_s: self.cpu_s + reaped_s,
            rss_bytes: self.rss_bytes,
        }
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
