use std::time::Duration;

use portolan_model::Instant;

use crate::counters::Counters;
use crate::node::{Forgery, Node, NodeSpec, Pass, Passing, Ways};
use crate::packet::{Packet, Way};
use crate::random::Random;
use crate::world::World;

/// The nodes of a world at work, and through which of them each host is reached.
#[derive(Debug)]
pub(crate) struct Path {
    nodes: Vec<Element>,
    /// By the number of the hosts' description, from us outwards; the last is for addresses without a host.
    chains: Vec<Box<[usize]>>,
}

#[derive(Debug)]
struct Element {
    ways: Ways,
    needs_order: bool,
    /// What its own packets arrive with, if it makes any.
    ttl: u8,
    node: Box<dyn Node>,
}

/// A packet on its way.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    pub(crate) packet: Packet,
    pub(crate) way: Way,
    /// How many nodes lie between it and us.
    pub(crate) position: usize,
    /// On its way back, the TTL or hop limit it will arrive with: how far away its sender is.
    pub(crate) ttl: u8,
}

/// How far a packet came.
#[derive(Clone, Debug)]
pub(crate) enum Reached {
    /// The end of its way, this much later.
    End(Walk, Duration),
    /// A node that minds the order; to be walked on this much later.
    Waits(Walk, Duration),
    /// It is lost.
    Nowhere,
}

/// What nodes make besides.
#[derive(Clone, Debug)]
pub(crate) enum Extra {
    /// A copy, to be walked on this much later.
    Copy(Walk, Duration),
    /// Something that nobody earned, due this much later.
    Forged(Packet, Forgery, Duration),
}

impl Path {
    pub(crate) fn new(world: &World) -> Self {
        let mut path = Path { nodes: Vec::new(), chains: Vec::new() };
        let common = path.add(&world.spec.path);
        for host in &world.spec.hosts {
            let own = path.add(&host.path);
            path.chains.push(common.iter().copied().chain(own).collect());
        }
        path.chains.push(common.into());
        path
    }

    /// The chain for addresses without a host.
    pub(crate) fn nobodys(&self) -> u16 {
        u16::try_from(self.chains.len() - 1).unwrap_or(u16::MAX)
    }

    /// How many nodes lie before a host.
    pub(crate) fn len(&self, chain: u16) -> usize {
        self.chains[usize::from(chain)].len()
    }

    /// Walks a packet on, until its end or until a node minds when it comes.
    pub(crate) fn walk(
        &mut self,
        mut walk: Walk,
        now: Instant,
        (random, counters): (&mut Random, &mut Counters),
        mut besides: impl FnMut(Extra),
    ) -> Reached {
        let mut lag = Duration::ZERO;
        let Path { nodes, chains } = self;
        let chain = &chains[usize::from(walk.packet.chain)];
        while let Some(place) = next(&walk, chain) {
            let element = &mut nodes[chain[place]];
            if !element.ways.minds(walk.way) {
                walk.step();
                continue;
            }
            if element.needs_order && lag > Duration::ZERO {
                return Reached::Waits(walk, lag);
            }
            let passing = &mut Passing { now, random: &mut *random, counters: &mut *counters };
            match element.node.pass(&walk.packet, walk.way, passing) {
                Pass::On => {}
                Pass::Late(longer) => lag += longer,
                Pass::Lost => return Reached::Nowhere,
                Pass::Twice(later) => {
                    let mut copy = walk.clone();
                    copy.packet.copy = true;
                    copy.step();
                    besides(Extra::Copy(copy, lag + later));
                }
                Pass::Forged(forgery, later) => {
                    besides(Extra::Forged(walk.packet.clone(), forgery, lag + later));
                }
                Pass::Answered(content) => {
                    walk.packet.content = content;
                    (walk.way, walk.position, walk.ttl) = (Way::Back, place, element.ttl);
                    continue;
                }
            }
            walk.step();
        }
        Reached::End(walk, lag)
    }

    fn add(&mut self, specs: &[NodeSpec]) -> Vec<usize> {
        let first = self.nodes.len();
        self.nodes.extend(specs.iter().map(|spec| {
            let described = spec.describe();
            let node = described.build();
            let ttl = described.stand().map_or(0, |stand| stand.ttl);
            Element { ways: described.ways(), needs_order: node.needs_order(), ttl, node }
        }));
        (first..self.nodes.len()).collect()
    }
}

impl Walk {
    /// From us.
    pub(crate) fn out(packet: Packet) -> Self {
        Walk { packet, way: Way::Out, position: 0, ttl: 0 }
    }

    /// Past one node.
    fn step(&mut self) {
        match self.way {
            Way::Out => self.position += 1,
            Way::Back => self.position = self.position.saturating_sub(1),
        }
    }
}

/// Which of the chain's nodes comes next.
fn next(walk: &Walk, chain: &[usize]) -> Option<usize> {
    match walk.way {
        Way::Out => Some(walk.position).filter(|place| *place < chain.len()),
        Way::Back => walk.position.checked_sub(1),
    }
}
