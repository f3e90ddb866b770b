use portolan_model::PortState;

/// Colours and weights; each only repeats what a word says already.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Style {
    /// As it is.
    None,
    /// Headings and labels.
    Bold,
    /// What matters less.
    Dim,
    /// Open.
    Green,
    /// Filtered, warnings.
    Yellow,
    /// Unknown.
    Magenta,
}

impl Style {
    /// The style of a state's word.
    pub(crate) const fn of(state: PortState) -> Style {
        match state {
            PortState::Open => Style::Green,
            PortState::Filtered | PortState::OpenFiltered | PortState::ClosedFiltered => Style::Yellow,
            PortState::Closed | PortState::Unfiltered => Style::Dim,
            PortState::Unknown => Style::Magenta,
        }
    }

    /// The parameter of SGR (ECMA-48 section 8.3.117).
    const fn sgr(self) -> Option<&'static str> {
        match self {
            Style::None => None,
            Style::Bold => Some("1"),
            Style::Dim => Some("2"),
            Style::Green => Some("32"),
            Style::Yellow => Some("33"),
            Style::Magenta => Some("35"),
        }
    }
}

/// Text between a style and its reset; the only place where an escape character is written.
pub(crate) fn paint(text: &str, style: Style, color: bool) -> String {
    match style.sgr() {
        Some(sgr) if color && !text.is_empty() => format!("\x1b[{sgr}m{text}\x1b[0m"),
        _ => text.to_owned(),
    }
}
