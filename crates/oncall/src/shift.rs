//! Shifts, and how several lists of them become one.

/// A time during which the same people are on call. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// From when.
    pub from_ms: i64,
    /// Until when; that moment is in the next shift.
    pub to_ms: i64,
    /// Who.
    pub people: Vec<String>,
    /// What says so: a layer's name, or `override`.
    pub by: String,
}

impl Shift {
    /// The part of it inside a range, if there is one.
    pub(crate) fn within(&self, from_ms: i64, to_ms: i64) -> Option<Self> {
        let (from_ms, to_ms) = (self.from_ms.max(from_ms), self.to_ms.min(to_ms));
        (from_ms < to_ms).then(|| Self { from_ms, to_ms, ..self.clone() })
    }
}

/// Both lists hold shifts in order that do not overlap; so does the result. Where both have one, the upper holds.
pub(crate) fn overlay(lower: Vec<Shift>, upper: &[Shift]) -> Vec<Shift> {
    let mut result = Vec::with_capacity(lower.len() + upper.len());
    let mut above = upper.iter().peekable();
    for shift in lower {
        let mut from_ms = shift.from_ms;
        while above.next_if(|over| over.to_ms <= from_ms).is_some() {}
        for over in above.clone().take_while(|over| over.from_ms < shift.to_ms) {
            result.extend(shift.within(from_ms, over.from_ms));
            from_ms = from_ms.max(over.to_ms);
        }
        result.extend(shift.within(from_ms, shift.to_ms));
    }
    result.extend(upper.iter().cloned());
    result.sort_by_key(|shift| shift.from_ms);
    joined(result)
}

/// Neighbours that say the same become one.
pub(crate) fn joined(shifts: Vec<Shift>) -> Vec<Shift> {
    let mut result: Vec<Shift> = Vec::with_capacity(shifts.len());
    for shift in shifts {
        match result.last_mut() {
            Some(last)
                if last.to_ms == shift.from_ms && last.people == shift.people && last.by == shift.by =>
            {
                last.to_ms = shift.to_ms;
            }
            _ => result.push(shift),
        }
    }
    result
}

/// Shifts that may overlap, in one list in which they do not: where several hold, all of their people are on call.
pub(crate) fn flattened(mut shifts: Vec<Shift>) -> Vec<Shift> {
    shifts.sort_by_key(|shift| shift.from_ms);
    let mut edges: Vec<i64> = shifts.iter().flat_map(|shift| [shift.from_ms, shift.to_ms]).collect();
    edges.sort_unstable();
    edges.dedup();
    let mut result = Vec::new();
    let mut open: Vec<&Shift> = Vec::new();
    let mut coming = shifts.iter().peekable();
    for (from_ms, to_ms) in edges.iter().zip(edges.iter().skip(1)) {
        open.retain(|shift| shift.to_ms > *from_ms);
        while let Some(shift) = coming.next_if(|shift| shift.from_ms <= *from_ms) {
            if shift.to_ms > *from_ms {
                open.push(shift);
            }
        }
        let Some(first) = open.first() else { continue };
        let mut people: Vec<String> = open.iter().flat_map(|shift| shift.people.iter().cloned()).collect();
        people.sort();
        people.dedup();
        result.push(Shift { from_ms: *from_ms, to_ms: *to_ms, people, by: first.by.clone() });
    }
    joined(result)
}
