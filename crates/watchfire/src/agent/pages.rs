//! Gives back the pages of the program's own file that only the start needed.
//!
//! Command line, configuration and the loader's relocations touch most of the program once; the kernel maps sixteen pages
//! for each that is touched, and has no reason to take them away while there is memory. What runs afterwards needs a fifth
//! of them. They stay in the page cache, so whatever is needed again comes back without reading from a disk.

use std::fs::File;
use std::io::Read;

const PT_LOAD: u32 = 1;
const PF_W: u32 = 2;
const HEADER_BYTES: usize = 64;
const ENTRY_BYTES: usize = 56;

/// A part of the program's file, as addresses relative to where the program lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    start: u64,
    end: u64,
}

/// Gives back what is mapped of code and constants. Says how many bytes of the file that is, or why it was left.
pub(super) fn give_back() -> std::io::Result<u64> {
    let mut head = Vec::new();
    File::open("/proc/self/exe")?.take(4096).read_to_end(&mut head)?;
    let segments = never_written(&head).ok_or_else(|| unexpected("the program's own header"))?;
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let program = std::fs::read_link("/proc/self/exe")?;
    let base = base(&maps, &program.to_string_lossy()).ok_or_else(|| unexpected("/proc/self/maps"))?;
    let page = rustix::param::page_size() as u64;
    let mut bytes = 0;
    for Segment { start, end } in segments {
        // Whole pages only: the last one may hold the beginning of what is written.
        let start = base + start.next_multiple_of(page);
        let end = (base + end) / page * page;
        if end > start {
            discard(start, end - start)?;
            bytes += end - start;
        }
    }
    Ok(bytes)
}

fn unexpected(what: &str) -> std::io::Error {
    std::io::Error::other(format!("{what} does not look as expected"))
}

#[expect(unsafe_code, reason = "there is no other way to tell the kernel")]
fn discard(start: u64, length: u64) -> std::io::Result<()> {
    // SAFETY: the range is of segments that are mapped from the file without the right to write, so that every page that goes
    // comes back from the file with the same bytes when it is next touched. What the loader relocates lies in segments with
    // that right, which `never_written` leaves out.
    let outcome = unsafe {
        libc::madvise(std::ptr::without_provenance_mut(start as usize), length as usize, libc::MADV_DONTNEED)
    };
    if outcome == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// The segments of a 64-bit little-endian ELF file that are mapped without the right to write; from its first bytes.
fn never_written(head: &[u8]) -> Option<Vec<Segment>> {
    if head.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let table = usize::try_from(number::<8>(head, 32)?).ok()?;
    let entry_bytes = usize::try_from(number::<2>(head, 54)?).ok()?;
    let count = usize::try_from(number::<2>(head, 56)?).ok()?;
    if table < HEADER_BYTES || entry_bytes != ENTRY_BYTES {
        return None;
    }
    let mut segments = Vec::new();
    for index in 0..count {
        let entry = head.get(table + index * ENTRY_BYTES..)?.get(..ENTRY_BYTES)?;
        let (kind, flags) = (number::<4>(entry, 0)?, number::<4>(entry, 4)?);
        if kind == u64::from(PT_LOAD) && flags & u64::from(PF_W) == 0 {
            let start = number::<8>(entry, 16)?;
            segments.push(Segment { start, end: start.checked_add(number::<8>(entry, 32)?)? });
        }
    }
    Some(segments)
}

fn number<const BYTES: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let mut wide = [0; 8];
    wide.get_mut(..BYTES)?.copy_from_slice(bytes.get(at..at.checked_add(BYTES)?)?);
    Some(u64::from_le_bytes(wide))
}

/// Where the program lies: where the beginning of its file is mapped.
fn base(maps: &str, program: &str) -> Option<u64> {
    maps.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let (range, _, offset) = (words.next()?, words.next()?, words.next()?);
        let is_program = line.ends_with(program) && u64::from_str_radix(offset, 16) == Ok(0);
        let start = range.split('-').next()?;
        is_program.then(|| u64::from_str_radix(start, 16).ok())?
    })
}

#[cfg(test)]
mod tests;
