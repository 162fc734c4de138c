//! Laws: no text panics, what is printed reads back as the same tree, and places lie inside the query.

use super::corpus::QUERIES;
use crate::ast::Expr;
use crate::parser::{ParseOptions, parse, parse_bytes, parse_series};
use proptest::prelude::*;

/// A tree without its places. Conditions are printed in order.
fn without_spans(expr: &Expr) -> String {
    let spans = regex::Regex::new(r"span: \d+\.\.\d+").unwrap();
    let text = spans.replace_all(&format!("{expr:?}"), "").into_owned();
    let conditions = regex::Regex::new(r"(?s)matchers: \[(.*?)\], modifiers").unwrap();
    let sorted = |found: &regex::Captures<'_>| {
        let mut all: Vec<&str> = found[1].split(", ").collect();
        all.sort_unstable();
        format!("matchers: {all:?}")
    };
    conditions.replace_all(&text, sorted).into_owned()
}

fn assert_law(query: &str) -> bool {
    match parse(query, ParseOptions::default()) {
        Ok(expr) => {
            for printed in [expr.to_string(), crate::pretty(&expr)] {
                let again = parse(&printed, ParseOptions::default())
                    .unwrap_or_else(|error| panic!("{query:?} printed as {printed:?}: {error}"));
                assert_eq!(without_spans(&expr), without_spans(&again), "{query:?} printed as {printed:?}");
            }
            let _ = crate::to_json(&expr);
            true
        }
        Err(error) => {
            assert!(
                error.span.start <= error.span.end && error.span.end <= query.len(),
                "{query:?}: {error:?}"
            );
            let _ = error.to_string();
            false
        }
    }
}

#[test]
fn every_query_of_the_corpus_is_read_and_printed_and_read_again() {
    for query in QUERIES {
        assert!(assert_law(query), "{query}: {}", parse(query, ParseOptions::default()).unwrap_err());
    }
}

/// A small generator of numbers, so that every run tries the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

/// Pieces of a query at which cutting is most likely to leave something meaningful.
fn pieces(query: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end =
            if is_word(first) { rest.find(|c| !is_word(c)).unwrap_or(rest.len()) } else { first.len_utf8() };
        let (piece, tail) = rest.split_at(end);
        pieces.push(piece);
        rest = tail;
    }
    pieces
}

#[test]
fn mutilated_queries_are_refused_or_read_but_never_break_a_law() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let all: Vec<&str> = QUERIES.iter().flat_map(|query| pieces(query)).collect();
    let (mut read, mut tried) = (0, 0);
    for query in QUERIES {
        for _ in 0..150 {
            let mut mutant = pieces(query);
            for _ in 0..=dice.below(3) {
                let (at, from) = (dice.below(mutant.len()), dice.below(mutant.len()));
                match dice.below(4) {
                    0 if !mutant.is_empty() => drop(mutant.remove(at)),
                    1 => mutant.insert(at, all[dice.below(all.len())]),
                    2 if !mutant.is_empty() => mutant[at] = all[dice.below(all.len())],
                    _ if !mutant.is_empty() => mutant.swap(at, from),
                    _ => {}
                }
            }
            tried += 1;
            read += usize::from(assert_law(&mutant.concat()));
        }
    }
    println!("{read} of {tried} mutants are still queries");
    assert!(read > tried / 50);
}

#[test]
fn every_beginning_of_a_query_is_handled() {
    for query in QUERIES {
        for end in (0..query.len()).filter(|end| query.is_char_boundary(*end)) {
            assert_law(&query[..end]);
        }
    }
}

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[a-z_:][a-z0-9_:]{0,5}"
            .prop_filter("a keyword", |name| super::super::token::keyword(name).is_none()),
        (0..1_000_000_u32).prop_map(|number| (f64::from(number) / 1000.0).to_string()),
        "[a-z]{1,3}\\{[a-z]{1,3}=~?\"[a-z.]{1,3}\"\\}",
        "\\{\"[^\"\\\\\n\u{fffd}]{1,5}\"\\}",
        Just("5m".to_owned()),
        Just("-Inf".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        let operator = proptest::sample::select(vec!["+", "-", "*", "/", "%", "^", "atan2", "> bool", "</"]);
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(l, op, r)| format!("{l} {op} {r}")),
            inner.clone().prop_map(|e| format!("({e})")),
            inner.clone().prop_map(|e| format!("-{e}")),
            inner.clone().prop_map(|e| format!("sum by (a, \"b c\") ({e})")),
            inner.clone().prop_map(|e| format!("abs({e})")),
            inner.clone().prop_map(|e| format!("avg_over_time(({e})[5m:1s] offset -1h)")),
            (inner.clone(), inner).prop_map(|(l, r)| format!("{l} and on (x) {r}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_text_never_panics(query in "\\PC*") {
        assert_law(&query);
        let _ = parse_series(&query);
    }

    #[test]
    fn arbitrary_text_of_the_grammar_never_panics(
        query in "[a-c0-9 \\[\\]{}()\"'`\\\\=!~<>/*+^%,:@._#xsm\n-]{0,40}"
    ) {
        assert_law(&query);
        let _ = parse_series(&query);
    }

    #[test]
    fn arbitrary_bytes_never_panic(query in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = parse_bytes(&query, ParseOptions::default());
    }

    #[test]
    fn composed_queries_keep_their_tree_when_printed(query in expression()) {
        assert_law(&query);
    }

    #[test]
    fn any_label_value_survives_printing(value in any::<String>()) {
        let value = value.replace('\u{fffd}', "");
        let literal = super::super::quote::go_quote(&value);
        let read = super::super::quote::unquote(&literal);
        prop_assert_eq!(read.as_str(), value.as_str());
        assert_law(&format!("{{a={literal}, b=\"c\"}}"));
    }
}
