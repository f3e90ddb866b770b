use portolan_model::{Icmp, IcmpFamily, LocalFault, PortState, Reason, Segment, Transport, Verdict};

use super::terms;
use crate::{Lang, msg};

terms! {
    /// A reason in one plain sentence: the fact, then what it means, in whatever protocol was asked.
    pub fn reason(Reason) {
        SynAck: en "A connection was accepted: a program, or a box in its place, listens here.",
            fr "Une connexion a été acceptée\u{a0}: un programme, ou un équipement à sa place, est à l'écoute ici.";
        UdpResponse: en "A datagram came back: a program, or a box in its place, answers here.",
            fr "Un datagramme est revenu\u{a0}: un programme, ou un équipement à sa place, répond ici.";
        ConnRefused: en "The connection was refused with a reset (RST): nothing listens here, or a rule says so.",
            fr "La connexion a été refusée par une réinitialisation (RST)\u{a0}: rien n'est à l'écoute ici, ou une règle le prétend.";
        Reset: en "A reset (RST) answered our SYN: nothing listens here, or a rule says so.",
            fr "Une réinitialisation (RST) a répondu à notre SYN\u{a0}: rien n'est à l'écoute ici, ou une règle le prétend.";
        PortUnreach: en "An ICMP \"port unreachable\" came back: for TCP a firewall refuses, for UDP nothing listens.",
            fr "Un ICMP «\u{a0}port injoignable\u{a0}» est revenu\u{a0}: en TCP un pare-feu refuse, en UDP rien n'est à l'écoute.";
        NetProhibited: en "An ICMP message came back: its sender forbids communication with this network.",
            fr "Un message ICMP est revenu\u{a0}: son expéditeur interdit de communiquer avec ce réseau.";
        HostProhibited: en "An ICMP message came back: its sender forbids communication with this host.",
            fr "Un message ICMP est revenu\u{a0}: son expéditeur interdit de communiquer avec cet hôte.";
        AdminProhibited: en "An ICMP message came back: a rule of its sender forbids this communication.",
            fr "Un message ICMP est revenu\u{a0}: une règle de son expéditeur interdit cette communication.";
        FailedPolicy: en "An ICMP message came back: a router's policy does not let our source address pass.",
            fr "Un message ICMP est revenu\u{a0}: la politique d'un routeur ne laisse pas passer notre adresse source.";
        RejectRoute: en "An ICMP message came back: a router's table rejects this destination.",
            fr "Un message ICMP est revenu\u{a0}: la table d'un routeur rejette cette destination.";
        NetUnreach: en "An ICMP message came back: its sender cannot reach this network.",
            fr "Un message ICMP est revenu\u{a0}: son expéditeur ne peut pas joindre ce réseau.";
        HostUnreach: en "An ICMP message came back: its sender cannot reach this host.",
            fr "Un message ICMP est revenu\u{a0}: son expéditeur ne peut pas joindre cet hôte.";
        ProtoUnreach: en "An ICMP message came back: its sender does not take this transport protocol.",
            fr "Un message ICMP est revenu\u{a0}: son expéditeur n'accepte pas ce protocole de transport.";
        NoRoute: en "An ICMP message came back: a router has no route to this destination.",
            fr "Un message ICMP est revenu\u{a0}: un routeur n'a pas de route vers cette destination.";
        BeyondScope: en "An ICMP message came back: the destination lies beyond the scope of our source address.",
            fr "Un message ICMP est revenu\u{a0}: la destination dépasse la portée de notre adresse source.";
        AddrUnreach: en "An ICMP message came back: its sender cannot reach this address on its own link.",
            fr "Un message ICMP est revenu\u{a0}: son expéditeur ne peut pas joindre cette adresse sur son propre lien.";
        DestUnreach: en "An ICMP message came back: the destination is unreachable, for another reason.",
            fr "Un message ICMP est revenu\u{a0}: la destination est injoignable, pour une autre raison.";
        NoResponse: en "No answer came: a firewall dropped the probe, a queue was full, or packets were lost.",
            fr "Aucune réponse\u{a0}: un pare-feu a ignoré la sonde, une file était pleine, ou des paquets se sont perdus.";
        TimeExceeded: en "The probe's time to live ran out on the way: a routing loop, or too long a path.",
            fr "La durée de vie de la sonde s'est épuisée en chemin\u{a0}: une boucle de routage, ou un chemin trop long.";
        IcmpOther: en "An ICMP error came back that says nothing about the port.",
            fr "Une erreur ICMP est revenue qui ne dit rien du port.";
        HostWentDown: en "The host answered earlier and then no more: its silence since then proves nothing.",
            fr "L'hôte répondait, puis plus rien\u{a0}: son silence depuis lors ne prouve rien.";
        NoNeighbour: en "Nobody on our own link answers for this address (ARP, NDP).",
            fr "Personne sur notre propre lien ne répond pour cette adresse (ARP, NDP).";
        Interrupted: en "The scan was stopped before this port was settled.",
            fr "Le scan a été arrêté avant que l'état de ce port ne soit établi.";
        HostTimeout: en "The time given to this host (--host-timeout) was over before this port was settled.",
            fr "Le temps accordé à cet hôte (--host-timeout) s'est écoulé avant que l'état de ce port ne soit établi.";
        RetriesCapped: en "No answer came, but packets get lost here, and more retries were not allowed (--max-retries, -T).",
            fr "Aucune réponse, mais des paquets se perdent ici, et d'autres relances n'étaient pas permises (--max-retries, -T).";
        SelfConnect: en "The address is our own, and each attempt connected to itself.",
            fr "L'adresse est la nôtre, et chaque tentative s'est connectée à elle-même.";
        LocalFirewall: en "This machine refused to send (EPERM): its own firewall, or a full connection table.",
            fr "Cette machine a refusé d'émettre (EPERM)\u{a0}: son propre pare-feu, ou une table de connexions pleine.";
        LocalNoRoute: en "This machine has no route there.",
            fr "Cette machine n'a pas de route vers cette destination.";
        LocalOwnAddress: en "The address is this machine's own: no packet to it passes a wire.",
            fr "L'adresse est celle de cette machine\u{a0}: aucun paquet vers elle ne passe par un lien.";
        LocalNoNeighbour: en "The gateway of this machine does not answer ARP or NDP.",
            fr "La passerelle de cette machine ne répond pas (ARP, NDP).";
        LocalPermission: en "A policy of this machine denies the connection (EACCES).",
            fr "Une politique de cette machine interdit la connexion (EACCES).";
        LocalNoPorts: en "This machine had no source port left.",
            fr "Cette machine n'avait plus de port source libre.";
        LocalNoDescriptors: en "This machine had no file descriptor left.",
            fr "Cette machine n'avait plus de descripteur de fichier libre.";
        LocalNoBuffers: en "This machine had no memory left for sockets.",
            fr "Cette machine n'avait plus de mémoire pour les sockets.";
        EchoReply: en "The host answered an echo request.",
            fr "L'hôte a répondu à une demande d'écho.";
        TimestampReply: en "The host answered a timestamp request.",
            fr "L'hôte a répondu à une demande d'horodatage.";
        ArpResponse: en "On our own link somebody says that this address is his (ARP).",
            fr "Sur notre propre lien quelqu'un dit que cette adresse est la sienne (ARP).";
        NdResponse: en "On our own link somebody says that this address is his (neighbour discovery).",
            fr "Sur notre propre lien quelqu'un dit que cette adresse est la sienne (découverte de voisins).";
        LocalhostResponse: en "The address is our own: this machine answers for it.",
            fr "L'adresse est la nôtre\u{a0}: cette machine répond pour elle.";
        LocalError: en "This machine failed in another way; the errno is in the evidence.",
            fr "Cette machine a échoué autrement\u{a0}; l'errno figure dans les preuves.";
    }
}

