use unicode_width::UnicodeWidthStr;

use crate::paint::{Style, paint};
use crate::wrap::cut;

/// A part of a line, which stays or goes as a whole.
pub(super) struct Part {
    pieces: Vec<(String, Style)>,
    /// The higher, the sooner it goes where there is no room.
    rank: u8,
}

impl Part {
    pub(super) fn new(rank: u8, text: impl Into<String>) -> Self {
        Part { pieces: vec![(text.into(), Style::None)], rank }
    }

    /// With one more piece.
    pub(super) fn and(mut self, text: impl Into<String>, style: Style) -> Self {
        self.pieces.push((text.into(), style));
        self
    }

    /// The same in a style.
    pub(super) fn styled(mut self, style: Style) -> Self {
        self.pieces.iter_mut().for_each(|(_, own)| *own = style);
        self
    }

    pub(super) fn width(&self) -> usize {
        self.pieces.iter().map(|(text, _)| text.width()).sum()
    }

    fn painted(&self, color: bool) -> String {
        self.pieces.iter().map(|(text, style)| paint(text, *style, color)).collect()
    }
}

/// What of the parts fits into `room` columns with `gap` columns between them. The last one left is cut.
pub(super) fn fit(mut parts: Vec<Part>, gap: usize, room: usize, ellipsis: &str) -> Vec<Part> {
    parts.retain(|part| part.width() > 0);
    while width(&parts, gap) > room {
        if let [last] = &parts[..] {
            let whole: String = last.pieces.iter().map(|(text, _)| text.as_str()).collect();
            let short = cut(&whole, Some(room), ellipsis);
            // Not even the ellipsis may have room.
            return if short.width() > room { Vec::new() } else { vec![Part::new(0, short)] };
        }
        let Some(worst) = (0..parts.len()).max_by_key(|index| parts[*index].rank) else { break };
        parts.remove(worst);
    }
    parts
}

/// All parts together.
pub(super) fn width(parts: &[Part], gap: usize) -> usize {
    parts.iter().map(Part::width).sum::<usize>() + gap * parts.len().saturating_sub(1)
}

/// The parts with `gap` between them.
pub(super) fn join(parts: &[Part], gap: &str, color: bool) -> String {
    parts.iter().map(|part| part.painted(color)).collect::<Vec<_>>().join(gap)
}
