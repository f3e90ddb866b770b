//! bpf(2): maps, programs and the link that holds a program to an interface.
//!
//! Before editing, read bpf(2), Documentation/bpf/ of Linux (`map_array.rst`, `bpf_prog_run.rst`) and `union bpf_attr` in
//! `include/uapi/linux/bpf.h`: each struct below is the part of that union that its command reads, field by field and
//! without padding of the compiler's own. The kernel takes what is beyond its end as zero.

use std::error::Error;
use std::ffi::{CStr, c_int, c_long};
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use crate::Errno;
use crate::socket::last_errno;

pub mod asm;
mod ingress;

pub use ingress::{IngressLink, IngressProgram, programs_at_ingress};

/// One instruction, as the kernel reads it (RFC 9669 section 3.1).
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Instruction {
    /// What to do.
    pub code: u8,
    /// The destination register in the low four bits, the source register in the high four.
    pub registers: u8,
    /// Of an address, or of a jump.
    pub offset: i16,
    /// A constant.
    pub immediate: i32,
}

/// How a map finds its values.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum MapKind {
    /// By any key; there is nothing until it is put there.
    Hash,
    /// By a number of four bytes below the count of entries; all of them exist, and are zero at first.
    Array,
}

/// Memory that programs and this process share.
#[derive(Debug)]
pub struct Map {
    fd: OwnedFd,
    key_length: usize,
    value_length: usize,
}

impl Map {
    /// A new one, with room for so many entries. Needs CAP_BPF, or CAP_SYS_ADMIN before Linux 5.8.
    pub fn create(
        kind: MapKind,
        key_length: usize,
        value_length: usize,
        entries: u32,
    ) -> Result<Self, Errno> {
        let mut attributes = MapCreate {
            map_type: match kind {
                MapKind::Hash => BPF_MAP_TYPE_HASH,
                MapKind::Array => BPF_MAP_TYPE_ARRAY,
            },
            key_size: length(key_length)?,
            value_size: length(value_length)?,
            max_entries: entries,
        };
        // SAFETY: the attributes of this command hold no pointers.
        let fd = unsafe { bpf_descriptor(BPF_MAP_CREATE, &mut attributes)? };
        Ok(Map { fd, key_length, value_length })
    }

    /// Puts a value at a key, in the place of what was there. EINVAL if either has not the length of this map.
    pub fn update(&self, key: &[u8], value: &[u8]) -> Result<(), Errno> {
        if key.len() != self.key_length || value.len() != self.value_length {
            return Err(Errno::INVAL);
        }
        let mut attributes = self.element(key, value.as_ptr() as u64);
        // SAFETY: the kernel reads as many bytes of key and value as the map was created with; the slices have just
        // been found to be as long, and they outlive the call.
        unsafe { bpf(BPF_MAP_UPDATE_ELEM, &mut attributes) }.map(drop)
    }

    /// The value at a key; ENOENT if there is none, EINVAL if the key has not the length of this map.
    pub fn lookup(&self, key: &[u8]) -> Result<Vec<u8>, Errno> {
        if key.len() != self.key_length {
            return Err(Errno::INVAL);
        }
        let mut value = vec![0; self.value_length];
        let mut attributes = self.element(key, value.as_mut_ptr() as u64);
        // SAFETY: the kernel reads a key and writes a value as long as the map was created with (no map of a kind that
        // has a value for each processor can be made here); so long are the two buffers, and they outlive the call.
        unsafe { bpf(BPF_MAP_LOOKUP_ELEM, &mut attributes)? };
        Ok(value)
    }

    fn element(&self, key: &[u8], value: u64) -> MapElement {
        MapElement { map_fd: raw(&self.fd), padding: 0, key: key.as_ptr() as u64, value, flags: 0 }
    }
}

impl AsFd for Map {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A program that the kernel has not taken, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// EPERM without privilege; EINVAL or EACCES if the verifier found fault with it.
    pub errno: Errno,
    /// What the verifier said of each instruction; the last lines name the fault. Empty if it was not asked.
    pub log: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.errno)?;
        if self.log.is_empty() { Ok(()) } else { write!(f, "; the verifier said:\n{}", self.log.trim_end()) }
    }
}

impl Error for Refused {}

