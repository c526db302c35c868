//! What the system says about a process.

use std::fs;
use std::time::Duration;

/// How much a process used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Memory in use, in bytes.
    pub memory: u64,
    /// Time spent on processors, in the system included.
    pub processor: Duration,
}

/// The unit of times in `/proc`, fixed for programs on every Linux.
const TICK: Duration = Duration::from_millis(10);

impl Usage {
    /// Reads `/proc/PID`; `None` where there is no such process.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some(Self {
            memory: memory(&status)?,
            processor: processor(&stat)?,
        })
    }
}

fn memory(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

fn processor(stat: &str) -> Option<Duration> {
    // The name of the program may hold anything, and ends with the last bracket.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * user.saturating_add(system))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_read_from_proc() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 0 0 20 0";
        assert_eq!(processor(stat), Some(Duration::from_secs(2)));
        assert_eq!(memory("Name:\tx\nVmRSS:\t  12 kB\n"), Some(12 << 10));
        let me = Usage::of(std::process::id()).expect("this process runs");
        assert!(me.memory > 0);
        assert_eq!(Usage::of(u32::MAX), None);
    }
}
