use std::time::Duration;

use super::number;
use crate::{Lang, msg};

msg! {
    /// How many ports of one protocol are asked.
    pub fn ports_of(plural n, protocol: &str) {
        en: one "{n} {protocol} port" other "{n} {protocol} ports",
        fr: one "{n} port {protocol}" other "{n} ports {protocol}",
    }
    /// How many ports of each protocol are asked.
    pub fn ports_of_both(tcp: &str, udp: &str) {
        en: "{tcp} tcp + {udp} udp ports",
        fr: "{tcp} ports tcp + {udp} udp",
    }

    /// The label before the rate.
    pub fn label_rate() { en: "rate", fr: "débit" }
    /// A rate below its ceiling.
    pub fn of_rate(rate: &str, ceiling: &str) { en: "{rate} of {ceiling}", fr: "{rate} sur {ceiling}" }
    /// The label before the number of probes without an answer yet.
    pub fn label_waiting() { en: "waiting", fr: "en attente" }
    /// The label before the median round trip.
    pub fn label_rtt() { en: "rtt", fr: "rtt" }
    /// The label before the share of round trips lost.
    pub fn label_loss() { en: "loss", fr: "pertes" }
    /// The label before what this machine lost by itself.
    pub fn label_dropped() { en: "dropped by us", fr: "perdus ici" }

    /// The rest of the time.
    pub fn left(time: &str) { en: "{time} left", fr: "reste {time}" }
    /// The end was asked for.
    pub fn stopping() { en: "stopping", fr: "arrêt en cours" }
    /// What the key q does.
    pub fn key_stop() { en: "q stop", fr: "q arrêter" }

    /// A line of progress; the rest are its parts.
    pub fn progress_line(percent: &str, parts: &str) {
        en: "progress: {percent}, {parts}",
        fr: "progression\u{a0}: {percent}, {parts}",
    }
    /// How many ports are settled.
    pub fn ports_settled(settled: &str, all: &str) {
        en: "{settled} of {all} ports",
        fr: "{settled} ports sur {all}",
    }
    /// So many probes a second.
    pub fn probes_a_second(plural n) {
        en: one "{n} probe/s" other "{n} probes/s",
        fr: one "{n} sonde/s" other "{n} sondes/s",
    }
    /// The time since the start.
    pub fn time_elapsed(time: &str) { en: "{time} elapsed", fr: "depuis {time}" }
    /// The rest of the time, estimated.
    pub fn about_left(time: &str) { en: "about {time} left", fr: "reste environ {time}" }
    /// The rest of the time, of which only the least is known.
    pub fn at_least_left(time: &str) { en: "at least {time} left", fr: "reste au moins {time}" }
    /// Probes that wait.
    pub fn waiting(plural n) {
        en: one "{n} waiting" other "{n} waiting",
        fr: one "{n} en attente" other "{n} en attente",
    }
    /// What this machine lost and asked again.
    pub fn dropped(plural n) {
        en: one "{n} dropped by us" other "{n} dropped by us",
        fr: one "{n} perdu ici" other "{n} perdus ici",
    }

    /// A share in words.
    pub fn percent_in_words(plural n) {
        en: one "{n} percent" other "{n} percent",
        fr: one "{n} pour cent" other "{n} pour cent",
    }
    /// Progress as a sentence for a screen reader.
    pub fn progress_sentence(percent: &str, ports: &str) {
        en: "Progress: {percent}, {ports}.",
        fr: "Progression\u{a0}: {percent}, {ports}.",
    }
    /// A rate in words.
    pub fn rate_in_words(plural n) {
        en: one "{n} probe per second" other "{n} probes per second",
        fr: one "{n} sonde par seconde" other "{n} sondes par seconde",
    }
    /// The time since the start, in words.
    pub fn elapsed_in_words(time: &str) { en: "{time} so far", fr: "depuis {time}" }
    /// What the key q does, in words.
    pub fn key_stop_in_words() {
        en: "Press q to stop and keep what was found.",
        fr: "Appuyez sur q pour arrêter et garder ce qui a été trouvé.",
    }
    /// A host that is finished, and what it has.
    pub fn host_finished(host: &str, list: &str) {
        en: "{host} is finished: {list}",
        fr: "{host} est terminé\u{a0}: {list}",
    }
    /// A round trip in a list.
    pub fn round_trip(time: &str) { en: "round trip {time}", fr: "aller-retour {time}" }
    /// Ports of a host that are alike, with their numbers.
    pub fn alike(host: &str, what: &str, ports: &str) {
        en: "{host}, {what}: {ports}",
        fr: "{host}, {what}\u{a0}: {ports}",
    }
    /// Joins the names of an ambiguous state, in words.
    pub fn or() { en: " or ", fr: " ou " }
    /// Stands where a column has nothing to tell, in words.
    pub fn none() { en: "none", fr: "aucun" }
}

/// Time as a clock shows it: `0:41`, `12:05`, `3:07:09`.
pub fn clock(lang: Lang, time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        1..=LONGEST => format!("{hours}:{minutes:02}:{seconds:02}"),
        _ => format!("> {} h", number(lang, LONGEST)),
    }
}

/// More hours than a clock needs to show.
const LONGEST: u64 = 9999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_show_hours_only_where_there_are_some() {
        let rows = [(0, "0:00"), (41, "0:41"), (725, "12:05"), (11_229, "3:07:09"), (u64::MAX, "> 9 999 h")];
        for (seconds, shown) in rows {
            assert_eq!(clock(Lang::En, Duration::from_secs(seconds)), shown);
        }
    }
}
