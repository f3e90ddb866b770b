//! From a probe file to what is emitted; all that can be wrong with a file is said here.

use crate::file::{self, File, Form, Origin, Reply};

pub(crate) struct Probe {
    pub(crate) name: String,
    pub(crate) file: File,
    pub(crate) payload: Vec<Piece>,
    pub(crate) answer: Vec<Check>,
    pub(crate) extracts: Vec<Extract>,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Debug)]
pub(crate) enum Piece {
    Bytes(Vec<u8>),
    Cookie([u8; 2]),
    Hex([u8; 2]),
    Fill(u8, u16),
    Any(u16),
}

pub(crate) enum Check {
    AtLeast(u16),
    At(u16, Vec<Piece>),
    Bits(u16, u8, u8),
    Within(Vec<Piece>),
}

pub(crate) struct Extract {
    pub(crate) field: String,
    pub(crate) when: Vec<Check>,
    pub(crate) find: Find,
    pub(crate) at: u16,
    pub(crate) len: Option<u16>,
    pub(crate) form: Form,
    pub(crate) bits: u64,
    pub(crate) names: Vec<(u64, String)>,
}

pub(crate) enum Find {
    Whole,
    Between(Vec<u8>, Vec<u8>),
    Header(String),
    Attribute(file::Attribute),
    Ber(Vec<u8>),
}

pub(crate) struct Sample {
    pub(crate) origin: Origin,
    pub(crate) from: String,
    pub(crate) cookie: Vec<u8>,
    pub(crate) reply: Vec<u8>,
    pub(crate) tells: Vec<(String, String)>,
}

/// The probe of the file `name`.toml, or the key and what is wrong with it.
pub(crate) fn probe(name: &str, text: &str) -> Result<Probe, String> {
    let mut file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    word(name, "-").map_err(|wrong| format!("the file's name: {wrong}"))?;
    word(&file.service, "-").map_err(|wrong| format!("service: {wrong}"))?;
    for (key, value) in [("title", &file.title), ("source", &file.source), ("polite", &file.polite)] {
        said(value).map_err(|wrong| format!("{key}: {wrong}"))?;
    }
    if file.ports.is_empty() && !file.generic {
        return Err("ports: none, and the probe is not generic".to_owned());
    }
    if file.ports.first() == Some(&0) || !file.ports.is_sorted_by(|one, next| one < next) {
        return Err("ports: not ascending, one written twice, or 0".to_owned());
    }
    if file.answer.is_empty() {
        return Err("answer: no check, so nothing would be recognised".to_owned());
    }
    if file.sample.is_empty() {
        return Err("sample: none".to_owned());
    }
    let payload = pieces(&file.payload, "payload", Whose::Payload)?;
    if payload.is_empty() {
        return Err("payload: empty".to_owned());
    }
    let answer = checks(&file.answer, "answer")?;
    let extracts = numbered(std::mem::take(&mut file.extract), "extract", extract)?;
    let samples = numbered(std::mem::take(&mut file.sample), "sample", sample)?;
    let told = samples.iter().flat_map(|sample| &sample.tells).map(|(field, _)| field);
    if let Some(field) = told.into_iter().find(|field| !extracts.iter().any(|rule| rule.field == **field)) {
        return Err(format!("sample: tells {field}, which no extract gives"));
    }
    Ok(Probe { name: name.to_owned(), file, payload, answer, extracts, samples })
}

/// Where pieces stand, and so which may be used.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Whose {
    Payload,
    Pattern,
    /// A reply, or a mark to look for.
    Fixed,
}

fn pieces(written: &[file::Piece], key: &str, whose: Whose) -> Result<Vec<Piece>, String> {
    let each = written.iter().enumerate();
    each.map(|(at, piece)| self::piece(piece, whose).map_err(|wrong| format!("{key}[{at}]: {wrong}")))
        .collect()
}

