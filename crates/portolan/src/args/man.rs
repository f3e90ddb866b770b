//! The man page, in English, from the same table.

use clap_mangen::roff::{Inline, Roff, bold, roman};
use portolan_explain::Lang;

use super::flags::{Both, FLAGS, Group};
use super::help;
use super::words;

/// The page as roff. It has no date, so that the same source gives the same bytes.
pub(super) fn page() -> String {
    let mut page = Roff::new();
    let version = concat!("portolan ", env!("CARGO_PKG_VERSION"));
    page.control("TH", ["PORTOLAN", "1", NO_DATE, version, "User Commands"]);
    section(&mut page, "NAME");
    page.text([roman(format!("portolan - {}", words::ABOUT.en))]);
    section(&mut page, "SYNOPSIS");
    page.text([bold("portolan"), roman(" [scan] [FLAGS] TARGET...")]);
    page.control("br", []);
    page.text([bold("portolan schema")]);
    list(&mut page, words::VERBS, words::VERB_LINES);
    for group in Group::ALL {
        section(&mut page, &group.title().en.to_uppercase());
        if group == Group::Targets {
            item(
                &mut page,
                words::TARGET.en,
                [roman(sentences(words::TARGET_HELP, Some(words::TARGET_MORE)))],
            );
        }
        for flag in FLAGS.iter().filter(|flag| flag.group == group && !flag.hidden) {
            item(&mut page, &help::forms(flag, Lang::En), [roman(sentences(flag.help, flag.more))]);
        }
    }
    list(&mut page, words::EXAMPLES, words::EXAMPLE_LINES);
    list(&mut page, words::EXIT, words::EXIT_LINES);
    list(&mut page, words::ENVIRONMENT, words::ENVIRONMENT_LINES);
    page.to_roff()
}

fn section(page: &mut Roff, title: &str) {
    page.control("SH", [title]);
}

fn list(page: &mut Roff, title: Both, lines: &[(&str, Both)]) {
    section(page, &title.en.to_uppercase());
    for (left, right) in lines {
        item(page, left, [roman(right.en)]);
    }
}

fn item(page: &mut Roff, term: &str, text: impl Into<Vec<Inline>>) {
    page.control("TP", []);
    page.text([bold(term)]);
    page.text(text);
}

fn sentences(help: Both, more: Option<Both>) -> String {
    match more {
        Some(more) => format!("{}. {}", help.en, more.en),
        None => format!("{}.", help.en),
    }
}

/// An empty argument, as roff writes it.
const NO_DATE: &str = r#""""#;
