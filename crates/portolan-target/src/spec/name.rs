//! Host names: RFC 952 and RFC 1123 section 2.1, and underscores, which real networks have.

use super::error::{TargetError, shown};

/// Whether `host` can be a name; `text` is what the user wrote around it.
pub(super) fn check(text: &str, host: &str) -> Result<(), TargetError> {
    let name = host.strip_suffix('.').unwrap_or(host);
    if let Some(character) = host.chars().find(|character| !is_allowed(*character)) {
        // A control character is shown escaped and is no letter of another script.
        return Err(if character.is_ascii() || character.is_control() {
            TargetError::NameCharacter { text: shown(text), character: shown(&character.to_string()) }
        } else {
            TargetError::NameNotAscii { text: shown(text) }
        });
    }
    // RFC 1035 section 2.3.4 allows 255 octets on the wire, which is 253 as text.
    if name.len() > 253 {
        return Err(TargetError::NameTooLong { text: shown(text), length: name.len() });
    }
    if let Some(label) = name.split('.').find(|label| !is_label(label)) {
        return Err(TargetError::NameLabel { text: shown(text), label: shown(label) });
    }
    match name.rsplit('.').next() {
        Some(last) if is_number(last) => {
            Err(TargetError::NameEndsInNumber { text: shown(text), label: shown(last) })
        }
        _ => Ok(()),
    }
}

fn is_allowed(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_')
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
}

/// What the C library's `inet_aton` takes for a number, so that a resolver would make an address of it.
fn is_number(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    label.bytes().all(|byte| byte.is_ascii_digit())
        || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
