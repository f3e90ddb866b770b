use portolan_model::{Because, Level, Raise, Why};

use super::terms;

terms! {
    /// The word for a level of confidence.
    pub fn level(Level) {
        Weak: en "weak", fr "faible";
        Likely: en "likely", fr "probable";
        Strong: en "strong", fr "solide";
        Certain: en "certain", fr "certain";
    }
}

terms! {
    /// What speaks for a verdict or against it, in one sentence.
    pub fn because(Because) {
        HandshakeCompleted: en "The kernel completed the handshake.",
            fr "Le noyau a mené la poignée de main à son terme.";
        NotSelfConnected: en "The socket's own address differs from its peer's.",
            fr "L'adresse locale du socket diffère de celle du pair.";
        ErrorQueueEmpty: en "Refused, and no ICMP error was queued: it was a reset (RST).",
            fr "Refus, sans erreur ICMP en file\u{a0}: c'était une réinitialisation (RST).";
        SynAcknowledged: en "The answer acknowledges a number that only our SYN carried.",
            fr "La réponse acquitte un numéro que seul notre SYN portait.";
        AckReset: en "The reset bears a number that only our ACK named.",
            fr "La réinitialisation porte un numéro que seul notre ACK nommait.";
        ResetFromNearer: en "The reset came over fewer hops than the host's own answers: a box before it sent it.",
            fr "La réinitialisation a franchi moins de sauts que les réponses de l'hôte\u{a0}: un équipement devant lui l'a envoyée.";
        ResetFromHost: en "The reset came over as many hops as the host's own answers.",
            fr "La réinitialisation a franchi autant de sauts que les réponses de l'hôte.";
        IcmpFromTarget: en "The ICMP error came from the target.",
            fr "L'erreur ICMP vient de la cible.";
        IcmpFromOther: en "The ICMP error came from another machine.",
            fr "L'erreur ICMP vient d'une autre machine.";
        IcmpSenderUnknown: en "The kernel did not say who sent the ICMP error.",
            fr "Le noyau n'a pas dit qui a envoyé l'erreur ICMP.";
        EchoesId: en "The answer bears the id of our question.",
            fr "La réponse porte l'identifiant de notre question.";
        FitsProtocol: en "The answer is of the protocol asked, which has no id that it could bear.",
            fr "La réponse relève du protocole demandé, qui n'a pas d'identifiant à renvoyer.";
        UnlikeProtocol: en "The answer is not of the protocol asked: another one is spoken here.",
            fr "La réponse ne relève pas du protocole demandé\u{a0}: on en parle un autre ici.";
        OtherPort: en "The answer came from another port, to a port of ours that only this exchange used.",
            fr "La réponse vient d'un autre port, vers un port local réservé à cet échange.";
        QuoteMatches: en "The ICMP error quotes our datagram, its id included.",
            fr "L'erreur ICMP cite notre datagramme, identifiant compris.";
        QuoteWithoutId: en "The ICMP error quotes too little of our datagram to bear its id.",
            fr "L'erreur ICMP cite trop peu de notre datagramme pour en porter l'identifiant.";
        RetriesSpaced: en "The attempts were spaced: one short disturbance cannot explain them all.",
            fr "Les tentatives étaient espacées\u{a0}: une brève perturbation ne les explique pas toutes.";
        HostAnsweredLater: en "The host answered a later probe, so it could still be heard.",
            fr "L'hôte a répondu à une sonde ultérieure\u{a0}: on l'entendait donc encore.";
        HostAnsweredBefore: en "The host answered other ports, but none after this silence.",
            fr "L'hôte a répondu sur d'autres ports, mais sur aucun après ce silence.";
        HostNeverAnswered: en "The host never answered anything.",
            fr "L'hôte n'a jamais répondu.";
        HostAnsweredElsewhere: en "The host answered something else, but nothing in this protocol.",
            fr "L'hôte a répondu à autre chose, mais à rien dans ce protocole.";
        SilenceIsAmbiguous: en "In UDP an open port, a filter and a lost or withheld ICMP error are silent alike.",
            fr "En UDP, un port ouvert, un filtre et une erreur ICMP perdue ou retenue donnent le même silence.";
        LossSeen: en "Answers of this host get lost.",
            fr "Des réponses de cet hôte se perdent.";
        NoLossSeen: en "No answer of this host was lost.",
            fr "Aucune réponse de cet hôte ne s'est perdue.";
        EveryPortOpen: en "Every port asked is open: a box may answer in the host's place.",
            fr "Tous les ports demandés sont ouverts\u{a0}: un équipement répond peut-être à la place de l'hôte.";
        NothingSent: en "Nothing left this machine, or nobody could have heard it.",
            fr "Rien n'a quitté cette machine, ou personne ne pouvait l'entendre.";
        Stopped: en "The scan was stopped.",
            fr "Le scan a été arrêté.";
    }
}

terms! {
    /// What would make a verdict surer.
    pub fn raise(Raise) {
        Capture: en "Capture rights would show the packets themselves.",
            fr "Des droits de capture montreraient les paquets eux-mêmes.";
        ReadBanner: en "Bytes from the service itself would prove it.",
            fr "Des octets du service lui-même le prouveraient.";
        Repeat: en "A second scan that agrees.",
            fr "Un second scan concordant.";
        Longer: en "A longer wait.",
            fr "Une attente plus longue.";
        AnyAnswer: en "Any answer from this host.",
            fr "Une réponse quelconque de cet hôte.";
        FixHere: en "A repair on this machine.",
            fr "Une réparation sur cette machine.";
        AskBySyn: en "A SYN (-sS), which tells open from closed.",
            fr "Un SYN (-sS), qui distingue ouvert et fermé.";
        OtherPayload: en "A question in the protocol that is spoken there.",
            fr "Une question dans le protocole que ce port parle.";
    }
}

terms! {
    /// Why TCP ports are asked by the method that they are asked by, in brackets behind its name.
    pub fn method_because(Why) {
        Asked: en "as asked", fr "comme demandé";
        MayCapture: en "with capture rights", fr "avec droits de capture";
        MayNotCapture: en "no capture rights", fr "sans droits de capture";
        NoFreePorts: en "no port left for SYNs of our own", fr "aucun port libre pour nos propres SYN";
        OwnAddresses: en "our own addresses", fr "nos propres adresses";
    }
}
