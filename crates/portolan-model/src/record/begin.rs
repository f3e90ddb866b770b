use serde::Serialize;

use super::SCHEMA;
use crate::report::Begin;
use crate::untrusted::Untrusted;
use crate::verdict::{Carrier, Why};

/// What a scan is going to do, written.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct BeginRecord {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// portolan's version.
    pub version: &'static str,
    /// The command line as typed, escaped.
    pub argv: Vec<String>,
    /// The start as RFC 3339 text in UTC, with milliseconds.
    pub started: String,
    /// The same in seconds since 1970-01-01 UTC.
    pub started_unix: f64,
    /// What is going to be asked, and how.
    pub plan: PlanRecord,
}

/// The whole plan, written.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct PlanRecord {
    /// The targets as typed, escaped.
    pub targets: Vec<String>,
    /// The exclusions as typed, escaped.
    pub excluded: Vec<String>,
    /// Who allows a scan of many public addresses, and why: as typed, escaped; absent if that was not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorised: Option<String>,
    /// The TCP ports of most hosts, as ranges; empty if TCP is not asked.
    pub ports: String,
    /// The UDP ports of most hosts, as ranges; absent if UDP is not asked.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub udp_ports: String,
    /// How many addresses; up to 2^128.
    pub addresses: u128,
    /// How many endpoints; up to 2^128.
    pub endpoints: u128,
    /// No port is asked; absent if some are.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hosts_only: bool,
    /// How hosts are looked for before their ports are asked; absent if they are not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub discovery: Vec<PingRecord>,
    /// How ports are asked: one method, or several joined by `+`; empty if none is.
    pub method: String,
    /// Why TCP ports are asked so; absent if none are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method_why: Option<&'static str>,
    /// Whether what answers our SYNs is kept from this machine's kernel, at the interfaces that lead to the targets; absent
    /// if no SYNs of our own are sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers_kept: Option<bool>,
    /// What carries datagrams, `sockets` or `packets`; absent if UDP is not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub udp_by: Option<&'static str>,
    /// `per-host` or `sweep`.
    pub strategy: &'static str,
    /// The seed of every order; up to 2^64.
    pub seed: u64,
    /// The timing template, 0 to 5.
    pub timing: u8,
    /// The rate's ceiling in probes a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rate: Option<u64>,
    /// How many sockets may wait at a time.
    pub window: usize,
    /// This run's part of the plan: `1/1` is the whole.
    pub shard: String,
}

/// A question to a host itself, written.
#[derive(Copy, Clone, PartialEq, Eq, Serialize, Debug)]
pub struct PingRecord {
    /// `neighbour`, `echo`, `timestamp`, `syn`, `ack` or `udp`.
    pub ping: &'static str,
    /// Which port, if one is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

impl BeginRecord {
    /// The written form of `begin`.
    pub fn new(begin: &Begin) -> Self {
        let started_unix = if begin.started_unix.is_finite() { begin.started_unix } else { 0.0 };
        BeginRecord {
            schema: SCHEMA,
            version: begin.version,
            argv: escaped(&begin.argv),
            started: rfc3339(started_unix),
            started_unix,
            plan: PlanRecord {
                targets: escaped(&begin.targets),
                excluded: escaped(&begin.excluded),
                authorised: begin.authorised.as_ref().map(Untrusted::escaped),
                ports: begin.ports.clone(),
                udp_ports: begin.udp_ports.clone(),
                addresses: begin.addresses,
                endpoints: begin.endpoints,
                hosts_only: begin.hosts_only,
                discovery: begin
                    .pings
                    .iter()
                    .map(|ping| PingRecord { ping: ping.name(), port: ping.port() })
                    .collect(),
                method: begin.methods.iter().map(|method| method.name()).collect::<Vec<_>>().join("+"),
                method_why: begin.why.map(Why::name),
                answers_kept: begin.answers_kept,
                udp_by: begin.udp_by.map(Carrier::name),
                strategy: begin.strategy,
                seed: begin.seed,
                timing: begin.timing,
                max_rate: begin.max_rate,
                window: begin.window,
                shard: format!("{}/{}", begin.shard.0, begin.shard.1),
            },
        }
    }
}

fn escaped(texts: &[Untrusted]) -> Vec<String> {
    texts.iter().map(Untrusted::escaped).collect()
}

/// RFC 3339 section 5.6, in UTC. Years outside 0000 to 9999 have no such form and are cut to its ends.
fn rfc3339(unix: f64) -> String {
    const YEAR_0: f64 = -62_167_219_200.0;
    const YEAR_9999_END: f64 = 253_402_300_799.999;
    #[expect(clippy::cast_possible_truncation, reason = "clamped to years of four digits")]
    let millis = (unix.clamp(YEAR_0, YEAR_9999_END) * 1000.0).round() as i64;
    let (seconds, milli) = (millis.div_euclid(1000), millis.rem_euclid(1000));
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// The date of the proleptic Gregorian calendar, `days` after 1970-01-01.
///
/// Counted in eras of 400 years from 1 March of year 0, so that the leap day ends a year and months
/// have the regular lengths (31, 30, 31, 30, 31) that `(153 * month + 2) / 5` sums up.
fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_TO_1970: i64 = 719_468;
    const DAYS_AN_ERA: i64 = 146_097;
    let day = days + DAYS_TO_1970;
    let (era, day) = (day.div_euclid(DAYS_AN_ERA), day.rem_euclid(DAYS_AN_ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let january_or_later = month >= 10;
    (
        era * 400 + year + i64::from(january_or_later),
        if january_or_later { month - 9 } else { month + 3 },
        day,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let dates = [
            (0.0, "1970-01-01T00:00:00.000Z"),
            (951_782_400.0, "2000-02-29T00:00:00.000Z"),
            (1_709_164_800.25, "2024-02-29T00:00:00.250Z"),
            (1_798_761_599.999_6, "2027-01-01T00:00:00.000Z"),
            (4_107_542_400.0, "2100-03-01T00:00:00.000Z"),
            (-1.0, "1969-12-31T23:59:59.000Z"),
            (-1e300, "0000-01-01T00:00:00.000Z"),
            (1e300, "9999-12-31T23:59:59.999Z"),
        ];
        for (unix, text) in dates {
            assert_eq!(rfc3339(unix), text);
        }
    }

    #[test]
    fn each_day_follows_the_one_before() {
        let mut before = civil(-800_000);
        for days in -799_999..800_000 {
            let (year, month, day) = civil(days);
            let next_day = (year, month, day) == (before.0, before.1, before.2 + 1);
            let next_month = day == 1
                && ((year, month) == (before.0, before.1 + 1)
                    || (year, month, before.1) == (before.0 + 1, 1, 12));
            assert!(next_day || next_month, "{before:?} then {:?}", (year, month, day));
            before = (year, month, day);
        }
    }
}
