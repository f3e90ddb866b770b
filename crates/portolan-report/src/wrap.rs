use unicode_width::UnicodeWidthStr;

/// Breaks text into lines of `width` columns, the first after `indent` columns and the others after
/// `hang`; without a width it stays one line. A word wider than a line stands on one of its own.
///
/// A space inside a number (`10 034`) does not break.
pub(crate) fn wrap(text: &str, width: Option<usize>, indent: usize, hang: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = " ".repeat(indent);
    let mut used = indent;
    let mut empty = true;
    for word in words(text) {
        let wanted = word.width() + usize::from(!empty);
        if !empty && width.is_some_and(|width| used + wanted > width) {
            lines.push(std::mem::replace(&mut line, " ".repeat(hang)));
            (used, empty) = (hang, true);
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        used += wanted;
        empty = false;
    }
    if !empty {
        lines.push(line);
    }
    lines
}

/// Text cut to `width` columns, the last of them an ellipsis; nothing is cut without a width.
pub(crate) fn cut(text: &str, width: Option<usize>, ellipsis: &str) -> String {
    let Some(width) = width.filter(|width| text.width() > *width) else {
        return text.to_owned();
    };
    let room = width.saturating_sub(ellipsis.width());
    let mut out = String::new();
    for character in text.chars() {
        let mut utf8 = [0; 4];
        if out.width() + character.encode_utf8(&mut utf8).width() > room {
            break;
        }
        out.push(character);
    }
    out.push_str(ellipsis);
    out
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text.trim_matches(' ');
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = break_at(rest).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after.trim_start_matches(' ');
        Some(word)
    })
}

/// The first space that is not between two digits.
fn break_at(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let digit = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_digit);
    text.match_indices(' ')
        .map(|(at, _)| at)
        .find(|at| !(at.checked_sub(1).is_some_and(digit) && digit(at + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_hang_and_numbers_stay_whole() {
        let lines = wrap("not shown: 10 034 closed, 2 015 filtered", Some(20), 1, 4);
        assert_eq!(lines, [" not shown: 10 034", "    closed, 2 015", "    filtered"]);
        assert_eq!(wrap("a b", None, 0, 0), ["a b"]);
        assert!(wrap("", Some(5), 0, 0).is_empty());
    }

    #[test]
    fn columns_are_those_of_the_terminal() {
        assert_eq!(cut("日本語", Some(5), "…"), "日本…");
        assert_eq!(cut("日本語", Some(6), "…"), "日本語");
    }

    proptest! {
        #[test]
        fn no_width_is_too_small(text in "\\PC{0,60}", width in 1usize..50, indent in 0usize..60, hang in 0usize..60) {
            let lines = wrap(&text, Some(width), indent, hang);
            let words: Vec<&str> = lines.iter().flat_map(|line| line.split(' ')).filter(|word| !word.is_empty()).collect();
            let wanted: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
            prop_assert_eq!(words, wanted);
            prop_assert!(cut(&text, Some(width), "…").width() <= width.max(1));
        }
    }
}
