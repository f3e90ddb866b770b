/// What happened in a world, so that a test can prove that a guard was put to the test.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Connects asked for.
    pub connects: u64,
    /// Attempts abandoned before they ended.
    pub abandoned: u64,
    /// SYNs that left this machine, those sent again by the kernel and those of our own making included.
    pub syns: u64,
    /// Of these, SYNs sent again by the kernel.
    pub syns_again: u64,
    /// SYNs that reached a host that exists.
    pub syns_arrived: u64,
    /// Packets that came back to this machine.
    pub answers: u64,
    /// Of these, packets for an attempt that was over: dropped by the kernel.
    pub answers_late: u64,
    /// SYN-ACKs that a host sent again by itself.
    pub syn_acks_again: u64,

    /// Echo and timestamp requests and datagrams of our own making that left this machine.
    pub pings: u64,
    /// Echo and timestamp requests that reached a host that exists.
    pub pings_arrived: u64,
    /// Neighbours asked for.
    pub neighbours: u64,
    /// Packets of our own making asked for.
    pub packets: u64,
    /// Of these, RSTs that gave up a SYN of ours.
    pub resets: u64,
    /// Packets that came in and waited for us to hear them.
    pub packets_queued: u64,
    /// Packets that met a full ring.
    pub packets_lost: u64,

    /// Datagrams asked for.
    pub datagrams: u64,
    /// Datagrams that left this machine.
    pub datagrams_sent: u64,
    /// Calls that failed without sending, since the error of an earlier datagram was pending.
    pub held: u64,
    /// Datagrams given up for that.
    pub held_back: u64,
    /// Datagrams that reached a host that exists.
    pub datagrams_arrived: u64,
    /// Of these, datagrams that a service answered.
    pub datagrams_answered: u64,
    /// ICMP errors about datagrams, by hosts and by boxes on the way.
    pub icmp_sent: u64,
    /// Datagrams, and errors about datagrams, that waited for us to read them.
    pub events_queued: u64,
    /// Of all that came, what met a full receive queue.
    pub overrun: u64,
    /// What came to a port that was closed by then.
    pub events_late: u64,

    /// Packets lost on the way out: random, in bursts, in an outage.
    pub lost_out: u64,
    /// Packets lost on the way back.
    pub lost_back: u64,
    /// Packets that met a full queue.
    pub queue_dropped: u64,
    /// Packets that overtook another on purpose.
    pub reordered: u64,
    /// Packets that a firewall dropped.
    pub firewall_dropped: u64,
    /// Packets that a box on the way refused.
    pub rejected: u64,
    /// ICMP errors withheld by a rate limit.
    pub icmp_limited: u64,
    /// SYNs and datagrams for which an address translator had no entry left, and answers to datagrams that it had
    /// forgotten.
    pub nat_dropped: u64,
    /// RSTs withheld by a host's rate limit.
    pub resets_limited: u64,
    /// SYNs that met a full accept queue.
    pub backlog_dropped: u64,
    /// How often a host banned us.
    pub bans: u64,
    /// SYNs and datagrams that a host ignored because it had banned us.
    pub banned: u64,
    /// SYNs and datagrams that reached a host after its death.
    pub dead: u64,

    /// Completions delivered again, under the name of an attempt that was over, and packets that came twice.
    pub duplicates: u64,
    /// Completions that were never earned, under a wrong tag.
    pub forged: u64,
    /// Answers with a wrong id.
    pub forged_answers: u64,
    /// Answers from an address that nobody asked.
    pub forged_strangers: u64,
    /// ICMP errors that quote what was never sent.
    pub forged_icmp: u64,
    /// ICMP errors that quote nothing, about what nobody refused.
    pub forged_bare_icmp: u64,
    /// Packets with a wrong number in answer to a SYN of our own making.
    pub forged_packets: u64,
    /// Sockets that met themselves.
    pub self_connects: u64,

    /// Connects and datagrams refused for want of a descriptor.
    pub no_descriptors: u64,
    /// Connects and datagrams refused for want of a local port.
    pub no_ports: u64,
    /// Connects, datagrams and packets refused for want of memory.
    pub no_buffers: u64,
    /// Connects and datagrams refused by this machine's own firewall.
    pub local_firewall: u64,
    /// Connects, datagrams and packets refused for want of a route.
    pub no_route: u64,
    /// Connects, datagrams and packets that failed because the next machine does not answer.
    pub no_neighbour: u64,
    /// Wake-ups that came late.
    pub stalls: u64,
}

impl Counters {
    /// Connects, datagrams and packets that this machine failed by itself.
    pub const fn local_faults(&self) -> u64 {
        self.no_descriptors
            + self.no_ports
            + self.no_buffers
            + self.local_firewall
            + self.no_route
            + self.no_neighbour
    }
}
