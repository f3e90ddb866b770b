//! What portolan says to people, in English and in French.
//!
//! Every sentence is a function with one column a language, written with [`msg!`]: a missing column, a
//! missing placeholder or a missing arm for a new reason does not compile. Tokens of machine outputs
//! (reasons, ids, errno names) are never translated; they stand in `portolan-model`.
//!
//! Style: the fact first, its cause second, advice last; "answered", never "alive"; nobody is blamed.
//! French follows its own typography: a no-break space before `: ; ! ?` and inside « », a decimal comma,
//! thousands in narrow no-break spaces.

#![forbid(unsafe_code)]

mod lang;
mod words;

pub use lang::Lang;
pub use words::*;
