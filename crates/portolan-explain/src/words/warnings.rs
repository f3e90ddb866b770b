use portolan_model::{Untrusted, Warning};

use super::{fault, percent};
use crate::{Lang, msg};

msg! {
    /// The word before a warning.
    pub fn warning_label() { en: "warning: ", fr: "attention\u{a0}: " }
    /// Warnings of one kind that were not shown; `id` is the kind.
    pub fn more_warnings(plural n, id: &str) {
        en: one "{n} more of this kind ({id})" other "{n} more of this kind ({id})",
        fr: one "{n} autre de ce type ({id})" other "{n} autres de ce type ({id})",
    }

    fn unresolved(name: &str) {
        en: "{name} has no address that can be asked; it is left out",
        fr: "{name} n'a pas d'adresse utilisable\u{a0}; ce nom est laissé de côté",
    }
    fn excluded(target: &str) {
        en: "{target} is covered by an exclusion; it is left out",
        fr: "{target} est couvert par une exclusion\u{a0}; cette cible est laissée de côté",
    }
    fn one_of_many(plural n, name: &str, taken: &str) {
        en: one "{name} has {n} address; only {taken} is asked"
            other "{name} has {n} addresses; only {taken} is asked",
        fr: one "{name} a {n} adresse\u{a0}; seule {taken} est interrogée"
            other "{name} a {n} adresses\u{a0}; seule {taken} est interrogée",
    }
    fn ports_ignored(plural n, proto: &str) {
        en: one "{n} {proto} port is left out: this scan does not ask that protocol"
            other "{n} {proto} ports are left out: this scan does not ask that protocol",
        fr: one "{n} port {proto} est laissé de côté\u{a0}: ce scan n'interroge pas ce protocole"
            other "{n} ports {proto} sont laissés de côté\u{a0}: ce scan n'interroge pas ce protocole",
    }
    fn local(plural n, cause: &str) {
        en: one "{n} port stays unknown: {cause}" other "{n} ports stay unknown: {cause}",
        fr: one "{n} port reste inconnu\u{a0}: {cause}" other "{n} ports restent inconnus\u{a0}: {cause}",
    }
    fn host_went_down(plural n, host: &str) {
        en: one "{host} answered, then no more: {n} port stays unknown"
            other "{host} answered, then no more: {n} ports stay unknown",
        fr: one "{host} répondait, puis plus rien\u{a0}: {n} port reste inconnu"
            other "{host} répondait, puis plus rien\u{a0}: {n} ports restent inconnus",
    }
    fn host_timeout(plural n, host: &str) {
        en: one "{host}: its time is over, {n} port stays unknown"
            other "{host}: its time is over, {n} ports stay unknown",
        fr: one "{host}\u{a0}: son temps est écoulé, {n} port reste inconnu"
            other "{host}\u{a0}: son temps est écoulé, {n} ports restent inconnus",
    }
    fn every_port_open(plural n, host: &str) {
        en: one "{host}: the {n} port asked is open; a proxy or a filter may answer in its place"
            other "{host}: all {n} ports asked are open; a proxy or a filter may answer in its place",
        fr: one "{host}\u{a0}: le {n} port demandé est ouvert\u{a0}; un proxy ou un filtre répond peut-être à sa place"
            other "{host}\u{a0}: les {n} ports demandés sont ouverts\u{a0}; un proxy ou un filtre répond peut-être à sa place",
    }
    fn loses(host: &str, share: &str) {
        en: "{host} loses about {share} of round trips; more retries are made",
        fr: "{host} perd environ {share} des allers-retours\u{a0}; d'autres essais sont faits",
    }
    fn aliased_prefix(plural n, range: &str, kept: &str) {
        en: one "{range}: the {n} address asked answers, so one machine seems to answer for all of them; only {kept} is scanned"
            other "{range}: all {n} addresses asked answer alike, so one machine seems to answer for all of them; only {kept} is scanned",
        fr: one "{range}\u{a0}: la {n} adresse interrogée répond, une seule machine semble donc répondre pour toutes\u{a0}; seule {kept} est scannée"
            other "{range}\u{a0}: les {n} adresses interrogées répondent toutes pareil, une seule machine semble donc répondre pour toutes\u{a0}; seule {kept} est scannée",
    }
    fn found_on_link(plural n, range: &str) {
        en: one "{range}: too large to be asked address by address; the {n} that was found on its link is asked"
            other "{range}: too large to be asked address by address; the {n} that were found on its link are asked",
        fr: one "{range}\u{a0}: trop grande pour être interrogée adresse par adresse\u{a0}; la {n} trouvée sur son lien l'est"
            other "{range}\u{a0}: trop grande pour être interrogée adresse par adresse\u{a0}; les {n} trouvées sur son lien le sont",
    }
    fn few_sockets(plural n) {
        en: one "only {n} socket at a time: this machine's limits are low"
            other "only {n} sockets at a time: this machine's limits are low",
        fr: one "seulement {n} socket à la fois\u{a0}: les limites de cette machine sont basses"
            other "seulement {n} sockets à la fois\u{a0}: les limites de cette machine sont basses",
    }
}

/// A warning as one sentence without a full stop; what comes from outside is escaped and cut to a line.
pub fn warning(lang: Lang, warning: &Warning) -> String {
    match warning {
        Warning::Unresolved { name } => unresolved(lang, &short(name)),
        Warning::Excluded { target } => excluded(lang, &short(target)),
        Warning::OneOfMany { name, taken, count } => {
            one_of_many(lang, *count as u128, &short(name), &taken.to_string())
        }
        Warning::PortsIgnored { proto, count } => ports_ignored(lang, *count as u128, &proto.to_uppercase()),
        Warning::Local { fault: cause, count } => local(lang, *count, &fault(lang, *cause)),
        Warning::HostWentDown { target, count } => host_went_down(lang, *count, &target.to_string()),
        Warning::HostTimeout { target, count } => host_timeout(lang, *count, &target.to_string()),
        Warning::EveryPortOpen { target, count } => every_port_open(lang, *count, &target.to_string()),
        Warning::Loss { target, share } => loses(lang, &target.to_string(), &percent(lang, *share)),
        Warning::AliasedPrefix { range, asked, kept } => {
            aliased_prefix(lang, *asked, &range.to_string(), &kept.to_string())
        }
        Warning::FoundOnLink { target, count } => found_on_link(lang, *count as u128, &short(target)),
        Warning::FewSockets { window } => few_sockets(lang, *window as u128),
    }
}

/// As much of a stranger's name as a sentence can bear.
fn short(text: &Untrusted) -> String {
    text.escaped_short(80)
}
