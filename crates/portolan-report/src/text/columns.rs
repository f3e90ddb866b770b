use portolan_explain::{
    Lang, heading_host, heading_port, heading_reason, heading_rtt, heading_service, heading_state,
    heading_sure, level, or, state,
};
use portolan_model::{Level, Method, PortState};
use unicode_width::UnicodeWidthStr;

use super::TextOptions;
use crate::charset::Charset;
use crate::paint::{Style, paint};
use crate::wrap::cut;

/// Which columns there are and how wide.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Columns {
    host: usize,
    state: usize,
    rtt: usize,
    sure: usize,
    with: Optional,
    /// What the service needs beside a round trip.
    service_beside_rtt: usize,
    /// The columns left for the service, where the terminal has an end.
    service: Option<usize>,
}

/// The columns that a narrow terminal does without.
#[derive(Copy, Clone, PartialEq, Eq, Default, Debug)]
struct Optional {
    reason: bool,
    rtt: bool,
    sure: bool,
    service: bool,
}

/// One row's content.
pub(super) struct Row {
    pub(super) replaces: bool,
    pub(super) host: String,
    pub(super) port: String,
    pub(super) state: PortState,
    pub(super) state_word: String,
    pub(super) reason: &'static str,
    pub(super) rtt: String,
    pub(super) sure: String,
    pub(super) service: String,
}

pub(super) struct Cell<'a> {
    pub(super) text: &'a str,
    pub(super) width: usize,
    pub(super) right: bool,
    pub(super) style: Style,
}

/// `65535/tcp`.
const PORT: usize = 9;
/// `admin-prohibited`.
const REASON: usize = 16;
const SURE: usize = 4;
/// What the service needs at least, to be worth a column.
const SERVICE: usize = 8;
/// The same where services show themselves, product and version included: that tells more than a round trip.
const SHOWN_SERVICE: usize = 24;
pub(super) const GAP: usize = 2;

impl Columns {
    /// The columns for a terminal, the widest host and what it is asked. Host, port and state are always there; the
    /// reason, the service, the confidence and the round trip, in this order, where they fit.
    pub(super) fn new(options: &TextOptions, host: usize, methods: &[Method]) -> Self {
        let lang = options.lang;
        let udp = methods.contains(&Method::Udp);
        let mut columns = Columns {
            host: host.max(heading_host(lang).width()),
            state: state_width(options, methods),
            rtt: rtt_width(lang),
            sure: if options.accessible { level_width(lang) } else { SURE },
            with: Optional { reason: true, rtt: true, sure: true, service: true },
            service_beside_rtt: if udp { SHOWN_SERVICE } else { SERVICE },
            service: None,
        };
        if let Some(width) = options.width {
            columns.fit(width);
        }
        columns
    }

    pub(super) fn headings(&self, options: &TextOptions, charset: Charset) -> String {
        let lang = options.lang;
        let words = [
            heading_host(lang),
            heading_port(lang),
            heading_state(lang),
            heading_reason(lang),
            heading_rtt(lang),
            heading_sure(lang),
            heading_service(lang),
        ]
        .map(|word| charset.words(word));
        let [host, port, state, reason, rtt, sure, service] = &words;
        let cells = self.cells([host, port, state, reason, rtt, sure, service], [Style::Bold; 7]);
        join(' ', &cells, options.color)
    }

    pub(super) fn row(&self, row: &Row, options: &TextOptions, charset: Charset) -> String {
        // Only names are cut, never addresses: the column holds every address.
        let host = cut(&row.host, options.width.map(|_| self.host), charset.ellipsis());
        let service = cut(&row.service, self.service, charset.ellipsis());
        let plain = Style::None;
        let cells = self.cells(
            [&host, &row.port, &row.state_word, row.reason, &row.rtt, &row.sure, &service],
            [plain, plain, Style::of(row.state), plain, plain, plain, plain],
        );
        join(if row.replaces { '~' } else { ' ' }, &cells, options.color)
    }

