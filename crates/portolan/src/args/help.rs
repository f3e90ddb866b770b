//! The two help pages. clap's own help has headings that cannot be translated; this one reads the same
//! table, in either language, and never exceeds 80 columns.

use portolan_explain::Lang;

use super::flags::{Both, FLAGS, Flag, Group, Takes};
use super::words;

/// `-h`: one screen.
pub(super) fn short(lang: Lang) -> String {
    let mut page = head(lang);
    for group in Group::ALL {
        heading(&mut page, group.title(), lang);
        if group == Group::Targets {
            row(&mut page, words::TARGET.of(lang), words::TARGET_HELP.of(lang), LEFT);
        }
        for flag in FLAGS.iter().filter(|flag| flag.group == group && flag.brief) {
            row(&mut page, &with_value(&flag.typed(), flag, lang), flag.help.of(lang), LEFT);
        }
    }
    rows(&mut page, words::EXAMPLES, words::EXAMPLE_LINES, lang);
    page.push_str(words::REST.of(lang));
    page.push('\n');
    page
}

/// `--help`: everything.
pub(super) fn long(lang: Lang) -> String {
    let mut page = head(lang);
    rows(&mut page, words::VERBS, words::VERB_LINES, lang);
    for group in Group::ALL {
        page.push('\n');
        heading(&mut page, group.title(), lang);
        if group == Group::Targets {
            entry(
                &mut page,
                words::TARGET.of(lang),
                words::TARGET_HELP.of(lang),
                Some(words::TARGET_MORE),
                lang,
            );
        }
        for flag in FLAGS.iter().filter(|flag| flag.group == group && !flag.hidden) {
            entry(&mut page, &forms(flag, lang), flag.help.of(lang), flag.more, lang);
        }
    }
    for (title, lines) in [
        (words::EXAMPLES, words::EXAMPLE_LINES),
        (words::EXIT, words::EXIT_LINES),
        (words::ENVIRONMENT, words::ENVIRONMENT_LINES),
    ] {
        page.push('\n');
        rows(&mut page, title, lines, lang);
    }
    page
}

/// Both forms of a flag with its value: `-iL FILE, --includefile FILE`.
pub(super) fn forms(flag: &Flag, lang: Lang) -> String {
    let long = with_value(&format!("--{}", flag.long), flag, lang);
    match flag.short {
        Some(short) => format!("{}, {long}", with_value(&format!("-{short}"), flag, lang)),
        None => long,
    }
}

fn head(lang: Lang) -> String {
    format!("portolan {}\n{}\n", words::ABOUT.of(lang), words::USAGE.of(lang))
}

fn heading(page: &mut String, title: Both, lang: Lang) {
    page.push_str(title.of(lang));
    page.push_str(if lang == Lang::Fr { "\u{a0}:\n" } else { ":\n" });
}

fn rows(page: &mut String, title: Both, lines: &[(&str, Both)], lang: Lang) {
    heading(page, title, lang);
    let width = lines.iter().map(|(left, _)| left.len()).max().unwrap_or_default().max(LEFT);
    for (left, right) in lines {
        row(page, left, right.of(lang), width);
    }
}

/// Two columns, the left one of this width.
fn row(page: &mut String, left: &str, right: &str, width: usize) {
    page.push_str(&format!("  {left:<width$}  {right}\n"));
}

fn entry(page: &mut String, left: &str, help: &str, more: Option<Both>, lang: Lang) {
    page.push_str(&format!("  {left}\n"));
    wrapped(page, help);
    if let Some(more) = more {
        wrapped(page, more.of(lang));
    }
}

/// Lines of at most 80 columns, indented by six. Every character of our texts is one column wide; a
/// no-break space does not break.
fn wrapped(page: &mut String, text: &str) {
    const INDENT: &str = "      ";
    const COLUMNS: usize = 80;
    let mut column = 0;
    for word in text.split(' ') {
        let width = word.chars().count();
        if column == 0 || column + 1 + width > COLUMNS {
            page.push_str(if column == 0 { INDENT } else { "\n      " });
            column = INDENT.len();
        } else {
            page.push(' ');
            column += 1;
        }
        page.push_str(word);
        column += width;
    }
    page.push('\n');
}

fn with_value(name: &str, flag: &Flag, lang: Lang) -> String {
    match flag.takes {
        Takes::Attached(value) if name.starts_with("--") => format!("{name}[={}]", value.of(lang)),
        Takes::Attached(value) => format!("{name}[{}]", value.of(lang)),
        takes => takes.value().map_or_else(|| name.to_owned(), |value| format!("{name} {}", value.of(lang))),
    }
}

/// The usual width of the left column: the longest flag with its value fits.
const LEFT: usize = 22;
