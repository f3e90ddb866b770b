use std::process::Command;

use serde::{Deserialize, Serialize};

/// Where and when it was measured.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) date: String,
    pub(crate) kernel: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    /// What a program that does nothing (`true`) has at its peak: no figure for memory can be smaller.
    pub(crate) peak_floor_kib: u64,
}

impl Machine {
    pub(crate) fn here(peak_floor_kib: u64) -> Self {
        let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Machine {
            date: first_line(Command::new("date").args(["-u", "+%Y-%m-%d"])).unwrap_or_default(),
            kernel: kernel.trim().to_owned(),
            processor: processor(&cpus),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            peak_floor_kib,
        }
    }
}

/// What a program says of itself first; masscan begins with an empty line.
pub(crate) fn first_line(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    String::from_utf8_lossy(&output.stdout).lines().find(|line| !line.is_empty()).map(str::to_owned)
}

/// proc_cpuinfo(5): the first `model name`.
fn processor(text: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix("model name"));
    line.map_or("unknown", |line| line.trim_start_matches([' ', '\t', ':'])).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_named() {
        assert_eq!(processor("vendor_id\t: X\nmodel name\t: A 7 B\ncpu MHz\t: 1\nmodel name\t: C"), "A 7 B");
        assert_eq!(processor(""), "unknown");
    }
}
