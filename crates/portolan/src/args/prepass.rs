//! From nmap's spelling to clap's: what was typed becomes long flags (`--ports=80`) and words.
//!
//! clap knows single letters and long names; nmap's users type `-iL f`, `-Pn`, `-p-`, `-T4`, `-sTU`.
//! The rules, from left to right:
//!
//! 1. `-` alone is a word (standard input); after `--` everything is a word.
//! 2. `--name` stays; if it takes a value and has no `=`, the next argument is its value, whatever
//!    that begins with.
//! 3. `-xyz` is read as getopt does: at each place the longest known short form. A switch of one
//!    letter lets the next begin (`-nF`, `-4F`); a flag that takes a value takes the rest (`-p80`,
//!    `-p-`, `-T4`, `-iLf`, one leading `=` dropped) or else the next argument (`-p -100`, `-oJ -`).
//!    `-s` is followed by letters that combine (`-sTU`); `-Pn` stands alone. The ports of `-PS22,80` hang on it: `-PS 22`
//!    is `-PS` and a target.
//! 4. An output's file never hangs on its flag: `-oJSON` would silently write a file called `SON`.
//! 5. A long name with a dash too few (`-open`) is a mistake, not a bundle of letters.
//! 6. What is refused by name (`not_yet.rs`) or unknown ends the pass. No text that begins with a
//!    dash ever becomes a target before `--`.
//! 7. The first word, unless after `--`, is the verb if it is one.
//!
//! A question for help or version is answered even if something else is wrong.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::flags::{FLAGS, Flag, Takes};
use super::not_yet::{self, LATER_VERBS};
use super::problem::Problem;

/// What the line asks for as a whole.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Verb {
    Scan,
    Schema,
}

/// A page instead of a run.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Page {
    Short,
    Long,
    Version,
}

/// What clap reads next.
#[derive(Debug)]
pub(super) struct Rewritten {
    pub(super) verb: Verb,
    pub(super) page: Option<Page>,
    pub(super) words: Vec<OsString>,
}

/// Rewrites a command line (without the program's name).
pub(super) fn rewrite(line: &[OsString]) -> Result<Rewritten, Problem> {
    let mut pass = Pass { rest: line.iter(), words: Vec::new(), verb: None, page: None };
    let outcome = pass.run();
    if pass.page.is_none() {
        pass.page = page_in(pass.rest.as_slice());
    }
    match (outcome, pass.page) {
        (Err(problem), None) => Err(problem),
        _ => Ok(Rewritten { verb: pass.verb.unwrap_or(Verb::Scan), page: pass.page, words: pass.words }),
    }
}

struct Pass<'a> {
    rest: std::slice::Iter<'a, OsString>,
    words: Vec<OsString>,
    verb: Option<Verb>,
    page: Option<Page>,
}

