//! How the door tells a failure: one line what is wrong, and if something can be done, one line what.

use portolan_explain::Lang;

/// A hint alone, with its line end.
pub(crate) fn alone(lang: Lang, hint: &str) -> String {
    let advice = match lang {
        Lang::En => "hint:",
        Lang::Fr => "conseil\u{a0}:",
    };
    format!("{advice} {hint}\n")
}

/// The lines for stderr, each with its line end. Strangers' text must have been escaped before.
pub(crate) fn told(lang: Lang, message: &str, hint: Option<&str>) -> String {
    let (error, advice) = match lang {
        Lang::En => ("error:", "hint:"),
        Lang::Fr => ("erreur\u{a0}:", "conseil\u{a0}:"),
    };
    match hint {
        Some(hint) => format!("{error} {message}\n{advice} {hint}\n"),
        None => format!("{error} {message}\n"),
    }
}
