//! Exit codes: 0 done, 1 the asked-for condition does not hold, 2 usage or failure, 3 stopped early or
//! partial, with what was found kept.

use portolan_model::{Ended, Finish};

/// The scan did what was asked.
pub(crate) const DONE: u8 = 0;
/// Bad usage, or something that was asked for could not be written.
pub(crate) const FAILED: u8 = 2;
/// Part of what was asked is missing.
pub(crate) const PARTIAL: u8 = 3;

/// The code of a scan that was written completely. Ports that stay unknown for the target's reasons do not
/// change it; our own faults do.
pub(crate) fn of_scan(finish: &Finish, names_missing: bool) -> u8 {
    let ours = finish.unknown_local > 0;
    if finish.ended == Ended::Interrupted || ours || names_missing { PARTIAL } else { DONE }
}
