//! An assembler for eBPF: as much of RFC 9669 (BPF Instruction Set Architecture) as our programs need.

use std::os::fd::{AsFd, AsRawFd};

use super::Instruction;

/// A register. The first is for results, the next five for arguments and lost in calls, the next four are kept.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Register(u8);

/// What a function returned, and what the program returns.
pub const R0: Register = Register(0);
/// The first argument; at the start, what the program is about.
pub const R1: Register = Register(1);
/// The second argument.
pub const R2: Register = Register(2);
/// The third.
pub const R3: Register = Register(3);
/// The fourth.
pub const R4: Register = Register(4);
/// The fifth.
pub const R5: Register = Register(5);
/// Kept in calls.
pub const R6: Register = Register(6);
/// Kept in calls.
pub const R7: Register = Register(7);
/// Kept in calls.
pub const R8: Register = Register(8);
/// Kept in calls.
pub const R9: Register = Register(9);
/// The end of the stack, which grows down.
pub const STACK: Register = Register(10);

/// A second operand.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// What is in it.
    Register(Register),
    /// A constant; operations on 64 bits extend its sign.
    Constant(u32),
}

impl From<Register> for Source {
    fn from(register: Register) -> Self {
        Source::Register(register)
    }
}

impl From<u32> for Source {
    fn from(constant: u32) -> Self {
        Source::Constant(constant)
    }
}

/// How many bytes of memory (section 5).
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Size {
    /// Four.
    Word = 0x00,
    /// Two.
    Half = 0x08,
    /// One.
    Byte = 0x10,
    /// Eight.
    Double = 0x18,
}

/// Arithmetic (section 4.1).
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Alu {
    /// `+`
    Add = 0x00,
    /// `-`
    Sub = 0x10,
    /// `*`
    Mul = 0x20,
    /// `|`
    Or = 0x40,
    /// `&`
    And = 0x50,
    /// `<<`
    ShiftLeft = 0x60,
    /// `>>`; zeros come in.
    ShiftRight = 0x70,
    /// `^`
    Xor = 0xa0,
    /// The second operand alone.
    Move = 0xb0,
}

/// What is asked before a jump (section 4.3); without signs.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum If {
    /// `==`
    Equal = 0x10,
    /// `>`
    Greater = 0x20,
    /// `!=`
    NotEqual = 0x50,
    /// `<`
    Less = 0xa0,
}

/// Functions of the kernel (`include/uapi/linux/bpf.h`, `___BPF_FUNC_MAPPER`).
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Helper {
    /// `bpf_map_lookup_elem`
    MapLookup = 1,
    /// `bpf_get_prandom_u32`
    Random = 7,
    /// `bpf_get_smp_processor_id`
    ProcessorNumber = 8,
    /// `bpf_redirect`
    Redirect = 23,
    /// `bpf_xdp_adjust_head`
    AdjustHead = 44,
    /// `bpf_xdp_adjust_tail`
    AdjustTail = 65,
    /// `bpf_skb_load_bytes_relative`
    LoadBytesRelative = 68,
}

/// A place to jump to.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Label(usize);

/// A program in the making.
#[derive(Default, Debug)]
pub struct Assembler {
    code: Vec<Instruction>,
    /// Where each label is, when that is known.
    labels: Vec<Option<usize>>,
    /// Which instruction jumps to which label.
    jumps: Vec<(usize, Label)>,
}

impl Assembler {
    /// A label that is not anywhere yet.
    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Here it is.
    pub fn bind(&mut self, label: Label) {
        let before = self.labels[label.0].replace(self.code.len());
        assert_eq!(before, None, "a label is in one place");
    }

    /// `to = to operation with`, 64 bits.
    pub fn alu(&mut self, operation: Alu, to: Register, with: impl Into<Source>) {
        self.with_source(CLASS_ALU64 | operation as u8, to, 0, with.into());
    }

    /// The same on the low 32 bits; the high ones become zero.
    pub fn alu32(&mut self, operation: Alu, to: Register, with: impl Into<Source>) {
        self.with_source(CLASS_ALU32 | operation as u8, to, 0, with.into());
    }

    /// Between the order of the network and that of the processor, as many bytes as `size` says; the rest become zero.
    pub fn network_order(&mut self, register: Register, size: Size) {
        let bits = match size {
            Size::Byte => return,
            Size::Half => 16,
            Size::Word => 32,
            Size::Double => 64,
        };
        self.push(CLASS_ALU32 | TO_BIG_ENDIAN, register, Register(0), 0, bits);
    }

    /// `to = memory[base + offset]`.
    pub fn load(&mut self, size: Size, to: Register, base: Register, offset: i16) {
        self.push(CLASS_LOAD | MEMORY | size as u8, to, base, offset, 0);
    }

    /// `memory[base + offset] = value`.
    pub fn store(&mut self, size: Size, base: Register, offset: i16, value: impl Into<Source>) {
        match value.into() {
            Source::Register(from) => {
                self.push(CLASS_STORE_REGISTER | MEMORY | size as u8, base, from, offset, 0);
            }
            Source::Constant(value) => {
                self.push(CLASS_STORE | MEMORY | size as u8, base, Register(0), offset, value.cast_signed());
            }
        }
    }

    /// `to` = a constant of 64 bits.
    pub fn load_constant(&mut self, to: Register, value: u64) {
        let half = |value: u64| (value as u32).cast_signed();
        self.push(LOAD_WIDE, to, Register(0), 0, half(value));
        self.push(0, Register(0), Register(0), 0, half(value >> 32));
    }

