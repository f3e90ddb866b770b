use crate::msg;

msg! {
    /// The heading of the hosts' column.
    pub fn heading_host() { en: "HOST", fr: "HÔTE" }
    /// The heading of the ports' column.
    pub fn heading_port() { en: "PORT", fr: "PORT" }
    /// The heading of the states' column.
    pub fn heading_state() { en: "STATE", fr: "ÉTAT" }
    /// The heading of the reasons' column.
    pub fn heading_reason() { en: "REASON", fr: "RAISON" }
    /// The heading of the round trips' column.
    pub fn heading_rtt() { en: "RTT", fr: "RTT" }
    /// The heading of the hardware addresses' column.
    pub fn heading_mac() { en: "MAC", fr: "MAC" }
    /// The heading of the makers' column.
    pub fn heading_vendor() { en: "VENDOR", fr: "FABRICANT" }
    /// The heading of the confidences' column.
    pub fn heading_sure() { en: "SURE", fr: "SÛR" }
    /// The heading of the services' column.
    pub fn heading_service() { en: "SERVICE", fr: "SERVICE" }
    /// Said of a row that replaces an earlier one.
    pub fn updated() { en: "updated", fr: "mis à jour" }
}
