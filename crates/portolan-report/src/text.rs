//! The table for people: finds as soon as they are known, what is folded and the sum at the end.

mod columns;
mod detail;
mod folded;
mod found;
mod hosts;
mod service;
mod summary;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use portolan_explain::{Lang, down_means, level, none, reason, rtt, silence_of_udp, updated};
use portolan_model::{
    Address, Begin, Counts, Endpoint, Finish, Group, HostReport, Method, Ping, PortState, Sink, Verdict, Why,
};

use self::columns::{Columns, Row};
use self::folded::Folded;
use self::found::{Found, Macs};
use self::hosts::{Labels, Quiet};
use crate::charset::Charset;
use crate::names::{Names, ServiceName, VendorName};
use crate::wrap::wrap;

/// How the text looks.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TextOptions {
    /// The language.
    pub lang: Lang,
    /// The columns of the terminal; without a number nothing is cut, wrapped or left out.
    pub width: Option<usize>,
    /// With colours.
    pub color: bool,
    /// ASCII alone.
    pub ascii: bool,
    /// With a line below each row that says who answered, how often was asked and what the reason means.
    pub reason: bool,
    /// Open ports only.
    pub open_only: bool,
    /// In words instead of marks, for a screen reader.
    pub accessible: bool,
}

/// The table for people.
///
/// A row is written and flushed when its verdict arrives, so the columns are set by the plan, not by the
/// content. What is folded is summed up over all hosts and told at the end, where it is not drowned by the
/// rows of other hosts. A row that replaces an earlier one is marked `~`.
pub struct TextSink<W> {
    out: W,
    options: TextOptions,
    charset: Charset,
    service: ServiceName,
    vendor: VendorName,
    names: Arc<Names>,
    labels: Labels,
    columns: Columns,
    methods: Vec<Method>,
    why: Option<Why>,
    headed: bool,
    shown: BTreeMap<Endpoint, PortState>,
    folded: Folded,
    quiet: Quiet,
    macs: Macs,
    /// The table of hosts, where no port is asked.
    hosts: Option<Found>,
    addresses: u128,
}

impl<W: Write> TextSink<W> {
    /// A sink into `out`.
    pub fn new(
        out: W,
        names: Arc<Names>,
        (service, vendor): (ServiceName, VendorName),
        options: TextOptions,
    ) -> Self {
        let charset = Charset::of(options.ascii);
        let labels = Labels::new(&names, charset);
        let columns = Columns::new(&options, hosts::widest(&[], &names, &labels, options.width), &[]);
        TextSink {
            out,
            options,
            charset,
            service,
            vendor,
            names,
            labels,
            columns,
            methods: Vec::new(),
            why: None,
            headed: false,
            shown: BTreeMap::new(),
            folded: Folded::default(),
            quiet: Quiet::default(),
            macs: Macs::default(),
            hosts: None,
            addresses: 0,
        }
    }

    /// Gives the writer back.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// Writes the row of a verdict, below the headings if it is the first.
    fn row(&mut self, verdict: &Verdict, replaces: bool) -> io::Result<()> {
        let mut text = String::new();
        if !self.headed {
            self.headed = true;
            text.push_str(&self.columns.headings(&self.options, self.charset));
        }
        text.push_str(&self.columns.row(&self.cells(verdict, replaces), &self.options, self.charset));
        if self.options.reason {
            let detail = detail::lines(verdict, self.options.lang);
            text.push_str(&self.paragraph(&detail, 3, 3));
        }
        self.shown.insert(verdict.endpoint, verdict.state());
        self.write(&text)
    }

    /// Writes the row of a host, below the headings if it is the first.
    fn host_row(&mut self, host: &HostReport, columns: &Found) -> io::Result<()> {
        let mut text = String::new();
        if !self.headed {
            self.headed = true;
            text.push_str(&columns.headings(&self.options, self.charset));
        }
        let label = self.label(host.target);
        text.push_str(&columns.row(host, (&label, self.vendor), &self.options, self.charset));
        if let Some(why) = host.reason.filter(|_| self.options.reason) {
            text.push_str(&self.paragraph(reason(self.options.lang, why), 3, 3));
        }
        self.write(&text)
    }