    /// `to` = a map, to be given to a function.
    pub fn load_map(&mut self, to: Register, map: impl AsFd) {
        self.push(LOAD_WIDE, to, MAP_BY_DESCRIPTOR, 0, map.as_fd().as_raw_fd());
        self.push(0, Register(0), Register(0), 0, 0);
    }

    /// Goes there.
    pub fn jump(&mut self, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.push(CLASS_JUMP64, Register(0), Register(0), 0, 0);
    }

    /// Goes there if `left` is so beside `right`, 64 bits.
    pub fn jump_if(&mut self, is: If, left: Register, right: impl Into<Source>, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.with_source(CLASS_JUMP64 | is as u8, left, 0, right.into());
    }

    /// The same with the low 32 bits.
    pub fn jump32_if(&mut self, is: If, left: Register, right: impl Into<Source>, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.with_source(CLASS_JUMP32 | is as u8, left, 0, right.into());
    }

    /// Calls a function; its result is in the first register.
    pub fn call(&mut self, helper: Helper) {
        self.push(CLASS_JUMP64 | CALL, Register(0), Register(0), 0, helper as i32);
    }

    /// Ends the program with this result.
    pub fn exit(&mut self, result: u32) {
        self.alu32(Alu::Move, R0, result);
        self.leave();
    }

    /// Ends the program with what is in the first register.
    pub fn leave(&mut self) {
        self.push(CLASS_JUMP64 | EXIT, Register(0), Register(0), 0, 0);
    }

    /// The finished program.
    pub fn finish(mut self) -> Vec<Instruction> {
        for (from, label) in self.jumps {
            let to = self.labels[label.0].expect("every label that is jumped to is somewhere");
            // A jump counts from the instruction behind it.
            let distance = to.cast_signed() - from.cast_signed() - 1;
            self.code[from].offset = distance.try_into().expect("a program is short");
        }
        self.code
    }

    fn with_source(&mut self, code: u8, to: Register, offset: i16, with: Source) {
        match with {
            Source::Register(from) => self.push(code | FROM_REGISTER, to, from, offset, 0),
            Source::Constant(value) => self.push(code, to, Register(0), offset, value.cast_signed()),
        }
    }

    fn push(&mut self, code: u8, to: Register, from: Register, offset: i16, immediate: i32) {
        self.code.push(Instruction { code, registers: from.0 << 4 | to.0, offset, immediate });
    }
}

// RFC 9669 section 3.3, instruction classes.
const CLASS_LOAD: u8 = 0x01;
const CLASS_STORE: u8 = 0x02;
const CLASS_STORE_REGISTER: u8 = 0x03;
const CLASS_ALU32: u8 = 0x04;
const CLASS_JUMP64: u8 = 0x05;
const CLASS_JUMP32: u8 = 0x06;
const CLASS_ALU64: u8 = 0x07;

// Section 4.
const FROM_REGISTER: u8 = 0x08;
const TO_BIG_ENDIAN: u8 = 0xd8;
const CALL: u8 = 0x80;
const EXIT: u8 = 0x90;

// Section 5.
const MEMORY: u8 = 0x60;
const LOAD_WIDE: u8 = 0x18;
/// The wide constant is a descriptor of this process, and the kernel puts the map in its place.
const MAP_BY_DESCRIPTOR: Register = Register(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn instruction(code: u8, registers: u8, offset: i16, immediate: i32) -> Instruction {
        Instruction { code, registers, offset, immediate }
    }

    #[test]
    fn instructions_are_written_as_the_kernel_reads_them() {
        let mut asm = Assembler::default();
        asm.alu(Alu::Move, R6, R1);
        asm.alu32(Alu::Mul, R2, 0x9e37_79b1);
        asm.load(Size::Half, R1, R7, 12);
        asm.store(Size::Double, STACK, -8, R3);
        asm.store(Size::Byte, R7, 3, 5);
        asm.network_order(R4, Size::Half);
        asm.call(Helper::AdjustTail);
        asm.load_constant(R8, 0x0123_4567_89ab_cdef);
        asm.exit(1);
        let expected = [
            instruction(0xbf, 0x16, 0, 0),
            instruction(0x24, 0x02, 0, 0x9e37_79b1_u32.cast_signed()),
            instruction(0x69, 0x71, 12, 0),
            instruction(0x7b, 0x3a, -8, 0),
            instruction(0x72, 0x07, 3, 5),
            instruction(0xdc, 0x04, 0, 16),
            instruction(0x85, 0, 0, 65),
            instruction(0x18, 0x08, 0, 0x89ab_cdef_u32.cast_signed()),
            instruction(0, 0, 0, 0x0123_4567),
            instruction(0xb4, 0, 0, 1),
            instruction(0x95, 0, 0, 0),
        ];
        assert_eq!(asm.finish(), expected);
    }

    #[test]
    fn jumps_go_forth_and_back() {
        let mut asm = Assembler::default();
        let (start, end) = (asm.label(), asm.label());
        asm.bind(start);
        asm.jump_if(If::Greater, R1, R8, end);
        asm.jump32_if(If::Equal, R1, 7, end);
        asm.jump(start);
        asm.bind(end);
        asm.exit(0);
        let code = asm.finish();
        assert_eq!(code[0], instruction(0x2d, 0x81, 2, 0));
        assert_eq!(code[1], instruction(0x16, 0x01, 1, 7));
        assert_eq!(code[2], instruction(0x05, 0, -3, 0));
    }
}
