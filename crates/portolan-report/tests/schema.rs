//! What NDJSON writes is what the published schema says, neither less nor more.

mod canned;

use std::collections::BTreeSet;
use std::time::Duration;

use boon::{Compiler, SchemaIndex, Schemas};
use canned::{everything, hosts, replay, scan, syn, udp};
use portolan_model::{Because, Likeness, Method, Raise, Reason};
use portolan_report::NdjsonSink;
use serde_json::{Value, json};

#[test]
fn every_line_is_valid() {
    let strict = Validator::new(strict(schema()));
    for events in [scan(), syn::scan(), udp::scan(), udp::alone(), hosts::v4_search(), everything()] {
        let lines = lines(&events);
        assert_eq!(lines.len(), events.len());
        for line in lines {
            strict.check(&line).unwrap_or_else(|error| panic!("{error}\n{line}"));
        }
    }
}

#[test]
fn every_field_of_the_schema_is_written_by_some_event() {
    let mut written = BTreeSet::new();
    for line in [everything(), syn::scan(), hosts::v4_search()].iter().flat_map(|events| lines(events)) {
        collect_keys(&line, &mut written);
    }
    let mut described = BTreeSet::new();
    for definition in schema()["$defs"].as_object().unwrap().values() {
        collect_properties(definition, &mut described);
    }
    assert_eq!(described.difference(&written).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn every_token_is_listed() {
    let likenesses = [Likeness::Echoes, Likeness::Fits, Likeness::Strange, Likeness::Unlike];
    let tables: [(&str, Vec<&str>); 5] = [
        ("/$defs/reason", Reason::ALL.iter().map(|row| row.token()).collect()),
        ("/$defs/because", Because::ALL.iter().map(|row| row.token()).collect()),
        ("/$defs/raise", Raise::ALL.iter().map(|row| row.token()).collect()),
        (
            "/$defs/method",
            [Method::Connect, Method::Syn, Method::Ack, Method::Udp].iter().map(|row| row.name()).collect(),
        ),
        ("/$defs/observation/properties/likeness", likenesses.iter().map(|row| row.token()).collect()),
    ];
    for (place, tokens) in tables {
        let listed = schema().pointer(place).map(|definition| definition["enum"].clone());
        assert_eq!(listed, Some(json!(tokens)), "{place}");
    }
}

#[test]
fn a_reader_of_this_version_bears_later_ones() {
    let open = Validator::new(schema());
    open.check(&json!({ "event": "service", "target": "192.0.2.1", "product": "x" })).unwrap();
    open.check(&json!({ "event": "invented-later", "anything": [1] })).unwrap();
    let mut finish = lines(&scan()).pop().unwrap();
    finish["invented_later"] = json!(1);
    open.check(&finish).unwrap();
}

#[test]
fn the_schema_refuses_what_is_wrong() {
    let open = Validator::new(schema());
    let verdict = lines(&scan()).into_iter().find(|line| line["event"] == "verdict").unwrap();
    open.check(&verdict).unwrap();
    let spoilt =
        [("port", json!(70_000)), ("state", json!("ajar")), ("evidence", json!([])), ("rtt_us", json!(null))];
    for (field, value) in spoilt {
        let mut line = verdict.clone();
        line[field] = value;
        assert!(open.check(&line).is_err(), "{field}");
    }
    let mut shown =
        lines(&udp::scan()).into_iter().find(|line| line["service"]["method"] == "probed").unwrap();
    open.check(&shown).unwrap();
    shown["service"].as_object_mut().unwrap().remove("match");
    assert!(open.check(&shown).is_err());
    let mut line = verdict.clone();
    line.as_object_mut().unwrap().remove("confidence");
    assert!(open.check(&line).is_err());
    assert!(open.check(&json!({ "event": "ports" })).is_err());
    assert!(open.check(&json!({ "target": "192.0.2.1" })).is_err());
}

struct Validator {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Validator {
    fn new(schema: Value) -> Self {
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        compiler.add_resource("urn:portolan:schema:1", schema).expect("a schema");
        let index = compiler.compile("urn:portolan:schema:1", &mut schemas).expect("a sound schema");
        Validator { schemas, index }
    }

    fn check(&self, line: &Value) -> Result<(), String> {
        self.schemas.validate(line, self.index).map_err(|error| format!("{error:#}"))
    }
}

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../docs/schema/portolan-1.json")).expect("JSON")
}

/// The same without the freedom to add fields, so that a field without a description is seen.
fn strict(mut schema: Value) -> Value {
    fn close(value: &mut Value) {
        if let Value::Object(object) = value {
            if object.get("type") == Some(&json!("object")) && object.contains_key("properties") {
                object.insert("additionalProperties".to_owned(), json!(false));
            }
            object.values_mut().for_each(close);
        }
    }
    close(&mut schema["$defs"]);
    schema
}

fn lines(events: &[canned::Event]) -> Vec<Value> {
    let mut sink = NdjsonSink::new(Vec::new(), canned::names(), (canned::SERVICE, canned::VENDOR), false)
        .with_progress(Duration::from_secs(1));
    replay(events, &mut sink).expect("memory does not fail");
    let text = String::from_utf8(sink.into_inner()).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn collect_keys(value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                keys.insert(key.clone());
                collect_keys(value, keys);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect_keys(value, keys)),
        _ => {}
    }
}

fn collect_properties(definition: &Value, keys: &mut BTreeSet<String>) {
    let properties = definition["properties"].as_object().into_iter().flatten();
    for (key, value) in properties {
        keys.insert(key.clone());
        collect_properties(value, keys);
    }
}
