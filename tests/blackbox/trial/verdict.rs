//! What the trial came to: what people were told beside what happened.

use super::lives::{Subject, team_of};
use super::receiver::{Standing, Telling};
use std::collections::BTreeMap;
use std::fmt;

/// Notifications on their way to one destination at once, at most: as many a kill may repeat.
const AT_ONCE: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) lives: usize,
    pub(super) kills: usize,
    pub(super) requests: usize,
    pub(super) confirmed: usize,
    /// Lives that nobody was told of.
    pub(super) never_told: Vec<String>,
    /// Lives that came again at once, and whose later self was told in their place.
    pub(super) superseded: usize,
    /// Lives that somebody holds to go on, and that ended.
    pub(super) never_ended: Vec<String>,
    pub(super) silences: usize,
    pub(super) silences_lost: Vec<String>,
    /// The same told again, after an answer that its sender cannot have had.
    pub(super) after_ambiguity: usize,
    /// … after a kill.
    pub(super) after_kill: usize,
    /// … for no such reason, or under another name, or more than was on its way at a kill.
    pub(super) without_cause: Vec<String>,
}

impl Verdict {
    pub(super) fn hear(&mut self, subjects: &[Subject], tellings: &[Telling]) {
        self.lives = subjects.iter().map(|subject| subject.lives.len()).sum();
        self.confirmed = tellings.iter().filter(|telling| telling.standing == Standing::Confirmed).count();
        (self.never_told, self.never_ended, self.superseded) = (Vec::new(), Vec::new(), 0);
        for subject in subjects {
            self.weigh(subject, tellings);
        }
    }

    /// Was each life told, and does nobody wait for the end of one that is over?
    fn weigh(&mut self, subject: &Subject, tellings: &[Telling]) {
        let path = subject.path();
        let number = |name: &str| subject.lives.iter().position(|life| life.name == name);
        // What was confirmed to have been heard of this alert, in turn: of which life, and whether it fires.
        let heard: Vec<(usize, bool)> = tellings
            .iter()
            .filter(|telling| telling.standing == Standing::Confirmed && telling.destination == path)
            .flat_map(|telling| {
                telling.lives.iter().filter_map(|(name, fires)| Some((number(name)?, *fires)))
            })
            .collect();
        for (index, life) in subject.lives.iter().enumerate() {
            if heard.iter().any(|(told, _)| *told == index) {
                continue;
            }
            // It was held to fire all the time, from an earlier life to a later one.
            let is_covered = heard.windows(2).any(|pair| pair[0].1 && pair[0].0 < index && pair[1].0 > index);
            if is_covered {
                continue;
            }
            if life.is_flap && heard.iter().any(|(told, _)| *told > index) {
                self.superseded += 1;
            } else {
                self.never_told.push(subject.called(life));
            }
        }
        if subject.channel != "once"
            && let Some((index, true)) = heard.last()
        {
            self.never_ended.push(subject.called(&subject.lives[*index]));
        }
    }

    /// Was anything told twice? `keys`: whether repetitions bear the sender's name for what they repeat.
    pub(super) fn count_repetitions(&mut self, tellings: &[Telling], keys: bool) {
        // The last that was told of each group of alerts.
        let mut last: BTreeMap<(&str, Option<usize>), &Telling> = BTreeMap::new();
        let mut after_kills: BTreeMap<(&str, usize), usize> = BTreeMap::new();
        for telling in tellings.iter().filter(|telling| telling.standing != Standing::Refused) {
            let team = telling.lives.first().and_then(|(name, _)| team_of(name));
            let before = last.insert((&telling.destination, team), telling);
            let Some(before) = before.filter(|before| before.lives == telling.lives) else { continue };
            let same_name = !keys || telling.destination == "/slack" || before.key == telling.key;
            if (before.standing == Standing::Ambiguous || telling.is_late) && same_name {
                self.after_ambiguity += 1;
            } else if before.process < telling.process && same_name {
                self.after_kill += 1;
                *after_kills.entry((&telling.destination, telling.process)).or_default() += 1;
            } else {
                self.without_cause.push(format!("{before:?} and {telling:?}"));
            }
        }
        if keys {
            let too_many = after_kills.iter().filter(|(_, count)| **count > AT_ONCE);
            self.without_cause
                .extend(too_many.map(|(kill, count)| format!("{count} repeated after kill {kill:?}")));
        }
    }

    /// Whether nothing was lost.
    pub(super) fn is_whole(&self) -> bool {
        self.never_told.is_empty() && self.never_ended.is_empty() && self.silences_lost.is_empty()
    }
}

/// Rows of a table in Markdown.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("lives of alerts", self.lives),
            ("kills", self.kills),
            ("requests, of them confirmed", self.requests),
            ("", self.confirmed),
            ("fired and never told", self.never_told.len()),
            ("told as firing, the end never told", self.never_ended.len()),
            ("silences acknowledged", self.silences),
            ("silences lost", self.silences_lost.len()),
            ("told twice after an ambiguous answer", self.after_ambiguity),
            ("told twice after a kill", self.after_kill),
            ("told twice without a cause", self.without_cause.len()),
            ("flaps told as their later self", self.superseded),
        ];
        for (name, count) in rows {
            writeln!(f, "| {name} | {count} |")?;
        }
        Ok(())
    }
}
