use thiserror::Error;

use crate::spec::{Target, TargetError, parse_target};

/// One word of a list.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    /// The line it stands on, from 1.
    pub line: usize,
    /// The word.
    pub text: &'a str,
}

/// Splits a list of targets (`-iL FILE`, `-` for standard input) into words.
///
/// Words are separated by white space and line ends; `#` starts a comment up to the end of its line.
/// Comments may hold any bytes. A word that is no text, or longer than 4096 bytes, ends the reading at
/// once: whoever names a disk image by mistake gets one sentence and gets it quickly.
pub fn parse_list(bytes: &[u8]) -> Result<Vec<Entry<'_>>, ListError> {
    let words: Vec<_> = Words::new(bytes)?.collect::<Result<_, _>>()?;
    if words.is_empty() { Err(ListError::Empty) } else { Ok(words) }
}

/// The same, and understands each word as a target.
pub fn parse_target_list(bytes: &[u8]) -> Result<Vec<Target>, ListError> {
    parse_list(bytes)?
        .into_iter()
        .map(|Entry { line, text }| parse_target(text).map_err(|source| ListError::Target { line, source }))
        .collect()
}

/// Why bytes are no list of targets.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ListError {
    /// No target in it.
    #[error("the target list is empty")]
    Empty,
    /// No exclusion in it: whoever names a file of exclusions means to exclude something.
    #[error("the exclude list is empty")]
    ExcludeEmpty,
    /// Bytes that are no text.
    #[error("line {line}: not a target list: byte 0x{byte:02x} is no text")]
    NotText {
        /// The line.
        line: usize,
        /// The first byte that cannot be.
        byte: u8,
    },
    /// Text of two bytes a character.
    #[error("line 1: not a target list: this is UTF-16, save it as UTF-8")]
    Utf16,
    /// A word without end.
    #[error("line {line}: not a target list: a word of more than {max} bytes")]
    TooLong {
        /// The line.
        line: usize,
        /// The most a word may have.
        max: usize,
    },
    /// A word that is no target.
    #[error("line {line}: {source}")]
    Target {
        /// The line.
        line: usize,
        /// Why.
        source: TargetError,
    },
}

/// The longest word: a host name has 253 characters, an octet list that names every octet about 3700.
const MAX_WORD: usize = 4096;

/// The words of a list, up to the first that is no text.
pub(crate) struct Words<'a> {
    rest: &'a [u8],
    line: usize,
}

impl<'a> Words<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, ListError> {
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Err(ListError::Utf16);
        }
        Ok(Words { rest: bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes), line: 1 })
    }

    /// Goes to the next word, if there is one.
    fn skip_to_word(&mut self) -> Option<()> {
        loop {
            match self.rest.first()? {
                b'#' => self.rest = self.rest.get(find(self.rest, |byte| byte == b'\n')..)?,
                byte if is_space(*byte) => {
                    self.line += usize::from(*byte == b'\n');
                    self.rest = self.rest.get(1..)?;
                }
                _ => return Some(()),
            }
        }
    }

    fn take_word(&mut self) -> Result<&'a str, ListError> {
        // One byte more than allowed is enough to see that it is too long.
        let head = self.rest.get(..=MAX_WORD).unwrap_or(self.rest);
        let (word, _) = head.split_at(find(head, |byte| is_space(byte) || byte == b'#'));
        self.rest = self.rest.get(word.len()..).unwrap_or_default();
        let not_text = |at: usize| ListError::NotText {
            line: self.line,
            byte: word.get(at).copied().unwrap_or_default(),
        };
        if let Some(at) = word.iter().position(u8::is_ascii_control) {
            return Err(not_text(at));
        }
        // Before UTF-8 is judged: our own cut may have gone through a character.
        if word.len() > MAX_WORD {
            return Err(ListError::TooLong { line: self.line, max: MAX_WORD });
        }
        str::from_utf8(word).map_err(|error| not_text(error.valid_up_to()))
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Result<Entry<'a>, ListError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_to_word()?;
        let line = self.line;
        let word = self.take_word();
        if word.is_err() {
            self.rest = &[];
        }
        Some(word.map(|text| Entry { line, text }))
    }
}

fn is_space(byte: u8) -> bool {
    // The vertical tab is white space to C and to people, though not to Rust.
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// Where the first such byte is, or the end.
fn find(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| wanted(*byte)).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(bytes: &[u8]) -> String {
        parse_target_list(bytes).unwrap_err().to_string()
    }

    #[test]
    fn words_lines_and_comments() {
        let list = b"\xef\xbb\xbf# caf\xe9 \xff\x00\n10.0.0.1\t10.0.0.2#x y\r\n\n  host.example:80 # end";
        let words: Vec<_> = parse_list(list).unwrap().iter().map(|entry| (entry.line, entry.text)).collect();
        assert_eq!(words, [(2, "10.0.0.1"), (2, "10.0.0.2"), (4, "host.example:80")]);
        assert_eq!(parse_target_list(list).unwrap().len(), 3);
    }

    #[test]
    fn refused_in_one_sentence() {
        assert_eq!(refused(b""), "the target list is empty");
        assert_eq!(refused(b" \n# nothing\n"), "the target list is empty");
        assert_eq!(
            refused(b"10.0.0.1\n10.0.0.0/33\n"),
            "line 2: 10.0.0.0/33: the prefix length of IPv4 is at most 32"
        );
        assert_eq!(refused(b"10.0.0.1\n\x7fELF\x02"), "line 2: not a target list: byte 0x7f is no text");
        assert_eq!(refused(b"a\xffb"), "line 1: not a target list: byte 0xff is no text");
        assert_eq!(refused(&[0; 10_000]), "line 1: not a target list: byte 0x00 is no text");
        assert_eq!(refused(b"\xff\xfe1\x00"), "line 1: not a target list: this is UTF-16, save it as UTF-8");
        let long = "é".repeat(3000);
        assert_eq!(refused(long.as_bytes()), "line 1: not a target list: a word of more than 4096 bytes");
    }

    #[test]
    fn a_word_may_have_exactly_the_limit() {
        let word = "a".repeat(MAX_WORD);
        assert_eq!(parse_list(word.as_bytes()).unwrap().first().map(|entry| entry.text), Some(word.as_str()));
        assert!(parse_list(format!("{word}a").as_bytes()).is_err());
    }

    #[test]
    fn garbage_ends_at_its_first_bytes() {
        // A linear congruential generator will do for ten megabytes of noise.
        let mut state = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(10 << 20)
        .collect();
        assert!(refused(&noise).contains("not a target list"), "{}", refused(&noise));
        let line = vec![b'a'; 64 << 20];
        assert!(refused(&line).starts_with("line 1: not a target list"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, text in "[0-9a-f:.,/# \n\t-]{0,200}") {
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                if let Err(error) = parse_target_list(bytes) {
                    prop_assert!(!error.to_string().chars().any(char::is_control));
                }
                for entry in parse_list(bytes).unwrap_or_default() {
                    prop_assert!(!entry.text.is_empty() && !entry.text.contains(char::is_whitespace) || !entry.text.is_ascii());
                }
            }
        }
    }
}