/// An XDP program that the verifier has let pass. It keeps the maps that it names.
#[derive(Debug)]
pub struct XdpProgram {
    fd: OwnedFd,
}

/// What a program did to one frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TestRun {
    /// What it returned, `XDP_PASS` and so on.
    pub verdict: u32,
    /// The frame afterwards.
    pub frame: Vec<u8>,
}

impl XdpProgram {
    /// Loads instructions. The licence decides which functions of the kernel they may call. Needs CAP_BPF and
    /// CAP_NET_ADMIN, or CAP_SYS_ADMIN before Linux 5.8.
    pub fn load(instructions: &[Instruction], licence: &CStr) -> Result<Self, Refused> {
        Ok(XdpProgram { fd: load(XDP, instructions, licence)? })
    }

    /// Runs it on one frame without any interface (`BPF_PROG_TEST_RUN`). A frame has at least an Ethernet header.
    pub fn test_run(&self, frame: &[u8]) -> Result<TestRun, Errno> {
        test_run(&self.fd, frame)
    }

    /// Lets it do to so many copies of a frame, arriving at an interface, what it would do there: sent back with
    /// `XDP_TX`, they leave through the interface (`BPF_F_TEST_XDP_LIVE_FRAMES`, since Linux 5.18). The copies are
    /// made once and come back changed, so the program must be one that does not mind.
    pub fn run_live(&self, frame: &[u8], interface: u32, copies: u32) -> Result<(), Errno> {
        let context = Context { data_end: length(frame.len())?, interface, ..Context::default() };
        let mut attributes = ProgramRun {
            prog_fd: raw(&self.fd),
            data_size_in: context.data_end,
            data_in: frame.as_ptr() as u64,
            repeat: copies,
            ctx_size_in: length(size_of::<Context>())?,
            ctx_in: (&raw const context) as u64,
            flags: BPF_F_TEST_XDP_LIVE_FRAMES,
            ..ProgramRun::default()
        };
        // SAFETY: the kernel reads `data_size_in` and `ctx_size_in` bytes; so long are the frame and the context, and
        // they outlive the call. There is nothing that it writes to but the attributes.
        unsafe { bpf(BPF_PROG_TEST_RUN, &mut attributes) }.map(drop)
    }
}

/// Where a program runs.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum XdpMode {
    /// In the driver, before the kernel has made a packet of what came.
    Native,
    /// On every packet that a driver without XDP has handed over.
    Generic,
}

/// A program at an interface, for as long as this lives: it goes with its descriptor, so also when the process is
/// killed.
#[derive(Debug)]
pub struct XdpLink {
    _fd: OwnedFd,
    mode: XdpMode,
}

impl XdpLink {
    /// Attaches a program to an interface of this network namespace: in the driver, or behind it where the driver
    /// refuses. EBUSY if another program is there. Since Linux 5.9.
    pub fn attach(program: &XdpProgram, interface: u32) -> Result<Self, Errno> {
        match attach_as(program, interface, XdpMode::Native) {
            // No driver would take it then either.
            Err(errno @ (Errno::BUSY | Errno::PERM)) => Err(errno),
            Err(_) => attach_as(program, interface, XdpMode::Generic),
            link => link,
        }
    }

    /// Where the program runs.
    pub fn mode(&self) -> XdpMode {
        self.mode
    }
}

fn attach_as(program: &XdpProgram, interface: u32, mode: XdpMode) -> Result<XdpLink, Errno> {
    let flags = match mode {
        XdpMode::Native => XDP_FLAGS_DRV_MODE,
        XdpMode::Generic => XDP_FLAGS_SKB_MODE,
    };
    let mut attributes =
        LinkCreate { prog_fd: raw(&program.fd), target_ifindex: interface, attach_type: BPF_XDP, flags };
    // SAFETY: the attributes of this command hold no pointers.
    let fd = unsafe { bpf_descriptor(BPF_LINK_CREATE, &mut attributes)? };
    Ok(XdpLink { _fd: fd, mode })
}

/// What a program is for: its type, and where it will be attached.
#[derive(Copy, Clone)]
struct Purpose {
    program: u32,
    attach: u32,
}

const XDP: Purpose = Purpose { program: BPF_PROG_TYPE_XDP, attach: BPF_XDP };

