//! How much is told beside the results.

use std::time::Duration;

use super::convert::Typed;
use super::problem::Problem;

/// How much is told beside the results, and in which manner.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Talk {
    /// `--accessible`: words instead of marks, no panel, no colour.
    pub accessible: bool,
    /// `--stats-every`, never zero.
    pub stats_every: Option<Duration>,
    /// How often `-v` was given.
    pub verbose: u8,
    /// `-d`: the engine's inner numbers.
    pub debug: bool,
}

/// What the line says of it.
pub(super) fn talk(typed: &Typed<'_>) -> Result<Talk, Problem> {
    Ok(Talk {
        accessible: typed.is_set("accessible"),
        stats_every: typed.time("stats-every")?,
        verbose: typed.times("verbose"),
        debug: typed.times("debug") > 0,
    })
}
