/// What happened in a world, so that a test can prove that a guard was put to the test.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Connects asked for.
    pub connects: u64,
    /// Attempts abandoned before they ended.
    pub abandoned: u64,
    /// SYNs that left this machine, those sent again by the kernel included.
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
    /// SYNs for which an address translator had no entry left.
    pub nat_dropped: u64,
    /// RSTs withheld by a host's rate limit.
    pub resets_limited: u64,
    /// SYNs that met a full accept queue.
    pub backlog_dropped: u64,
    /// How often a host banned us.
    pub bans: u64,
    /// SYNs that a host ignored because it had banned us.
    pub banned: u64,
    /// SYNs that reached a host after its death.
    pub dead: u64,

    /// Completions delivered again, under the name of an attempt that was over.
    pub duplicates: u64,
    /// Completions that were never earned, under a wrong tag.
    pub forged: u64,
    /// Sockets that met themselves.
    pub self_connects: u64,

    /// Connects refused for want of a descriptor.
    pub no_descriptors: u64,
    /// Connects refused for want of a local port.
    pub no_ports: u64,
    /// Connects refused for want of memory.
    pub no_buffers: u64,
    /// Connects refused by this machine's own firewall.
    pub local_firewall: u64,
    /// Connects refused for want of a route.
    pub no_route: u64,
    /// Connects that failed because the next machine does not answer.
    pub no_neighbour: u64,
    /// Wake-ups that came late.
    pub stalls: u64,
}

impl Counters {
    /// Connects that this machine failed by itself.
    pub const fn local_faults(&self) -> u64 {
        self.no_descriptors
            + self.no_ports
            + self.no_buffers
            + self.local_firewall
            + self.no_route
            + self.no_neighbour
    }
}