fn load(purpose: Purpose, instructions: &[Instruction], licence: &CStr) -> Result<OwnedFd, Refused> {
    try_load(purpose, instructions, licence, &mut []).map_err(|errno| {
        // Asked for its log, the verifier is slower, and fails when there is no room for all of it.
        let mut log = vec![0; LOG_LENGTH];
        let _ = try_load(purpose, instructions, licence, &mut log);
        let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
        Refused { errno, log: String::from_utf8_lossy(&log[..end]).into_owned() }
    })
}

fn test_run(program: &OwnedFd, frame: &[u8]) -> Result<TestRun, Errno> {
    // A program may make a frame longer, in the room that the kernel leaves before and behind it.
    let mut output = vec![0; frame.len() + 512];
    let mut attributes = ProgramRun {
        prog_fd: raw(program),
        retval: 0,
        data_size_in: length(frame.len())?,
        data_size_out: length(output.len())?,
        data_in: frame.as_ptr() as u64,
        data_out: output.as_mut_ptr() as u64,
        ..ProgramRun::default()
    };
    // SAFETY: the kernel reads `data_size_in` bytes and writes at most `data_size_out`; so long are the buffers,
    // and they outlive the call.
    unsafe { bpf(BPF_PROG_TEST_RUN, &mut attributes)? };
    output.truncate(usize::try_from(attributes.data_size_out).unwrap_or(usize::MAX));
    Ok(TestRun { verdict: attributes.retval, frame: output })
}

/// Without room for a log the verifier writes none.
fn try_load(
    purpose: Purpose,
    instructions: &[Instruction],
    licence: &CStr,
    log: &mut [u8],
) -> Result<OwnedFd, Errno> {
    let mut attributes = ProgramLoad {
        prog_type: purpose.program,
        insn_cnt: length(instructions.len())?,
        insns: instructions.as_ptr() as u64,
        license: licence.as_ptr() as u64,
        log_level: u32::from(!log.is_empty()),
        log_size: length(log.len())?,
        // The kernel refuses the address of a log that is not there.
        log_buf: if log.is_empty() { 0 } else { log.as_mut_ptr() as u64 },
        expected_attach_type: purpose.attach,
        ..ProgramLoad::default()
    };
    // SAFETY: the kernel reads `insn_cnt` instructions of its own layout and a text that ends in NUL, and writes at most
    // `log_size` bytes of log. All three outlive the call. What the instructions do is for the verifier to judge.
    unsafe { bpf_descriptor(BPF_PROG_LOAD, &mut attributes) }
}

/// A command that makes a descriptor.
///
/// # Safety
/// As for [`bpf`].
unsafe fn bpf_descriptor<T>(command: c_int, attributes: &mut T) -> Result<OwnedFd, Errno> {
    // SAFETY: the caller's promise.
    let made = unsafe { bpf(command, attributes)? };
    let fd = RawFd::try_from(made).map_err(|_| Errno::BADF)?;
    // SAFETY: the kernel has just made this descriptor (with O_CLOEXEC, as all of bpf(2)), and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The system call itself.
///
/// # Safety
/// `T` must be what `union bpf_attr` holds for this command. Its pointers must be valid for what the kernel reads and
/// writes through them.
unsafe fn bpf<T>(command: c_int, attributes: &mut T) -> Result<c_long, Errno> {
    let (attributes, size) = (&raw mut *attributes, size_of::<T>());
    // SAFETY: the kernel reads and writes `size` bytes at `attributes`, a struct of the caller's that is as long; the
    // rest is the caller's promise.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attributes, size) };
    if result < 0 { Err(last_errno()) } else { Ok(result) }
}

fn length(length: usize) -> Result<u32, Errno> {
    u32::try_from(length).map_err(|_| Errno::TOOBIG)
}

fn raw(fd: &OwnedFd) -> u32 {
    // An open descriptor is never negative.
    fd.as_raw_fd().cast_unsigned()
}

#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
}

