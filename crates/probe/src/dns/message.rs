//! Codes of DNS by name, and records as text.

use hickory_proto::rr::{DNSClass, Record, RecordType};
use std::str::FromStr;

/// The number of a type of record, such as that of `MX`.
pub(crate) fn type_code(name: &str) -> Option<u16> {
    RecordType::from_str(&name.to_ascii_uppercase()).ok().map(u16::from)
}

/// The number of a class, such as that of `IN`.
pub(crate) fn class_code(name: &str) -> Option<u16> {
    DNSClass::from_str(&name.to_ascii_uppercase()).ok().map(u16::from)
}

/// The answer codes of RFC 6895, under the names that configurations give them.
const RCODES: [(&str, u8); 11] = [
    ("NOERROR", 0),
    ("FORMERR", 1),
    ("SERVFAIL", 2),
    ("NXDOMAIN", 3),
    ("NOTIMP", 4),
    ("REFUSED", 5),
    ("YXDOMAIN", 6),
    ("YXRRSET", 7),
    ("NXRRSET", 8),
    ("NOTAUTH", 9),
    ("NOTZONE", 10),
];

/// The number of an answer code.
pub(crate) fn rcode_number(name: &str) -> Option<u8> {
    RCODES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// The name of an answer code, or its number.
pub(crate) fn rcode_name(number: u8) -> String {
    let known = RCODES.iter().find(|(_, known)| *known == number);
    known.map_or_else(|| number.to_string(), |(name, _)| (*name).to_owned())
}

/// A record as zone files write it, its columns apart by tabs, so that patterns written for other probers fit.
pub(crate) fn line(record: &Record) -> String {
    format!(
        "{}\t{}\t{}\t{}\t{}",
        record.name,
        record.ttl,
        record.dns_class,
        record.record_type(),
        record.data
    )
}
