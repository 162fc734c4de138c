//! Sets of texts put together from several places, most of which have theirs in order.

/// A set of texts.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    /// What the places before had, in order.
    known: Vec<String>,
    /// How many of those are smaller than what was added last.
    passed: usize,
    /// What this place has beside them.
    fresh: Vec<String>,
    /// What was added last came after all that this place had before.
    ascending: bool,
    last: String,
}

impl Texts {
    /// What is added from now on comes from another place.
    pub(crate) fn next_place(&mut self) {
        if !self.fresh.is_empty() {
            self.known.append(&mut self.fresh);
            // Two runs in order are only merged.
            self.known.sort();
            self.known.dedup();
        }
        (self.passed, self.ascending) = (0, true);
        self.last.clear();
    }

    /// Adds a text.
    pub(crate) fn add(&mut self, text: &str) {
        self.ascending &= self.last.as_str() <= text;
        if self.ascending {
            self.last.clear();
            self.last.push_str(text);
            while self.known.get(self.passed).is_some_and(|known| known.as_str() < text) {
                self.passed += 1;
            }
            if self.known.get(self.passed).is_some_and(|known| known == text) {
                return;
            }
        }
        self.fresh.push(text.to_owned());
    }

    /// Adds texts that are in no order.
    pub(crate) fn add_all<'a>(&mut self, texts: impl Iterator<Item = &'a str>) {
        // Sorted by their beginnings first: those are compared without looking elsewhere in memory.
        let mut texts: Vec<(u64, &str)> = texts.map(|text| (beginning(text), text)).collect();
        texts.sort_unstable();
        for (_, text) in texts {
            self.add(text);
        }
    }

    /// All of them in order, each once.
    pub(crate) fn into_sorted(mut self) -> Vec<String> {
        self.next_place();
        self.known
    }
}

/// The first bytes as a number that is ordered as they are.
fn beginning(text: &str) -> u64 {
    let mut bytes = [0; 8];
    bytes.iter_mut().zip(text.as_bytes()).for_each(|(byte, of_text)| *byte = *of_text);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests;