msg! {
    /// Who sent the deciding message.
    pub fn sent_by(sender: &str) { en: "by {sender}", fr: "par {sender}" }

    /// A reset came from a box before the host.
    pub fn from_nearer() {
        en: "over fewer hops than the host's own answers",
        fr: "en moins de sauts que les réponses de l'hôte lui-même",
    }

    /// How many attempts were made.
    pub fn attempts(plural n) {
        en: one "{n} try" other "{n} tries",
        fr: one "{n} essai" other "{n} essais",
    }

    fn silence_over_udp() {
        en: "Nothing came back: an open port that does not answer what we asked, a filter, or an ICMP error lost or withheld.",
        fr: "Rien n'est revenu\u{a0}: un port ouvert qui ne répond pas à ce que nous demandons, un filtre, ou une erreur ICMP perdue ou retenue.",
    }
    fn target_takes_no_datagram() {
        en: "The target sent an ICMP \"port unreachable\": nothing listens here, or a rule says so.",
        fr: "La cible a envoyé un ICMP «\u{a0}port injoignable\u{a0}»\u{a0}: rien n'est à l'écoute ici, ou une règle le prétend.",
    }
    fn other_takes_no_datagram() {
        en: "Another machine sent an ICMP \"port unreachable\" in the target's place: a firewall refuses.",
        fr: "Une autre machine a envoyé un ICMP «\u{a0}port injoignable\u{a0}» à la place de la cible\u{a0}: un pare-feu refuse.",
    }
    fn nobody_known_takes_no_datagram() {
        en: "An ICMP \"port unreachable\" came back, and its sender is not known: nothing listens here, or a firewall refuses.",
        fr: "Un ICMP «\u{a0}port injoignable\u{a0}» est revenu, d'un expéditeur inconnu\u{a0}: rien n'est à l'écoute ici, ou un pare-feu refuse.",
    }
    fn datagram_denied() {
        en: "A policy of this machine denies the datagram (EACCES), or the address is one for broadcasts.",
        fr: "Une politique de cette machine interdit le datagramme (EACCES), ou l'adresse est une adresse de diffusion.",
    }

    fn ack_was_reset() {
        en: "A reset (RST) answered our ACK: nothing on the way filters it. Whether anything listens, it does not tell.",
        fr: "Une réinitialisation (RST) a répondu à notre ACK\u{a0}: rien en chemin ne le filtre. Si quelque chose est à l'écoute, elle ne le dit pas.",
    }

    fn local_firewall() {
        en: "this machine refused to send (EPERM): its firewall, or a full connection table",
        fr: "cette machine a refusé d'émettre (EPERM)\u{a0}: son pare-feu, ou une table de connexions pleine",
    }
    fn local_no_route() {
        en: "this machine has no route there",
        fr: "cette machine n'a pas de route vers cette destination",
    }
    fn local_own_address() {
        en: "the address is this machine's own, and no packet to it passes a wire",
        fr: "l'adresse est celle de cette machine, et aucun paquet vers elle ne passe par un lien",
    }
    fn local_no_target() {
        en: "nobody on our own link answers for the address (ARP, NDP)",
        fr: "personne sur notre propre lien ne répond pour l'adresse (ARP, NDP)",
    }
    fn local_no_gateway() {
        en: "the gateway of this machine does not answer ARP or NDP",
        fr: "la passerelle de cette machine ne répond pas (ARP, NDP)",
    }
    fn local_permission() {
        en: "a policy of this machine denies the connection (EACCES)",
        fr: "une politique de cette machine interdit la connexion (EACCES)",
    }
    fn local_no_ports() {
        en: "this machine had no source port left (EADDRNOTAVAIL)",
        fr: "cette machine n'avait plus de port source libre (EADDRNOTAVAIL)",
    }
    fn local_no_descriptors() {
        en: "this machine had no file descriptor left (EMFILE)",
        fr: "cette machine n'avait plus de descripteur de fichier libre (EMFILE)",
    }
    fn local_no_buffers() {
        en: "this machine had no memory left for sockets (ENOBUFS)",
        fr: "cette machine n'avait plus de mémoire pour les sockets (ENOBUFS)",
    }
    fn local_other(errno: i32) {
        en: "this machine failed (errno {errno})",
        fr: "cette machine a échoué (errno {errno})",
    }
}

