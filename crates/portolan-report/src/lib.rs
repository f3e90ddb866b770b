//! What a scan found, told: one [`Sink`](portolan_model::Sink) a file.
//!
//! [`TextSink`] is for people, [`PlainSink`] for pipes, [`NdjsonSink`] for programs; [`TalkSink`] says on
//! stderr what is no result, and [`TraceLines`] what passes the door; [`LiveSink`] and [`TickerSink`] tell how far the
//! scan has come; [`Fan`] feeds several of them. [`FORMATS`] lists what a user may ask for.
//!
//! **Invariant:** no sink writes a control character other than its own line feeds (and, where colour was
//! asked for, its own SGR sequences), a bidirectional mark or invalid UTF-8, whatever strangers call
//! themselves: their texts pass through [`Untrusted::escaped`](portolan_model::Untrusted::escaped). [`LiveSink`] alone
//! moves the cursor, by sequences that no text of others can enter.

#![forbid(unsafe_code)]

mod charset;
mod fan;
mod format;
mod live;
mod names;
mod ndjson;
mod pace;
mod paint;
mod plain;
mod talk;
mod text;
mod ticker;
mod trace;
mod wrap;

pub use fan::{Fan, SinkError};
pub use format::{Context, FORMATS, Format};
pub use live::{Above, LiveSink, PANEL_EVERY, Panel, PanelOptions, Terminal, is_worth_watching};
pub use names::{Names, ServiceName, VendorName};
pub use ndjson::NdjsonSink;
pub use plain::PlainSink;
pub use talk::{TalkOptions, TalkSink};
pub use text::{TextOptions, TextSink};
pub use ticker::{TickerOptions, TickerSink};
pub use trace::TraceLines;
