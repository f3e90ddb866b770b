use std::fmt;

/// Bytes from outside: a name from a list, an argument, what a service says of itself.
///
/// It has no `Display`, so that nothing can print it by accident: a renderer asks for a form. The one
/// form of this version is safe for terminals and line formats and loses nothing (see [`Untrusted::escaped`]).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Untrusted(Vec<u8>);

impl Untrusted {
    /// Marks bytes as a stranger's.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Untrusted(bytes.into())
    }

    /// The bytes as they came.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Printable text as it is; every other byte as `\xNN`, a backslash as `\\`.
    ///
    /// The result holds no control character (C0, DEL, C1), no bidirectional or zero-width character,
    /// no line or paragraph separator and no invalid UTF-8, so it cannot move a cursor, reorder a line or
    /// start a new record. [`Untrusted::from_escaped`] gives the bytes back.
    pub fn escaped(&self) -> String {
        let mut out = String::with_capacity(self.0.len());
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                push_escaped(&mut out, character);
            }
            for byte in chunk.invalid() {
                push_byte(&mut out, *byte);
            }
        }
        out
    }

    /// The same, cut after `columns` characters with an ellipsis, for messages.
    pub fn escaped_short(&self, columns: usize) -> String {
        let whole = self.escaped();
        match whole.char_indices().nth(columns) {
            None => whole,
            Some((cut, _)) => format!("{}…", &whole[..cut]),
        }
    }

    /// The inverse of [`Untrusted::escaped`]; `None` if the text is not of that form.
    pub fn from_escaped(text: &str) -> Option<Self> {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('\\') {
            bytes.extend_from_slice(&rest.as_bytes()[..at]);
            let escape = &rest[at + 1..];
            if let Some(after) = escape.strip_prefix('\\') {
                bytes.push(b'\\');
                rest = after;
            } else {
                let hex = escape.strip_prefix('x')?.get(..2)?;
                bytes.push(u8::from_str_radix(hex, 16).ok()?);
                rest = &escape[3..];
            }
        }
        bytes.extend_from_slice(rest.as_bytes());
        Some(Untrusted(bytes))
    }
}

impl From<&str> for Untrusted {
    fn from(text: &str) -> Self {
        Untrusted(text.as_bytes().to_vec())
    }
}

impl From<String> for Untrusted {
    fn from(text: String) -> Self {
        Untrusted(text.into_bytes())
    }
}

impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Untrusted({})", self.escaped())
    }
}

fn push_escaped(out: &mut String, character: char) {
    if character == '\\' {
        out.push_str("\\\\");
    } else if is_unsafe(character) {
        let mut utf8 = [0; 4];
        for byte in character.encode_utf8(&mut utf8).bytes() {
            push_byte(out, byte);
        }
    } else {
        out.push(character);
    }
}

fn push_byte(out: &mut String, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push_str("\\x");
    out.push(char::from(HEX[usize::from(byte >> 4)]));
    out.push(char::from(HEX[usize::from(byte & 15)]));
}

/// Characters that act instead of being read: controls, bidirectional marks and overrides
/// (Unicode Standard Annex 9), zero-width and joining characters, separators, tags, variation selectors, the byte-order mark.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_text_is_shown_and_not_obeyed() {
        let evil = Untrusted::new(b"a\x1b]0;t\x07\r\nb\\\xff\xc2\x9b\xe2\x80\xae".to_vec());
        assert_eq!(evil.escaped(), r"a\x1b]0;t\x07\x0d\x0ab\\\xff\xc2\x9b\xe2\x80\xae");
        assert_eq!(Untrusted::from("hôte.example").escaped(), "hôte.example");
    }

    proptest! {
        #[test]
        fn escaping_is_safe_and_loses_nothing(bytes: Vec<u8>, text in "\\PC*|[\\x00-\\u{10ffff}]*") {
            for raw in [bytes, text.into_bytes()] {
                let marked = Untrusted::new(raw);
                let shown = marked.escaped();
                prop_assert!(!shown.chars().any(|c| c.is_control() || is_unsafe(c)));
                prop_assert_eq!(Untrusted::from_escaped(&shown), Some(marked));
            }
        }
    }
}
