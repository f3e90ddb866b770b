//! What the user wrote, as sets that can be counted, indexed and subtracted.
//!
//! Targets become an [`AddressSet`] (or a name for the door to resolve), ports a [`PortSet`], and
//! both together a short list of disjoint products ([`partition`]). Nothing in here resolves a name,
//! opens a file or knows an interface: text and bytes come in, sets or one clear error go out.
//!
//! ```
//! use portolan_target::{What, parse_ports, parse_target};
//!
//! let target = parse_target("10.0.0-3.1-254:22,https")?;
//! let What::Range(addresses) = target.what else { panic!("a range was written") };
//! assert_eq!(addresses.len(), 4 * 254);
//! assert_eq!(addresses.nth(254).map(|a| a.to_string()).as_deref(), Some("10.0.1.1"));
//! assert_eq!(target.ports.map(|p| p.to_string()).as_deref(), Some("22,443"));
//!
//! assert_eq!(parse_ports("T:1-100,U:53")?.tcp.len(), 100);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod addresses;
mod by_transport;
mod exclude;
mod list;
mod ports;
mod products;
pub mod ranking;
mod ranking_table;
pub mod services;
mod services_table;
mod spec;
pub mod special;
pub mod vendors;

pub use addresses::AddressSet;
pub use by_transport::Ports;
pub use exclude::{Exclusions, parse_exclude_argument, parse_exclude_list};
pub use list::{Entry, ListError, parse_list, parse_target_list};
pub use portolan_model::PortSet;
pub use ports::{PortSpec, PortsError, parse_port_list, parse_ports};
pub use products::partition;
pub use spec::{Target, TargetError, What, parse_target};
