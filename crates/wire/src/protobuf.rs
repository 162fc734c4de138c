//! The wire format of protocol buffers, as much of it as hand-written decoders need.
//!
//! Fields are handed out one by one and borrowed from the message. Unknown fields are passed over by whoever reads
//! them, groups (long deprecated) are refused.

mod write;

pub use write::MessageWriter;

/// Why bytes are not a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset} of the protobuf message: {problem}")]
pub struct ProtobufError {
    /// Where, in bytes from the start of the outermost message.
    pub offset: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A field runs over the end of its message.
    #[error("the message ends within a field")]
    Truncated,
    /// A varint of more than 64 bits.
    #[error("a number of more than 64 bits")]
    VarintTooLong,
    /// Field number 0, or one that does not fit.
    #[error("an impossible field number")]
    FieldNumber,
    /// Groups, or a wire type that does not exist.
    #[error("the wire type {0}, which is not supported")]
    WireType(u8),
    /// A field that is there, but not as its schema says.
    #[error("the field {field} as another type than `{expected}`")]
    FieldType {
        /// The field's name.
        field: &'static str,
        /// What its schema says.
        expected: &'static str,
    },
    /// A string that is not UTF-8.
    #[error("the field {0} is not UTF-8 text")]
    Utf8(&'static str),
}

/// A field's value as it travels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Wire type 0: integers, booleans, enums.
    Varint(u64),
    /// Wire type 1: doubles and fixed integers of 64 bits.
    Fixed64(u64),
    /// Wire type 2: strings, bytes, messages, packed repeats.
    Bytes(&'a [u8]),
    /// Wire type 5: floats and fixed integers of 32 bits.
    Fixed32(u32),
}

/// One field of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field<'a> {
    /// The field's number in its schema.
    pub number: u32,
    /// Its value.
    pub value: Value<'a>,
    /// Where the value begins, in bytes from the start of the outermost message.
    pub offset: usize,
}

/// Reads the fields of one message in order.
#[derive(Clone, Debug)]
pub struct MessageReader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the message begins within the outermost one.
    base: usize,
}

