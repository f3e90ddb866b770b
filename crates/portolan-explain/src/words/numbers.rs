use std::time::Duration;

use crate::Lang;

/// A whole number with its thousands apart: `10 034`.
///
/// English groups by a plain space, since a comma would be lost among the commas of a list.
pub fn number(lang: Lang, n: impl Into<u128>) -> String {
    let digits = n.into().to_string();
    let gap = match lang {
        Lang::En => ' ',
        Lang::Fr => NARROW_NO_BREAK,
    };
    let mut out = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(gap);
        }
        out.push(digit);
    }
    out
}

/// A share as a percentage: `4.2%`, `98%`; `?` if it is not a number.
pub fn percent(lang: Lang, share: f32) -> String {
    if share.is_nan() {
        return "?".to_owned();
    }
    let hundredth = f64::from(share.clamp(0.0, 1.0)) * 100.0;
    let decimals = if hundredth == 0.0 || hundredth >= 99.95 || (9.95..90.0).contains(&hundredth) {
        0
    } else if hundredth < 0.095 {
        2
    } else {
        1
    };
    with_unit(lang, decimal(lang, hundredth, decimals), "%", false)
}

/// A whole percentage: `61%`.
pub fn whole_percent(lang: Lang, percent: u8) -> String {
    with_unit(lang, percent.to_string(), "%", false)
}

/// A round trip, short enough for a column: `0.8ms`, `123ms`, `1.2s`.
pub fn rtt(lang: Lang, rtt: Duration) -> String {
    let millis = rtt.as_secs_f64() * 1000.0;
    let (value, decimals, unit) = match millis {
        m if m < 0.0095 => (m, 3, "ms"),
        m if m < 0.095 => (m, 2, "ms"),
        m if m < 99.95 => (m, 1, "ms"),
        m if m < 999.5 => (m, 0, "ms"),
        m => (m / 1000.0, 1, "s"),
    };
    with_unit(lang, decimal(lang, value, decimals), unit, false)
}

/// How long a scan took: `0.42 s`, `12.3 s`, `3 min 05 s`, `2 h 07 min`.
pub fn elapsed(lang: Lang, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    if seconds < 9.995 {
        return with_unit(lang, decimal(lang, seconds, 2), "s", true);
    }
    if seconds < 59.95 {
        return with_unit(lang, decimal(lang, seconds, 1), "s", true);
    }
    let whole = elapsed.as_secs() + u64::from(elapsed.subsec_millis() >= 500);
    let (big, small, big_unit, small_unit) = if whole < 3600 {
        (whole / 60, whole % 60, "min", "s")
    } else {
        (whole / 3600, whole / 60 % 60, "h", "min")
    };
    let big = with_unit(lang, number(lang, big), big_unit, true);
    let small = with_unit(lang, format!("{small:02}"), small_unit, true);
    format!("{big} {small}")
}

const NO_BREAK: char = '\u{a0}';
const NARROW_NO_BREAK: char = '\u{202f}';

/// A number with `decimals` digits after the language's own mark.
fn decimal(lang: Lang, value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match lang {
        Lang::En => text,
        Lang::Fr => text.replace('.', ","),
    }
}

/// A number and its unit. French always sets them apart; English sets them apart in sentences.
fn with_unit(lang: Lang, number: String, unit: &str, apart: bool) -> String {
    match (lang, apart) {
        (Lang::En, false) => format!("{number}{unit}"),
        (Lang::En, true) => format!("{number} {unit}"),
        (Lang::Fr, _) => format!("{number}{NO_BREAK}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_each_language_writes_them() {
        assert_eq!(number(Lang::En, 7u8), "7");
        assert_eq!(number(Lang::En, 10_034u64), "10 034");
        assert_eq!(number(Lang::Fr, 1_234_567u64), "1\u{202f}234\u{202f}567");
        assert_eq!(number(Lang::En, u128::MAX).len(), 39 + 12);
        assert_eq!(percent(Lang::Fr, 0.042), "4,2\u{a0}%");
    }

    #[test]
    fn no_time_reads_as_a_larger_unit_than_it_has() {
        let rows = [
            (0, "0.000ms", "0.00 s"),
            (19_000, "0.02ms", "0.00 s"),
            (800_000, "0.8ms", "0.00 s"),
            (12_345_678, "12.3ms", "0.01 s"),
            (99_960_000, "100ms", "0.10 s"),
            (999_600_000, "1.0s", "1.00 s"),
            (12_345_000_000, "12.3s", "12.3 s"),
            (59_990_000_000, "60.0s", "1 min 00 s"),
            (185_000_000_000, "185.0s", "3 min 05 s"),
            (7_620_000_000_000, "7620.0s", "2 h 07 min"),
        ];
        for (nanos, short, long) in rows {
            let duration = Duration::from_nanos(nanos);
            assert_eq!(
                (rtt(Lang::En, duration).as_str(), elapsed(Lang::En, duration).as_str()),
                (short, long)
            );
        }
        assert_eq!(elapsed(Lang::Fr, Duration::from_millis(420)), "0,42\u{a0}s");
    }

    #[test]
    fn a_percentage_is_never_rounded_to_all() {
        let rows =
            [(0.0, "0%"), (0.0004, "0.04%"), (0.042, "4.2%"), (0.5, "50%"), (0.998, "99.8%"), (1.0, "100%")];
        for (share, text) in rows {
            assert_eq!(percent(Lang::En, share), text);
        }
        assert_eq!(percent(Lang::En, f32::NAN), "?");
    }
}