fn piece(written: &file::Piece, whose: Whose) -> Result<Piece, String> {
    let candidates = [
        written.hex.as_ref().map(|digits| hex(digits).map(Piece::Bytes)),
        written.text.as_ref().map(|text| Ok(Piece::Bytes(text.as_bytes().to_vec()))),
        written.cookie.map(|span| cookie_span(span).map(Piece::Cookie)),
        written.cookie_hex.map(|span| cookie_span(span).map(Piece::Hex)),
        written.fill.map(|(byte, len)| Ok(Piece::Fill(byte, len))),
        written.any.map(|len| Ok(Piece::Any(len))),
    ];
    let piece = only(candidates).ok_or("one of hex, text, cookie, cookie_hex, fill, any")??;
    match (&piece, whose) {
        (Piece::Bytes(bytes), _) if bytes.is_empty() => Err("no bytes".to_owned()),
        (Piece::Any(0) | Piece::Fill(_, 0), _) => Err("no bytes".to_owned()),
        (Piece::Any(_), Whose::Payload) => Err("any: in patterns only".to_owned()),
        (Piece::Cookie(_) | Piece::Hex(_) | Piece::Fill(..) | Piece::Any(_), Whose::Fixed) => {
            Err("only hex or text here".to_owned())
        }
        _ => Ok(piece),
    }
}

fn cookie_span([from, len]: [u8; 2]) -> Result<[u8; 2], String> {
    let end = u16::from(from) + u16::from(len);
    if len == 0 || end > COOKIE_BYTES {
        return Err(format!("cookie: bytes {from}..{end} of a cookie of {COOKIE_BYTES}"));
    }
    Ok([from, len])
}

fn checks(written: &[file::Check], key: &str) -> Result<Vec<Check>, String> {
    let each = written.iter().enumerate();
    each.map(|(at, one)| check(one).map_err(|wrong| format!("{key}[{at}]: {wrong}"))).collect()
}

fn check(written: &file::Check) -> Result<Check, String> {
    match written {
        file::Check { at_least: Some(len), at: None, is: None, bits: None, value: None, within: None } => {
            Ok(Check::AtLeast(*len))
        }
        file::Check { at: Some(at), is: Some(is), at_least: None, bits: None, value: None, within: None } => {
            Ok(Check::At(*at, some(pieces(is, "is", Whose::Pattern)?)?))
        }
        file::Check { at: Some(at), bits: Some(0), .. } => Err(format!("bits at {at}: none that counts")),
        file::Check {
            at: Some(at),
            bits: Some(bits),
            value: Some(value),
            at_least: None,
            is: None,
            within: None,
        } => {
            if value & !bits != 0 {
                return Err(format!("value 0x{value:02x} has bits outside 0x{bits:02x}: it can never be"));
            }
            Ok(Check::Bits(*at, *bits, *value))
        }
        file::Check { within: Some(within), at_least: None, at: None, is: None, bits: None, value: None } => {
            Ok(Check::Within(some(pieces(within, "within", Whose::Pattern)?)?))
        }
        _ => Err("at_least, or at + is, or at + bits + value, or within".to_owned()),
    }
}

fn some(pieces: Vec<Piece>) -> Result<Vec<Piece>, String> {
    if pieces.is_empty() { Err("no piece".to_owned()) } else { Ok(pieces) }
}

fn extract(rule: file::Extract) -> Result<Extract, String> {
    word(&rule.field, "-").map_err(|wrong| format!("field: {wrong}"))?;
    if rule.until.is_some() && rule.after.is_none() {
        return Err("until: without after".to_owned());
    }
    let mark = |piece: &file::Piece, key| match self::piece(piece, Whose::Fixed) {
        Ok(Piece::Bytes(bytes)) => Ok(bytes),
        Ok(_) => Err(format!("{key}: only hex or text here")),
        Err(wrong) => Err(format!("{key}: {wrong}")),
    };
    let until = rule.until.as_ref().map_or(Ok(Vec::new()), |piece| mark(piece, "until"))?;
    let candidates = [
        rule.after.as_ref().map(|piece| Ok(Find::Between(mark(piece, "after")?, until))),
        rule.header.map(|name| match word(&name.to_ascii_lowercase(), "-") {
            Ok(()) => Ok(Find::Header(name)),
            Err(wrong) => Err(format!("header: {wrong}")),
        }),
        rule.attribute.map(attribute),
        rule.ber.map(|path| match path.is_empty() {
            true => Err("ber: no step".to_owned()),
            false => Ok(Find::Ber(path)),
        }),
    ];
    let find = if candidates.iter().all(Option::is_none) {
        Find::Whole
    } else {
        only(candidates).ok_or("one of after, header, attribute, ber")??
    };
    let is_number = rule.form == Form::Number;
    if !is_number && rule.bits.is_some() {
        return Err("bits: of numbers only".to_owned());
    }
    if is_number && rule.len.is_none() && !matches!(find, Find::Ber(_))
        || rule.len.is_some_and(|len| len == 0)
    {
        return Err("len: how many bytes has the number?".to_owned());
    }
    if is_number && rule.len.is_some_and(|len| len > 8) {
        return Err("len: a number has at most 8 bytes".to_owned());
    }
    if rule.bits == Some(0) {
        return Err("bits: none that counts".to_owned());
    }
    let names: Result<Vec<(u64, String)>, String> =
        rule.names.into_iter().map(|(number, name)| Ok((named(rule.form, &number)?, name))).collect();
    Ok(Extract {
        field: rule.field,
        when: checks(&rule.when, "when")?,
        find,
        at: rule.at,
        len: rule.len,
        form: rule.form,
        bits: rule.bits.unwrap_or(u64::MAX),
        names: names?,
    })
}

