//! Which ports to ask: what `-p`, `-F`, `--top-ports` and `--exclude-ports` mean for each protocol.

use anyhow::{Context, Result, bail};
use portolan_model::{PortSet, Untrusted, Warning};
use portolan_target::{PortSpec, Ports, parse_ports, ranking};

use crate::args::{self, Args};

/// The ports for targets that bring none of their own, and what becomes of those that do.
#[derive(Debug)]
pub(crate) struct PortChoice {
    ports: Ports,
    without: Ports,
    tcp: bool,
    udp: bool,
}

impl PortChoice {
    /// What the line says about ports, and what it says in vain. `catalogue` are the UDP ports that we
    /// know a question for.
    pub(crate) fn new(args: &Args, catalogue: &PortSet) -> Result<(Self, Vec<Warning>)> {
        let mut warnings = Vec::new();
        let ports = match &args.ports {
            args::Ports::Default => Ports { tcp: ranking::top_tcp(1000), udp: default_udp(catalogue) },
            args::Ports::Fast => Ports { tcp: ranking::top_tcp(100), udp: default_udp(catalogue) },
            args::Ports::Top(n) => top(usize::from(*n)),
            args::Ports::Listed(text) => {
                let spec = parse_ports(text).context("-p")?;
                warnings = ignored(args, &spec);
                refuse_none(args, text, &spec)?;
                Ports { tcp: spec.tcp, udp: spec.udp }
            }
        };
        let mut choice =
            PortChoice { ports: Ports::default(), without: Ports::default(), tcp: args.tcp, udp: args.udp };
        for text in &args.exclude_ports {
            let spec = parse_ports(text).context("--exclude-ports")?;
            choice.without = choice.without.union(&Ports { tcp: spec.tcp, udp: spec.udp });
        }
        choice.ports = choice.asked(ports);
        if args.hosts_only {
            choice.ports = Ports::default();
            return Ok((choice, warnings));
        }
        if choice.ports.is_empty() {
            bail!("--exclude-ports leaves no port to scan");
        }
        Ok((choice, warnings))
    }

    /// The ports of a target: its own, which are of each protocol asked, or those of the line.
    pub(crate) fn of(&self, own: Option<&PortSet>) -> Ports {
        match own {
            None => self.ports.clone(),
            Some(own) => self.asked(Ports { tcp: own.clone(), udp: own.clone() }),
        }
    }

    /// Of these ports, those of a protocol that is asked and not excluded.
    fn asked(&self, ports: Ports) -> Ports {
        let of = |asked: bool, ports: &PortSet, without: &PortSet| {
            if asked { ports.difference(without) } else { PortSet::new() }
        };
        Ports {
            tcp: of(self.tcp, &ports.tcp, &self.without.tcp),
            udp: of(self.udp, &ports.udp, &self.without.udp),
        }
    }
}

/// The UDP ports of a scan that names none: those we know a question for, since only they are likely to
/// answer at all, filled up from the ranking.
fn default_udp(catalogue: &PortSet) -> PortSet {
    const COUNT: usize = 100;
    let missing = COUNT.saturating_sub(catalogue.len());
    let others = ranking::UDP.iter().copied().filter(|port| !catalogue.contains(*port));
    catalogue.union(&others.take(missing).collect())
}

/// The `n` likeliest ports of each protocol.
fn top(n: usize) -> Ports {
    Ports { tcp: filled(ranking::top_tcp(n), n), udp: filled(ranking::top_udp(n), n) }
}

/// Past the end of our ranking, the lowest numbers that are not in it.
fn filled(ranked: PortSet, n: usize) -> PortSet {
    let missing = n.saturating_sub(ranked.len());
    let rest = PortSet::all().difference(&ranked);
    let more: PortSet = rest.iter().take(missing).collect();
    ranked.union(&more)
}

/// Ports written for a protocol that the line does not ask. Those before any letter belong to whatever is
/// asked, so none of them is left out.
fn ignored(args: &Args, spec: &PortSpec) -> Vec<Warning> {
    [("tcp", args.tcp, &spec.after_t), ("udp", args.udp, &spec.after_u), ("sctp", false, &spec.sctp)]
        .into_iter()
        .filter(|(_, asked, ports)| !asked && !ports.is_empty())
        .map(|(proto, _, ports)| Warning::PortsIgnored { proto, count: ports.len() })
        .collect()
}

