//! The one table of the flags: how each is typed, what it takes, what it is for, in both languages.
//!
//! The pre-pass, clap's command, the help, the man page and the completions all come from it. A new
//! flag is one row here and its value in `convert.rs`.

pub(super) use super::flag::{Both, Flag, Group, Takes, both};

/// The templates of `-T` by name, in the order of their numbers.
pub(super) const TIMINGS: &[&str] = &["paranoid", "sneaky", "polite", "normal", "aggressive", "insane"];

/// The values of `--method`.
const METHODS: &[&str] = &["auto", "syn", "connect", "ack"];

/// Every flag, in the order of the help.
pub(super) const FLAGS: &[Flag] = &[
    // Targets
    Flag::new(
        Group::Targets,
        "iL",
        "includefile",
        Takes::Many(FILE),
        both(
            "read targets from a file, - for standard input",
            "lire les cibles d’un fichier, -\u{a0}: entrée standard",
        ),
    )
    .brief()
    .more(
        "Targets are separated by blanks or line ends; # starts a comment. May be given several times.",
        "Les cibles sont séparées par des blancs ou des fins de ligne\u{a0}; # commence un commentaire. \
         Peut être donnée plusieurs fois.",
    ),
    Flag::new(
        Group::Targets,
        "",
        "exclude",
        Takes::Many(LIST),
        both("never ask these targets, separated by commas", "ne jamais interroger ces cibles (virgules)"),
    )
    .brief()
    .more(
        "An exclusion always wins, also over a name that resolves into it. May be given several times.",
        "Une exclusion l’emporte toujours, même sur un nom dont l’adresse en fait partie. Peut être \
         donné plusieurs fois.",
    ),
    Flag::new(
        Group::Targets,
        "",
        "excludefile",
        Takes::Many(FILE),
        both("the same, from a file", "de même, d’après un fichier"),
    )
    .brief(),
    Flag::new(
        Group::Targets,
        "",
        "resolve-all",
        Takes::Nothing,
        both("ask every address of a name, not one", "interroger toutes les adresses d’un nom"),
    ),
    Flag::new(
        Group::Targets,
        "4",
        "ipv4",
        Takes::Nothing,
        both("IPv4 addresses only", "adresses IPv4 seulement"),
    )
    .brief(),
    Flag::new(
        Group::Targets,
        "6",
        "ipv6",
        Takes::Nothing,
        both("IPv6 addresses only", "adresses IPv6 seulement"),
    )
    .brief()
    .more(
        "With -4 and -6 together both families are asked, as without either.",
        "Avec -4 et -6 ensemble, les deux familles sont interrogées, comme sans aucun des deux.",
    ),
    Flag::new(
        Group::Targets,
        "",
        "authorised",
        Takes::Once(both("TEXT", "TEXTE")),
        both(
            "who allows more than 256 public addresses, and why",
            "qui permet plus de 256 adresses publiques, et pourquoi",
        ),
    )
    .also("authorized")
    .more(
        "Up to 256 public addresses are asked as they are; from 257 to 65,536 it takes this text: who answers for the scan, \
         and why, such as the name of the owner and a ticket. It is kept in the record (plan.authorised of --json and -oJ) \
         and shown nowhere else. A slip in a prefix length is a scan of strangers, hence the question. Loopback, the \
         networks this machine is in, private, documentation and other special ranges do not count, nor does what is \
         excluded. --authorized is the same.",
        "Jusqu’à 256 adresses publiques sont interrogées telles quelles\u{a0}; de 257 à 65\u{202f}536, il faut ce texte\u{a0}: qui \
         répond du balayage, et pourquoi, par exemple le nom du propriétaire et un ticket. Il est gardé dans l’enregistrement \
         (plan.authorised de --json et -oJ) et n’apparaît nulle part ailleurs. Une erreur de longueur de préfixe balaie des \
         inconnus, d’où la question. La boucle locale, les réseaux où se trouve cette machine, les plages privées, de \
         documentation et autres plages spéciales ne comptent pas, ni ce qui est exclu. --authorized revient au même.",
    ),
    // Ports
    Flag::new(
        Group::Ports,
        "p",
        "ports",
        Takes::Once(PORTS),
        both(
            "ports: 22,80-90; all: -p-; by name: http*",
            "ports\u{a0}: 22,80-90\u{a0}; tous\u{a0}: -p-\u{a0}; par nom\u{a0}: http*",
        ),
    )
    .brief()
    .more(
        "Without -p the 1000 TCP ports likeliest to be open are asked; with -sU, the 100 UDP ports \
         likeliest to answer. An end of a range may be left out: -100 is 1 to 100. T: and U: choose the \
         protocol of what follows; ports before them are of each protocol asked.",
        "Sans -p, les 1000 ports TCP les plus souvent ouverts sont interrogés\u{a0}; avec -sU, les 100 \
         ports UDP les plus susceptibles de répondre. Une borne peut manquer\u{a0}: -100 va de 1 à 100. \
         T: et U: choisissent le protocole de la suite\u{a0}; ce qui les précède vaut pour chaque protocole \
         interrogé.",
    ),
    Flag::new(
        Group::Ports,
        "F",
        "fast",
        Takes::Nothing,
        both("the 100 likeliest ports instead of 1000", "les 100 ports les plus probables, au lieu de 1000"),
    )
    .brief()
    .more("Of UDP, the same 100 as without -F.", "Pour UDP, les mêmes 100 que sans -F."),
    Flag::new(
        Group::Ports,
        "",
        "top-ports",
        Takes::Once(NUMBER),
        both("the N likeliest ports", "les N ports les plus probables"),
    )
    .brief()
    .more("N of each protocol that is asked.", "N de chaque protocole interrogé."),
    Flag::new(
        Group::Ports,
        "",
        "exclude-ports",
        Takes::Many(PORTS),
        both("never ask these ports", "ne jamais interroger ces ports"),
    )
    .brief()
    .more("Written as -p. May be given several times.", "Écrite comme -p. Peut être donnée plusieurs fois."),
    // How
    Flag::new(
        Group::How,
        "sS",
        "syn",
        Takes::Nothing,
        both("TCP by SYN; needs CAP_NET_RAW (default with it)", "TCP par SYN\u{a0}; exige CAP_NET_RAW (par défaut avec)"),
    )
    .brief()
    .more(
        "Sends packets of its own and reads every answer off the wire: who sent it and over how many hops. Needs CAP_NET_RAW, \
         which is given up as soon as the doors are open. Loopback and this machine's own addresses are asked by connect.",
        "Émet ses propres paquets et lit chaque réponse sur le fil\u{a0}: qui l’a envoyée et en combien de sauts. Exige CAP_NET_RAW, \
         abandonné dès que les portes sont ouvertes. La boucle locale et les adresses de cette machine sont interrogées par connect.",
    ),
    Flag::new(
        Group::How,
        "sT",
        "connect",
        Takes::Nothing,
        both("TCP by connect, without privilege (default else)", "TCP par connect, sans privilège (par défaut sinon)"),
    )
    .brief(),
    Flag::new(
        Group::How,
        "sA",
        "ack",
        Takes::Nothing,
        both("TCP by ACK: what is filtered; needs CAP_NET_RAW", "TCP par ACK\u{a0}: ce qui est filtré\u{a0}; exige CAP_NET_RAW"),
    )
    .more(
        "An ACK of no connection is answered with a reset by open and closed ports alike: unfiltered. Silence or an ICMP error is \
         a filter. It shows which ports a firewall lets through and whether it knows connections, and never what is open. \
         Loopback and this machine's own addresses cannot be asked so.",
        "Un ACK sans connexion reçoit une réinitialisation, que le port soit ouvert ou fermé\u{a0}: non filtré. Le silence ou une \
         erreur ICMP trahit un filtre. On voit ce qu’un pare-feu laisse passer et s’il suit les connexions, jamais ce qui est \
         ouvert. La boucle locale et les adresses de cette machine ne peuvent être interrogées ainsi.",
    ),
    Flag::new(
        Group::How,
        "",
        "method",
        Takes::Last(both("HOW", "MÉTHODE")),
        both("TCP by this method: auto, syn, connect, ack", "TCP par cette méthode\u{a0}: auto, syn, connect, ack"),
    )
    .choices(METHODS),
    Flag::new(
        Group::How,
        "sU",
        "udp",
        Takes::Nothing,
        both("UDP, without privilege; with -sS or -sT both", "UDP, sans privilège\u{a0}; avec -sS ou -sT les deux"),
    )
    .brief()
    .more(
        "Alone it asks UDP only; -sTU asks both. Without -p, 100 ports: those whose protocol portolan knows \
         how to ask, then the likeliest others. A port that stays silent is open|filtered at weak \
         confidence, since open ports may keep silent too.",
        "Seule, elle n’interroge qu’UDP\u{a0}; -sTU interroge les deux. Sans -p, 100 ports\u{a0}: ceux dont \
         portolan sait interroger le protocole, puis les plus probables des autres. Un port qui se tait est \
         open|filtered, de confiance faible, car un port ouvert peut se taire aussi.",
    ),
    Flag::new(
        Group::How,
        "",
        "tcp",
        Takes::Nothing,
        both("TCP, by the method that --method says", "TCP, par la méthode que dit --method"),
    ),
    Flag::new(
        Group::How,
        "e",
        "interface",
        Takes::Once(both("NAME", "NOM")),
        both("send and hear by this interface alone", "n’émettre et n’entendre que par cette interface"),
    )
    .more(
        "Without it the routing table decides, and one scan may use several interfaces. With it, a target that no route by \
         this interface leads to is unknown (local-no-route), and so are this machine’s own addresses, unless the interface \
         is lo. Packets that the kernel sends by connect or over UDP keep to it since Linux 5.7 without privilege.",
        "Sans elle, la table de routage décide, et un balayage peut passer par plusieurs interfaces. Avec elle, une cible à \
         laquelle ne mène aucune route par cette interface est unknown (local-no-route), de même que les adresses de cette \
         machine, sauf si l’interface est lo. Ce que le noyau émet par connect ou en UDP s’y tient depuis Linux 5.7 sans \
         privilège.",
    ),
    Flag::new(
        Group::How,
        "sn",
        "hosts-only",
        Takes::Nothing,
        both("find hosts and ask no ports", "trouver les hôtes, n’interroger aucun port"),
    )
    .old("sP")
    .brief()
    .more(
        "Tells which hosts are there, and by what that is known; on a link of this machine with their hardware addresses and \
         who made them. Singly named hosts are looked for too.",
        "Dit quels hôtes sont là, et à quoi cela se voit\u{a0}; sur un lien de cette machine avec leur adresse matérielle et son \
         fabricant. Les hôtes nommés un à un sont cherchés aussi.",
    ),
    Flag::new(
        Group::How,
        "PS",
        "ping-syn",
        Takes::Attached(PORTS),
        both("look for hosts by SYN to these ports (80)", "chercher les hôtes par SYN vers ces ports (80)"),
    )
    .more(
        "The ports hang on the flag: -PS22,443. Without CAP_NET_RAW, by connect. Several of the flags that begin with P are all \
         asked, of singly named hosts too; a host on a link of this machine is always asked by ARP or neighbour discovery \
         first, and that decides. Without any of them portolan looks for the hosts of a range, if it may send packets and has \
         many ports to ask, by echo, SYN to 443, ACK to 80 and timestamp.",
        "Les ports tiennent à l’option\u{a0}: -PS22,443. Sans CAP_NET_RAW, par connect. Plusieurs options qui commencent par P \
         s’ajoutent, et valent aussi pour les hôtes nommés un à un\u{a0}; un hôte sur un lien de cette machine est toujours \
         interrogé d’abord par ARP ou découverte de voisins, et cela tranche. Sans aucune d’elles, portolan cherche les hôtes \
         d’une plage, s’il peut émettre des paquets et a beaucoup de ports à interroger, par écho, SYN vers 443, ACK vers 80 \
         et horodatage.",
    ),
    Flag::new(
        Group::How,
        "PA",
        "ping-ack",
        Takes::Attached(PORTS),
        both("the same by ACK (80); needs CAP_NET_RAW", "de même par ACK (80)\u{a0}; exige CAP_NET_RAW"),
    ),
    Flag::new(
        Group::How,
        "PU",
        "ping-udp",
        Takes::Attached(PORTS),
        both("the same by UDP (40125); needs CAP_NET_RAW", "de même par UDP (40125)\u{a0}; exige CAP_NET_RAW"),
    ),
    Flag::new(
        Group::How,
        "PE",
        "ping-echo",
        Takes::Nothing,
        both("the same by ICMP echo; needs CAP_NET_RAW", "de même par écho ICMP\u{a0}; exige CAP_NET_RAW"),
    ),
    Flag::new(
        Group::How,
        "PP",
        "ping-timestamp",
        Takes::Nothing,
        both("the same by ICMP timestamp (IPv4); needs CAP_NET_RAW", "de même par horodatage ICMP (IPv4)\u{a0}; exige CAP_NET_RAW"),
    ),
    Flag::new(
        Group::How,
        "PR",
        "ping-neighbour",
        Takes::Nothing,
        both("by ARP or neighbour discovery; needs CAP_NET_RAW", "par ARP ou découverte de voisins\u{a0}; exige CAP_NET_RAW"),
    )
    .more(
        "It finds the hosts on links of this machine, which are always asked so first. Hosts behind a router are asked by echo, \
         if no other of these flags is given.",
        "Trouve les hôtes sur les liens de cette machine, toujours interrogés ainsi d’abord. Ceux derrière un routeur le sont par \
         écho, si aucune autre de ces options n’est donnée.",
    ),
    Flag::new(
        Group::How,
        "Pn",
        "no-ping",
        Takes::Nothing,
        both("ask every port of ranges, even of silent hosts", "plages : chaque port, même des hôtes muets"),
    )
    .old("P0"),
    Flag::new(
        Group::How,
        "",
        "no-collapse",
        Takes::Nothing,
        both("ask every address of aliased IPv6 ranges", "interroger chaque adresse des plages IPv6 à alias"),
    )
    .more(
        "If all of the first addresses asked of a long IPv6 range answer alike, one machine seems to answer for the whole \
         range, and the rest of it is left out unless this is given.",
        "Si toutes les premières adresses d’une longue plage IPv6 répondent pareil, une seule machine semble répondre pour \
         toute la plage, et le reste en est omis, sauf avec cette option.",
    ),
    Flag::new(
        Group::How,
        "n",
        "no-reverse-dns",
        Takes::Nothing,
        both(
            "ask for no reverse names (never done yet)",
            "ne pas demander les noms inverses (pas encore fait)",
        ),
    ),
    Flag::new(
        Group::How,
        "T",
        "timing",
        Takes::Last(TEMPLATE),
        both("pace from 0 (paranoid) to 5 (insane), else 3", "allure de 0 (paranoid) à 5 (insane), sinon 3"),
    )
    .choices(TIMINGS)
    .brief()
    .more(
        "By number or by name: paranoid, sneaky, polite, normal, aggressive, insane.",
        "Par numéro ou par nom\u{a0}: paranoid, sneaky, polite, normal, aggressive, insane.",
    ),
    Flag::new(
        Group::How,
        "",
        "rate",
        Takes::Once(both("auto|N", "auto|N")),
        both("as fast as nothing gets lost (auto), at most N", "aussi vite que rien ne se perd (auto), au plus N"),
    )
    .brief()
    .more(
        "auto, the default, asks faster as long as answers come quickly and all of them do, and slower where a queue \
         stands on the way, where loss falls with the pace, and where this machine drops something itself. N probes a \
         second are reached where the path bears them, and never passed; of --rate, --max-rate and -T the lowest holds. \
         What it was, and why, stands at the end.",
        "auto, par défaut, va plus vite tant que les réponses viennent vite et toutes, et moins vite quand une file \
         d’attente se forme en chemin, quand les pertes baissent avec l’allure, ou quand cette machine perd elle-même \
         quelque chose. N sondes par seconde sont atteintes où le chemin les supporte, et jamais dépassées\u{a0}; de --rate, \
         --max-rate et -T, le plus bas vaut. Le débit et ses raisons figurent à la fin.",
    ),
    Flag::new(
        Group::How,
        "",
        "max-rate",
        Takes::Once(NUMBER),
        both("at most N probes a second", "au plus N sondes par seconde"),
    ),
    Flag::new(
        Group::How,
        "",
        "min-rate",
        Takes::Once(NUMBER),
        both("at least N probes a second, while there is something to ask", "au moins N sondes par seconde, tant qu’il y a à demander"),
    )
    .more(
        "A full window holds nothing back below this rate. Verdicts follow the same rules as ever: what gets lost by it \
         is asked again, or stays unknown.",
        "Une fenêtre pleine ne retient rien sous ce débit. Les verdicts suivent les mêmes règles\u{a0}: ce qui se perd \
         est redemandé, ou reste inconnu.",
    ),
    Flag::new(
        Group::How,
        "",
        "max-retries",
        Takes::Once(NUMBER),
        both("ask a silent port at most N times more (0 to 11)", "redemander un port silencieux au plus N fois (0 à 11)"),
    )
    .more(
        "Instead of the template's number. By itself portolan asks as often as the measured loss demands; a silent port \
         that was asked less often is unknown (retries-capped).",
        "À la place du nombre de l’allure. De lui-même, portolan demande aussi souvent que les pertes mesurées l’exigent\u{a0}; \
         un port silencieux demandé moins souvent est inconnu (retries-capped).",
    ),
    Flag::new(
        Group::How,
        "",
        "host-timeout",
        Takes::Once(both("TIME", "DURÉE")),
        both("spend at most TIME on a host: 30s, 15m, 2h", "consacrer au plus DURÉE à un hôte\u{a0}: 30s, 15m, 2h"),
    )
    .more(
        "What was found until then is kept; the host's other ports are unknown (host-timeout).",
        "Ce qui a été trouvé est gardé\u{a0}; les autres ports de l’hôte sont inconnus (host-timeout).",
    ),
    Flag::new(
        Group::How,
        "",
        "shard",
        Takes::Once(both("I/N", "I/N")),
        both("do only part I of N", "ne faire que la part I sur N"),
    )
    .more(
        "Each of N machines does its part of the same plan. Give all of them the same --seed.",
        "Chacune des N machines fait sa part du même plan. Donnez à toutes le même --seed.",
    ),
    Flag::new(
        Group::How,
        "",
        "seed",
        Takes::Once(NUMBER),
        both(
            "the seed of every order: same seed, same order",
            "la graine de tout ordre\u{a0}: même graine, même ordre",
        ),
    ),
    Flag::new(
        Group::How,
        "",
        "checkpoint",
        Takes::Once(FILE),
        both("keep in FILE where the scan is, for --resume", "garder dans FICHIER où en est le balayage, pour --resume"),
    )
    .more(
        "If the scan is stopped (Ctrl-C, SIGTERM, the key q), FILE says what is settled and what is left, and --resume goes \
         on from there. It is written before anything is sent and again at the end, each time whole or not at all. A \
         file that is no checkpoint, or that of a scan which is not finished, is not overwritten.",
        "Si le balayage est arrêté (Ctrl-C, SIGTERM, la touche q), FICHIER dit ce qui est établi et ce qui reste, et --resume \
         reprend de là. Il est écrit avant tout envoi, puis à la fin, chaque fois en entier ou pas du tout. Un fichier \
         qui n’est pas un point de reprise, ou celui d’un balayage inachevé, n’est pas écrasé.",
    ),
    Flag::new(
        Group::How,
        "",
        "resume",
        Takes::Once(FILE),
        both("go on with a stopped scan; all else is in FILE", "reprendre un balayage arrêté\u{a0}; FICHIER dit le reste"),
    )
    .more(
        "Targets, ports, seed and outputs are those of the first command line. Lists are read and names are looked up again; \
         if that makes another plan, nothing is sent. Files of -oJ and -oN are added to: of several records of a \
         port the last holds. Output flags may stand beside it, nothing else. Stopped again, it writes FILE again.",
        "Cibles, ports, graine et sorties sont ceux de la première ligne de commande. Les listes sont relues et les noms résolus \
         de nouveau\u{a0}; si le plan en devient un autre, rien n’est envoyé. Les fichiers de -oJ et -oN sont prolongés\u{a0}: de \
         plusieurs enregistrements d’un port, le dernier vaut. Seules des options de sortie peuvent l’accompagner. Arrêté de \
         nouveau, il récrit FICHIER.",
    ),
    // Output
    Flag::new(
        Group::Output,
        "",
        "open",
        Takes::Nothing,
        both("show open ports only", "ne montrer que les ports ouverts"),
    )
    .brief(),
    Flag::new(
        Group::Output,
        "",
        "reason",
        Takes::Nothing,
        both("say why each port has its state", "dire pourquoi chaque port a son état"),
    )
    .brief(),
    Flag::new(
        Group::Output,
        "",
        "all",
        Takes::Nothing,
        both("one line a port: fold nothing", "une ligne par port\u{a0}: ne rien regrouper"),
    )
    .brief(),
    Flag::new(
        Group::Output,
        "q",
        "quiet",
        Takes::Nothing,
        both("print only host:port of open ports", "n’écrire que hôte:port des ports ouverts"),
    )
    .brief()
    .more("Over UDP: host:port/udp.", "En UDP\u{a0}: hôte:port/udp."),
    Flag::new(
        Group::Output,
        "",
        "json",
        Takes::Nothing,
        both("NDJSON on standard output", "NDJSON sur la sortie standard"),
    )
    .brief()
    .more(
        "One JSON object a line; portolan schema prints its JSON Schema.",
        "Un objet JSON par ligne\u{a0}; portolan schema en écrit le JSON Schema.",
    ),
    Flag::new(
        Group::Output,
        "oJ",
        "output-json",
        Takes::Many(FILE),
        both("NDJSON into a file, - for standard output", "NDJSON dans un fichier, -\u{a0}: sortie standard"),
    )
    .brief(),
    Flag::new(
        Group::Output,
        "oN",
        "output-text",
        Takes::Many(FILE),
        both(
            "the table into a file, - for standard output",
            "le tableau dans un fichier, -\u{a0}: sortie standard",
        ),
    )
    .brief(),
    Flag::new(
        Group::Output,
        "",
        "packet-trace",
        Takes::Nothing,
        both(
            "a line a call and a line an answer, on stderr",
            "une ligne par appel et par réponse, sur stderr",
        ),
    )
    .more(
        "The scan asks the kernel and hears from it, so these are calls and what came of them, not packets. \
         If standard error is read slowly, the scan waits for it: no line is lost.",
        "Le scan interroge le noyau et l’écoute\u{a0}: ce sont des appels et leurs suites, non des paquets. \
         Si la sortie d’erreur est lue lentement, le scan l’attend\u{a0}: aucune ligne n’est perdue.",
    ),
    Flag::new(
        Group::Output,
        "",
        "color",
        Takes::Last(both("WHEN", "QUAND")),
        both("auto, always or never", "auto, always (toujours) ou never (jamais)"),
    )
    .choices(&["auto", "always", "never"])
    .more(
        "auto: on a terminal, unless NO_COLOR is set.",
        "auto\u{a0}: sur un terminal, sauf si NO_COLOR est défini.",
    ),
    Flag::new(
        Group::Output,
        "",
        "lang",
        Takes::Last(both("LANG", "LANGUE")),
        both("en or fr", "en (anglais) ou fr (français)"),
    )
    .choices(&["en", "fr"])
    .brief()
    .more(
        "Else PORTOLAN_LANG, LC_ALL, LC_MESSAGES and LANG decide, in this order.",
        "Sinon PORTOLAN_LANG, LC_ALL, LC_MESSAGES puis LANG décident.",
    ),
    Flag::new(
        Group::Output,
        "",
        "no-hints",
        Takes::Nothing,
        both("no advice after results and errors", "aucun conseil après résultats et erreurs"),
    ),
    Flag::new(
        Group::Output,
        "",
        "stats-every",
        Takes::Last(both("TIME", "DURÉE")),
        both("tell progress so often: 10s, 1m, 500ms", "dire la progression si souvent\u{a0}: 10s, 1m, 500ms"),
    )
    .more(
        "A plain line on standard error; with --json or -oJ also an event of type progress. A plain number is \
         seconds. On a terminal a panel below the table shows progress anyway; where standard error is none, a \
         line comes every 10 s, except with -q.",
        "Une ligne simple sur l’erreur standard\u{a0}; avec --json ou -oJ aussi un événement progress. Un nombre \
         seul est en secondes. Sur un terminal, un panneau sous le tableau montre de toute façon la \
         progression\u{a0}; si l’erreur standard n’en est pas un, une ligne vient toutes les 10 s, sauf avec -q.",
    ),
    Flag::new(
        Group::Output,
        "v",
        "verbose",
        Takes::Times,
        both(
            "tell each host as it is finished, and all warnings",
            "dire chaque hôte dès qu’il est terminé, et tout avertissement",
        ),
    )
    .more(
        "Twice (-vv): also what the table folds, as port numbers. On standard error.",
        "Deux fois (-vv)\u{a0}: aussi ce que le tableau regroupe, par numéros de ports. Sur l’erreur standard.",
    ),
    Flag::new(
        Group::Output,
        "d",
        "debug",
        Takes::Times,
        both("inner numbers in the lines of progress", "chiffres internes dans les lignes de progression"),
    ),
    Flag::new(
        Group::Output,
        "",
        "accessible",
        Takes::Nothing,
        both("words instead of marks, for a screen reader", "des mots au lieu de signes, pour lecteur d’écran"),
    )
    .more(
        "No panel, no colour, no sequences that move the cursor; progress comes as a sentence every 10 s. \
         PORTOLAN_ACCESSIBLE=1 does the same.",
        "Ni panneau, ni couleur, ni séquence qui déplace le curseur\u{a0}; la progression vient en une phrase toutes \
         les 10 s. PORTOLAN_ACCESSIBLE=1 fait de même.",
    ),
    // Other
    Flag::new(
        Group::Other,
        "h",
        "help",
        Takes::Nothing,
        both("this page; --help tells everything", "cette page\u{a0}; --help dit tout"),
    )
    .brief(),
    Flag::new(Group::Other, "V", "version", Takes::Nothing, both("the version", "la version")).brief(),
    Flag::new(
        Group::Other,
        "",
        "generate",
        Takes::Last(both("WHAT", "QUOI")),
        both(
            "print the man page, a completion or the probes",
            "écrire la page de manuel, une complétion ou les sondes",
        ),
    )
    .choices(&["man", "complete-bash", "complete-zsh", "complete-fish", "probes"])
    .hidden(),
];

const FILE: Both = both("FILE", "FICHIER");
const LIST: Both = both("LIST", "LISTE");
const PORTS: Both = both("PORTS", "PORTS");
const NUMBER: Both = both("N", "N");
const TEMPLATE: Both = both("PACE", "ALLURE");