impl<'a> MessageReader<'a> {
    /// Reads the outermost message.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, base: 0 }
    }

    /// The next field, or `None` at the end of the message.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "an iterator of results would be read past an error")]
    pub fn next(&mut self) -> Result<Option<Field<'a>>, ProtobufError> {
        if self.at >= self.bytes.len() {
            return Ok(None);
        }
        let key_offset = self.base + self.at;
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).ok().filter(|number| (1..1 << 29).contains(number));
        let Some(number) = number else {
            return Err(ProtobufError { offset: key_offset, problem: Problem::FieldNumber });
        };
        let mut offset = self.base + self.at;
        let value = match (key & 7) as u8 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = self.varint()?;
                offset = self.base + self.at;
                let length = usize::try_from(length).map_err(|_| self.truncated())?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            other => return Err(ProtobufError { offset: key_offset, problem: Problem::WireType(other) }),
        };
        Ok(Some(Field { number, value, offset }))
    }

    #[cold]
    fn truncated(&self) -> ProtobufError {
        ProtobufError { offset: self.base + self.at, problem: Problem::Truncated }
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'a [u8], ProtobufError> {
        let end = self.at.checked_add(length);
        let taken = end.and_then(|end| self.bytes.get(self.at..end)).ok_or_else(|| self.truncated())?;
        self.at += length;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], ProtobufError> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| self.truncated())
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, ProtobufError> {
        // Keys and most lengths have one byte.
        match self.bytes.get(self.at) {
            Some(byte) if *byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, ProtobufError> {
        let start = self.at;
        let mut number = 0_u64;
        for shift in (0..70).step_by(7) {
            let Some(byte) = self.bytes.get(self.at).copied() else { return Err(self.truncated()) };
            self.at += 1;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(ProtobufError { offset: self.base + start, problem: Problem::VarintTooLong })
    }
}

impl<'a> Field<'a> {
    #[cold]
    fn mistyped<T>(&self, field: &'static str, expected: &'static str) -> Result<T, ProtobufError> {
        Err(ProtobufError { offset: self.offset, problem: Problem::FieldType { field, expected } })
    }

    /// The value as a message within this one.
    pub fn message(&self, field: &'static str) -> Result<MessageReader<'a>, ProtobufError> {
        match self.value {
            Value::Bytes(bytes) => Ok(MessageReader { bytes, at: 0, base: self.offset }),
            _ => self.mistyped(field, "message"),
        }
    }

    /// The value as bytes, of a string or otherwise.
    pub fn bytes(&self, field: &'static str) -> Result<&'a [u8], ProtobufError> {
        match self.value {
            Value::Bytes(bytes) => Ok(bytes),
            _ => self.mistyped(field, "string"),
        }
    }

    /// The value as text.
    pub fn string(&self, field: &'static str) -> Result<&'a str, ProtobufError> {
        std::str::from_utf8(self.bytes(field)?).map_err(|error| ProtobufError {
            offset: self.offset + error.valid_up_to(),
            problem: Problem::Utf8(field),
        })
    }

    /// The value as a double.
    pub fn double(&self, field: &'static str) -> Result<f64, ProtobufError> {
        match self.value {
            Value::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => self.mistyped(field, "double"),
        }
    }

    /// The value as `uint64`, or the bits of `int64` and enums.
    pub fn uint64(&self, field: &'static str) -> Result<u64, ProtobufError> {
        match self.value {
            Value::Varint(number) => Ok(number),
            _ => self.mistyped(field, "integer"),
        }
    }

    /// The value as `int64`.
    pub fn int64(&self, field: &'static str) -> Result<i64, ProtobufError> {
        self.uint64(field).map(u64::cast_signed)
    }

    /// The value as `sint64` (zigzag).
    pub fn sint64(&self, field: &'static str) -> Result<i64, ProtobufError> {
        self.uint64(field).map(zigzag)
    }

    /// The value as `sint32` (zigzag), cut to 32 bits as protobuf does.
    pub fn sint32(&self, field: &'static str) -> Result<i32, ProtobufError> {
        self.sint64(field).map(|number| number as i32)
    }

    /// Adds a repeated `sint64` to `into`, packed or not.
    pub fn push_sint64s(&self, field: &'static str, into: &mut Vec<i64>) -> Result<(), ProtobufError> {
        match self.value {
            Value::Varint(number) => into.push(zigzag(number)),
            Value::Bytes(bytes) => {
                let mut reader = MessageReader { bytes, at: 0, base: self.offset };
                while reader.at < bytes.len() {
                    into.push(zigzag(reader.varint()?));
                }
            }
            _ => return self.mistyped(field, "repeated sint64"),
        }
        Ok(())
    }

    /// Hands every number of a repeated `uint32` or `uint64` to `each`, packed or not.
    #[inline]
    pub fn each_uint64(&self, field: &'static str, mut each: impl FnMut(u64)) -> Result<(), ProtobufError> {
        match self.value {
            Value::Varint(number) => each(number),
            Value::Bytes(bytes) => {
                let mut reader = MessageReader { bytes, at: 0, base: self.offset };
                while reader.at < bytes.len() {
                    each(reader.varint()?);
                }
            }
            _ => return self.mistyped(field, "repeated integer"),
        }
        Ok(())
    }

    /// Adds a repeated double to `into`, packed or not.
    pub fn push_doubles(&self, field: &'static str, into: &mut Vec<f64>) -> Result<(), ProtobufError> {
        match self.value {
            Value::Fixed64(bits) => into.push(f64::from_bits(bits)),
            Value::Bytes(bytes) => {
                let (chunks, rest) = bytes.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(ProtobufError { offset: self.offset, problem: Problem::Truncated });
                }
                into.extend(chunks.iter().map(|chunk| f64::from_le_bytes(*chunk)));
            }
            _ => return self.mistyped(field, "repeated double"),
        }
        Ok(())
    }
}

const fn zigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}