/// The reason of a verdict in one plain sentence. What a message means depends on the protocol that it answers:
/// a silent TCP port is no open one, and a datagram is not answered by a reset.
pub fn why(lang: Lang, verdict: &Verdict) -> &'static str {
    match (verdict.endpoint.transport, verdict.reason(), verdict.state()) {
        (Transport::Udp, Reason::NoResponse, _) => silence_over_udp(lang),
        (Transport::Udp, Reason::PortUnreach, PortState::Closed) => target_takes_no_datagram(lang),
        (Transport::Udp, Reason::PortUnreach, _) if verdict.claim.from.is_some() => {
            other_takes_no_datagram(lang)
        }
        (Transport::Udp, Reason::PortUnreach, _) => nobody_known_takes_no_datagram(lang),
        (Transport::Udp, Reason::LocalPermission, _) => datagram_denied(lang),
        (Transport::Tcp, Reason::Reset, PortState::Unfiltered) => ack_was_reset(lang),
        (_, of, _) => reason(lang, of),
    }
}

/// A failure of our own machine, as the second half of a sentence.
pub fn fault(lang: Lang, fault: LocalFault) -> String {
    let words = match fault {
        LocalFault::Firewall => local_firewall(lang),
        LocalFault::NoRoute => local_no_route(lang),
        LocalFault::OwnAddress => local_own_address(lang),
        LocalFault::NoNeighbour { on_link: true } => local_no_target(lang),
        LocalFault::NoNeighbour { on_link: false } => local_no_gateway(lang),
        LocalFault::Permission => local_permission(lang),
        LocalFault::NoPorts => local_no_ports(lang),
        LocalFault::NoDescriptors => local_no_descriptors(lang),
        LocalFault::NoBuffers => local_no_buffers(lang),
        LocalFault::Other(errno) => return local_other(lang, errno),
    };
    words.to_owned()
}

/// What a segment's header tells, the same in every language: `TTL 63, window 65160`.
pub fn segment_details(segment: &Segment, v6: bool) -> String {
    format!("{}, window {}", hops_left(segment.ttl, v6), segment.window)
}

/// What was left of the hops of what came, the same in every language: `TTL 63`.
pub fn hops_left(ttl: u8, v6: bool) -> String {
    format!("{} {ttl}", if v6 { "hop limit" } else { "TTL" })
}

/// The numbers of an ICMP error, the same in every language: `ICMP 3/13, TTL 63`.
pub fn icmp_details(icmp: &Icmp) -> String {
    let (family, hops) = match icmp.family {
        IcmpFamily::V4 => ("ICMP", "TTL"),
        IcmpFamily::V6 => ("ICMPv6", "hop limit"),
    };
    let ttl = icmp.ttl.map(|ttl| format!(", {hops} {ttl}")).unwrap_or_default();
    format!("{family} {}/{}{ttl}", icmp.icmp_type, icmp.code)
}
