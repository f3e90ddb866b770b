use portolan_model::{Service, Transport, Untrusted};

use crate::charset::Charset;
use crate::wrap::cut;

/// A service that showed itself: its name, then product and version where they say more.
pub(super) fn shown(service: &Service, charset: Charset) -> String {
    let product = service.product.as_ref().map(|words| own_words(words, charset)).unwrap_or_default();
    let version = service.version.as_ref().map(|words| own_words(words, charset)).unwrap_or_default();
    let mut parts = vec![service.name];
    if !product.eq_ignore_ascii_case(service.name) {
        parts.push(&product);
    }
    // `Coturn-4.6.1` has its version in its name.
    if !product.contains(&version) {
        parts.push(&version);
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

/// A service that is only expected on the port. Over UDP the question mark says so, since some rows there name
/// what was seen.
pub(super) fn expected(name: Option<&str>, transport: Transport) -> String {
    match (name, transport) {
        (Some(name), Transport::Udp) => format!("{name}?"),
        (name, _) => name.unwrap_or_default().to_owned(),
    }
}

/// More of a stranger's words than this buries the row, also where the terminal has no end.
const TOLD: usize = 48;

/// Escaped, without spaces that could pass for columns, and cut.
fn own_words(text: &Untrusted, charset: Charset) -> String {
    let words = charset.name(text);
    let words: Vec<&str> = words.split_whitespace().collect();
    cut(&words.join(" "), Some(TOLD), charset.ellipsis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn product_and_version_stand_where_they_say_more() {
        let rows = [
            (None, None, "ntp"),
            (Some("NTP"), None, "ntp"),
            (Some(""), Some("  "), "ntp"),
            (Some("ntpd"), Some("4.2.8p15"), "ntp ntpd 4.2.8p15"),
            (Some("ntpd-4.2.8p15"), Some("4.2.8p15"), "ntp ntpd-4.2.8p15"),
            (None, Some("4"), "ntp 4"),
            (Some("NTP"), Some("4"), "ntp 4"),
            (Some("a\n\t  b\u{202e}"), None, r"ntp a\x0a\x09 b\xe2\x80\xae"),
        ];
        for (product, version, wanted) in rows {
            let service = Service {
                product: product.map(Untrusted::from),
                version: version.map(Untrusted::from),
                ..Service::named("ntp", "ntp")
            };
            assert_eq!(shown(&service, Charset::Utf8), wanted);
        }
    }

    #[test]
    fn a_flood_stays_a_few_words() {
        let flood = || Some(Untrusted::from("\u{1b}[2J".repeat(2500)));
        let service = Service { product: flood(), version: flood(), ..Service::named("snmp", "snmp") };
        assert!(shown(&service, Charset::Utf8).chars().count() <= 4 + 2 * (1 + TOLD));
        assert!(shown(&service, Charset::Ascii).is_ascii());
    }

    #[test]
    fn a_guess_is_marked_where_others_are_none() {
        assert_eq!(expected(Some("openvpn"), Transport::Udp), "openvpn?");
        assert_eq!(expected(Some("ssh"), Transport::Tcp), "ssh");
        assert_eq!(expected(None, Transport::Udp), "");
    }
}
