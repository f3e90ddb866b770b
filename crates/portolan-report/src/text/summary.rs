use portolan_explain as words;
use portolan_explain::Lang;
use portolan_model::{Ended, Finish, Method, Why};

/// The sum of a scan: one line of numbers, then what must be known to read them.
pub(super) fn sentences(
    finish: &Finish,
    (methods, why): (&[Method], Option<Why>),
    lang: Lang,
) -> Vec<String> {
    let mut all = vec![numbers(finish, (methods, why), lang)];
    if finish.ended == Ended::Interrupted {
        all.push(words::stopped_early(lang).to_owned());
    }
    if finish.endpoints_unlisted > 0 {
        all.push(words::endpoints_unlisted(lang, finish.endpoints_unlisted));
    }
    if finish.completeness < WHOLE {
        all.push(words::completeness(lang, &words::percent(lang, finish.completeness)));
    }
    if finish.overruns > 0 {
        all.push(words::overruns(lang, finish.overruns));
    }
    if finish.unknown_local > 0 {
        all.push(words::unknown_local(lang, finish.unknown_local));
    }
    all
}

/// What would be shown as all of them.
const WHOLE: f32 = 0.9995;

fn numbers(finish: &Finish, (methods, why): (&[Method], Option<Why>), lang: Lang) -> String {
    let mut parts = vec![words::hosts_up(lang, finish.hosts_up)];
    if finish.hosts_down > 0 {
        parts.push(words::hosts_down(lang, finish.hosts_down));
    }
    if finish.hosts_silent > 0 {
        parts.push(words::hosts_silent(lang, finish.hosts_silent));
    }
    parts.push(words::open_ports(lang, finish.counts.open));
    parts.push(words::elapsed(lang, finish.elapsed));
    parts.push(words::packets(lang, finish.packets));
    if finish.loss >= 0.0005 {
        parts.push(words::loss(lang, &words::percent(lang, finish.loss)));
    }
    let methods: Vec<&str> = methods.iter().map(|method| method.name()).collect();
    let name = methods.join("+");
    let how = match why {
        _ if methods.is_empty() => String::new(),
        Some(why) => format!(" {}", words::method_why(lang, &name, words::method_because(lang, why))),
        None => format!(" {}", words::method(lang, &name)),
    };
    format!("{}.{how}", parts.join(", "))
}
