//! Encoding: fields are appended to a buffer, nested messages get their length afterwards.

/// Writes the fields of one message. Zero values are left out, as proto3 does.
#[derive(Debug, Default)]
pub struct MessageWriter {
    bytes: Vec<u8>,
}

impl MessageWriter {
    /// An empty message.
    pub fn new() -> Self {
        Self::default()
    }

    /// The encoded message.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    fn key(&mut self, field: u32, wire_type: u8) {
        self.varint(u64::from(field) << 3 | u64::from(wire_type));
    }

    /// `uint64`, `int64` (its bits) or an enum.
    pub fn uint64(&mut self, field: u32, number: u64) {
        if number != 0 {
            self.present_uint64(field, number);
        }
    }

    /// The same in a `oneof`, where a zero says that this member is the one.
    pub fn present_uint64(&mut self, field: u32, number: u64) {
        self.key(field, 0);
        self.varint(number);
    }

    /// `sint32` and `sint64` (zigzag).
    pub fn sint64(&mut self, field: u32, number: i64) {
        self.uint64(field, zigzag(number));
    }

    /// A double; positive zero is left out.
    pub fn double(&mut self, field: u32, number: f64) {
        if number.to_bits() != 0 {
            self.present_double(field, number);
        }
    }

    /// A double in a `oneof`.
    pub fn present_double(&mut self, field: u32, number: f64) {
        self.key(field, 1);
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    /// Bytes or a string.
    pub fn bytes(&mut self, field: u32, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.key(field, 2);
            self.varint(bytes.len() as u64);
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// A string.
    pub fn string(&mut self, field: u32, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    /// A message within this one, present even when empty.
    pub fn message(&mut self, field: u32, fill: impl FnOnce(&mut Self)) {
        self.key(field, 2);
        let start = self.bytes.len();
        fill(self);
        let length = self.bytes.len() - start;
        // The length goes in front of what is written already; messages are short, moving them is cheap.
        self.varint(length as u64);
        let length_bytes = self.bytes.len() - start - length;
        if let Some(message) = self.bytes.get_mut(start..) {
            message.rotate_right(length_bytes);
        }
    }

    /// A packed repeat of doubles.
    pub fn doubles(&mut self, field: u32, numbers: &[f64]) {
        if !numbers.is_empty() {
            self.message(field, |packed| {
                for number in numbers {
                    packed.bytes.extend_from_slice(&number.to_le_bytes());
                }
            });
        }
    }

    /// A packed repeat of `sint64`.
    pub fn sint64s(&mut self, field: u32, numbers: &[i64]) {
        if !numbers.is_empty() {
            self.message(field, |packed| {
                for number in numbers {
                    packed.varint(zigzag(*number));
                }
            });
        }
    }
}

const fn zigzag(number: i64) -> u64 {
    (number << 1 ^ (number >> 63)).cast_unsigned()
}