impl Pass<'_> {
    fn run(&mut self) -> Result<(), Problem> {
        while let Some(argument) = self.rest.next() {
            match argument.as_bytes() {
                b"--" => {
                    self.words.push(argument.clone());
                    self.words.extend(self.rest.by_ref().cloned());
                }
                [b'-', b'-', name @ ..] => self.long(argument, name)?,
                [b'-', short @ ..] if !short.is_empty() => self.short(argument, short)?,
                _ => self.word(argument)?,
            }
        }
        Ok(())
    }

    fn word(&mut self, word: &OsStr) -> Result<(), Problem> {
        // Only the first word can be a verb; it may follow flags.
        if self.verb.is_none() {
            self.verb = Some(match word.as_bytes() {
                b"schema" => Verb::Schema,
                _ => Verb::Scan,
            });
            if let Some(verb) = LATER_VERBS.iter().find(|verb| **verb == word) {
                return Err(Problem::LaterVerb { verb });
            }
            if word == "schema" || word == "scan" {
                return Ok(());
            }
        }
        self.words.push(word.to_owned());
        Ok(())
    }

    fn long(&mut self, argument: &OsStr, text: &[u8]) -> Result<(), Problem> {
        let (name, attached) = match text.iter().position(|byte| *byte == b'=') {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        let Some(flag) = Flag::of_long(name) else {
            let dashed = &argument.as_bytes()[..name.len() + 2];
            return Err(match not_yet::named(dashed) {
                Some((name, refused)) => Problem::Refused { name, within: None, refused },
                None => Problem::UnknownLong { typed: OsStr::from_bytes(dashed).to_owned() },
            });
        };
        match (flag.takes, attached) {
            (Takes::Nothing | Takes::Times, None) => self.switch(flag, Page::Long),
            // A value that none is wanted for is clap's to refuse.
            (Takes::Nothing | Takes::Times, Some(_)) => self.words.push(argument.to_owned()),
            (Takes::Attached(_), None) => self.switch(flag, Page::Long),
            (_, attached) => self.value(flag, attached),
        }
        Ok(())
    }

    fn short(&mut self, argument: &OsStr, text: &[u8]) -> Result<(), Problem> {
        let unknown = || Problem::UnknownShort { typed: argument.to_owned() };
        // A long name with a dash too few is not read letter by letter: `-open` is not `-o pen`.
        if text.len() > 2 {
            let dashed = [b"-", argument.as_bytes()].concat();
            if let Some((name, refused)) = not_yet::named(&dashed) {
                return Err(Problem::Refused { name, within: None, refused });
            }
            if Flag::of_long(text.split(|byte| *byte == b'=').next().unwrap_or(text)).is_some() {
                return Err(unknown());
            }
        }
        let mut rest = text;
        while !rest.is_empty() {
            if let [b's', letters @ ..] = rest {
                return self.scan_letters(argument, letters);
            }
            let Some((flag, name)) = longest(rest) else {
                return Err(refused_or(argument, rest, unknown()));
            };
            rest = &rest[name.len()..];
            if flag.takes.value().is_some() {
                return self.short_value(flag, name, rest);
            }
            if name.len() > 1 && !rest.is_empty() {
                return Err(unknown());
            }
            self.switch(flag, Page::Short);
        }
        Ok(())
    }

    /// `-sT`, `-sTU`: each letter is a flag of its own.
    fn scan_letters(&mut self, argument: &OsStr, letters: &[u8]) -> Result<(), Problem> {
        let unknown = || Problem::UnknownShort { typed: argument.to_owned() };
        if letters.is_empty() {
            return Err(unknown());
        }
        for letter in letters {
            let typed = [b's', *letter];
            match longest(&typed) {
                Some((flag, _)) => self.switch(flag, Page::Short),
                None => return Err(refused_or(argument, &typed, unknown())),
            }
        }
        Ok(())
    }

    fn short_value(&mut self, flag: &'static Flag, name: &str, rest: &[u8]) -> Result<(), Problem> {
        match rest {
            [] if matches!(flag.takes, Takes::Attached(_)) => self.switch(flag, Page::Short),
            [] => self.value(flag, None),
            [b'=', value @ ..] => self.value(flag, Some(value)),
            _ if name.starts_with('o') => return Err(Problem::OutputAttached { flag }),
            value => self.value(flag, Some(value)),
        }
        Ok(())
    }

    /// `help` is the page that a question for help means: `-h` the short one, `--help` the long one.
    fn switch(&mut self, flag: &'static Flag, help: Page) {
        match flag.long {
            "help" => self.page = self.page.or(Some(help)),
            "version" => self.page = self.page.or(Some(Page::Version)),
            _ => self.words.push(format!("--{}", flag.long).into()),
        }
    }

    /// Pushes `--name=value`; without any value left, `--name` alone, which clap refuses.
    fn value(&mut self, flag: &'static Flag, attached: Option<&[u8]>) {
        let mut word = format!("--{}", flag.long).into_bytes();
        if let Some(value) = attached.or_else(|| self.rest.next().map(|next| next.as_bytes())) {
            word.push(b'=');
            word.extend_from_slice(value);
        }
        self.words.push(OsString::from_vec(word));
    }
}

/// The flag with the longest short form with which `text` begins.
fn longest(text: &[u8]) -> Option<(&'static Flag, &'static str)> {
    FLAGS
        .iter()
        .flat_map(|flag| [flag.short, flag.old].into_iter().flatten().map(move |short| (flag, short)))
        .filter(|(_, short)| text.starts_with(short.as_bytes()))
        .max_by_key(|(_, short)| short.len())
}

fn refused_or(argument: &OsStr, text: &[u8], unknown: Problem) -> Problem {
    match not_yet::beginning(text) {
        // `-dports` is no `-d`: the whole is told beside the part.
        Some((name, refused)) if argument == name => Problem::Refused { name, within: None, refused },
        Some((name, refused)) => Problem::Refused { name, within: Some(argument.to_owned()), refused },
        None => unknown,
    }
}

/// Whether help or version is asked for after a mistake.
fn page_in(rest: &[OsString]) -> Option<Page> {
    rest.iter().take_while(|word| *word != "--").find_map(|word| match word.as_bytes() {
        b"-h" => Some(Page::Short),
        b"--help" => Some(Page::Long),
        b"-V" | b"--version" => Some(Page::Version),
        _ => None,
    })
}