#[repr(C)]
struct MapElement {
    map_fd: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[derive(Default)]
#[repr(C)]
struct ProgramLoad {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
}

#[derive(Default)]
#[repr(C)]
struct ProgramRun {
    prog_fd: u32,
    retval: u32,
    data_size_in: u32,
    data_size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    ctx_size_in: u32,
    ctx_size_out: u32,
    ctx_in: u64,
    ctx_out: u64,
    flags: u32,
    cpu: u32,
    batch_size: u32,
    padding: u32,
}

#[repr(C)]
struct LinkCreate {
    prog_fd: u32,
    target_ifindex: u32,
    attach_type: u32,
    flags: u32,
}

/// `struct xdp_md`: where a frame begins and ends, and where it came in.
#[derive(Default)]
#[repr(C)]
struct Context {
    data: u32,
    data_end: u32,
    data_meta: u32,
    interface: u32,
    queue: u32,
    out: u32,
}

// include/uapi/linux/bpf.h, enum bpf_cmd, bpf_map_type, bpf_prog_type, bpf_attach_type.
const BPF_MAP_CREATE: c_int = 0;
const BPF_MAP_LOOKUP_ELEM: c_int = 1;
const BPF_MAP_UPDATE_ELEM: c_int = 2;
const BPF_PROG_LOAD: c_int = 5;
const BPF_PROG_TEST_RUN: c_int = 10;
const BPF_LINK_CREATE: c_int = 28;
const BPF_MAP_TYPE_HASH: u32 = 1;
const BPF_MAP_TYPE_ARRAY: u32 = 2;
const BPF_PROG_TYPE_XDP: u32 = 6;
const BPF_XDP: u32 = 37;
const BPF_F_TEST_XDP_LIVE_FRAMES: u32 = 1 << 1;

// include/uapi/linux/if_link.h.
const XDP_FLAGS_SKB_MODE: u32 = 1 << 1;
const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;

/// What a verifier says of some thousand instructions.
const LOG_LENGTH: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// `r0 = value; exit`.
    fn returns(value: i32) -> [Instruction; 2] {
        [
            Instruction { code: 0xb7, registers: 0, offset: 0, immediate: value },
            Instruction { code: 0x95, registers: 0, offset: 0, immediate: 0 },
        ]
    }

    /// Whether the kernel lets us; says so if it does not.
    fn is_allowed(test: &str) -> bool {
        match Map::create(MapKind::Array, 4, 8, 1) {
            Ok(_) => true,
            Err(why) => {
                crate::testing::skip(test, &format!("bpf(2): {why}"));
                false
            }
        }
    }

    #[test]
    fn what_is_put_into_a_map_is_found_there() {
        if !is_allowed("what_is_put_into_a_map_is_found_there") {
            return;
        }
        let hash = Map::create(MapKind::Hash, 2, 3, 8).unwrap();
        assert_eq!(hash.lookup(&[1, 2]), Err(Errno::NOENT));
        hash.update(&[1, 2], &[3, 4, 5]).unwrap();
        hash.update(&[1, 2], &[6, 7, 8]).unwrap();
        assert_eq!(hash.lookup(&[1, 2]), Ok(vec![6, 7, 8]));
        assert_eq!(hash.lookup(&[1]), Err(Errno::INVAL));
        assert_eq!(hash.update(&[1, 2], &[3]), Err(Errno::INVAL));
        let array = Map::create(MapKind::Array, 4, 8, 2).unwrap();
        assert_eq!(array.lookup(&1_u32.to_ne_bytes()), Ok(vec![0; 8]));
        assert_eq!(array.lookup(&2_u32.to_ne_bytes()), Err(Errno::NOENT));
    }

    #[test]
    fn a_program_runs_on_a_frame() {
        if !is_allowed("a_program_runs_on_a_frame") {
            return;
        }
        let program = XdpProgram::load(&returns(2), c"MIT").unwrap();
        let frame: Vec<u8> = (0..64).collect();
        assert_eq!(program.test_run(&frame), Ok(TestRun { verdict: 2, frame }));
        assert!(program.test_run(&[0; 4]).is_err());
        assert!(XdpLink::attach(&program, u32::MAX).is_err());
    }

    #[test]
    fn the_verifier_says_what_it_found_fault_with() {
        if !is_allowed("the_verifier_says_what_it_found_fault_with") {
            return;
        }
        let without_exit = XdpProgram::load(&returns(2)[..1], c"MIT").unwrap_err();
        assert_eq!(without_exit.errno, Errno::INVAL);
        assert!(without_exit.to_string().contains("the verifier said:\n"), "{without_exit}");
    }
}
