//! Several sinks on one pipe.

mod canned;

use std::io::{self, Write};

use canned::{Event, Shared, replay, scan};
use portolan_model::Sink;
use portolan_report::{Fan, PlainSink, SinkError};

/// A file that fails after so many bytes.
struct Full(usize, io::ErrorKind);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or_else(|| io::Error::from(self.1))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn one_broken_sink_does_not_stop_the_others() {
    let out = Shared::default();
    let mut fan = Fan::new(vec![
        ("stdout".to_owned(), Box::new(PlainSink::new(Full(20, io::ErrorKind::BrokenPipe)))),
        ("all.txt".to_owned(), Box::new(PlainSink::new(out.clone()))),
    ]);
    let errors: Vec<io::Error> =
        scan().iter().filter_map(|event| replay(std::slice::from_ref(event), &mut fan).err()).collect();
    assert_eq!(errors.len(), 1, "a failure is told once");
    assert_eq!(errors[0].kind(), io::ErrorKind::BrokenPipe);
    let inside = errors[0].get_ref().and_then(|error| error.downcast_ref::<SinkError>()).unwrap();
    assert_eq!(inside.sink, "stdout");
    assert_eq!(fan.failures(), std::slice::from_ref(inside));
    assert_eq!(out.text(), "192.0.2.10:22\n[2001:db8::10]:22\n192.0.2.10:443\n192.0.2.10:993\n");
}

#[test]
fn two_that_fail_at_once_are_both_named() {
    let full = || Box::new(PlainSink::new(Full(0, io::ErrorKind::StorageFull)));
    let mut fan = Fan::new(vec![("a".to_owned(), full()), ("b".to_owned(), full())]);
    let Some(Event::Verdict(verdict)) = scan().into_iter().find(|event| matches!(event, Event::Verdict(_)))
    else {
        panic!("the scan has a verdict");
    };
    let error = fan.verdict(&verdict).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(error.to_string().starts_with("write a: "), "{error}");
    assert_eq!(fan.failures().iter().map(|failure| failure.sink.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(fan.is_empty());
    fan.verdict(&verdict).unwrap();
}

#[test]
fn plain_tells_each_port_once() {
    let mut sink = PlainSink::new(Vec::new());
    let a = canned::v4(10);
    let opened = canned::open(a, 22, 5);
    sink.verdict(&opened).unwrap();
    sink.update(&opened).unwrap();
    let mut range = canned::group(a, "21-22", vec![opened]);
    range.targets[0].last = canned::v4(11);
    sink.ports(&range).unwrap();
    let text = String::from_utf8(sink.into_inner()).unwrap();
    assert_eq!(text, "192.0.2.10:22\n192.0.2.10:21\n192.0.2.11:21\n192.0.2.11:22\n");
}
