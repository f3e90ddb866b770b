//! Where in an answer a rule looks.

use super::Find;

impl Find {
    pub(super) fn seek<'a>(&self, answer: &'a [u8]) -> Option<&'a [u8]> {
        match self {
            Find::Whole => Some(answer),
            Find::Between { after, until } => between(answer, after, until),
            Find::Header(name) => header(answer, name),
            Find::Attribute { from, kind, size, pad, is } => {
                let attributes = answer.get(usize::from(*from)..)?;
                attribute(attributes, [*kind, *size, *pad].map(usize::from), *is)
            }
            Find::Ber(path) => ber(answer, path),
        }
    }
}

fn between<'a>(answer: &'a [u8], after: &[u8], until: &[u8]) -> Option<&'a [u8]> {
    let (_, rest) = split(answer, after)?;
    match until {
        [] => Some(rest),
        until => Some(split(rest, until).map_or(rest, |(head, _)| head)),
    }
}

/// What stands before and after the first `mark`, which is not empty.
fn split<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    Some((bytes.get(..at)?, bytes.get(at + mark.len()..)?))
}

/// Lines end with a line feed, usually after a carriage return, which the renderer takes off as white space. The first
/// line is none of the headers, and an empty line ends them.
fn header<'a>(answer: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let lines = answer.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).skip(1);
    lines.take_while(|line| !line.is_empty()).find_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (found, value) = line.split_at_checked(colon)?;
        found.trim_ascii_end().eq_ignore_ascii_case(name.as_bytes()).then(|| value.get(1..).unwrap_or(&[]))
    })
}

fn attribute(mut rest: &[u8], [kind, size, pad]: [usize; 3], is: u32) -> Option<&[u8]> {
    loop {
        let (found, after) = rest.split_at_checked(kind)?;
        let (len, after) = after.split_at_checked(size)?;
        let len = usize::try_from(number(len)?).ok()?;
        let value = after.get(..len)?;
        if number(found)? == u64::from(is) {
            return Some(value);
        }
        // The head is not empty, so that this ends.
        rest = after.get(len.checked_next_multiple_of(pad)?..)?;
    }
}

fn ber<'a>(bytes: &'a [u8], path: &[u8]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |mut rest, step| {
        for _ in 0..*step {
            rest = element(rest)?.1;
        }
        Some(element(rest)?.0)
    })
}

/// The contents of the first element, and what follows it. Tags of one byte and definite lengths, which is all that
/// RFC 3417 section 8 allows in messages of SNMP.
fn element(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        0..0x80 => (u64::from(*first), rest),
        _ => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (number(digits)?, rest)
        }
    };
    rest.split_at_checked(usize::try_from(len).ok()?)
}

/// Big-endian and unsigned; `None` of nothing, and of more than eight bytes.
pub(super) fn number(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() || bytes.len() > 8 {
        return None;
    }
    Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}
