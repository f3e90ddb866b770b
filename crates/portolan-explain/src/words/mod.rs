//! The words, one small file a subject.

mod confidence;
mod datagrams;
mod hints;
mod hosts;
mod macros;
mod numbers;
mod progress;
mod reasons;
mod states;
mod summary;
mod table;
mod trace;
mod warnings;

pub use confidence::{because, level, method_because, raise};
pub use datagrams::{answer, attempts_with, from_port, quote, silence_of_udp};
pub use hints::{hint, hint_label};
pub use hosts::{
    addresses_done, addresses_sought, down_means, host_state, looking_for_hosts, mac_is, mac_is_local,
    more_macs, not_found, up,
};
pub use numbers::{elapsed, number, percent, rtt, whole_percent};
pub use progress::{
    about_left, alike, at_least_left, clock, dropped, elapsed_in_words, host_finished, key_stop,
    key_stop_in_words, label_dropped, label_loss, label_rate, label_rtt, label_waiting, left, none, of_rate,
    or, percent_in_words, ports_of, ports_of_both, ports_settled, probes_a_second, progress_line,
    progress_sentence, rate_in_words, round_trip, stopping, time_elapsed, waiting,
};
pub use reasons::{
    attempts, fault, from_nearer, hops_left, icmp_details, reason, segment_details, sent_by, why,
};
pub use states::{state, states};
pub use summary::{
    completeness, completeness_bounds, endpoints_unlisted, host_down, host_not_asked, host_silent,
    hosts_aliased, hosts_down, hosts_silent, hosts_up, local_faults, loss, loss_and_bounds, loss_by_chance,
    loss_by_pace, method, method_why, more_hosts, more_names, name_is, not_shown, not_shown_of, open_ports,
    others, overruns, pace_because, packets, rate_mean, rate_more_steps, rate_step, rate_steps,
    stopped_early, unknown_local, up_without_open, up_without_sure_open,
};
pub use table::{
    heading_host, heading_mac, heading_port, heading_reason, heading_rtt, heading_service, heading_state,
    heading_sure, heading_vendor, updated,
};
pub use trace::{icmp_reason, trace_heading};
pub use warnings::{more_warnings, warning, warning_label};

use macros::terms;

#[cfg(test)]
mod tests;
