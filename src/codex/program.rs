//! Whether the system can start a file, by how the file begins.

use std::path::Path;

use super::Unfit;
use crate::fs::{self, Probe};
use crate::platform::Programs;

/// Mach-O for one processor, for several, and for 32 bits.
const MACH_O: [&[u8]; 3] = [b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\xce\xfa\xed\xfe"];

/// Checks that the system can start a file. A file that this user can execute but not read passes.
///
/// # Errors
/// [`Unfit::OtherMachine`], [`Unfit::Incomplete`], [`Unfit::NotAProgram`].
pub(super) fn check(probe: &Probe, programs: &Programs) -> Result<(), Unfit> {
    let head = probe.head.as_slice();
    let is_elf = head.starts_with(b"\x7fELF");
    let is_mach_o = MACH_O.iter().any(|magic| head.starts_with(magic));
    let is_other = match programs {
        Programs::Elf(machine) => is_mach_o || (is_elf && head.get(18..20) != Some(&machine.to_le_bytes())),
        Programs::MachO { foreign } => {
            let is_foreign = foreign.is_some_and(|cpu| head.get(4..8) == Some(&cpu.to_le_bytes()));
            is_elf || (head.starts_with(MACH_O[0]) && is_foreign)
        }
    };
    if is_other || head.starts_with(b"MZ") {
        Err(Unfit::OtherMachine)
    } else if is_elf && is_cut_off(head, probe.stat.size) {
        Err(Unfit::Incomplete)
    } else if is_elf || is_mach_o || !probe.was_read || is_text(head) {
        Ok(())
    } else {
        Err(Unfit::NotAProgram)
    }
}

/// Returns whether the file at `path` was seen to be text, so that a shell may run it.
pub(crate) fn is_script(path: &Path) -> bool {
    fs::probe(path).is_ok_and(|probe| is_text(&probe.head))
}

/// Returns whether a file may be a script: without `#!`, a shell and `execvp` have `/bin/sh` run it.
pub(super) fn is_text(head: &[u8]) -> bool {
    !head.is_empty() && !head.contains(&0)
}

/// Returns whether a 64-bit little-endian ELF program is longer than its file, as an interrupted installation leaves it. The system
/// would refuse such a file, and `execvp` would then have `/bin/sh` run its bytes.
fn is_cut_off(head: &[u8], size: u64) -> bool {
    /// What is loaded.
    const LOAD: u64 = 1;
    let number = |at: usize, length: usize| {
        let bytes = head.get(at..at.checked_add(length)?)?;
        Some(bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
    };
    let (Some(start), Some(length), Some(count)) = (number(32, 8), number(54, 2), number(56, 2)) else { return true };
    let ends = (0..count).filter_map(|index| {
        let at = usize::try_from(start.checked_add(index * length)?).ok()?;
        let is_loaded = number(at, 4)? == LOAD;
        is_loaded.then(|| number(at + 8, 8)?.checked_add(number(at + 32, 8)?)).flatten()
    });
    start.saturating_add(count * length) > size || ends.into_iter().any(|end| end > size)
}
