use portolan_model::PaceBecause;

use super::terms;
use crate::msg;

msg! {
    /// A host was asked by a name.
    pub fn name_is(name: &str, address: &str) {
        en: "{name} is {address}",
        fr: "{name} a l'adresse {address}",
    }
    /// Names left out of such a list.
    pub fn more_names(plural n) {
        en: one "and {n} more name" other "and {n} more names",
        fr: one "et {n} autre nom" other "et {n} autres noms",
    }

    /// What the table folds.
    pub fn not_shown(list: &str) { en: "not shown: {list}", fr: "non affichés\u{a0}: {list}" }
    /// What the table folds of one transport protocol, where it has several.
    pub fn not_shown_of(protocol: &str, list: &str) {
        en: "not shown: {protocol}: {list}",
        fr: "non affichés\u{a0}: {protocol}\u{a0}: {list}",
    }
    /// Ports of reasons or senders too many to name.
    pub fn others(plural n) {
        en: one "{n} other" other "{n} others",
        fr: one "{n} autre" other "{n} autres",
    }

    /// Hosts that answered and have no open port among those asked.
    pub fn up_without_open(list: &str) { en: "up, no open port: {list}.", fr: "actifs, aucun port ouvert\u{a0}: {list}." }
    /// Hosts that answered, with ports of which nobody knows whether they are open, and none that surely is.
    pub fn up_without_sure_open(list: &str) {
        en: "up, no port surely open: {list}.",
        fr: "actifs, aucun port ouvert avec certitude\u{a0}: {list}.",
    }
    /// A host that never answered.
    pub fn host_silent(host: &str) {
        en: "{host} never answered: its silence says nothing about its ports.",
        fr: "{host} n'a jamais répondu\u{a0}: son silence ne dit rien de ses ports.",
    }
    /// A host that is not there; `why` is empty, or the reason's token in brackets after a space.
    pub fn host_down(host: &str, why: &str) {
        en: "{host} could not be reached{why}.",
        fr: "{host} n'a pas pu être joint{why}.",
    }
    /// A host that this machine could not ask, and the reason's sentence.
    pub fn host_not_asked(host: &str, reason: &str) {
        en: "{host} could not be asked. {reason}",
        fr: "{host} n'a pas pu être interrogé. {reason}",
    }
    /// Hosts left out of such a list.
    pub fn more_hosts(plural n) {
        en: one "The same holds for {n} more host." other "The same holds for {n} more hosts.",
        fr: one "Il en va de même pour {n} autre hôte." other "Il en va de même pour {n} autres hôtes.",
    }

    /// Hosts that answered.
    pub fn hosts_up(plural n) {
        en: one "{n} host up" other "{n} hosts up",
        fr: one "{n} hôte actif" other "{n} hôtes actifs",
    }
    /// Hosts that are not there.
    pub fn hosts_down(plural n) {
        en: one "{n} down" other "{n} down",
        fr: one "{n} injoignable" other "{n} injoignables",
    }
    /// Hosts that never answered.
    pub fn hosts_silent(plural n) {
        en: one "{n} silent" other "{n} silent",
        fr: one "{n} silencieux" other "{n} silencieux",
    }
    /// Addresses that were not asked, since one machine answers for all of them.
    pub fn hosts_aliased(plural n) {
        en: one "{n} aliased" other "{n} aliased",
        fr: one "{n} alias" other "{n} alias",
    }
    /// Open ports.
    pub fn open_ports(plural n) {
        en: one "{n} open" other "{n} open",
        fr: one "{n} ouvert" other "{n} ouverts",
    }
    /// Probes sent.
    pub fn packets(plural n) {
        en: one "{n} packet" other "{n} packets",
        fr: one "{n} paquet" other "{n} paquets",
    }
    /// Round trips lost.
    pub fn loss(percent: &str) { en: "{percent} lost", fr: "{percent} de pertes" }
    /// How ports were asked.
    pub fn method(name: &str) { en: "Method: {name}.", fr: "Méthode\u{a0}: {name}." }
    /// How ports were asked, and why so.
    pub fn method_why(name: &str, why: &str) {
        en: "Method: {name} ({why}).",
        fr: "Méthode\u{a0}: {name} ({why}).",
    }

    /// Endpoints that are listed nowhere.
    pub fn endpoints_unlisted(plural n) {
        en: one "{n} port of hosts that were silent or not reached is not listed."
            other "{n} ports of hosts that were silent or not reached are not listed.",
        fr: one "{n} port d'hôtes silencieux ou non atteints n'est pas listé."
            other "{n} ports d'hôtes silencieux ou non atteints ne sont pas listés.",
    }
    /// How fast was asked, where that did not change.
    pub fn rate_mean(plural n) {
        en: one "Rate: {n} probe a second." other "Rate: {n} probes a second.",
        fr: one "Débit\u{a0}: {n} sonde par seconde." other "Débit\u{a0}: {n} sondes par seconde.",
    }
    /// How fast was asked at first, and the list of what came after.
    pub fn rate_steps(pps: &str, list: &str) {
        en: "Rate: {pps} probes a second, {list}.",
        fr: "Débit\u{a0}: {pps} sondes par seconde, {list}.",
    }
    /// From some time on it was another, and why.
    pub fn rate_step(pps: &str, from: &str, why: &str) {
        en: "{pps} from {from} on ({why})",
        fr: "{pps} dès {from} ({why})",
    }
    /// Levels left out of such a list.
    pub fn rate_more_steps(plural n) {
        en: one "and {n} more level" other "and {n} more levels",
        fr: one "et {n} autre palier" other "et {n} autres paliers",
    }
    /// Loss that is ours.
    pub fn loss_by_pace() {
        en: "Loss falls with the pace: it was slowed down.",
        fr: "Les pertes baissent avec l'allure\u{a0}: elle a été ralentie.",
    }
    /// Loss that is not.
    pub fn loss_by_chance() {
        en: "Loss does not fall with the pace: it was kept.",
        fr: "Les pertes ne baissent pas avec l'allure\u{a0}: elle a été gardée.",
    }
    /// Loss each way, and between which bounds the share of the responsive ports lies that were seen.
    pub fn loss_and_bounds(each_way: &str, low: &str, high: &str) {
        en: "About {each_way} of packets are lost each way; between {low} and {high} of the ports that answer were seen.",
        fr: "Environ {each_way} des paquets se perdent dans chaque sens\u{a0}; entre {low} et {high} des ports qui répondent ont été vus.",
    }
    /// The bounds alone.
    pub fn completeness_bounds(low: &str, high: &str) {
        en: "Between {low} and {high} of the ports that answer were seen.",
        fr: "Entre {low} et {high} des ports qui répondent ont été vus.",
    }
    /// Probes that did not leave this machine at first.
    pub fn local_faults(plural n) {
        en: one "{n} probe did not leave this machine at first." other "{n} probes did not leave this machine at first.",
        fr: one "{n} sonde n'a pas quitté cette machine du premier coup."
            other "{n} sondes n'ont pas quitté cette machine du premier coup.",
    }
    /// The expected share of the responsive ports that were seen.
    pub fn completeness(percent: &str) {
        en: "About {percent} of the ports that answer were seen.",
        fr: "Environ {percent} des ports qui répondent ont été vus.",
    }
    /// Ports that this machine could not ask.
    pub fn unknown_local(plural n) {
        en: one "{n} port stays unknown: this machine could not ask it."
            other "{n} ports stay unknown: this machine could not ask them.",
        fr: one "{n} port reste inconnu\u{a0}: cette machine n'a pas pu l'interroger."
            other "{n} ports restent inconnus\u{a0}: cette machine n'a pas pu les interroger.",
    }
    /// Datagrams that came and that this machine had no room for.
    pub fn overruns(plural n) {
        en: one "{n} datagram was lost in our own receive queue; what waited for an answer was asked again."
            other "{n} datagrams were lost in our own receive queue; what waited for an answer was asked again.",
        fr: one "{n} datagramme s'est perdu dans notre propre file de réception\u{a0}; ce qui attendait une réponse a été redemandé."
            other "{n} datagrammes se sont perdus dans notre propre file de réception\u{a0}; ce qui attendait une réponse a été redemandé.",
    }
    /// The scan was interrupted.
    pub fn stopped_early() {
        en: "Stopped early: these results are partial.",
        fr: "Arrêt anticipé\u{a0}: ces résultats sont partiels.",
    }
}

terms! {
    /// Why the pace changed.
    pub fn pace_because(PaceBecause) {
        Start: en "the start", fr "le début";
        Clear: en "the way is clear", fr "la voie est libre";
        Ceiling: en "the ceiling", fr "le plafond";
        Queue: en "a queue on the way", fr "une file d'attente en chemin";
        Loss: en "less is lost so", fr "il se perd moins ainsi";
        Ring: en "our own receive queue was full", fr "notre propre file de réception était pleine";
        Machine: en "this machine ran short", fr "cette machine était à court";
        Answers: en "answers come later, or not at all", fr "les réponses viennent plus tard, ou pas du tout";
    }
}
