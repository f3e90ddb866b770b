/// Writes functions that say one thing each in every language.
///
/// The first argument of each function is the [`Lang`](crate::Lang). Without further arguments it gives a
/// `&'static str`, otherwise a `String`; an argument marked `plural` is a count, which chooses the form
/// by the language's own rule and is shown by [`number`](crate::number).
///
/// ```
/// portolan_explain::msg! {
///     /// What this is.
///     fn title() { en: "ports", fr: "ports" }
///     /// How many were asked of whom.
///     fn asked(plural n, host: &str) {
///         en: one "{n} port of {host}" other "{n} ports of {host}",
///         fr: one "{n} port de {host}" other "{n} ports de {host}",
///     }
/// }
/// use portolan_explain::Lang;
/// assert_eq!(title(Lang::Fr), "ports");
/// assert_eq!(asked(Lang::En, 0u8, "h"), "0 ports of h");
/// assert_eq!(asked(Lang::Fr, 0u8, "h"), "0 port de h");
/// ```
///
/// A missing language does not compile:
/// ```compile_fail
/// portolan_explain::msg! { fn title() { en: "ports" } }
/// ```
/// Nor does a column that leaves an argument out:
/// ```compile_fail
/// portolan_explain::msg! { fn asked(host: &str) { en: "asked {host}", fr: "demandé" } }
/// ```
#[macro_export]
macro_rules! msg {
    () => {};
    ($(#[$meta:meta])* $vis:vis fn $name:ident() { en: $en:literal, fr: $fr:literal $(,)? } $($rest:tt)*) => {
        $(#[$meta])*
        $vis const fn $name(lang: $crate::Lang) -> &'static str {
            match lang {
                $crate::Lang::En => $en,
                $crate::Lang::Fr => $fr,
            }
        }
        $crate::msg! { $($rest)* }
    };
    ($(#[$meta:meta])* $vis:vis fn $name:ident(plural $n:ident $(, $arg:ident: $type:ty)* $(,)?) {
        en: one $en_one:literal other $en_other:literal,
        fr: one $fr_one:literal other $fr_other:literal $(,)?
    } $($rest:tt)*) => {
        $(#[$meta])*
        $vis fn $name(lang: $crate::Lang, $n: impl Into<u128> $(, $arg: $type)*) -> String {
            let count: u128 = $n.into();
            let $n = $crate::number(lang, count);
            match (lang, lang.is_singular(count)) {
                ($crate::Lang::En, true) => format!($en_one, $n = $n $(, $arg = $arg)*),
                ($crate::Lang::En, false) => format!($en_other, $n = $n $(, $arg = $arg)*),
                ($crate::Lang::Fr, true) => format!($fr_one, $n = $n $(, $arg = $arg)*),
                ($crate::Lang::Fr, false) => format!($fr_other, $n = $n $(, $arg = $arg)*),
            }
        }
        $crate::msg! { $($rest)* }
    };
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),+ $(,)?) {
        en: $en:literal, fr: $fr:literal $(,)?
    } $($rest:tt)*) => {
        $(#[$meta])*
        $vis fn $name(lang: $crate::Lang, $($arg: $type),+) -> String {
            match lang {
                $crate::Lang::En => format!($en, $($arg = $arg),+),
                $crate::Lang::Fr => format!($fr, $($arg = $arg),+),
            }
        }
        $crate::msg! { $($rest)* }
    };
}

/// Writes a function from each variant of an enum to its words: exhaustive, without a wildcard, with a
/// column a language.
macro_rules! terms {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($type:ident) {
        $($variant:ident: en $en:literal, fr $fr:literal;)+
    }) => {
        $(#[$meta])*
        $vis const fn $name(lang: $crate::Lang, value: $type) -> &'static str {
            match (value, lang) {
                $(
                    ($type::$variant, $crate::Lang::En) => $en,
                    ($type::$variant, $crate::Lang::Fr) => $fr,
                )+
            }
        }
    };
}

pub(super) use terms;
