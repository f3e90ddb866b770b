use portolan_model::HostState;

use super::terms;
use crate::msg;

terms! {
    /// The word for a host's state.
    pub fn host_state(HostState) {
        Up: en "up", fr "actif";
        Down: en "down", fr "absent";
        Unknown: en "silent", fr "muet";
    }
}

msg! {
    /// Hosts that answered, beside those that did not.
    pub fn up(plural n) {
        en: one "{n} up" other "{n} up",
        fr: one "{n} actif" other "{n} actifs",
    }
    /// What became of addresses among which hosts were looked for.
    pub fn addresses_sought(plural n, list: &str) {
        en: one "{n} address: {list}." other "{n} addresses: {list}.",
        fr: one "{n} adresse\u{a0}: {list}." other "{n} adresses\u{a0}: {list}.",
    }
    /// What it takes to be called down.
    pub fn down_means() {
        en: "down: nobody on the link says that the address is his, or a router says that it is not there.",
        fr: "absent ou injoignable\u{a0}: personne sur le lien ne dit que l'adresse est la sienne, ou un routeur dit qu'elle n'est pas là.",
    }
    /// The hardware address of a host; `maker` is empty, or who made it in brackets after a space.
    pub fn mac_is(host: &str, mac: &str, maker: &str) {
        en: "{host} is at {mac}{maker}.",
        fr: "{host} est à {mac}{maker}.",
    }
    /// Hosts left out of such a list.
    pub fn more_macs(plural n) {
        en: one "{n} more host told its hardware address." other "{n} more hosts told their hardware addresses.",
        fr: one "{n} autre hôte a dit son adresse matérielle." other "{n} autres hôtes ont dit leur adresse matérielle.",
    }
    /// Of a hardware address whose owner chose it himself.
    pub fn mac_is_local() { en: "random/local", fr: "locale" }

    /// What is going on while no port is asked.
    pub fn looking_for_hosts() { en: "looking for hosts", fr: "recherche d'hôtes" }
    /// How many addresses of all are done with, both numbers written already.
    pub fn addresses_done(done: &str, all: &str) {
        en: "{done} of {all} addresses",
        fr: "{done} adresses sur {all}",
    }
    /// Addresses that are done with and whose host was not found.
    pub fn not_found(plural n) {
        en: one "{n} not found" other "{n} not found",
        fr: one "{n} introuvable" other "{n} introuvables",
    }
}
