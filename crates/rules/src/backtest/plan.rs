//! In which order rules are replayed, so that each sees what those it reads have written.

use super::reads::{Reads, Writes};
use std::collections::HashMap;
use watchfire_model::{METRIC_NAME, MatchOp};

/// A rule as the plan sees it.
#[derive(Debug)]
pub(super) struct Part {
    /// The number of its group, and its place there.
    pub(super) place: (usize, usize),
    /// How far in the past it is asked, in milliseconds.
    pub(super) offset_ms: i64,
    pub(super) reads: Reads,
    pub(super) writes: Writes,
}

/// Rules that are replayed together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// In the order of the file.
    pub(super) rules: Vec<usize>,
    /// They read one another in ways that a whole stretch of time at once would get wrong.
    pub(super) one_by_one: bool,
}

/// Of each rule, which others it reads, and how far back.
pub(super) type Edges = Vec<Vec<(usize, Option<i64>)>>;

/// Which rules read which.
pub(super) fn edges(parts: &[Part]) -> Edges {
    let mut by_metric = HashMap::<&str, Vec<usize>>::new();
    for (index, part) in parts.iter().enumerate() {
        for metric in part.writes.metrics() {
            by_metric.entry(metric).or_default().push(index);
        }
    }
    let everybody: Vec<usize> = (0..parts.len()).collect();
    let mut edges = Edges::with_capacity(parts.len());
    for part in parts {
        let mut found = HashMap::<usize, Option<i64>>::new();
        for read in &part.reads.all {
            let named = read
                .matchers
                .iter()
                .find(|matcher| matcher.name == METRIC_NAME && matcher.op == MatchOp::Equal);
            let writers = match named {
                Some(matcher) => by_metric.get(&*matcher.value).map(Vec::as_slice).unwrap_or_default(),
                None => everybody.as_slice(),
            };
            for writer in writers {
                if parts.get(*writer).is_some_and(|writer| writer.writes.may_satisfy(&read.matchers)) {
                    let back = found.entry(*writer).or_insert(Some(0));
                    *back = back.zip(read.back_ms).map(|(one, other)| one.max(other));
                }
            }
        }
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_unstable();
        edges.push(found);
    }
    edges
}

/// Those that are chosen and all that they read, by and by.
pub(super) fn needed(edges: &Edges, chosen: impl IntoIterator<Item = usize>) -> Vec<bool> {
    let mut needed = vec![false; edges.len()];
    let mut left: Vec<usize> = chosen.into_iter().collect();
    while let Some(rule) = left.pop() {
        let Some(seen) = needed.get_mut(rule) else { continue };
        if std::mem::replace(seen, true) {
            continue;
        }
        left.extend(edges.get(rule).into_iter().flatten().map(|(writer, _)| *writer));
    }
    needed
}

/// Whether a rule may not be asked for times before which the other one was replayed to the end already.
fn mixes(reader: &Part, writer: &Part) -> bool {
    let (group, place) = reader.place;
    if group == writer.place.0 {
        return writer.place.1 >= place;
    }
    // What the other one wrote for a time was written only when its offset had passed.
    writer.offset_ms > reader.offset_ms || (reader.reads.singly && writer.offset_ms > 0)
}

/// The steps, what is read before what reads it.
pub(super) fn steps(parts: &[Part], edges: &Edges, needed: &[bool]) -> Vec<Step> {
    let is_needed = |rule: usize| needed.get(rule).copied().unwrap_or(false);
    let mut graph: Vec<Vec<usize>> = vec![Vec::new(); parts.len()];
    let mut mixed = Vec::new();
    for (reader, read) in edges.iter().enumerate().filter(|(reader, _)| is_needed(*reader)) {
        for (writer, _) in read {
            if let Some(out) = graph.get_mut(reader) {
                out.push(*writer);
            }
            if let (Some(from), Some(to)) = (parts.get(reader), parts.get(*writer))
                && mixes(from, to)
            {
                if let Some(out) = graph.get_mut(*writer) {
                    out.push(reader);
                }
                mixed.push(reader);
            }
        }
    }
    let mut steps = Vec::new();
    for mut rules in components(&graph) {
        if !rules.iter().all(|rule| is_needed(*rule)) {
            continue;
        }
        rules.sort_unstable();
        let one_by_one = rules.len() > 1 || rules.iter().any(|rule| mixed.contains(rule));
        steps.push(Step { rules, one_by_one });
    }
    steps
}

/// The strongly connected parts of a graph, each after those that it leads to (Tarjan's algorithm, without recursion).
fn components(graph: &[Vec<usize>]) -> Vec<Vec<usize>> {
    const UNSEEN: usize = usize::MAX;
    let mut index = vec![UNSEEN; graph.len()];
    let mut low = vec![0_usize; graph.len()];
    let mut on_stack = vec![false; graph.len()];
    let (mut stack, mut found, mut count) = (Vec::new(), Vec::new(), 0);
    for root in 0..graph.len() {
        if index.get(root).is_none_or(|index| *index != UNSEEN) {
            continue;
        }
        // A node, and how many of its ways out were gone.
        let mut path: Vec<(usize, usize)> = vec![(root, 0)];
        while let Some((node, gone)) = path.pop() {
            if gone == 0 {
                set(&mut index, node, count);
                set(&mut low, node, count);
                count += 1;
                stack.push(node);
                set(&mut on_stack, node, true);
            }
            if let Some(next) = graph.get(node).and_then(|out| out.get(gone)).copied() {
                path.push((node, gone + 1));
                if get(&index, next) == UNSEEN {
                    path.push((next, 0));
                } else if get(&on_stack, next) {
                    let lowest = get(&low, node).min(get(&index, next));
                    set(&mut low, node, lowest);
                }
                continue;
            }
            if get(&low, node) == get(&index, node) {
                let mut component = Vec::new();
                while let Some(member) = stack.pop() {
                    set(&mut on_stack, member, false);
                    component.push(member);
                    if member == node {
                        break;
                    }
                }
                found.push(component);
            }
            if let Some((parent, _)) = path.last().copied() {
                let lowest = get(&low, parent).min(get(&low, node));
                set(&mut low, parent, lowest);
            }
        }
    }
    found
}

fn get<T: Copy + Default>(list: &[T], place: usize) -> T {
    list.get(place).copied().unwrap_or_default()
}

fn set<T>(list: &mut [T], place: usize, value: T) {
    if let Some(slot) = list.get_mut(place) {
        *slot = value;
    }
}
