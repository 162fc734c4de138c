//! The texts of timestamps, which the series of an answer share.

use super::push_timestamp;

/// No text of a timestamp with what stands about it is longer: a sign, twenty digits, a point, `[` and `,"`.
const MAX_BYTES: usize = 28;

#[derive(Debug)]
struct Stamp {
    at_ms: i64,
    text: [u8; MAX_BYTES],
    len: u8,
}

/// The beginnings of samples, such as `[1435781451.781,"`, made when they are first needed.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    /// In time order.
    known: Vec<Stamp>,
    /// The next one of this series, most likely.
    next: usize,
}

fn push_beginning(out: &mut Vec<u8>, timestamp_ms: i64) {
    out.push(b'[');
    push_timestamp(out, timestamp_ms);
    out.extend_from_slice(b",\"");
}

impl Stamps {
    /// Another series begins.
    pub(super) const fn rewind(&mut self) {
        self.next = 0;
    }

    /// Appends the beginning of a sample.
    pub(super) fn push(&mut self, out: &mut Vec<u8>, timestamp_ms: i64) {
        while let Some(stamp) = self.known.get(self.next).filter(|stamp| stamp.at_ms <= timestamp_ms) {
            self.next += 1;
            if stamp.at_ms == timestamp_ms {
                // Of a fixed length, which is quicker.
                let end = out.len() + usize::from(stamp.len);
                out.extend_from_slice(&stamp.text);
                out.truncate(end);
                return;
            }
        }
        let begin = out.len();
        push_beginning(out, timestamp_ms);
        if self.next < self.known.len() {
            return;
        }
        let text = out.get(begin..).unwrap_or_default();
        let mut stamp = Stamp { at_ms: timestamp_ms, text: [0; MAX_BYTES], len: text.len() as u8 };
        if let Some(room) = stamp.text.get_mut(..text.len()) {
            room.copy_from_slice(text);
            self.known.push(stamp);
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_gets_its_own_times_whatever_others_had() {
        let mut stamps = Stamps::default();
        for series in [
            &[3_000, 4_000, 5_500][..],
            &[-1_000, 4_000, 9_000],
            &[5_500],
            &[],
            &[4_500, i64::MAX],
            &[i64::MIN],
        ] {
            stamps.rewind();
            for at_ms in series {
                let (mut kept, mut made) = (Vec::new(), Vec::new());
                stamps.push(&mut kept, *at_ms);
                push_beginning(&mut made, *at_ms);
                assert_eq!(String::from_utf8(kept), String::from_utf8(made));
            }
        }
    }
}