/// Numbers are named in decimal, versions in the hexadecimal digits in which specifications write them.
fn named(form: Form, number: &str) -> Result<u64, String> {
    let wrong = |_| format!("names: {number} is no number");
    match form {
        Form::Number => number.parse().map_err(wrong),
        Form::QuicVersions => u64::from_str_radix(number, 16).map_err(wrong),
        Form::Text | Form::Hex | Form::Dotted => Err("names: of numbers and versions only".to_owned()),
    }
}

fn attribute(attribute: file::Attribute) -> Result<Find, String> {
    if ![1, 2, 4].contains(&attribute.kind) || ![1, 2, 4].contains(&attribute.size) || attribute.pad == 0 {
        return Err("attribute: kind and size have 1, 2 or 4 bytes, pad is 1 or more".to_owned());
    }
    Ok(Find::Attribute(attribute))
}

fn sample(sample: file::Sample) -> Result<Sample, String> {
    said(&sample.from).map_err(|wrong| format!("from: {wrong}"))?;
    let cookie = match &sample.cookie {
        Some(digits) => hex(digits).map_err(|wrong| format!("cookie: {wrong}"))?,
        None => (0..16).collect(),
    };
    if cookie.len() != usize::from(COOKIE_BYTES) {
        return Err(format!("cookie: {} bytes, not {COOKIE_BYTES}", cookie.len()));
    }
    let reply = match &sample.reply {
        Reply::Hex(digits) => hex(digits).map_err(|wrong| format!("reply: {wrong}"))?,
        Reply::Pieces(written) => pieces(written, "reply", Whose::Fixed)?
            .into_iter()
            .flat_map(|piece| if let Piece::Bytes(bytes) = piece { bytes } else { Vec::new() })
            .collect(),
    };
    if reply.is_empty() {
        return Err("reply: empty".to_owned());
    }
    let tells = sample.tells.into_iter().collect();
    Ok(Sample { origin: sample.origin, from: sample.from, cookie, reply, tells })
}

fn numbered<A, B>(
    written: Vec<A>,
    key: &str,
    read: impl Fn(A) -> Result<B, String>,
) -> Result<Vec<B>, String> {
    let each = written.into_iter().enumerate();
    each.map(|(at, one)| read(one).map_err(|wrong| format!("{key}[{at}]: {wrong}"))).collect()
}

/// The one that is there; `None` if none is, or more than one.
fn only<T, const N: usize>(candidates: [Option<T>; N]) -> Option<T> {
    let mut there = candidates.into_iter().flatten();
    let first = there.next()?;
    there.next().is_none().then_some(first)
}

/// Lowercase letters, digits and `joints`; RFC 6335 section 5.1 for service names, which are of this form but for
/// their capitals.
fn word(text: &str, joints: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || joints.contains(c);
    if text.is_empty() || !text.chars().all(fits) || text.starts_with('-') || text.ends_with('-') {
        return Err(format!("{text:?} is not a word of lowercase letters, digits and {joints:?}"));
    }
    Ok(())
}

fn said(text: &str) -> Result<(), String> {
    if text.trim().is_empty() || text.contains('\n') {
        Err("not one line of text".to_owned())
    } else {
        Ok(())
    }
}

/// White space between the digits is for people.
fn hex(digits: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<char> = digits.chars().filter(|c| !c.is_whitespace()).collect();
    if let Some(other) = digits.iter().find(|c| !c.is_ascii_hexdigit()) {
        return Err(format!("hex: {other:?} is no hexadecimal digit"));
    }
    if !digits.len().is_multiple_of(2) {
        return Err("hex: half a byte".to_owned());
    }
    let value =
        |digit: char| digit.to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or_default();
    Ok(digits.chunks_exact(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect())
}

const COOKIE_BYTES: u16 = 16;
