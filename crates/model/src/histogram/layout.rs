//! Spans and buckets as ascending `(index, count)` pairs, and back.

use super::Span;

/// The index of each of the first `count` buckets. Spans that run out of the integers end the list.
pub(super) fn indexes(spans: &[Span], count: usize) -> Vec<i32> {
    let mut indexes = Vec::with_capacity(count);
    let mut next = 0_i32;
    for span in spans {
        let Some(start) = next.checked_add(span.offset) else { return indexes };
        next = start;
        for _ in 0..span.length {
            if indexes.len() == count {
                return indexes;
            }
            indexes.push(next);
            let Some(after) = next.checked_add(1) else { return indexes };
            next = after;
        }
    }
    indexes
}

/// Where in `own` each of the first `count` buckets of `other` lies; false when one has no place there.
pub(super) fn places(own: (&[Span], usize), other: (&[Span], usize), places: &mut Vec<usize>) -> bool {
    places.clear();
    let mut own = each_index(own.0, own.1).enumerate();
    each_index(other.0, other.1).all(|wanted| {
        let place = own.by_ref().find(|(_, index)| *index >= wanted);
        places.extend(place.map(|(place, _)| place));
        place.is_some_and(|(_, index)| index == wanted)
    })
}

/// As [`indexes`], one after the other.
fn each_index(spans: &[Span], count: usize) -> impl Iterator<Item = i32> + '_ {
    let mut end = Some(0_i32);
    let runs = spans.iter().map_while(move |span| {
        let start = end?.checked_add(span.offset)?;
        end = i32::try_from(span.length).ok().and_then(|length| start.checked_add(length));
        Some((start, span.length))
    });
    let each = |(start, length): (i32, u32)| (0..length).map_while(move |at| start.checked_add_unsigned(at));
    runs.flat_map(each).take(count)
}

/// Spans and buckets without empty buckets.
pub(super) fn filled(spans: &[Span], buckets: &[f64]) -> (Vec<Span>, Vec<f64>) {
    let mut kept_spans: Vec<Span> = Vec::with_capacity(spans.len() + 1);
    let mut kept = Vec::with_capacity(buckets.len());
    let mut behind = 0_i32;
    for (index, count) in each_index(spans, buckets.len()).zip(buckets) {
        if *count == 0.0 {
            continue;
        }
        let gap = index.saturating_sub(behind);
        match kept_spans.last_mut() {
            Some(span) if gap == 0 => span.length = span.length.saturating_add(1),
            _ => kept_spans.push(Span { offset: gap, length: 1 }),
        }
        kept.push(*count);
        behind = index.saturating_add(1);
    }
    (kept_spans, kept)
}

/// The buckets with their indexes.
pub(super) fn unpack(spans: &[Span], buckets: &[f64]) -> Vec<(i32, f64)> {
    indexes(spans, buckets.len()).into_iter().zip(buckets.iter().copied()).collect()
}

/// Spans over ascending buckets, where gaps of at most `max_empty` are filled with empty buckets.
pub(super) fn pack(pairs: &[(i32, f64)], max_empty: u32) -> (Vec<Span>, Vec<f64>) {
    let mut spans: Vec<Span> = Vec::new();
    let mut buckets = Vec::with_capacity(pairs.len());
    let mut next = 0_i32;
    for &(index, count) in pairs {
        let gap = index.saturating_sub(next);
        match spans.last_mut() {
            Some(span) if u32::try_from(gap).is_ok_and(|gap| gap <= max_empty) => {
                buckets.extend((0..gap).map(|_| 0.0));
                span.length = span.length.saturating_add(gap.unsigned_abs()).saturating_add(1);
            }
            _ => spans.push(Span { offset: gap, length: 1 }),
        }
        buckets.push(count);
        next = index.saturating_add(1);
    }
    (spans, buckets)
}

/// Spans over ascending buckets, each kept.
pub(super) fn pack_all(pairs: &[(i32, f64)]) -> (Vec<Span>, Vec<f64>) {
    pack(pairs, 0)
}

/// The buckets at a resolution `by` steps coarser; those that fall together are added in order.
pub(super) fn coarser(pairs: Vec<(i32, f64)>, by: u32) -> Vec<(i32, f64)> {
    gather(pairs, |index| coarser_index(index, by))
}

/// Where a bucket goes at a resolution `by` steps coarser.
pub(super) const fn coarser_index(index: i32, by: u32) -> i32 {
    // Bucket i ends at base^i and so belongs to the coarser bucket that ends at or after it.
    (index.saturating_sub(1) >> if by < 31 { by } else { 31 }) + 1
}

/// The buckets moved to new indexes, which must not descend; those that fall together are added in order.
pub(super) fn gather(pairs: Vec<(i32, f64)>, target: impl Fn(i32) -> i32) -> Vec<(i32, f64)> {
    let mut gathered: Vec<(i32, f64)> = Vec::with_capacity(pairs.len());
    for (index, count) in pairs {
        let index = target(index);
        match gathered.last_mut() {
            Some((last, sum)) if *last == index => *sum += count,
            _ => gathered.push((index, count)),
        }
    }
    gathered
}

/// The ascending indexes that stand in either list.
pub(super) fn union(left: &[(i32, f64)], right: &[(i32, f64)]) -> Vec<i32> {
    let mut merged = Vec::with_capacity(left.len().max(right.len()));
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    loop {
        let index = match (left.peek(), right.peek()) {
            (Some((l, _)), Some((r, _))) => *l.min(r),
            (Some((index, _)), None) | (None, Some((index, _))) => *index,
            (None, None) => return merged,
        };
        left.next_if(|(found, _)| *found == index);
        right.next_if(|(found, _)| *found == index);
        merged.push(index);
    }
}

/// The buckets spread over `indexes`, with empty ones where there were none.
pub(super) fn spread(pairs: &[(i32, f64)], indexes: &[i32]) -> Vec<f64> {
    let mut pairs = pairs.iter().peekable();
    indexes
        .iter()
        .map(|index| pairs.next_if(|(found, _)| found == index).map_or(0.0, |(_, count)| *count))
        .collect()
}

/// The custom bounds both lists have.
pub(super) fn common_bounds(left: &[f64], right: &[f64]) -> Vec<f64> {
    let mut right = right.iter().copied().peekable();
    let mut common = Vec::new();
    for &bound in left {
        while right.next_if(|other| *other < bound).is_some() {}
        if right.next_if(|other| *other == bound).is_some() {
            common.push(bound);
        }
    }
    common
}

/// Custom buckets under `bounds` brought under `common`, a part of those bounds.
pub(super) fn under_bounds(pairs: Vec<(i32, f64)>, bounds: &[f64], common: &[f64]) -> Vec<(i32, f64)> {
    gather(pairs, |index| {
        let upper = usize::try_from(index).ok().and_then(|at| bounds.get(at));
        let place = upper.map_or(common.len(), |upper| common.partition_point(|bound| bound < upper));
        i32::try_from(place).unwrap_or(i32::MAX)
    })
}
