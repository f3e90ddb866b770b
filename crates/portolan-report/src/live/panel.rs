use portolan_explain as words;
use portolan_explain::Lang;
use portolan_model::{Begin, PortState, Progress, Warning};
use unicode_width::UnicodeWidthStr;

use super::part::{Part, fit, join, width};
use crate::charset::Charset;
use crate::pace::{share, whole_percent};
use crate::paint::Style;
use crate::text::finds_open;
use crate::wrap::cut;

/// How the panel looks.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct PanelOptions {
    /// The language.
    pub lang: Lang,
    /// ASCII alone.
    pub ascii: bool,
    /// With colours.
    pub color: bool,
    /// Whether keys are read, so that `q` may be offered.
    pub keys: bool,
}

/// What stands below the table while a scan runs: a few lines about where it is.
pub struct Panel<'a> {
    /// What is scanned.
    pub begin: &'a Begin,
    /// How far it has come.
    pub progress: &'a Progress,
    /// Probes a second of late.
    pub rate: u64,
    /// The newest warning.
    pub warning: Option<&'a Warning>,
}

/// More columns than these help nobody.
const WIDEST: usize = 100;
/// Fewer columns than these are no place for a panel.
const NARROWEST: usize = 20;
/// The bar goes rather than be shorter.
const SHORTEST_BAR: usize = 10;
const GAP: usize = 3;

impl Panel<'_> {
    /// The lines for a terminal of that many columns, none of which reaches its last column: what terminals do
    /// there differs. None at all if it is too narrow.
    pub fn lines(&self, columns: usize, options: &PanelOptions) -> Vec<String> {
        if columns < NARROWEST {
            return Vec::new();
        }
        // One column before and one after.
        let room = columns.min(WIDEST) - 2;
        let draw = Draw { options, charset: Charset::of(options.ascii), room };
        let rule = Part::new(0, draw.charset.rule(room)).styled(Style::Dim);
        let mut lines = vec![
            draw.line(vec![rule], " "),
            self.plan(&draw),
            self.bar(&draw),
            draw.spread(self.speed(&draw)),
            draw.spread(self.counts(&draw)),
        ];
        lines.extend(self.foot(&draw));
        lines
    }

    /// `192.168.1.0/24 · 12 hosts up · 1 000 tcp + 20 udp ports · connect+udp`
    fn plan(&self, draw: &Draw<'_>) -> String {
        let lang = draw.options.lang;
        let methods: Vec<&str> = self.begin.methods.iter().map(|method| method.name()).collect();
        let rest = if self.begin.hosts_only {
            vec![draw.part(0, words::looking_for_hosts(lang))]
        } else {
            vec![
                draw.part(0, &words::hosts_up(lang, self.progress.hosts_up)),
                draw.part(1, &ports(self.begin, lang)),
                draw.part(2, &methods.join("+")),
            ]
        };
        // The targets are cut before anything goes, as long as something is left of them.
        const LEAST: usize = 15;
        let targets: Vec<String> =
            self.begin.targets.iter().take(WIDEST).map(|target| draw.charset.name(target)).collect();
        let targets = targets.join(", ");
        let wanted = targets.width().min(LEAST) + GAP;
        let rest = fit(rest, GAP, draw.room.saturating_sub(wanted), draw.charset.ellipsis());
        let left = draw.room.saturating_sub(width(&rest, GAP) + GAP);
        let mut parts = vec![Part::new(0, cut(&targets, Some(left), draw.charset.ellipsis()))];
        parts.retain(|part| part.width() > 0 && part.width() <= left);
        parts.extend(rest);
        draw.line(parts, &format!(" {} ", draw.charset.dot()))
    }

    /// `━━━━━━━━━━━╸──────  61%   7 466/12 240   0:41, 0:27 left`
    fn bar(&self, draw: &Draw<'_>) -> String {
        const APART: usize = 2;
        let (lang, progress) = (draw.options.lang, self.progress);
        let settled =
            format!("{}/{}", words::number(lang, progress.settled), words::number(lang, progress.endpoints));
        let elapsed = words::clock(lang, progress.elapsed);
        let time = match self.left(draw) {
            Some(left) => format!("{elapsed}, {left}"),
            None => elapsed,
        };
        let facts = vec![
            draw.part(0, &format!("{:>4}", words::whole_percent(lang, whole_percent(progress)))),
            draw.part(2, &settled),
            draw.part(1, &time),
        ];
        let facts = fit(facts, GAP, draw.room.saturating_sub(SHORTEST_BAR + APART), draw.charset.ellipsis());
        let (done, rest) =
            draw.charset.bar(share(progress), draw.room.saturating_sub(width(&facts, GAP) + APART));
        let bar = Part::new(0, done).styled(Style::Green).and(rest, Style::Dim);
        let facts = join(&facts, &" ".repeat(GAP), draw.options.color);
        format!(" {}{}{facts}", join(&[bar], "", draw.options.color), " ".repeat(APART))
    }

    fn left(&self, draw: &Draw<'_>) -> Option<String> {
        let lang = draw.options.lang;
        if self.progress.stopping {
            return Some(words::stopping(lang).to_owned());
        }
        let left = self.progress.left?;
        let time = words::clock(lang, left.time);
        let time = if left.at_least { format!("{} {time}", draw.charset.at_least()) } else { time };
        Some(words::left(lang, &time))
    }

    /// `rate 412/s of 500   waiting 96   rtt 1.2ms (p95 9.8ms)   dropped by us 0`
    fn speed(&self, draw: &Draw<'_>) -> Vec<Part> {
        let (lang, progress) = (draw.options.lang, self.progress);
        let mut rate = format!("{}/s", words::number(lang, self.rate));
        if let Some(ceiling) = progress.max_rate {
            rate = words::of_rate(lang, &rate, &words::number(lang, ceiling));
        }
        let mut parts = vec![
            draw.part(0, &format!("{} {rate}", words::label_rate(lang))),
            draw.part(
                1,
                &format!("{} {}", words::label_waiting(lang), words::number(lang, progress.waiting as u128)),
            ),
        ];
        if let Some(rtt) = progress.rtt {
            let mut text = format!("{} {}", words::label_rtt(lang), words::rtt(lang, rtt));
            if let Some(p95) = progress.rtt_p95 {
                text = format!("{text} (p95 {})", words::rtt(lang, p95));
            }
            parts.push(draw.part(3, &text));
        }
        if progress.loss >= 0.0005 {
            let loss = format!("{} {}", words::label_loss(lang), words::percent(lang, progress.loss));
            parts.push(draw.part(2, &loss).styled(Style::Yellow));
        }
        let dropped = words::number(lang, progress.dropped_by_us);
        let rank = if progress.dropped_by_us > 0 { 2 } else { 4 };
        parts.push(draw.part(rank, &format!("{} {dropped}", words::label_dropped(lang))));
        parts
    }

    /// `open 24   closed 6 105   filtered 1 180`, or `12 hosts up   96 not found`
    fn counts(&self, draw: &Draw<'_>) -> Vec<Part> {
        let lang = draw.options.lang;
        if self.begin.hosts_only {
            let looked_for = u64::try_from(self.progress.settled).unwrap_or(u64::MAX);
            let not_found = looked_for.saturating_sub(self.progress.hosts_up);
            return vec![
                draw.part(0, &words::hosts_up(lang, self.progress.hosts_up)).styled(Style::Green),
                draw.part(1, &words::not_found(lang, not_found)),
            ];
        }
        let finds_open = finds_open(&self.begin.methods);
        let shown = self.progress.counts.iter();
        let shown = shown.filter(|(state, n)| *n > 0 || (*state == PortState::Open && finds_open));
        (0..)
            .zip(shown)
            .map(|(rank, (state, n))| {
                let word = draw.charset.words(words::states(lang, state, n)).into_owned();
                let number = draw.charset.words(&words::number(lang, n)).into_owned();
                Part::new(rank, word).styled(Style::of(state)).and(format!(" {number}"), Style::None)
            })
            .collect()
    }

    /// `! 192.168.1.254 loses about 4.2% of round trips (warn.loss)                q stop`
    fn foot(&self, draw: &Draw<'_>) -> Option<String> {
        let lang = draw.options.lang;
        let keys = draw.options.keys && !self.progress.stopping;
        let key = if keys { draw.charset.words(words::key_stop(lang)).into_owned() } else { String::new() };
        let room = draw.room.saturating_sub(if keys { key.width() + GAP } else { 0 });
        let warning = self.warning.map(|about| {
            let id = format!(" ({})", about.id());
            let text = draw.charset.words(&words::warning(lang, about)).into_owned();
            cut(&text, Some(room.saturating_sub("! ".len() + id.len())), draw.charset.ellipsis()) + &id
        });
        let warning = warning.map(|text| Part::new(0, "! ").styled(Style::Yellow).and(text, Style::None));
        let warning = fit(warning.into_iter().collect(), GAP, room, draw.charset.ellipsis());
        if warning.is_empty() && !keys {
            return None;
        }
        let fill = if keys { draw.room - width(&warning, GAP) - key.width() } else { 0 };
        Some(format!(" {}{}{key}", join(&warning, "", draw.options.color), " ".repeat(fill)))
    }
}

