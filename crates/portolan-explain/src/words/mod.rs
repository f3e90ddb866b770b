//! The words, one small file a subject.

mod confidence;
mod datagrams;
mod hints;
mod macros;
mod numbers;
mod reasons;
mod states;
mod summary;
mod table;
mod trace;
mod warnings;

pub use confidence::{because, level, raise};
pub use datagrams::{answer, attempts_with, from_port, quote, silence_of_udp};
pub use hints::{hint, hint_label};
pub use numbers::{elapsed, number, percent, rtt};
pub use reasons::{attempts, fault, icmp_details, reason, sent_by, why};
pub use states::{state, states};
pub use summary::{
    completeness, endpoints_unlisted, host_down, host_not_asked, host_silent, hosts_down, hosts_silent,
    hosts_up, loss, method, more_hosts, more_names, name_is, not_shown, not_shown_of, open_ports, others,
    overruns, packets, stopped_early, unknown_local, up_without_open, up_without_sure_open,
};
pub use table::{
    heading_host, heading_port, heading_reason, heading_rtt, heading_service, heading_state, heading_sure,
    updated,
};
pub use trace::{icmp_reason, trace_heading};
pub use warnings::{more_warnings, warning, warning_label};

use macros::terms;

#[cfg(test)]
mod tests;