/// A protocol that gets no port is simply not asked, as with nmap; a line by which nothing is asked is a
/// mistake.
fn refuse_none(args: &Args, text: &str, spec: &PortSpec) -> Result<()> {
    if args.tcp && !spec.tcp.is_empty() || args.udp && !spec.udp.is_empty() {
        return Ok(());
    }
    let text = Untrusted::from(text).escaped_short(60);
    match (args.tcp, args.udp) {
        (true, true) => bail!("-p {text}: neither a TCP nor a UDP port among them"),
        (_, true) if !spec.tcp.is_empty() => {
            bail!("-p {text}: no UDP port among them, and without -sT this scan asks UDP only")
        }
        (_, true) => bail!("-p {text}: no UDP port among them"),
        _ if !spec.udp.is_empty() => {
            bail!("-p {text}: no TCP port among them, and without -sU this scan asks TCP only")
        }
        _ => bail!("-p {text}: no TCP port among them"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The choice that a line makes, with a catalogue of two ports.
    fn choice(line: &str) -> Result<(PortChoice, Vec<Warning>)> {
        let argv = format!("portolan h {line}");
        let catalogue = [53, 4444].into_iter().collect();
        match args::parse(argv.split_whitespace().map(Into::into), &|_| None) {
            Ok(args::Parsed::Run(args)) => PortChoice::new(&args, &catalogue),
            other => panic!("{line}: {other:?}"),
        }
    }

    /// TCP ports, UDP ports and what the warnings count.
    fn chosen(line: &str) -> (String, String, Vec<(&'static str, usize)>) {
        let (choice, warnings) = choice(line).unwrap();
        let ports = choice.of(None);
        let ignored = warnings.iter().map(|warning| match warning {
            Warning::PortsIgnored { proto, count } => (*proto, *count),
            other => panic!("{line}: {other:?}"),
        });
        (ports.tcp.to_string(), ports.udp.to_string(), ignored.collect())
    }

    fn counts(line: &str) -> (usize, usize) {
        let ports = choice(line).unwrap().0.of(None);
        (ports.tcp.len(), ports.udp.len())
    }

    fn refused(line: &str) -> String {
        format!("{:#}", choice(line).unwrap_err())
    }

    #[test]
    fn unnamed_ports_are_the_likeliest_of_each_protocol_asked() {
        for (line, wanted) in [
            ("", (1000, 0)),
            ("-sT", (1000, 0)),
            ("-sU", (0, 100)),
            ("-sTU", (1000, 100)),
            ("-F", (100, 0)),
            ("-F -sU", (0, 100)),
            ("-F -sTU", (100, 100)),
            ("--top-ports 10 -sTU", (10, 10)),
            ("--top-ports 2000 -sTU", (2000, 2000)),
            ("--top-ports 65535 -sTU", (65_535, 65_535)),
            ("-p- -sTU", (65_535, 65_535)),
        ] {
            assert_eq!(counts(line), wanted, "{line}");
        }
        let fast = choice("-F -sU").unwrap().0.of(None);
        assert_eq!(fast, choice("-sU").unwrap().0.of(None), "the same hundred");
        assert_eq!(choice("--top-ports 10 -sU").unwrap().0.of(None).udp, ranking::top_udp(10));
        let beyond = choice("--top-ports 390 -sU").unwrap().0.of(None).udp;
        assert!(ranking::UDP.iter().all(|port| beyond.contains(*port)));
        assert!(beyond.contains(1) && beyond.contains(2) && !beyond.contains(999), "the lowest others");
    }

    #[test]
    fn the_default_of_udp_holds_the_catalogue() {
        assert_eq!(default_udp(&PortSet::new()), ranking::top_udp(100));
        let two: PortSet = [53, 4444].into_iter().collect();
        let ports = default_udp(&two);
        assert!(ports.contains(4444) && ports.len() == 100, "one ranked, one not");
        assert!(ranking::UDP.iter().take(99).all(|port| ports.contains(*port)));
        assert!(!ports.contains(ranking::UDP[99]), "the unranked port takes the last place");
        let many: PortSet = (1..=150).collect();
        assert_eq!(default_udp(&many), many, "a large catalogue is asked whole");
    }

    #[test]
    fn listed_ports_go_to_the_protocols_asked() {
        for (line, tcp, udp, ignored) in [
            ("-p 80", "80", "", vec![]),
            ("-sU -p 80", "", "80", vec![]),
            ("-sTU -p 80", "80", "80", vec![]),
            ("-sTU -p 7,T:80,U:53", "7,80", "7,53", vec![]),
            ("-sTU -p U:53", "", "53", vec![]),
            ("-sTU -p T:80", "80", "", vec![]),
            ("-sTU -p T:80,S:9", "80", "", vec![("sctp", 1)]),
            ("-p T:80,U:53", "80", "", vec![("udp", 1)]),
            ("-p 7,U:53,161,S:9", "7", "", vec![("udp", 2), ("sctp", 1)]),
            ("-sU -p T:80,U:53", "", "53", vec![("tcp", 1)]),
            ("-sU -p 7,T:80-89", "", "7", vec![("tcp", 10)]),
            ("-sU -p domain", "", "53", vec![]),
        ] {
            assert_eq!(chosen(line), (tcp.into(), udp.into(), ignored), "{line}");
        }
    }

    #[test]
    fn a_line_that_asks_nothing_is_refused() {
        for (line, words) in [
            ("-sU -p T:80", "-p T:80: no UDP port among them, and without -sT this scan asks UDP only"),
            ("-p U:53", "-p U:53: no TCP port among them, and without -sU this scan asks TCP only"),
            ("-p S:9", "-p S:9: no TCP port among them"),
            ("-sU -p S:9", "-p S:9: no UDP port among them"),
            ("-sTU -p S:9", "-p S:9: neither a TCP nor a UDP port among them"),
            ("-sU -p 70000", "-p: port 70000: the highest port is 65535"),
            ("-p 80 --exclude-ports 80", "--exclude-ports leaves no port to scan"),
            ("-sU -p 80 --exclude-ports U:80", "--exclude-ports leaves no port to scan"),
            ("-sU --exclude-ports U:", "--exclude-ports: U: is followed by no port"),
        ] {
            assert_eq!(refused(line), words, "{line}");
        }
    }

    #[test]
    fn exclusions_are_by_protocol() {
        for (line, tcp, udp) in [
            ("-sTU -p 1-9 --exclude-ports 1-3", "4-9", "4-9"),
            ("-sTU -p 1-9 --exclude-ports T:1-3", "4-9", "1-9"),
            ("-sTU -p 1-9 --exclude-ports 1,T:2,U:3", "3-9", "2,4-9"),
            ("-sTU -p 1-9 --exclude-ports T:2 --exclude-ports U:3", "1,3-9", "1-2,4-9"),
            ("-sTU -p 1-9 --exclude-ports T:-", "", "1-9"),
            ("-p 1-9 --exclude-ports U:1-3", "1-9", ""),
        ] {
            assert_eq!(chosen(line), (tcp.into(), udp.into(), vec![]), "{line}");
        }
        assert_eq!(counts("-sTU --exclude-ports 53,4444"), (998, 98), "what is excluded is not made up for");
    }

    #[test]
    fn a_targets_own_ports_are_of_each_protocol_asked() {
        let own: PortSet = [53, 80].into_iter().collect();
        for (line, tcp, udp) in [
            ("", "53,80", ""),
            ("-sU", "", "53,80"),
            ("-sTU -p U:7", "53,80", "53,80"),
            ("-sTU --exclude-ports U:80", "53,80", "53"),
        ] {
            let ports = choice(line).unwrap().0.of(Some(&own));
            assert_eq!((ports.tcp.to_string(), ports.udp.to_string()), (tcp.into(), udp.into()), "{line}");
        }
    }
}
