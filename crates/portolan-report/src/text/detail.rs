use portolan_explain::{Lang, attempts, icmp_details, reason, sent_by};
use portolan_model::{Fact, LocalFault, Verdict};

/// Who answered, in what words of the wire, after how many attempts, and what the reason means.
pub(super) fn lines(verdict: &Verdict, lang: Lang) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(verdict.claim.from.map(|from| sent_by(lang, &from.to_string())));
    // The last one decided: evidence is in the order of time.
    parts.extend(verdict.evidence().iter().filter_map(|seen| fact(&seen.fact)).last());
    parts.push(attempts(lang, verdict.tries));
    format!("{}. {}", parts.join(", "), reason(lang, verdict.reason()))
}

fn fact(fact: &Fact) -> Option<String> {
    match fact {
        Fact::Icmp(icmp) => Some(icmp_details(icmp)),
        Fact::Local(LocalFault::Other(errno)) => Some(format!("errno {errno}")),
        _ => None,
    }
}
