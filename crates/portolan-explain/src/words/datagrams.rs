use portolan_model::{Because, Likeness};

use crate::{Lang, msg};

msg! {
    /// An answer came from another port than the one asked.
    pub fn from_port(port: u16) { en: "from port {port}", fr: "depuis le port {port}" }

    /// How many attempts were made, and the names of what was asked.
    pub fn attempts_with(plural n, probes: &str) {
        en: one "{n} try ({probes})" other "{n} tries ({probes})",
        fr: one "{n} essai ({probes})" other "{n} essais ({probes})",
    }

    /// What ports of UDP that stayed silent have in common.
    pub fn silence_of_udp() {
        en: "open|filtered: nothing came back; an open port that ignores our question, a filter and a withheld ICMP error look the same.",
        fr: "ouvert|filtré\u{a0}: rien n'est revenu\u{a0}; un port ouvert qui ignore notre question, un filtre et une erreur ICMP retenue ne se distinguent pas.",
    }

    fn empty_datagram() { en: "an empty datagram", fr: "un datagramme vide" }
    fn bears_our_id(plural n) {
        en: one "{n} byte that bears the id of our question" other "{n} bytes that bear the id of our question",
        fr: one "{n} octet portant l'identifiant de notre question" other "{n} octets portant l'identifiant de notre question",
    }
    fn fits_the_protocol(plural n) {
        en: one "{n} byte of the protocol asked (it has no id)" other "{n} bytes of the protocol asked (it has no id)",
        fr: one "{n} octet du protocole demandé (sans identifiant)" other "{n} octets du protocole demandé (sans identifiant)",
    }
    fn bears_another_id(plural n) {
        en: one "{n} byte that bears another id than ours" other "{n} bytes that bear another id than ours",
        fr: one "{n} octet portant un autre identifiant que le nôtre" other "{n} octets portant un autre identifiant que le nôtre",
    }
    fn of_another_protocol(plural n) {
        en: one "{n} byte of a protocol that was not asked" other "{n} bytes of a protocol that was not asked",
        fr: one "{n} octet d'un protocole non demandé" other "{n} octets d'un protocole non demandé",
    }

    fn quotes_us() { en: "quotes our datagram", fr: "cite notre datagramme" }
    fn quotes_no_id() { en: "does not quote our id", fr: "ne cite pas notre identifiant" }
}

/// A datagram that came back: how long it is, and what it has of an answer.
pub fn answer(lang: Lang, bytes: u16, likeness: Likeness) -> String {
    if bytes == 0 {
        return empty_datagram(lang).to_owned();
    }
    match likeness {
        Likeness::Echoes => bears_our_id(lang, bytes),
        Likeness::Fits => fits_the_protocol(lang, bytes),
        Likeness::Strange => bears_another_id(lang, bytes),
        Likeness::Unlike => of_another_protocol(lang, bytes),
    }
}

/// What an ICMP error shows of the datagram that it is about, if the reasons for a verdict say so.
pub fn quote(lang: Lang, because: &[Because]) -> Option<&'static str> {
    because.iter().find_map(|because| match because {
        Because::QuoteMatches => Some(quotes_us(lang)),
        Because::QuoteWithoutId => Some(quotes_no_id(lang)),
        _ => None,
    })
}
