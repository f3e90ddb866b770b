//! The simulated door holds the contract that it helps to check.

use portolan_model::{Address, Endpoint, PortState, Reason, Transport};
use portolan_sim::conformance::{datagrams_conform, frames_conform, neighbours_conform, sockets_conform};
use portolan_sim::{Judgement, Told, WorldSpec, all_worlds};

#[test]
fn the_simulated_door_conforms() {
    let spec = WorldSpec::parse(
        r#"
        about = "a host to knock at"
        ports = "1-10"
        targets = [{ addresses = "192.0.2.1", named = true }]
        path = [{ node = "delay", ms = 10 }, { node = "jitter", ms = 5 }]
        hosts = [{ addresses = "192.0.2.1", rules = [{ answer = "open", ports = "2" }] }]
        "#,
    )
    .unwrap();
    let to = |port| Endpoint::tcp(std::net::Ipv4Addr::new(192, 0, 2, 1).into(), port);
    sockets_conform(|| spec.build(3).sockets(), to(2), to(1));
}

#[test]
fn it_conforms_in_worlds_without_forgers_and_copies() {
    for (name, spec) in all_worlds().unwrap() {
        if !["clean", "clean-loopback", "jitter", "local-one-socket", "v6-clean", "sweep"].contains(&&*name) {
            continue;
        }
        let world = spec.build(5);
        let state = |wanted: PortState| {
            world
                .endpoints()
                .find(|to| world.truth(*to).right.iter().any(|told| told.state == wanted))
                .unwrap()
        };
        sockets_conform(|| spec.build(5).sockets(), state(PortState::Open), state(PortState::Closed));
    }
}

#[test]
fn it_conforms_with_datagrams() {
    for (host, path) in [
        ("192.0.2.1", "{ node = 'delay', ms = 10 }, { node = 'jitter', ms = 5 }"),
        ("2001:db8::1", "{ node = 'delay', ms = 80 }"),
        ("127.0.0.1", ""),
    ] {
        for machine in ["", "datagrams = 1", "pending_errors = true"] {
            let spec = WorldSpec::parse(&format!(
                "about = 'a host that answers'\nudp_ports = '1-10'\ntargets = [{{ addresses = '{host}' }}]
                 path = [{path}]\n[[hosts]]\naddresses = '{host}'\nown = {own}\n[hosts.udp]
                 rules = [{{ answer = 'echo', ports = '2' }}, {{ answer = 'silent', ports = '3' }}]
                 [machine]\n{machine}",
                own = host == "127.0.0.1",
            ));
            let spec = spec.unwrap();
            let address = Address::new(host.parse().unwrap());
            let to = |port| Endpoint { address, transport: Transport::Udp, port };
            datagrams_conform(|| spec.build(3).sockets(), to(2), to(1), to(3));
        }
    }
}

#[test]
fn it_conforms_with_packets() {
    for (host, path) in [
        ("192.0.2.1", "{ node = 'delay', ms = 10 }, { node = 'jitter', ms = 5 }"),
        ("192.0.2.1", ""),
        ("2001:db8::1", "{ node = 'delay', ms = 80 }"),
    ] {
        for machine in
            ["", "keeps_answers = false", "ring = 1", "local_ports = '1024-65534'", "firewall = '1-10'"]
        {
            let spec = WorldSpec::parse(&format!(
                "about = 'a host to knock at'\nports = '1-10'\ntargets = [{{ addresses = '{host}' }}]
                 path = [{path}]\n[[hosts]]\naddresses = '{host}'\nrules = [{{ answer = 'open', ports = '2' }}]
                 [machine]\n{machine}",
            ));
            let spec = spec.unwrap();
            let to = |port| Endpoint::tcp(Address::new(host.parse().unwrap()), port);
            frames_conform(|| spec.build(3).sockets(), to(2), to(1));
        }
    }
}

#[test]
fn it_conforms_with_packets_in_worlds_without_forgers_and_losses() {
    for (name, spec) in all_worlds().unwrap() {
        if !["clean", "jitter", "local-one-socket", "local-firewall", "v6-clean", "sweep"].contains(&&*name) {
            continue;
        }
        let world = spec.build(5);
        let told =
            |state| Told::new(state, if state == PortState::Open { Reason::SynAck } else { Reason::Reset });
        let first =
            |state| world.endpoints().find(|to| world.judge(*to, told(state)) == Judgement::Right).unwrap();
        frames_conform(|| spec.build(5).sockets(), first(PortState::Open), first(PortState::Closed));
    }
}

#[test]
fn its_neighbours_conform() {
    for hosts in [["192.0.2.1", "192.0.2.9", "198.18.9.9"], ["2001:db8::1", "2001:db8::9", "2001:db8:9::9"]] {
        let [there, absent, behind] = hosts;
        let spec = WorldSpec::parse(&format!(
            "about = 'a link'\nports = '1-10'\ntargets = [{{ addresses = '{there}', named = true }}]
             [[hosts]]\naddresses = '{there}'\nmac = '02:00:5e:00:53:01'
             [[hosts]]\naddresses = '{absent}'\npresence = 'no-neighbour'
             [[hosts]]\naddresses = '{behind}'",
        ));
        let spec = spec.unwrap();
        neighbours_conform(|| spec.build(4).sockets(), hosts.map(|ip| Address::new(ip.parse().unwrap())));
    }
}
