use std::ops::Range;

use crate::malformed::Malformed;

/// The bytes of `field`. The field must lie inside `bytes` and be `N` long: views call this only with
/// offsets that their constructor has checked.
pub(crate) fn array<const N: usize>(bytes: &[u8], field: Range<usize>) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[field]);
    array
}

/// Writes `value` into `field`; same contract as [`array`].
pub(crate) fn put<const N: usize>(bytes: &mut [u8], field: Range<usize>, value: [u8; N]) {
    bytes[field].copy_from_slice(&value);
}

/// The first `length` bytes of a buffer that a meaning is to be written into.
pub(crate) fn room<'a>(
    what: &'static str,
    buffer: &'a mut [u8],
    length: usize,
) -> Result<&'a mut [u8], Malformed> {
    buffer.get_mut(..length).ok_or(Malformed::new(what, "no room for it in the buffer"))
}
