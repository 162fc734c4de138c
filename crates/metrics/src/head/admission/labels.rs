//! What admission must know of labels, read from their packed bytes without making anything of them.

use std::hash::BuildHasher;

/// A label and the hashes of its parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct HashedLabel<'a> {
    pub(super) name: &'a [u8],
    pub(super) name_hash: u64,
    pub(super) value_hash: u64,
}

/// Who a series belongs to. What a series has no label for is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Owner<'a> {
    pub(super) job: &'a [u8],
    pub(super) instance: &'a [u8],
    pub(super) tenant: &'a [u8],
}

impl<'a> Owner<'a> {
    pub(super) fn of(packed: &'a [u8], tenant_label: &str) -> Self {
        let mut owner = Self::default();
        for (name, value) in Packed(packed) {
            match name {
                b"job" => owner.job = value,
                b"instance" => owner.instance = value,
                _ => {}
            }
            if name == tenant_label.as_bytes() && !name.is_empty() {
                owner.tenant = value;
            }
        }
        owner
    }
}

/// A series by its hashes.
#[derive(Debug)]
pub(super) struct HashedSeries<'a> {
    pub(super) hash: u64,
    pub(super) labels: Vec<HashedLabel<'a>>,
}

impl<'a> HashedSeries<'a> {
    pub(super) fn of(packed: &'a [u8], hasher: &impl BuildHasher) -> Self {
        let hashed = |(name, value)| HashedLabel {
            name,
            name_hash: hasher.hash_one(name),
            value_hash: hasher.hash_one(value),
        };
        Self { hash: hasher.hash_one(packed), labels: Packed(packed).map(hashed).collect() }
    }
}

/// Whether packed labels stand in the one order that a label set has, each once and none of them empty.
pub(crate) fn is_ordered(packed: &[u8]) -> bool {
    let mut before: Option<&[u8]> = None;
    let mut labels = Packed(packed);
    let rises = labels.by_ref().all(|(name, value)| {
        let rises = !value.is_empty() && before.is_none_or(|before| before < name);
        before = Some(name);
        rises
    });
    rises && labels.0.is_empty()
}

/// Packed labels in whatever order and of whatever bytes they were sent; ends where they are cut off.
struct Packed<'a>(&'a [u8]);

fn split_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = 0;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((length, bytes.get(index + 1..)?));
        }
    }
    None
}

impl<'a> Iterator for Packed<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name_length, rest) = split_length(self.0)?;
        let (value_length, rest) = split_length(rest)?;
        let (name, rest) = rest.split_at_checked(name_length)?;
        let (value, rest) = rest.split_at_checked(value_length)?;
        self.0 = rest;
        Some((name, value))
    }
}
