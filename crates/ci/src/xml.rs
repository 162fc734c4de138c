//! As much of XML as reports need: elements and their attributes, one after the other, nothing copied.
//!
//! Entities are undone only where they stand for one character; those that a document defines itself are left as they are, so
//! that none can grow.

/// What comes next in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// `<name …>` or `<name …/>`.
    Open {
        /// The element, without its prefix.
        name: &'a str,
        /// What stands after the name.
        attributes: &'a str,
        /// Whether it has nothing inside.
        is_empty: bool,
    },
    /// `</name>`.
    Close(&'a str),
}

/// What is wrong with a document, and in which line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub(crate) struct XmlError {
    line: usize,
    problem: &'static str,
}

/// Walks a document.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn wrong(&self, problem: &'static str) -> XmlError {
        let before = self.text.get(..self.at).unwrap_or_default();
        XmlError { line: before.matches('\n').count() + 1, problem }
    }

    /// Goes past the next `end`.
    fn past(&mut self, end: &str, problem: &'static str) -> Result<(), XmlError> {
        match self.rest().find(end) {
            Some(found) => {
                self.at += found + end.len();
                Ok(())
            }
            None => Err(self.wrong(problem)),
        }
    }

    /// The next element's beginning or end, or nothing more.
    pub(crate) fn next(&mut self) -> Result<Option<Part<'a>>, XmlError> {
        loop {
            let Some(begin) = self.rest().find('<') else { return Ok(None) };
            self.at += begin;
            let rest = self.rest();
            if rest.starts_with("<!--") {
                self.past("-->", "a comment without an end")?;
            } else if rest.starts_with("<![CDATA[") {
                self.past("]]>", "a CDATA section without an end")?;
            } else if rest.starts_with("<?") {
                self.past("?>", "an instruction without an end")?;
            } else if rest.starts_with("<!") {
                // What stands between brackets may hold others.
                let bracket =
                    rest.find('[').filter(|bracket| rest.find('>').is_some_and(|end| *bracket < end));
                if bracket.is_some() {
                    self.past("]", "a document type without an end")?;
                }
                self.past(">", "a declaration without an end")?;
            } else {
                return self.element(rest).map(Some);
            }
        }
    }

    fn element(&mut self, rest: &'a str) -> Result<Part<'a>, XmlError> {
        let mut quote = None;
        let end = rest.char_indices().skip(1).find(|(_, letter)| match quote {
            Some(open) => {
                if *letter == open {
                    quote = None;
                }
                false
            }
            None => {
                if matches!(letter, '"' | '\'') {
                    quote = Some(*letter);
                }
                *letter == '>'
            }
        });
        let Some((end, _)) = end else { return Err(self.wrong("an element without an end")) };
        self.at += end + 1;
        let inner = rest.get(1..end).unwrap_or_default();
        let local = |name: &'a str| name.rsplit(':').next().unwrap_or(name);
        if let Some(name) = inner.strip_prefix('/') {
            return Ok(Part::Close(local(name.trim())));
        }
        let (inner, is_empty) = inner.strip_suffix('/').map_or((inner, false), |inner| (inner, true));
        let (name, attributes) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
        Ok(Part::Open { name: local(name), attributes, is_empty })
    }
}

/// The value of an attribute, with its entities undone.
pub(crate) fn attribute(attributes: &str, wanted: &str) -> Option<String> {
    let mut rest = attributes;
    loop {
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let (value, after) = after.get(1..)?.split_once(quote)?;
        if name.trim() == wanted {
            return Some(plain(value));
        }
        rest = after;
    }
}

fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let entity = after.split_once(';').filter(|(name, _)| name.len() <= 10);
        let letter = entity.and_then(|(name, _)| match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => {
                let number = name.strip_prefix('#')?;
                let code = match number.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16),
                    None => number.parse(),
                };
                code.ok().and_then(char::from_u32)
            }
        });
        match (letter, entity) {
            (Some(letter), Some((_, after))) => {
                out.push(letter);
                rest = after;
            }
            _ => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn elements_come_one_after_the_other_and_the_rest_is_passed_over() {
        let text = "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b \"c\">]><a:b x=\"1 > 0\" y='&lt;&#65;&b;'><!-- <no> -->\
                    <![CDATA[<no>]]><c/></a:b>";
        let mut walk = Walk::new(text);
        let Ok(Some(Part::Open { name: "b", attributes, is_empty: false })) = walk.next() else {
            panic!("{walk:?}")
        };
        assert_eq!(attribute(attributes, "x").as_deref(), Some("1 > 0"));
        assert_eq!(attribute(attributes, "y").as_deref(), Some("<A&b;"));
        assert_eq!(attribute(attributes, "z"), None);
        assert!(matches!(walk.next(), Ok(Some(Part::Open { name: "c", is_empty: true, .. }))));
        assert_eq!(walk.next(), Ok(Some(Part::Close("b"))));
        assert_eq!(walk.next(), Ok(None));
        assert_eq!(
            Walk::new("\n<a x=\">").next().unwrap_err().to_string(),
            "line 2: an element without an end"
        );
    }

    proptest! {
        #[test]
        fn no_document_makes_it_panic(text in "[<>/!\\[\\]a\"'= &;#?-]{0,60}") {
            let mut walk = Walk::new(&text);
            while let Ok(Some(part)) = walk.next() {
                if let Part::Open { attributes, .. } = part {
                    let _ = attribute(attributes, "a");
                }
            }
        }
    }
}
