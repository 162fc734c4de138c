//! How well a name suits a search term: 1 for what begins with it, little less for what contains it, and less and less
//! the further its letters lie apart.

/// How terms are compared with names that do not contain them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// All letters of the term, in their order, with others between them.
    Subsequence,
    /// The similarity of Jaro and Winkler (W. E. Winkler, 1990): letters in common, few of them out of order, and a
    /// bonus for a common beginning.
    JaroWinkler,
}

/// How well a name suits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Score {
    /// From 0 to 1.
    pub(super) value: f64,
    /// The term stands in the name as it is; no threshold takes such a name away.
    pub(super) contains: bool,
}

/// The score of a name; `None` where the term is not in it.
pub(super) fn score(term: &str, name: &str, algorithm: Algorithm) -> Option<Score> {
    if name.starts_with(term) {
        return Some(Score { value: 1.0, contains: true });
    }
    if let Some(at) = name.find(term) {
        // The later it stands, the less; never as little as for letters that lie apart.
        let late = at as f64 / name.len().max(1) as f64;
        return Some(Score { value: 0.99 - 0.09 * late, contains: true });
    }
    let value = match algorithm {
        Algorithm::Subsequence => 0.9 * subsequence(term, name)?,
        Algorithm::JaroWinkler => jaro_winkler(term, name),
    };
    Some(Score { value, contains: false })
}

/// How close together a term's letters lie in a name: the squares of the lengths of runs, beside the square of the whole.
fn subsequence(term: &str, name: &str) -> Option<f64> {
    let mut letters = name.chars().enumerate();
    let (mut run, mut last, mut squares) = (0_usize, None, 0_usize);
    for wanted in term.chars() {
        let (at, _) = letters.find(|(_, letter)| *letter == wanted)?;
        if last.is_some_and(|last: usize| at == last + 1) {
            run += 1;
        } else {
            squares += run * run;
            run = 1;
        }
        last = Some(at);
    }
    squares += run * run;
    let length = term.chars().count().max(1);
    let names = name.chars().count().max(1);
    let dense = squares as f64 / (length * length) as f64;
    // A short name of which the term is a large part suits better.
    Some(dense * (0.5 + 0.5 * length as f64 / names as f64))
}

/// As published, with a scale of 0.1 and beginnings of at most four letters.
fn jaro_winkler(left: &str, right: &str) -> f64 {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let jaro = jaro(&left, &right);
    let common = left.iter().zip(&right).take(4).take_while(|(left, right)| left == right).count();
    jaro + common as f64 * 0.1 * (1.0 - jaro)
}

fn jaro(left: &[char], right: &[char]) -> f64 {
    if left.is_empty() || right.is_empty() {
        return if left.len() == right.len() { 1.0 } else { 0.0 };
    }
    let reach = (left.len().max(right.len()) / 2).saturating_sub(1);
    let mut taken = vec![false; right.len()];
    let mut of_left = Vec::new();
    for (place, letter) in left.iter().enumerate() {
        let near = place.saturating_sub(reach)..(place + reach + 1).min(right.len());
        let met = near.clone().zip(right.get(near).unwrap_or(&[]));
        let met = met.filter(|(at, other)| *other == letter && taken.get(*at) == Some(&false));
        if let Some((at, _)) = met.into_iter().next()
            && let Some(taken) = taken.get_mut(at)
        {
            *taken = true;
            of_left.push(*letter);
        }
    }
    if of_left.is_empty() {
        return 0.0;
    }
    let of_right = right.iter().zip(&taken).filter(|(_, taken)| **taken).map(|(letter, _)| letter);
    let swapped = of_left.iter().zip(of_right).filter(|(left, right)| left != right).count();
    let common = of_left.len() as f64;
    (common / left.len() as f64 + common / right.len() as f64 + (common - swapped as f64 / 2.0) / common)
        / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(term: &str, name: &str, algorithm: Algorithm) -> f64 {
        score(term, name, algorithm).map_or(0.0, |score| score.value)
    }

    #[test]
    fn what_begins_with_a_term_suits_best_and_scattered_letters_least() {
        let names = ["req_total", "http_req_total", "http_requests_total", "r_e_q", "rate_of_every_queue"];
        let scores: Vec<f64> = names.iter().map(|name| of("req", name, Algorithm::Subsequence)).collect();
        assert_eq!(scores.first(), Some(&1.0));
        assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)), "{scores:?}");
        assert!(scores[1] < 1.0 && scores[2] > scores[3] && scores[3] > scores[4], "{scores:?}");
        assert_eq!(score("qer", "req", Algorithm::Subsequence), None);
    }

    #[test]
    fn the_similarity_of_jaro_and_winkler_is_as_published() {
        for (left, right, expected) in
            [("MARTHA", "MARHTA", 0.961_111), ("DIXON", "DICKSONX", 0.813_333), ("DWAYNE", "DUANE", 0.84)]
        {
            assert!((jaro_winkler(left, right) - expected).abs() < 1e-6, "{left} {right}");
        }
        assert!(jaro_winkler("", "") > 0.99 && jaro_winkler("a", "") < 0.01 && jaro_winkler("a", "b") < 0.01);
    }
}