    fn cells(&self, verdict: &Verdict, replaces: bool) -> Row {
        let lang = self.options.lang;
        let endpoint = verdict.endpoint;
        let mut service = match &verdict.service {
            Some(shown) => service::shown(shown, self.charset),
            None => {
                let known = (self.service)(endpoint.transport, endpoint.port);
                service::expected(known, endpoint.transport)
            }
        };
        if replaces {
            let gap = if service.is_empty() { "" } else { " " };
            service = format!("{service}{gap}({})", self.charset.words(updated(lang)));
        }
        let nothing = if self.options.accessible { none(lang) } else { "-" }.to_owned();
        Row {
            replaces: replaces && !self.options.accessible,
            host: self.label(endpoint.address),
            port: format!("{}/{}", endpoint.port, endpoint.transport),
            state: verdict.state(),
            state_word: self.charset.words(&columns::state_word(&self.options, verdict.state())).into_owned(),
            reason: verdict.reason().token(),
            rtt: verdict
                .rtt
                .map_or_else(|| nothing.clone(), |round| self.charset.words(&rtt(lang, round)).into_owned()),
            // How sure one is of not knowing helps nobody.
            sure: match (verdict.state(), verdict.claim.confidence.level()) {
                (PortState::Unknown, _) => nothing,
                (_, sure) if self.options.accessible => self.charset.words(level(lang, sure)).into_owned(),
                (_, sure) => self.charset.sure(sure).to_owned(),
            },
            service,
        }
    }

    fn label(&self, address: Address) -> String {
        self.labels.get(address).map_or_else(|| address.to_string(), str::to_owned)
    }

    /// Our own sentences, wrapped, as lines.
    fn paragraph(&self, text: &str, indent: usize, hang: usize) -> String {
        let lines = wrap(&self.charset.words(text), self.options.width, indent, hang);
        lines.into_iter().map(|line| line + "\n").collect()
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

/// Whether any of these can find a port open: an ACK cannot.
pub(crate) fn finds_open(methods: &[Method]) -> bool {
    methods != [Method::Ack]
}

impl<W: Write> Sink for TextSink<W> {
    fn begin(&mut self, begin: &Begin) -> io::Result<()> {
        let host = hosts::widest(&begin.targets, &self.names, &self.labels, self.options.width);
        self.columns = Columns::new(&self.options, host, &begin.methods);
        let by_link = begin.pings.contains(&Ping::Neighbour);
        self.hosts = begin.hosts_only.then(|| Found::new(&self.options, host, by_link));
        self.addresses = begin.addresses;
        self.methods = begin.methods.clone();
        self.why = begin.why;
        let known = hosts::introductions(&self.names, self.charset, self.options.lang);
        let text: String = known.iter().map(|line| self.paragraph(line, 1, 3)).collect();
        self.write(&text)
    }

    fn host(&mut self, host: &HostReport) -> io::Result<()> {
        if let Some(columns) = self.hosts.clone() {
            return self.host_row(host, &columns);
        }
        if self.options.open_only {
            return Ok(());
        }
        let label = self.label(host.target);
        if let Some(mac) = host.mac {
            self.macs.add(mac, (&label, self.vendor), self.options.lang, self.charset);
        }
        self.quiet.add(host, &label, finds_open(&self.methods), self.options.lang);
        Ok(())
    }

    fn verdict(&mut self, verdict: &Verdict) -> io::Result<()> {
        if self.options.open_only && verdict.state() != PortState::Open {
            return Ok(());
        }
        self.row(verdict, false)
    }

    fn ports(&mut self, group: &Group) -> io::Result<()> {
        self.folded.add(group);
        Ok(())
    }

    fn update(&mut self, verdict: &Verdict) -> io::Result<()> {
        let was_shown = self.shown.contains_key(&verdict.endpoint);
        if !was_shown {
            self.folded.one_left(verdict.endpoint.transport);
        }
        // What was shown is never silently wrong, even where only open ports are wanted.
        if self.options.open_only && !was_shown && verdict.state() != PortState::Open {
            return Ok(());
        }
        self.row(verdict, true)
    }

    fn finish(&mut self, finish: &Finish) -> io::Result<()> {
        let mut text = String::new();
        if !self.options.open_only {
            let mut shown = Counts::default();
            self.shown.values().for_each(|state| shown.add(*state, 1));
            self.folded.settle(&shown, &finish.counts);
            for line in self.folded.lines(self.methods.len() > 1, self.options.lang) {
                text.push_str(&self.paragraph(&line, 3, 14));
            }
            if finish.counts.open_filtered > 0 {
                text.push_str(&self.paragraph(silence_of_udp(self.options.lang), 1, 3));
            }
        }
        if self.hosts.is_some() && finish.hosts_down > 0 {
            text.push_str(&self.paragraph(down_means(self.options.lang), 1, 3));
        }
        let sentences = self.macs.sentences(self.options.lang).chain(self.quiet.sentences(self.options.lang));
        for sentence in sentences {
            text.push_str(&self.paragraph(&sentence, 1, 3));
        }
        if self.headed || !text.is_empty() {
            text.push('\n');
        }
        let sought = self.hosts.as_ref().map(|_| self.addresses);
        for sentence in summary::sentences(finish, (&self.methods, self.why), sought, self.options.lang) {
            text.push_str(&self.paragraph(&sentence, 1, 1));
        }
        self.write(&text)
    }
}
