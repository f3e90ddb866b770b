//! Which language speaks: `--lang` anywhere on the line, then the environment.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use portolan_explain::Lang;

/// Read before everything else, so that a mistake before `--lang` is told in that language too.
/// A value that is no language is refused later, in the environment's.
pub(super) fn chosen(line: &[OsString], env: &dyn Fn(&str) -> Option<String>) -> Lang {
    let flag = typed(line);
    let [own, all, messages, general] = ["PORTOLAN_LANG", "LC_ALL", "LC_MESSAGES", "LANG"].map(env);
    Lang::from_env_values(flag, own.as_deref(), all.as_deref(), messages.as_deref(), general.as_deref())
}

/// The last language named by `--lang`.
fn typed(line: &[OsString]) -> Option<&str> {
    let mut last = None;
    let mut rest = line.iter().take_while(|word| *word != "--");
    while let Some(word) = rest.next() {
        let value = match word.as_bytes() {
            b"--lang" => rest.next().and_then(|value| value.to_str()),
            _ => word.to_str().and_then(|word| word.strip_prefix("--lang=")),
        };
        last = value.filter(|value| matches!(*value, "en" | "fr")).or(last);
    }
    last
}
