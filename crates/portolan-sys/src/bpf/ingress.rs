//! Programs at the ingress of an interface: behind packet sockets, before everything else of the kernel (tcx).
//!
//! Before editing, read "tcx" in `include/uapi/linux/bpf.h` and `net/core/dev.c`: a tap on ETH_P_ALL is told of a packet
//! before these programs run, one on a single EtherType behind them.

use std::ffi::{CStr, c_int};
use std::os::fd::OwnedFd;

use super::{
    BPF_LINK_CREATE, Instruction, Purpose, Refused, TestRun, bpf, bpf_descriptor, load, raw, test_run,
};
use crate::Errno;

/// A program for what comes in at an interface, that the verifier has let pass.
#[derive(Debug)]
pub struct IngressProgram {
    fd: OwnedFd,
}

impl IngressProgram {
    /// It has no opinion: the next program, or the kernel, decides (`TCX_NEXT`).
    pub const NEXT: u32 = u32::MAX;

    /// Nobody behind it sees the packet (`TCX_DROP`).
    pub const DROP: u32 = 2;

    /// Loads instructions; see [`XdpProgram::load`](super::XdpProgram::load). Their first argument is a
    /// `struct __sk_buff`.
    pub fn load(instructions: &[Instruction], licence: &CStr) -> Result<Self, Refused> {
        Ok(IngressProgram { fd: load(INGRESS, instructions, licence)? })
    }

    /// Runs it on one frame, from its Ethernet header on, without any interface.
    pub fn test_run(&self, frame: &[u8]) -> Result<TestRun, Errno> {
        test_run(&self.fd, frame)
    }
}

/// A program at an interface, for as long as this lives: it goes with its descriptor, so also when the process is
/// killed.
#[derive(Debug)]
pub struct IngressLink {
    _fd: OwnedFd,
}

impl IngressLink {
    /// Puts a program before all others that are at the ingress of an interface of this network namespace; they stay.
    /// Since Linux 6.6 (before: EINVAL). ENODEV if there is no such interface.
    ///
    /// The kernel waits for whoever reads its list of programs: some 10 ms to attach one, and as long to take it away.
    pub fn attach(program: &IngressProgram, interface: u32) -> Result<Self, Errno> {
        let mut attributes = LinkCreate {
            prog_fd: raw(&program.fd),
            target_ifindex: interface,
            attach_type: BPF_TCX_INGRESS,
            flags: BPF_F_BEFORE,
            relative: 0,
            padding: 0,
            expected_revision: 0,
        };
        // SAFETY: the attributes of this command hold no pointers.
        let fd = unsafe { bpf_descriptor(BPF_LINK_CREATE, &mut attributes)? };
        Ok(IngressLink { _fd: fd })
    }
}

/// How many programs are at the ingress of an interface of this network namespace. Needs CAP_NET_ADMIN.
pub fn programs_at_ingress(interface: u32) -> Result<u32, Errno> {
    let mut attributes =
        Query { target_ifindex: interface, attach_type: BPF_TCX_INGRESS, ..Query::default() };
    // SAFETY: no room is named for anything that the kernel would write through a pointer.
    unsafe { bpf(BPF_PROG_QUERY, &mut attributes)? };
    Ok(attributes.count)
}

/// `BPF_PROG_QUERY`, which is told of no room for the programs' own numbers.
#[derive(Default)]
#[repr(C)]
struct Query {
    target_ifindex: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    prog_ids: u64,
    count: u32,
    padding: u32,
    prog_attach_flags: u64,
    link_ids: u64,
    link_attach_flags: u64,
    revision: u64,
}

/// `BPF_LINK_CREATE` with what it takes for tcx: before which program. None is before all of them.
#[repr(C)]
struct LinkCreate {
    prog_fd: u32,
    target_ifindex: u32,
    attach_type: u32,
    flags: u32,
    relative: u32,
    padding: u32,
    expected_revision: u64,
}

const INGRESS: Purpose = Purpose { program: BPF_PROG_TYPE_SCHED_CLS, attach: BPF_TCX_INGRESS };

// include/uapi/linux/bpf.h.
const BPF_PROG_QUERY: c_int = 16;
const BPF_PROG_TYPE_SCHED_CLS: u32 = 3;
const BPF_TCX_INGRESS: u32 = 46;
const BPF_F_BEFORE: u32 = 1 << 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bpf::asm::Assembler;
    use crate::packet::tests::{IPV4, gather};
    use crate::packet::{Filter, PacketSocket, RingSize};
    use crate::testing::{Cable, in_own_namespace};

    fn always(verdict: u32) -> IngressProgram {
        let mut asm = Assembler::default();
        asm.exit(verdict);
        IngressProgram::load(&asm.finish(), c"MIT").unwrap()
    }

    /// How many IPv4 packets the kernel has taken in from a device, in the namespace of this thread.
    fn taken_in() -> u64 {
        let counters = std::fs::read_to_string("/proc/thread-self/net/snmp").unwrap();
        let mut lines = counters.lines().filter(|line| line.starts_with("Ip: "));
        let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
        let mut pairs = names.split(' ').zip(values.split(' '));
        pairs.find(|(name, _)| *name == "InReceives").unwrap().1.parse().unwrap()
    }

    #[test]
    fn a_tap_is_told_of_what_the_kernel_is_kept_from() {
        in_own_namespace("a_tap_is_told_of_what_the_kernel_is_kept_from", || {
            let cable = Cable::lay();
            let open = || PacketSocket::open(RingSize::default(), &Filter::none());
            let mut far = cable.at_the_far_end(open).unwrap();
            let mut near = cable.at_the_near_end(open).unwrap();
            let attach = |verdict| IngressLink::attach(&always(verdict), cable.near_index()).unwrap();
            let mut send = |bytes: &[u8]| {
                assert_eq!(far.send(&[cable.to_the_near_end(IPV4, bytes)]), (1, None));
                assert_eq!(gather(&mut near, 1)[0].bytes, bytes, "the tap is told either way");
            };
            let until_taken_in = |count| while taken_in() < count {};
            let packet =
                [[0x45, 0, 0, 20].as_slice(), &[0; 4], &[64, 1, 0, 0], &[198, 18, 0, 2, 198, 18, 0, 1]];
            let packet = packet.concat();

            let passes = attach(IngressProgram::NEXT);
            send(&packet);
            until_taken_in(1);
            assert_eq!(programs_at_ingress(cable.near_index()), Ok(1));
            // What comes last stands first.
            let drops = attach(IngressProgram::DROP);
            send(&packet);
            drop(drops);
            send(&packet);
            until_taken_in(2);
            drop(passes);
            assert_eq!(programs_at_ingress(cable.near_index()), Ok(0));
            send(&packet);
            until_taken_in(3);
            assert_eq!(taken_in(), 3, "one of four was dropped");
            assert!(IngressLink::attach(&always(IngressProgram::NEXT), u32::MAX).is_err());
        });
    }

    #[test]
    fn a_program_says_what_becomes_of_a_frame() {
        in_own_namespace("a_program_says_what_becomes_of_a_frame", || {
            for verdict in [IngressProgram::NEXT, IngressProgram::DROP] {
                let run = always(verdict).test_run(&[0; 60]).unwrap();
                assert_eq!(run.verdict, verdict);
            }
        });
    }
}
