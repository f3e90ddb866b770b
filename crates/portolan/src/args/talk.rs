//! How much is told beside the results.

use std::time::Duration;

use super::convert::Typed;
use super::problem::Problem;

/// How much is told beside the results, and in which manner.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Talk {
    /// `--accessible`: words instead of marks, no panel, no colour.
    pub accessible: bool,
    /// `--stats-every`, never zero.
    pub stats_every: Option<Duration>,
    /// How often `-v` was given.
    pub verbose: u8,
    /// `-d`: the engine's inner numbers.
    pub debug: bool,
}

/// What the line says of it.
pub(super) fn talk(typed: &Typed<'_>) -> Result<Talk, Problem> {
    let stats_every = match typed.last_text("stats-every")? {
        None => None,
        Some(value) => Some(time(&value).ok_or(Problem::Time { flag: "--stats-every", value })?),
    };
    Ok(Talk {
        accessible: typed.is_set("accessible"),
        stats_every,
        verbose: typed.times("verbose"),
        debug: typed.times("debug") > 0,
    })
}

/// nmap's times: `500ms`, `10s`, `1.5m`, `1h`; a plain number is seconds. Never zero.
fn time(value: &str) -> Option<Duration> {
    let digits = value.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match &value[digits.len()..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    // `parse` alone would take `+1`, `1e9`, `inf`.
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = digits.parse().ok().filter(|_| plain)?;
    let longest = Duration::from_secs(366 * 24 * 3600);
    Duration::try_from_secs_f64(number * unit).ok().filter(|time| !time.is_zero() && *time <= longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_nmaps() {
        let rows = [
            ("10s", 10_000),
            ("1m", 60_000),
            ("500ms", 500),
            ("2", 2000),
            ("1.5m", 90_000),
            ("1h", 3_600_000),
        ];
        for (typed, millis) in rows {
            assert_eq!(time(typed), Some(Duration::from_millis(millis)), "{typed}");
        }
        for typed in [
            "", "0", "0s", "0.0ms", "s", "-1", "+1", "1e3", "inf", "nan", "10x", "1 s", "1.2.3", "99999h",
            "1M",
        ] {
            assert_eq!(time(typed), None, "{typed}");
        }
    }
}
