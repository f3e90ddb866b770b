//! What a flag is.

use portolan_explain::Lang;

use super::flags::FLAGS;

/// A text in both languages; it cannot be written in one.
#[derive(Copy, Clone, Debug)]
pub(super) struct Both {
    pub(super) en: &'static str,
    pub(super) fr: &'static str,
}

impl Both {
    /// The text in one language.
    pub(super) const fn of(self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.en,
            Lang::Fr => self.fr,
        }
    }
}

/// Shorthand for a [`Both`].
pub(super) const fn both(en: &'static str, fr: &'static str) -> Both {
    Both { en, fr }
}

/// What a flag wants after its name.
#[derive(Copy, Clone, Debug)]
pub(super) enum Takes {
    /// Nothing; may be repeated.
    Nothing,
    /// Nothing; each time says it louder.
    Times,
    /// A value; a second one is refused, since dropping the first would scan something else.
    Once(Both),
    /// A value; the last one holds, so that a shell alias can be overruled.
    Last(Both),
    /// Values, as often as wanted.
    Many(Both),
    /// A value or none, as often as wanted; it hangs on the flag, so that what follows is never taken for it.
    Attached(Both),
}

impl Takes {
    /// The name of the value in the help.
    pub(super) const fn value(self) -> Option<Both> {
        match self {
            Takes::Nothing | Takes::Times => None,
            Takes::Once(name) | Takes::Last(name) | Takes::Many(name) | Takes::Attached(name) => Some(name),
        }
    }
}

/// The headings of the help.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Group {
    Targets,
    Ports,
    How,
    Output,
    Other,
}

impl Group {
    /// In the order of the help.
    pub(super) const ALL: [Group; 5] =
        [Group::Targets, Group::Ports, Group::How, Group::Output, Group::Other];

    /// The heading.
    pub(super) const fn title(self) -> Both {
        match self {
            Group::Targets => both("Targets", "Cibles"),
            Group::Ports => both("Ports", "Ports"),
            Group::How => both("How", "Manière"),
            Group::Output => both("Output", "Résultats"),
            Group::Other => both("Other", "Divers"),
        }
    }
}

/// One flag.
#[derive(Copy, Clone, Debug)]
pub(super) struct Flag {
    /// The long name, without dashes; also clap's id.
    pub(super) long: &'static str,
    /// Another spelling of the long name, read as if it were that.
    pub(super) also: Option<&'static str>,
    /// The short form as typed, without its dash: one letter (`p`) or nmap's fixed name (`iL`).
    pub(super) short: Option<&'static str>,
    /// An older spelling of the short form, read as if it were that.
    pub(super) old: Option<&'static str>,
    pub(super) takes: Takes,
    /// The only values accepted, if they can be listed.
    pub(super) choices: &'static [&'static str],
    pub(super) group: Group,
    /// Whether `-h` shows it; `--help` shows all that is not hidden.
    pub(super) brief: bool,
    pub(super) hidden: bool,
    /// One line.
    pub(super) help: Both,
    /// What `--help` and the man page add.
    pub(super) more: Option<Both>,
}

impl Flag {
    /// As people type it, with its dashes: the short form if it has one.
    pub(super) fn typed(&self) -> String {
        self.short.map_or_else(|| format!("--{}", self.long), |short| format!("-{short}"))
    }

    /// The short form if it is a single letter, which is all that clap knows.
    pub(super) fn letter(&self) -> Option<char> {
        let mut letters = self.short?.chars();
        letters.next().filter(|_| letters.next().is_none())
    }

    /// The flag of this long name.
    pub(super) fn of_long(name: &[u8]) -> Option<&'static Flag> {
        let is = |known: &str| known.as_bytes() == name;
        FLAGS.iter().find(|flag| is(flag.long) || flag.also.is_some_and(is))
    }

    pub(super) const fn new(
        group: Group,
        short: &'static str,
        long: &'static str,
        takes: Takes,
        help: Both,
    ) -> Self {
        let short = if short.is_empty() { None } else { Some(short) };
        Flag {
            long,
            also: None,
            short,
            old: None,
            takes,
            choices: &[],
            group,
            brief: false,
            hidden: false,
            help,
            more: None,
        }
    }

    pub(super) const fn brief(self) -> Self {
        Flag { brief: true, ..self }
    }

    pub(super) const fn hidden(self) -> Self {
        Flag { hidden: true, ..self }
    }

    pub(super) const fn also(self, also: &'static str) -> Self {
        Flag { also: Some(also), ..self }
    }

    pub(super) const fn old(self, old: &'static str) -> Self {
        Flag { old: Some(old), ..self }
    }

    pub(super) const fn choices(self, choices: &'static [&'static str]) -> Self {
        Flag { choices, ..self }
    }

    pub(super) const fn more(self, en: &'static str, fr: &'static str) -> Self {
        Flag { more: Some(both(en, fr)), ..self }
    }
}
