//! What to ask of a service, how its answer is recognised, and what the answer tells of it.
//!
//! The questions are data: one file a protocol in `probes/udp/`, read at build into const tables, so that start-up parses
//! nothing. The folder is the list. Each file carries answers of real servers, and the tests hold every one of them.
//! Nothing in here sends, receives or knows the time: the engine asks the probes of [`UDP`], and [`describe`] reads the
//! bytes of an answer that the engine has recognised.
//!
//! ```
//! use portolan_detect::{UDP, udp_ports};
//!
//! let dns = UDP.iter().find(|probe| probe.name == "dns").expect("DNS is in the catalogue");
//! assert!(dns.ports.contains(&53) && udp_ports().contains(53));
//! ```
#![forbid(unsafe_code)]

mod catalogue;
mod extract;

pub use catalogue::{ENTRIES, Entry, Origin, Sample, UDP, entry, udp_ports};
pub use extract::describe;
