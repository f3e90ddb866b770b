//! The table as a clap command: it parses what the pre-pass wrote, and gives completions.

use std::ffi::{OsStr, OsString};

use clap::builder::{OsStringValueParser, PossibleValuesParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};
use clap_complete::Shell;
use portolan_explain::Lang;

use super::flags::{FLAGS, Flag, Takes};
use super::problem::Problem;
use super::words;

/// The id of the targets.
pub(super) const TARGETS: &str = "targets";

/// Parses the words of the pre-pass.
pub(super) fn parse(words: Vec<OsString>) -> Result<ArgMatches, Problem> {
    command(FLAGS, Lang::En).no_binary_name(true).try_get_matches_from(words).map_err(|error| problem(&error))
}

/// The long flag nearest to an unknown one, as clap measures it.
pub(super) fn nearest(typed: &OsStr) -> Option<String> {
    let error = command(FLAGS, Lang::En).no_binary_name(true).try_get_matches_from([typed]).err()?;
    match error.get(ContextKind::SuggestedArg)? {
        ContextValue::String(near) => Some(near.clone()),
        ContextValue::Strings(near) => near.first().cloned(),
        _ => None,
    }
}

/// The completion script of a shell, with the flags explained in one language.
pub(super) fn completion(shell: Shell, lang: Lang) -> String {
    let shown = FLAGS.iter().filter(|flag| !flag.hidden);
    let mut command = command(shown, lang).mut_args(listed);
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "portolan", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

fn command<'a>(flags: impl IntoIterator<Item = &'a Flag>, lang: Lang) -> Command {
    Command::new("portolan")
        .about(words::ABOUT.of(lang))
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args_override_self(true)
        .args(flags.into_iter().map(|flag| argument(flag, lang)))
        .arg(
            Arg::new(TARGETS)
                .action(ArgAction::Append)
                .num_args(0..)
                .value_name(words::TARGET.of(lang))
                .value_hint(ValueHint::Hostname)
                .value_parser(OsStringValueParser::new())
                .help(words::TARGET_HELP.of(lang)),
        )
}

fn argument(flag: &Flag, lang: Lang) -> Arg {
    let argument =
        Arg::new(flag.long).long(flag.long).short(flag.letter()).hide(flag.hidden).help(flag.help.of(lang));
    // Values stay as typed: what they may be is checked in `convert.rs`, which says it in both languages.
    match flag.takes {
        Takes::Nothing => argument.action(ArgAction::SetTrue),
        Takes::Times => argument.action(ArgAction::Count),
        Takes::Attached(name) => argument
            .action(ArgAction::Append)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("")
            .value_name(name.of(lang))
            .value_parser(OsStringValueParser::new()),
        Takes::Once(name) | Takes::Last(name) | Takes::Many(name) => argument
            .action(ArgAction::Append)
            .value_name(name.of(lang))
            .value_hint(if name.en == "FILE" { ValueHint::FilePath } else { ValueHint::Other })
            .value_parser(OsStringValueParser::new()),
    }
}

/// For completions only: the values that can be listed.
fn listed(argument: Arg) -> Arg {
    match FLAGS.iter().find(|flag| argument.get_id() == flag.long) {
        Some(flag) if !flag.choices.is_empty() => {
            argument.value_parser(PossibleValuesParser::new(flag.choices))
        }
        _ => argument,
    }
}

/// clap's refusals as ours. The pre-pass leaves two to it: a value that is missing at the end of the
/// line, and one that is not wanted.
fn problem(error: &clap::Error) -> Problem {
    let flag = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(told)) => told
            .strip_prefix("--")
            .and_then(|told| Flag::of_long(told.split([' ', '=', '.']).next().unwrap_or(told).as_bytes())),
        _ => None,
    };
    match (error.kind(), flag) {
        (ErrorKind::InvalidValue, Some(flag)) => Problem::Missing { flag },
        (ErrorKind::TooManyValues, Some(flag)) => Problem::Unwanted { flag },
        _ => Problem::Syntax { told: error.kind().as_str().unwrap_or("?").to_owned() },
    }
}
