use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use portolan_explain::{
    Lang, host_down, host_not_asked, host_silent, more_hosts, more_names, name_is, others, reason,
    up_without_open, up_without_sure_open,
};
use portolan_model::{Address, HostReport, HostState, Untrusted};
use unicode_width::UnicodeWidthStr;

use crate::charset::Charset;
use crate::names::Names;

/// What hosts are called in the table: by their name, where no other host has the same.
pub(super) struct Labels(BTreeMap<Address, String>);

impl Labels {
    pub(super) fn new(names: &Names, charset: Charset) -> Self {
        let mut uses: BTreeMap<&Untrusted, usize> = BTreeMap::new();
        for (_, name) in names.iter() {
            *uses.entry(name).or_default() += 1;
        }
        let own = names.iter().filter(|(_, name)| uses.get(name) == Some(&1));
        Labels(own.map(|(address, name)| (address, charset.name(name))).collect())
    }

    pub(super) fn get(&self, address: Address) -> Option<&str> {
        self.0.get(&address).map(String::as_str)
    }
}

/// The width of the widest host, as far as the plan tells: every address in full, names up to two fifths of
/// the terminal.
pub(super) fn widest(targets: &[Untrusted], names: &Names, labels: &Labels, width: Option<usize>) -> usize {
    let name_cap = width.map_or(48, |width| (width / 5 * 2).max(15));
    let typed = targets.iter().map(|target| typed_width(target.bytes())).max();
    let named = names
        .iter()
        .map(|(address, _)| match labels.get(address) {
            Some(label) => label.width().min(name_cap),
            None => address.to_string().len(),
        })
        .max();
    typed.max(named).unwrap_or_default()
}

/// Which address stands behind which name, for the first few.
pub(super) fn introductions(names: &Names, charset: Charset, lang: Lang) -> Vec<String> {
    const TOLD: usize = 8;
    let mut lines: Vec<String> = names
        .iter()
        .take(TOLD)
        .map(|(address, name)| name_is(lang, &charset.name(name), &address.to_string()))
        .collect();
    if names.len() > TOLD {
        lines.push(more_names(lang, (names.len() - TOLD) as u128));
    }
    lines
}

/// Hosts of which nothing can be said, or only that they are not there: a sentence each, for the first
/// few of a kind.
#[derive(Default)]
pub(super) struct Quiet {
    idle: Told,
    doubtful: Told,
    silent: Told,
    down: Told,
    not_asked: Told,
}

#[derive(Default)]
struct Told {
    sentences: Vec<String>,
    more: u64,
}

impl Quiet {
    /// One more host; `finds_open` unless what was asked cannot find a port open.
    pub(super) fn add(&mut self, host: &HostReport, label: &str, finds_open: bool, lang: Lang) {
        match (host.state, host.reason) {
            (HostState::Up, _) if !finds_open => {}
            (HostState::Up, _) if host.counts.open == 0 && host.counts.open_filtered > 0 => {
                self.doubtful.add(|| label.to_owned());
            }
            (HostState::Up, _) if host.counts.open == 0 => self.idle.add(|| label.to_owned()),
            (HostState::Up, _) => {}
            (HostState::Down, why) => {
                let why = why.map(|why| format!(" ({})", why.token())).unwrap_or_default();
                self.down.add(|| host_down(lang, label, &why));
            }
            (HostState::Unknown, Some(why)) if why.is_local() => {
                self.not_asked.add(|| host_not_asked(lang, label, reason(lang, why)));
            }
            // Somebody else told something of it; the rows say what.
            (HostState::Unknown, Some(_)) => {}
            (HostState::Unknown, None) => self.silent.add(|| host_silent(lang, label)),
        }
    }

    pub(super) fn sentences(&self, lang: Lang) -> impl Iterator<Item = String> {
        let lists = [(&self.idle, up_without_open as Sentence), (&self.doubtful, up_without_sure_open)];
        let up = lists.into_iter().filter(|(told, _)| !told.sentences.is_empty());
        let up = up.map(move |(told, sentence)| sentence(lang, &told.list(lang)));
        up.chain([&self.silent, &self.down, &self.not_asked].into_iter().flat_map(move |told| {
            let more = (told.more > 0).then(|| more_hosts(lang, told.more));
            told.sentences.iter().cloned().chain(more)
        }))
    }
}

type Sentence = fn(Lang, &str) -> String;

impl Told {
    fn add(&mut self, sentence: impl Fn() -> String) {
        const TOLD: usize = 10;
        if self.sentences.len() < TOLD {
            self.sentences.push(sentence());
        } else {
            self.more += 1;
        }
    }

    fn list(&self, lang: Lang) -> String {
        let more = (self.more > 0).then(|| others(lang, self.more));
        self.sentences.iter().cloned().chain(more).collect::<Vec<_>>().join(", ")
    }
}

/// The width of the widest address that a target, as typed, can stand for; nothing for a name.
fn typed_width(target: &[u8]) -> usize {
    const WIDEST_V4: usize = 15;
    let Ok(text) = std::str::from_utf8(target) else {
        return 0;
    };
    let host = match text.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => text,
    };
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Address::new(ip).to_string().len();
    }
    if host.bytes().filter(|byte| *byte == b':').count() >= 2 {
        return host.split('-').map(v6_width).max().unwrap_or_default();
    }
    let v4 = host.bytes().all(|byte| byte.is_ascii_digit() || b"./-*,:".contains(&byte));
    if v4 { WIDEST_V4 } else { 0 }
}

/// The widest address of an IPv6 prefix: the prefix itself and the groups that the rest can fill.
fn v6_width(text: &str) -> usize {
    const WIDEST_V6: usize = 39;
    const WIDEST_ZONE: usize = 4;
    let (net, bits) = text.split_once('/').unwrap_or((text, "128"));
    let (ip, zone) = net.split_once('%').map_or((net, 0), |(ip, _)| (ip, WIDEST_ZONE));
    let (Ok(ip), Ok(bits)) = (ip.parse::<Ipv6Addr>(), bits.parse::<usize>()) else {
        return WIDEST_V6;
    };
    let free_groups = 128_usize.saturating_sub(bits).div_ceil(16);
    (ip.to_string().len() + 5 * free_groups).min(WIDEST_V6) + zone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_holds_every_address_of_a_target() {
        let rows = [
            ("192.0.2.1", 9),
            ("192.0.2.0/24", 15),
            ("10.0.0-3.1-254", 15),
            ("10.0.0.1:22,80", 15),
            ("::1", 3),
            ("[::1]:80", 3),
            ("2001:db8::/120", 15),
            ("2001:db8::/64", 30),
            ("fe80::1%eth0", 11),
            ("::/0", 39),
            ("2001:db8::1-2001:db8::ffff", 14),
            ("host.example", 0),
            ("host.example:80", 0),
            ("\u{1b}[2J", 0),
        ];
        for (text, width) in rows {
            assert_eq!(typed_width(text.as_bytes()), width, "{text}");
        }
        assert_eq!(typed_width(b"\xff"), 0);
    }
}
