//! A terminal as far as a panel needs one, which can change its size in both ways that terminals have: the lines
//! are wrapped anew (tmux, VTE, kitty), or cut (xterm, the Linux console).
#![allow(dead_code, reason = "each test uses its own part")]

use unicode_width::UnicodeWidthChar;

/// A row and whether its text goes on in the next.
#[derive(Clone, Default, PartialEq, Debug)]
struct Row {
    cells: Vec<char>,
    wraps: bool,
}

/// The terminal. Rows before `top` are the scrollback.
pub(crate) struct Terminal {
    columns: usize,
    height: usize,
    rows: Vec<Row>,
    top: usize,
    /// The cursor: row (from the first of all) and column; the column may be past the last one.
    at: (usize, usize),
    wraps: bool,
    /// What was not understood; nothing should be.
    pub(crate) strange: Vec<String>,
}

impl Terminal {
    pub(crate) fn new(columns: usize, height: usize) -> Self {
        let rows = vec![Row::default()];
        Terminal { columns, height, rows, top: 0, at: (0, 0), wraps: true, strange: Vec::new() }
    }

    /// Everything from the first line of the scrollback, wrapped lines joined, blanks at the ends left out.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            text.extend(&row.cells);
            if !row.wraps {
                text.truncate(text.trim_end_matches(' ').len());
                text.push('\n');
            }
        }
        text.trim_end().to_owned() + "\n"
    }

    /// The same as it is seen, row by row.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.rows.iter().map(|row| row.cells.iter().collect::<String>().trim_end().to_owned()).collect()
    }

    pub(crate) fn write(&mut self, text: &str) {
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            match character {
                // The line discipline makes both of it.
                '\n' => self.line_feed(),
                '\r' => self.at.1 = 0,
                '\x1b' => self.sequence(&mut rest),
                other => self.put(other),
            }
        }
    }

    fn sequence(&mut self, rest: &mut std::str::Chars<'_>) {
        let start = rest.next();
        let mut parameters = String::new();
        let end = rest.find(|character| {
            let ends = character.is_ascii_alphabetic();
            if !ends {
                parameters.push(*character);
            }
            ends
        });
        match (start, parameters.as_str(), end) {
            (Some('['), "", Some('J')) => {
                let (row, column) = self.at;
                self.rows.truncate(row + 1);
                self.rows[row].cells.truncate(column);
                self.rows[row].wraps = false;
            }
            // Some terminals still take the row to go on in the next.
            (Some('['), "", Some('K')) => self.rows[self.at.0].cells.truncate(self.at.1),
            (Some('['), count, Some('A')) => {
                let up: usize = count.parse().expect("a number of rows");
                self.at.0 = self.at.0.saturating_sub(up).max(self.top);
            }
            (Some('['), "?7", Some('l')) => self.wraps = false,
            (Some('['), "?7", Some('h')) => self.wraps = true,
            (Some('['), "?2026", Some('h' | 'l')) | (Some('['), _, Some('m')) => {}
            other => self.strange.push(format!("{other:?}")),
        }
    }

    fn put(&mut self, character: char) {
        let width = character.width().unwrap_or_default();
        if self.at.1 + width > self.columns {
            if !self.wraps {
                return;
            }
            self.rows[self.at.0].wraps = true;
            self.line_feed();
        }
        let (row, column) = self.at;
        let cells = &mut self.rows[row].cells;
        while cells.len() <= column {
            cells.push(' ');
        }
        cells[column] = character;
        self.at.1 += 1;
    }

    fn line_feed(&mut self) {
        self.at = (self.at.0 + 1, 0);
        if self.rows.len() <= self.at.0 {
            self.rows.push(Row::default());
        }
        self.top = self.top.max((self.at.0 + 1).saturating_sub(self.height));
    }

    /// Another size; `reflows` wraps the lines anew, the cursor staying on its character.
    pub(crate) fn resize(&mut self, columns: usize, height: usize, reflows: bool) {
        if reflows && columns != self.columns {
            self.reflow(columns);
        } else if columns < self.columns {
            for row in &mut self.rows[self.top..] {
                row.cells.truncate(columns);
            }
            self.at.1 = self.at.1.min(columns - 1);
        }
        (self.columns, self.height) = (columns, height);
        // A lower terminal drops what is below the cursor first; a higher one takes lines from the scrollback.
        let end = self.rows.len();
        let bottom = end.max(self.at.0 + 1);
        self.top = bottom.saturating_sub(height);
        if self.at.0 < self.top {
            self.top = self.at.0;
            self.rows.truncate(self.top + height);
        }
    }

    fn reflow(&mut self, columns: usize) {
        let (mut rows, mut at) = (Vec::new(), self.at);
        let mut line: Vec<char> = Vec::new();
        let mut offset = None;
        for (index, row) in self.rows.iter().enumerate() {
            if index == self.at.0 {
                offset = Some(line.len() + self.at.1);
            }
            line.extend(&row.cells);
            if row.wraps {
                continue;
            }
            if let Some(offset) = offset.take() {
                at = (rows.len() + offset / columns, offset % columns);
            }
            let pieces: Vec<&[char]> =
                if line.is_empty() { vec![&[]] } else { line.chunks(columns).collect() };
            let last = pieces.len() - 1;
            rows.extend(
                pieces
                    .iter()
                    .enumerate()
                    .map(|(index, piece)| Row { cells: piece.to_vec(), wraps: index < last }),
            );
            line.clear();
        }
        while rows.len() <= at.0 {
            rows.push(Row::default());
        }
        (self.rows, self.at) = (rows, at);
    }
}