    fn cells<'a>(&self, texts: [&'a str; 7], styles: [Style; 7]) -> Vec<Cell<'a>> {
        let widths = [self.host, PORT, self.state, REASON, self.rtt, self.sure, 0];
        let with = [true, true, true, self.with.reason, self.with.rtt, self.with.sure, self.with.service];
        let is_rtt = [false, false, false, false, true, false, false];
        (0..7)
            .filter(|column| with[*column])
            .map(|column| Cell {
                text: texts[column],
                width: widths[column],
                right: is_rtt[column],
                style: styles[column],
            })
            .collect()
    }

    fn fit(&mut self, width: usize) {
        let wishes: [fn(&mut Optional); 4] = [
            |with| with.reason = true,
            |with| with.service = true,
            |with| with.sure = true,
            |with| with.rtt = true,
        ];
        self.with = Optional::default();
        for wish in wishes {
            let before = self.with;
            wish(&mut self.with);
            if self.width() > width {
                self.with = before;
            }
        }
        self.service = Some(width.saturating_sub(self.width()).saturating_add(self.least_service()));
    }

    /// All columns together, the service at its least.
    fn width(&self) -> usize {
        let optional = |with: bool, width: usize| if with { GAP + width } else { 0 };
        1 + self.host
            + GAP
            + PORT
            + GAP
            + self.state
            + optional(self.with.reason, REASON)
            + optional(self.with.rtt, self.rtt)
            + optional(self.with.sure, self.sure)
            + optional(self.with.service, self.least_service())
    }

    const fn least_service(&self) -> usize {
        if self.with.rtt { self.service_beside_rtt } else { SERVICE }
    }
}

/// The widest word for a state that can be found: silence of TCP is never `open|filtered`, and only ACKs find a port
/// `unfiltered`.
fn state_width(options: &TextOptions, methods: &[Method]) -> usize {
    let connects = [PortState::Open, PortState::Closed, PortState::Filtered, PortState::Unknown];
    let datagrams = methods.contains(&Method::Udp).then_some(PortState::OpenFiltered);
    let acks = methods.contains(&Method::Ack).then_some(PortState::Unfiltered);
    connects
        .into_iter()
        .chain(datagrams)
        .chain(acks)
        .map(|of| state_word(options, of).width())
        .max()
        .unwrap_or_default()
}

/// The word for a state; for a screen reader without the bar of `open|filtered`.
pub(super) fn state_word(options: &TextOptions, of: PortState) -> String {
    let word = state(options.lang, of);
    if options.accessible { word.replace('|', or(options.lang)) } else { word.to_owned() }
}

/// `999.9ms`, in French with a blank.
pub(super) const fn rtt_width(lang: Lang) -> usize {
    match lang {
        Lang::En => 7,
        Lang::Fr => 8,
    }
}

/// The widest word for a confidence.
fn level_width(lang: Lang) -> usize {
    let levels = [Level::Weak, Level::Likely, Level::Strong, Level::Certain];
    levels.map(|of| level(lang, of).width()).into_iter().max().unwrap_or_default()
}

pub(super) fn join(mark: char, cells: &[Cell<'_>], color: bool) -> String {
    let last = cells.iter().rposition(|cell| !cell.text.is_empty()).unwrap_or_default();
    let mut line = String::from(mark);
    // What is too long takes from the blanks of the next.
    let mut over = 0;
    for (index, cell) in cells.iter().enumerate().take(last + 1) {
        if index > 0 {
            line.push_str(&" ".repeat(GAP));
        }
        let ends = index == last && !cell.right;
        let fill = if ends { 0 } else { cell.width.saturating_sub(cell.text.width() + over) };
        over = (cell.text.width() + over).saturating_sub(cell.width);
        let (before, after) = if cell.right { (fill, 0) } else { (0, fill) };
        line.push_str(&" ".repeat(before));
        line.push_str(&paint(cell.text, cell.style, color));
        line.push_str(&" ".repeat(after));
    }
    line.push('\n');
    line
}
