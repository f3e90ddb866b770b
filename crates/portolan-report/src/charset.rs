use std::borrow::Cow;

use portolan_model::{Level, Untrusted};

/// The characters that the terminal or the file can show.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Charset {
    /// Everything.
    Utf8,
    /// ASCII alone.
    Ascii,
}

impl Charset {
    pub(crate) const fn of(ascii: bool) -> Self {
        if ascii { Charset::Ascii } else { Charset::Utf8 }
    }

    /// Our own words: letters lose their accents.
    pub(crate) fn words(self, text: &str) -> Cow<'_, str> {
        if self == Charset::Utf8 || text.is_ascii() {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        for character in text.chars() {
            match plain(character) {
                Some(plain) => out.push_str(plain),
                None => push_exact(&mut out, character),
            }
        }
        Cow::Owned(out)
    }

    /// A stranger's name: escaped, and exact even in ASCII.
    pub(crate) fn name(self, name: &Untrusted) -> String {
        let escaped = name.escaped();
        if self == Charset::Utf8 || escaped.is_ascii() {
            return escaped;
        }
        let mut out = String::with_capacity(escaped.len() * 2);
        for character in escaped.chars() {
            push_exact(&mut out, character);
        }
        out
    }

    /// What stands for what was cut off.
    pub(crate) const fn ellipsis(self) -> &'static str {
        match self {
            Charset::Utf8 => "…",
            Charset::Ascii => "..",
        }
    }

    /// Sets the parts of a line apart.
    pub(crate) const fn dot(self) -> &'static str {
        match self {
            Charset::Utf8 => "·",
            Charset::Ascii => "-",
        }
    }

    /// Before a number that may be too small.
    pub(crate) const fn at_least(self) -> &'static str {
        match self {
            Charset::Utf8 => "≥",
            Charset::Ascii => ">=",
        }
    }

    /// A horizontal rule of that many columns.
    pub(crate) fn rule(self, columns: usize) -> String {
        match self {
            Charset::Utf8 => "─",
            Charset::Ascii => "-",
        }
        .repeat(columns)
    }

    /// What is done of a bar of that many columns, and what is left.
    pub(crate) fn bar(self, share: f64, columns: usize) -> (String, String) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a line's columns, in halves"
        )]
        let halves = (share.clamp(0.0, 1.0) * (columns * 2) as f64) as usize;
        let (full, half) = (halves / 2, halves % 2);
        match self {
            Charset::Utf8 => {
                let done = "━".repeat(full) + if half == 1 { "╸" } else { "" };
                (done, "─".repeat(columns - full - half))
            }
            Charset::Ascii => ("#".repeat(full), ".".repeat(columns - full)),
        }
    }

    /// One to four marks of four.
    pub(crate) const fn sure(self, level: Level) -> &'static str {
        match (self, level) {
            (Charset::Utf8, Level::Weak) => "●○○○",
            (Charset::Utf8, Level::Likely) => "●●○○",
            (Charset::Utf8, Level::Strong) => "●●●○",
            (Charset::Utf8, Level::Certain) => "●●●●",
            (Charset::Ascii, Level::Weak) => "*---",
            (Charset::Ascii, Level::Likely) => "**--",
            (Charset::Ascii, Level::Strong) => "***-",
            (Charset::Ascii, Level::Certain) => "****",
        }
    }
}

/// ASCII for the other characters of our own words.
const fn plain(character: char) -> Option<&'static str> {
    Some(match character {
        '\u{a0}' | '\u{202f}' => " ",
        '«' | '»' => "\"",
        '…' => "..",
        'à' | 'â' => "a",
        'ç' => "c",
        'é' | 'è' | 'ê' | 'ë' => "e",
        'î' | 'ï' => "i",
        'ô' => "o",
        'ù' | 'û' => "u",
        'À' | 'Â' => "A",
        'É' | 'È' | 'Ê' => "E",
        'Î' => "I",
        'Ô' => "O",
        'Û' => "U",
        'œ' => "oe",
        _ => return None,
    })
}

/// The character itself if it is ASCII, else its bytes as `\xNN`.
fn push_exact(out: &mut String, character: char) {
    if character.is_ascii() {
        out.push(character);
        return;
    }
    let mut utf8 = [0; 4];
    for byte in character.encode_utf8(&mut utf8).bytes() {
        out.push_str(&format!("\\x{byte:02x}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_simplifies_our_words_and_keeps_names_exact() {
        assert_eq!(Charset::Ascii.words("fermé\u{a0}: «\u{a0}À\u{a0}»"), "ferme : \" A \"");
        assert_eq!(Charset::Ascii.words("日"), r"\xe6\x97\xa5");
        assert_eq!(Charset::Ascii.name(&Untrusted::from("hôte")), r"h\xc3\xb4te");
        assert_eq!(Charset::Utf8.name(&Untrusted::from("hôte")), "hôte");
    }
}
