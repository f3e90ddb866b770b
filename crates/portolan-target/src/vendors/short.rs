//! Names of companies as people say them.

/// The name without legal forms and without shouting; empty if nothing is left that could be read.
pub(super) fn short(name: &str) -> String {
    let name = plain(name);
    let name = without_last_brackets(&name);
    let mut words: Vec<&str> = name.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    while words.len() > 1 && words.last().is_some_and(|word| is_legal_form(word)) {
        words.pop();
    }
    let words: Vec<String> = words.into_iter().map(calm).collect();
    let whole = words.join(" ");
    let whole = whole.trim_matches([' ', '.', ',', '-', '&']);
    let end = whole.char_indices().nth(LONGEST).map_or(whole.len(), |(at, _)| at);
    whole[..end].trim_end().to_owned()
}

/// Longer names than this help nobody; the longest of the listing has about a hundred characters.
const LONGEST: usize = 64;

/// One line of visible characters, with ASCII's own commas and brackets.
fn plain(name: &str) -> String {
    let visible = name.chars().filter_map(|character| match character {
        '\u{ff0c}' => Some(','),
        '\u{ff08}' => Some('('),
        '\u{ff09}' => Some(')'),
        _ if character.is_whitespace() => Some(' '),
        _ if character.is_control() => None,
        // Marks without width, and those that turn the direction of writing.
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => None,
        _ => Some(character),
    });
    let visible: String = visible.collect();
    visible.trim().to_owned()
}

/// `Wingtech (Hong Kong) Ltd` keeps its brackets, `Tecapro (the Tecapro company)` does not.
fn without_last_brackets(name: &str) -> &str {
    let before = name.strip_suffix(')').and_then(|_| name.rfind('(')).map(|at| name[..at].trim());
    before.filter(|before| !before.is_empty()).unwrap_or(name)
}

fn is_legal_form(word: &str) -> bool {
    let letters: String =
        word.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_lowercase()).collect();
    // A mark alone (`&`, `-`) joined what was taken away.
    letters.is_empty() && !word.chars().any(char::is_alphanumeric)
        || word.is_ascii() && !word.bytes().any(|byte| byte.is_ascii_digit()) && FORMS.contains(&&*letters)
}

/// Long words in capitals are written as words: NETGEAR is Netgear, IBM stays.
fn calm(word: &str) -> String {
    const ABBREVIATION: usize = 4;
    if word.len() <= ABBREVIATION || !word.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return word.to_owned();
    }
    word.char_indices()
        .map(|(at, letter)| if at == 0 { letter } else { letter.to_ascii_lowercase() })
        .collect()
}

/// Legal forms, letters only, small; some are written without the blanks between their parts.
const FORMS: &[&str] = &[
    "ab",
    "ag",
    "aps",
    "as",
    "asa",
    "bhd",
    "bv",
    "co",
    "cokg",
    "colimited",
    "coltd",
    "coltda",
    "company",
    "corp",
    "corporate",
    "corporation",
    "cv",
    "doo",
    "eood",
    "ev",
    "gmbh",
    "gmbhco",
    "gmbhcokg",
    "inc",
    "incorporated",
    "jsc",
    "kft",
    "kg",
    "kgaa",
    "kk",
    "lc",
    "lda",
    "limited",
    "llc",
    "llp",
    "lp",
    "ltd",
    "ltda",
    "mbh",
    "nv",
    "nyrt",
    "o",
    "oo",
    "oao",
    "ohg",
    "ood",
    "ooo",
    "oy",
    "oyj",
    "pjsc",
    "plc",
    "private",
    "pte",
    "pteltd",
    "pty",
    "ptyltd",
    "pvt",
    "sa",
    "sarl",
    "sas",
    "sau",
    "sdn",
    "sdnbhd",
    "se",
    "sl",
    "slu",
    "sp",
    "spa",
    "spj",
    "spzoo",
    "sro",
    "srl",
    "ulc",
    "z",
    "zao",
    "zoo",
    "zrt",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_people_say_them() {
        let rows = [
            ("Apple, Inc.", "Apple"),
            ("Intel Corporate", "Intel"),
            ("Samsung Electronics Co.,Ltd", "Samsung Electronics"),
            ("HUAWEI TECHNOLOGIES CO.,LTD", "Huawei Technologies"),
            ("NETGEAR", "Netgear"),
            ("IBM Corp", "IBM"),
            (
                "AVM Audiovisuelles Marketing und Computersysteme GmbH",
                "AVM Audiovisuelles Marketing und Computersysteme",
            ),
            ("Hettich GmbH & Co. KG", "Hettich"),
            ("Milesight Sp. z o.o.", "Milesight"),
            ("Linak A/S", "Linak"),
            (" Wingtech Group (HongKong\u{ff09}Limited", "Wingtech Group (HongKong)Limited"),
            ("Tecapro One Member (Tecapro Company)", "Tecapro One Member"),
            ("Sichuan\u{a0}AI-Link\u{a0}Technology\u{a0}Co.,\u{a0}Ltd.", "Sichuan AI-Link Technology"),
            ("Ltd", "Ltd"),
            ("30805", "30805"),
            ("(unnamed)", "(unnamed)"),
            ("Krüger &Gothe GmbH", "Krüger &Gothe"),
            ("\u{202e}evil\x1b[2J, Inc", "evil[2J"),
            (" ,. ", ""),
            ("", ""),
        ];
        for (registered, said) in rows {
            assert_eq!(short(registered), said, "{registered:?}");
        }
        assert_eq!(short(&"x".repeat(1000)).len(), LONGEST);
    }
}
