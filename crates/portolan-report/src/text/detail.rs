use portolan_explain::{
    Lang, answer, attempts, attempts_with, from_nearer, from_port, hops_left, icmp_details, quote,
    segment_details, sent_by, why,
};
use portolan_model::{Because, Fact, LocalFault, Verdict};

/// Who answered, in what words of the wire, after how many attempts, and what the reason means.
pub(super) fn lines(verdict: &Verdict, lang: Lang) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(verdict.claim.from.map(|from| sent_by(lang, &from.to_string())));
    // The last one decided: evidence is in the order of time.
    let told = verdict.evidence().iter().map(|seen| fact(&seen.fact, verdict, lang));
    parts.extend(told.filter(|told| !told.is_empty()).last().unwrap_or_default());
    parts.push(tries(verdict, lang));
    format!("{}. {}", parts.join(", "), why(lang, verdict))
}

/// What a fact tells beside the reason: nothing, or a few phrases.
fn fact(fact: &Fact, verdict: &Verdict, lang: Lang) -> Vec<String> {
    match fact {
        Fact::Icmp(icmp) => {
            let quoted = quote(lang, &verdict.claim.confidence.because).map(str::to_owned);
            [icmp_details(icmp)].into_iter().chain(quoted).collect()
        }
        Fact::SynAck(segment) | Fact::Reset(segment) => {
            let nearer = verdict.claim.confidence.because.contains(&Because::ResetFromNearer);
            let nearer = nearer.then(|| from_nearer(lang).to_owned());
            let header = segment_details(segment, verdict.endpoint.address.is_ipv6());
            [header].into_iter().chain(nearer).collect()
        }
        Fact::Datagram { from, bytes, likeness, ttl } => {
            let elsewhere = (from.port != verdict.endpoint.port).then(|| from_port(lang, from.port));
            let hops = ttl.map(|ttl| hops_left(ttl, from.address.is_ipv6()));
            elsewhere.into_iter().chain([answer(lang, *bytes, *likeness)]).chain(hops).collect()
        }
        Fact::Local(LocalFault::Other(errno)) => vec![format!("errno {errno}")],
        _ => Vec::new(),
    }
}

/// How many attempts, and what they asked, each question once.
fn tries(verdict: &Verdict, lang: Lang) -> String {
    let mut probes: Vec<&str> = Vec::new();
    for seen in verdict.evidence().iter() {
        match seen.fact {
            Fact::Sent { probe, .. } if !probes.contains(&probe) => probes.push(probe),
            _ => {}
        }
    }
    if probes.is_empty() {
        return attempts(lang, verdict.tries);
    }
    attempts_with(lang, verdict.tries, &probes.join(", "))
}