/// What the lines have in common.
struct Draw<'a> {
    options: &'a PanelOptions,
    charset: Charset,
    room: usize,
}

impl Draw<'_> {
    /// A part in our own words.
    fn part(&self, rank: u8, text: &str) -> Part {
        Part::new(rank, self.charset.words(text))
    }

    fn line(&self, parts: Vec<Part>, gap: &str) -> String {
        let parts = fit(parts, gap.width(), self.room, self.charset.ellipsis());
        format!(" {}", join(&parts, gap, self.options.color))
    }

    fn spread(&self, parts: Vec<Part>) -> String {
        self.line(parts, &" ".repeat(GAP))
    }
}

/// `1 000 tcp + 20 udp ports`
fn ports(begin: &Begin, lang: Lang) -> String {
    match (count(&begin.ports), count(&begin.udp_ports)) {
        (0, 0) => String::new(),
        (tcp, 0) => words::ports_of(lang, tcp, "tcp"),
        (0, udp) => words::ports_of(lang, udp, "udp"),
        (tcp, udp) => words::ports_of_both(lang, &words::number(lang, tcp), &words::number(lang, udp)),
    }
}

/// How many ports a list of ranges has.
fn count(ranges: &str) -> u32 {
    let ends = ranges.split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some((first.parse::<u16>().ok()?, last.parse::<u16>().ok()?))
    });
    ends.map(|(first, last)| u32::from(last.saturating_sub(first)) + 1).sum()
}
