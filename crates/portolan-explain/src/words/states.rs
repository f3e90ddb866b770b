use portolan_model::PortState;

use super::terms;
use crate::Lang;

terms! {
    /// The word for a port's state.
    pub fn state(PortState) {
        Open: en "open", fr "ouvert";
        Closed: en "closed", fr "fermé";
        Filtered: en "filtered", fr "filtré";
        Unfiltered: en "unfiltered", fr "non filtré";
        OpenFiltered: en "open|filtered", fr "ouvert|filtré";
        ClosedFiltered: en "closed|filtered", fr "fermé|filtré";
        Unknown: en "unknown", fr "inconnu";
    }
}

terms! {
    /// The same for several ports: French adjectives agree.
    fn plural(PortState) {
        Open: en "open", fr "ouverts";
        Closed: en "closed", fr "fermés";
        Filtered: en "filtered", fr "filtrés";
        Unfiltered: en "unfiltered", fr "non filtrés";
        OpenFiltered: en "open|filtered", fr "ouverts|filtrés";
        ClosedFiltered: en "closed|filtered", fr "fermés|filtrés";
        Unknown: en "unknown", fr "inconnus";
    }
}

/// The word for the state of `n` ports.
pub const fn states(lang: Lang, of: PortState, n: u64) -> &'static str {
    if lang.is_singular(n as u128) { state(lang, of) } else { plural(lang, of) }
}
