use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use portolan_explain::{Lang, msg};
use portolan_model::Sink;

use crate::names::{Names, ServiceName, VendorName};
use crate::ndjson::NdjsonSink;
use crate::plain::PlainSink;
use crate::text::{TextOptions, TextSink};

/// An output format that a user may ask for.
pub struct Format {
    /// Its name on the command line.
    pub name: &'static str,
    /// The extension of its files, without the dot.
    pub extension: &'static str,
    /// What it is, in one line.
    pub about: fn(Lang) -> &'static str,
    build: fn(Output, &Context) -> Box<dyn Sink + Send>,
}

/// What sinks are told beside the events.
#[derive(Clone)]
pub struct Context {
    /// Which address was asked by which name.
    pub names: Arc<Names>,
    /// The table of services.
    pub service: ServiceName,
    /// The listing of makers of network cards.
    pub vendor: VendorName,
    /// How the text looks.
    pub text: TextOptions,
    /// Whether NDJSON is flushed line by line.
    pub flush_lines: bool,
    /// How often NDJSON tells progress, if it was asked to.
    pub progress_every: Option<Duration>,
}

/// Every format, in the order in which help lists them.
pub const FORMATS: &[Format] = &[
    Format {
        name: "text",
        extension: "txt",
        about: about_text,
        build: |out, context| {
            let tables = (context.service, context.vendor);
            Box::new(TextSink::new(out, Arc::clone(&context.names), tables, context.text.clone()))
        },
    },
    Format {
        name: "plain",
        extension: "list",
        about: about_plain,
        build: |out, _| Box::new(PlainSink::new(out)),
    },
    Format {
        name: "ndjson",
        extension: "ndjson",
        about: about_ndjson,
        build: |out, context| {
            let names = Arc::clone(&context.names);
            let sink = NdjsonSink::new(out, names, (context.service, context.vendor), context.flush_lines);
            match context.progress_every {
                Some(interval) => Box::new(sink.with_progress(interval)),
                None => Box::new(sink),
            }
        },
    },
];

impl Format {
    /// The format of that name.
    pub fn named(name: &str) -> Option<&'static Format> {
        FORMATS.iter().find(|format| format.name == name)
    }

    /// A sink that writes this format into `out`.
    pub fn sink(&self, out: Box<dyn Write + Send>, context: &Context) -> Box<dyn Sink + Send> {
        (self.build)(out, context)
    }
}

type Output = Box<dyn Write + Send>;

msg! {
    fn about_text() {
        en: "a table for people; closed and filtered ports are folded",
        fr: "un tableau lisible\u{a0}; les ports fermés et filtrés sont regroupés",
    }
    fn about_plain() {
        en: "open ports only, host:port a line; without ports, hosts that are up",
        fr: "les ports ouverts seulement, host:port par ligne\u{a0}; sans ports, les hôtes actifs",
    }
    fn about_ndjson() {
        en: "every event with its evidence, one JSON object a line",
        fr: "chaque événement avec ses preuves, un objet JSON par ligne",
    }
}
