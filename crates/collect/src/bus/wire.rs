//! Messages as bytes. A number stands at a multiple of its size, counted from the start of the message.

use super::{BusError, Call};

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Return,
    Error,
    Other,
}

/// A message that came.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: Kind,
    pub(super) reply_serial: Option<u32>,
    pub(super) error_name: String,
    pub(super) body: Body,
}

/// What an answer says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body {
    bytes: Vec<u8>,
    start: usize,
    is_big_endian: bool,
}

impl Body {
    /// Reads it from its start.
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader { bytes: &self.bytes, at: self.start, is_big_endian: self.is_big_endian }
    }
}

/// Reads values one after another.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    is_big_endian: bool,
}

const SHORT: BusError = BusError::Garbage("it ends too early");

impl<'a> Reader<'a> {
    fn align(&mut self, size: usize) {
        self.at = self.at.next_multiple_of(size);
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], BusError> {
        let end = self.at.checked_add(count).ok_or(SHORT)?;
        let taken = self.bytes.get(self.at..end).ok_or(SHORT)?;
        self.at = end;
        Ok(taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, BusError> {
        self.take(1)?.first().copied().ok_or(SHORT)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, BusError> {
        self.align(4);
        let bytes = self.take(4)?.try_into().map_err(|_| SHORT)?;
        Ok(if self.is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    pub(crate) fn u64(&mut self) -> Result<u64, BusError> {
        self.align(8);
        let bytes = self.take(8)?.try_into().map_err(|_| SHORT)?;
        Ok(if self.is_big_endian { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }

    /// A string or the path of an object.
    pub(crate) fn string(&mut self) -> Result<&'a str, BusError> {
        let length = usize::try_from(self.u32()?).map_err(|_| SHORT)?;
        let text = self.take(length)?;
        self.take(1)?;
        std::str::from_utf8(text).map_err(|_| BusError::Garbage("a string that is no UTF-8"))
    }

    fn signature(&mut self) -> Result<&'a str, BusError> {
        let length = usize::from(self.byte()?);
        let text = self.take(length)?;
        self.take(1)?;
        std::str::from_utf8(text).map_err(|_| BusError::Garbage("a signature that is no text"))
    }

    /// The elements of an array, which begin at multiples of `alignment`.
    pub(crate) fn array(&mut self, alignment: usize) -> Result<Self, BusError> {
        let length = usize::try_from(self.u32()?).map_err(|_| SHORT)?;
        self.align(alignment);
        let start = self.at;
        self.take(length)?;
        let bytes = self.bytes.get(..self.at).ok_or(SHORT)?;
        Ok(Self { bytes, at: start, is_big_endian: self.is_big_endian })
    }

    /// Goes to the next structure; false when there is none.
    pub(crate) fn next_structure(&mut self) -> bool {
        self.align(8);
        self.at < self.bytes.len()
    }

    /// A value with its type before it, as a string; numbers become their digits.
    pub(crate) fn variant_text(&mut self) -> Result<String, BusError> {
        match self.signature()? {
            "s" | "o" => Ok(self.string()?.to_owned()),
            "u" | "i" => Ok(self.u32()?.to_string()),
            "t" | "x" => Ok(self.u64()?.to_string()),
            "b" => Ok((self.u32()? != 0).to_string()),
            _ => Err(BusError::Garbage("a value of a type that nobody asked for")),
        }
    }

    /// A value with its type before it, as a number.
    pub(crate) fn variant_number(&mut self) -> Result<u64, BusError> {
        match self.signature()? {
            "u" | "i" | "b" => self.u32().map(u64::from),
            "t" | "x" => self.u64(),
            _ => Err(BusError::Garbage("a value that is no number")),
        }
    }
}

/// Appends a call.
pub(super) fn encode(call: &Call<'_>, serial: u32, out: &mut Vec<u8>) {
    let mut body = Vec::new();
    for argument in call.arguments {
        push_string(&mut body, argument);
    }
    let mut message = Vec::new();
    // Little endian, a call, no flags, version 1.
    message.extend([b'l', 1, 0, 1]);
    message.extend(length(&body).to_le_bytes());
    message.extend(serial.to_le_bytes());
    let mut fields = Vec::new();
    for (code, kind, value) in
        [(1, b'o', call.path), (2, b's', call.interface), (3, b's', call.member), (6, b's', call.destination)]
    {
        pad(&mut fields, 8);
        fields.extend([code, 1, kind, 0]);
        push_string(&mut fields, value);
    }
    if !call.arguments.is_empty() {
        pad(&mut fields, 8);
        fields.extend([8, 1, b'g', 0, u8::try_from(call.arguments.len()).unwrap_or(u8::MAX)]);
        fields.extend(call.arguments.iter().map(|_| b's'));
        fields.push(0);
    }
    message.extend(length(&fields).to_le_bytes());
    // The fields begin at 16, a multiple of eight, so their own padding is right.
    message.extend(fields);
    pad(&mut message, 8);
    message.extend(body);
    out.extend(message);
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn pad(bytes: &mut Vec<u8>, size: usize) {
    bytes.resize(bytes.len().next_multiple_of(size), 0);
}

fn push_string(bytes: &mut Vec<u8>, text: &str) {
    pad(bytes, 4);
    bytes.extend(length(text.as_bytes()).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.push(0);
}

/// How many bytes follow the first sixteen of a message.
pub(super) fn rest_bytes(head: &[u8; 16]) -> Result<usize, BusError> {
    let is_big_endian = match head.first() {
        Some(b'l') => false,
        Some(b'B') => true,
        _ => return Err(BusError::Garbage("it begins with neither l nor B")),
    };
    let mut reader = Reader { bytes: head, at: 4, is_big_endian };
    let body = u64::from(reader.u32()?);
    reader.u32()?;
    let fields = u64::from(reader.u32()?).next_multiple_of(8);
    usize::try_from(body + fields).map_err(|_| BusError::Garbage("an answer without end"))
}

/// Reads a whole message.
pub(super) fn decode(bytes: Vec<u8>) -> Result<Message, BusError> {
    let is_big_endian = bytes.first() == Some(&b'B');
    let mut reader = Reader { bytes: &bytes, at: 1, is_big_endian };
    let kind = match reader.byte()? {
        2 => Kind::Return,
        3 => Kind::Error,
        _ => Kind::Other,
    };
    reader.at = 12;
    let mut fields = reader.array(8)?;
    let (mut reply_serial, mut error_name) = (None, String::new());
    while fields.next_structure() {
        match (fields.byte()?, fields.signature()?) {
            (4, "s") => fields.string()?.clone_into(&mut error_name),
            (5, "u") => reply_serial = Some(fields.u32()?),
            (_, "s" | "o") => drop(fields.string()?),
            (_, "g") => drop(fields.signature()?),
            (_, "u") => drop(fields.u32()?),
            _ => return Err(BusError::Garbage("a header of a type that nobody uses")),
        }
    }
    reader.align(8);
    let start = reader.at;
    Ok(Message { kind, reply_serial, error_name, body: Body { bytes, start, is_big_endian } })
}
