//! How fast the scan asks, why, and whether what gets lost is lost because of that.

mod history;
mod levels;
mod trial;

pub(crate) use history::{History, Mark};
pub(crate) use trial::Trial;
