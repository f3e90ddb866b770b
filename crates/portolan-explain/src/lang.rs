/// A language that portolan speaks.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Default, Debug)]
pub enum Lang {
    /// English, and whatever is not known.
    #[default]
    En,
    /// French.
    Fr,
}

impl Lang {
    /// Every language, in the order of the columns.
    pub const ALL: &'static [Lang] = &[Lang::En, Lang::Fr];

    /// The language's tag, as `--lang` takes it.
    pub const fn tag(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Fr => "fr",
        }
    }

    /// The language of `--lang`, `PORTOLAN_LANG`, `LC_ALL`, `LC_MESSAGES` or `LANG`: the first that is
    /// set and not empty decides (POSIX base definitions, section 8.2), and an unknown one means English.
    pub fn from_env_values(
        lang_flag: Option<&str>,
        portolan_lang: Option<&str>,
        lc_all: Option<&str>,
        lc_messages: Option<&str>,
        lang: Option<&str>,
    ) -> Lang {
        [lang_flag, portolan_lang, lc_all, lc_messages, lang]
            .into_iter()
            .flatten()
            .find(|value| !value.is_empty())
            .map_or(Lang::En, Lang::from_locale)
    }

    /// The language of a locale's name or a language tag: `fr`, `fr_CA.UTF-8`, `fr-FR`.
    pub fn from_locale(locale: &str) -> Lang {
        let language = locale.split(['_', '-', '.', '@']).next().unwrap_or_default();
        Lang::ALL.iter().copied().find(|lang| language.eq_ignore_ascii_case(lang.tag())).unwrap_or_default()
    }

    /// Whether `n` things take the singular: one in English, none or one in French.
    pub const fn is_singular(self, n: u128) -> bool {
        match self {
            Lang::En => n == 1,
            Lang::Fr => n <= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_that_is_set_decides() {
        let rows = [
            ([None, None, None, None, None], Lang::En),
            ([None, None, None, None, Some("fr_FR.UTF-8")], Lang::Fr),
            ([None, None, None, Some("C"), Some("fr_FR.UTF-8")], Lang::En),
            ([None, None, Some(""), Some("fr"), Some("en")], Lang::Fr),
            ([None, Some("fr"), Some("C"), None, None], Lang::Fr),
            ([Some("en"), Some("fr"), None, None, None], Lang::En),
            ([Some("FR"), None, None, None, None], Lang::Fr),
            ([Some("frr"), None, None, None, None], Lang::En),
            ([Some("tlh"), Some("fr"), None, None, None], Lang::En),
        ];
        for ([flag, own, all, messages, lang], wanted) in rows {
            assert_eq!(Lang::from_env_values(flag, own, all, messages, lang), wanted, "{flag:?} {own:?}");
        }
    }
}
