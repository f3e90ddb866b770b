use portolan_explain::{
    Lang, heading_host, heading_mac, heading_reason, heading_rtt, heading_state, heading_vendor, host_state,
    mac_is, mac_is_local, more_macs, none, rtt,
};
use portolan_model::{HostReport, HostState, Mac};
use unicode_width::UnicodeWidthStr;

use super::TextOptions;
use super::columns::{Cell, GAP, join, rtt_width};
use crate::charset::Charset;
use crate::names::VendorName;
use crate::paint::Style;
use crate::wrap::cut;

/// The table of a scan that looks for hosts and nothing else: a row a host, as soon as it is known.
#[derive(Clone, Default)]
pub(super) struct Found {
    host: usize,
    state: usize,
    reason: usize,
    rtt: usize,
    with: Optional,
    by_link: bool,
    /// The columns left for the maker, where the terminal has an end.
    vendor: Option<usize>,
}

/// The columns that a narrow terminal does without.
#[derive(Copy, Clone, Default)]
struct Optional {
    reason: bool,
    rtt: bool,
    mac: bool,
    vendor: bool,
}

/// `arp-response`: what the reason needs at least. Longer ones belong to hosts without a hardware address.
const REASON: usize = 12;
/// `localhost-response`.
const WIDEST_REASON: usize = 18;
const MAC: usize = 17;
/// What the maker needs at least, to be worth a column.
const VENDOR: usize = 11;

impl Found {
    /// The columns for a terminal and the widest host; `by_link`: whether hosts can tell their hardware addresses.
    pub(super) fn new(options: &TextOptions, host: usize, by_link: bool) -> Self {
        let states = [HostState::Up, HostState::Down, HostState::Unknown];
        let mut found = Found {
            host: host.max(heading_host(options.lang).width()),
            state: states
                .map(|of| host_state(options.lang, of).width())
                .into_iter()
                .max()
                .unwrap_or_default(),
            reason: WIDEST_REASON,
            rtt: rtt_width(options.lang),
            with: Optional { reason: true, rtt: true, mac: by_link, vendor: by_link },
            by_link,
            vendor: None,
        };
        if let Some(width) = options.width {
            found.fit(width);
        }
        found
    }

    pub(super) fn headings(&self, options: &TextOptions, charset: Charset) -> String {
        let lang = options.lang;
        let words = [
            heading_host(lang),
            heading_state(lang),
            heading_reason(lang),
            heading_rtt(lang),
            heading_mac(lang),
            heading_vendor(lang),
        ]
        .map(|word| charset.words(word));
        let [host, state, reason, rtt, mac, vendor] = &words;
        join(' ', &self.cells([host, state, reason, rtt, mac, vendor], [Style::Bold; 6]), options.color)
    }

    pub(super) fn row(
        &self,
        host: &HostReport,
        (label, vendor): (&str, VendorName),
        options: &TextOptions,
        charset: Charset,
    ) -> String {
        let lang = options.lang;
        let nothing = if options.accessible { none(lang) } else { "-" };
        let label = cut(label, options.width.map(|_| self.host), charset.ellipsis());
        let state = charset.words(host_state(lang, host.state));
        let reason = host.reason.map_or(nothing, |reason| reason.token());
        let round =
            host.rtt.map_or_else(|| nothing.into(), |round| charset.words(&rtt(lang, round)).into_owned());
        let mac = host.mac.map(|mac| mac.to_string()).unwrap_or_default();
        let vendor = host.mac.map(|mac| maker(mac, vendor, lang, charset)).unwrap_or_default();
        let vendor = cut(&vendor, self.vendor, charset.ellipsis());
        let style = match host.state {
            HostState::Up => Style::Green,
            HostState::Down | HostState::Unknown => Style::Dim,
        };
        let styles = [Style::None, style, Style::None, Style::None, Style::None, Style::None];
        join(' ', &self.cells([&label, &state, reason, &round, &mac, &vendor], styles), options.color)
    }

    fn cells<'a>(&self, texts: [&'a str; 6], styles: [Style; 6]) -> Vec<Cell<'a>> {
        let widths = [self.host, self.state, self.reason, self.rtt, MAC, 0];
        let with = [true, true, self.with.reason, self.with.rtt, self.with.mac, self.with.vendor];
        (0..6)
            .filter(|column| with[*column])
            .map(|column| Cell {
                text: texts[column],
                width: widths[column],
                right: column == 3,
                style: styles[column],
            })
            .collect()
    }

    /// The hardware address is what cannot be had elsewhere; that it is there tells the reason, too.
    fn fit(&mut self, width: usize) {
        let wishes: [fn(&mut Optional); 4] = [
            |with| with.mac = true,
            |with| with.vendor = true,
            |with| with.reason = true,
            |with| with.rtt = true,
        ];
        (self.with, self.reason) = (Optional::default(), REASON);
        for wish in wishes.into_iter().skip(if self.by_link { 0 } else { 2 }) {
            let before = self.with;
            wish(&mut self.with);
            if self.width() > width {
                self.with = before;
            }
        }
        // With one column more the maker holds `random/local`.
        let room = width.saturating_sub(self.width() + 1);
        self.reason += room.min(WIDEST_REASON - REASON);
        self.vendor = Some(width.saturating_sub(self.width()) + VENDOR);
    }

    /// All columns together, the maker at its least.
    fn width(&self) -> usize {
        let optional = |with: bool, width: usize| if with { GAP + width } else { 0 };
        1 + self.host
            + GAP
            + self.state
            + optional(self.with.reason, self.reason)
            + optional(self.with.rtt, self.rtt)
            + optional(self.with.mac, MAC)
            + optional(self.with.vendor, VENDOR)
    }
}

/// The hardware addresses of hosts whose ports were scanned: a sentence each, for the first of them.
#[derive(Default)]
pub(super) struct Macs {
    sentences: Vec<String>,
    more: u64,
}

impl Macs {
    pub(super) fn add(
        &mut self,
        mac: Mac,
        (label, vendor): (&str, VendorName),
        lang: Lang,
        charset: Charset,
    ) {
        const TOLD: usize = 64;
        if self.sentences.len() >= TOLD {
            self.more += 1;
            return;
        }
        let maker = Some(maker(mac, vendor, lang, charset)).filter(|maker| !maker.is_empty());
        let maker = maker.map(|maker| format!(" ({maker})")).unwrap_or_default();
        self.sentences.push(mac_is(lang, label, &mac.to_string(), &maker));
    }

    pub(super) fn sentences(&self, lang: Lang) -> impl Iterator<Item = String> {
        let more = (self.more > 0).then(|| more_macs(lang, self.more));
        self.sentences.iter().cloned().chain(more)
    }
}

/// Who made it, or why nobody can tell; nothing if it is not listed.
fn maker(mac: Mac, vendor: VendorName, lang: Lang, charset: Charset) -> String {
    if mac.is_local() {
        return charset.words(mac_is_local(lang)).into_owned();
    }
    vendor(mac).map(|name| charset.name(&name)).unwrap_or_default()
}
