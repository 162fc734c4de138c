//! `prices`: what tokens and GPUs cost, and what may be spent. It becomes recording rules.

use super::objectives::quoted;
use std::fmt::Write as _;
use watchfire_settings::{Node, Problem, Section, section};

/// Prices and budgets, in whatever currency they are all told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prices {
    /// What a GPU costs an hour.
    pub gpu_hour: Option<f64>,
    /// What a million tokens cost: the model, `input` or `output`, the price.
    pub million_tokens: Vec<(String, &'static str, f64)>,
    /// What may be spent a month: `tokens` or `gpus`, the sum.
    pub budget: Vec<(&'static str, f64)>,
}

pub(super) fn read(node: Option<Node>) -> Result<Option<Prices>, Problem> {
    let Some(node) = node else { return Ok(None) };
    let mut section = Section::open(node, "prices")?;
    let mut prices = Prices { gpu_hour: price(&mut section, "gpu_hour")?, ..Prices::default() };
    for item in section.list("million_tokens")? {
        let mut entry = Section::open_item(item, "prices of a model")?;
        let (model, place) = entry.required_text("model")?;
        if prices.million_tokens.iter().any(|(known, ..)| *known == model) {
            return Err(Problem::new(place, format!("model {model:?} stands twice in million_tokens")));
        }
        for kind in ["input", "output"] {
            if let Some(price) = price(&mut entry, kind)? {
                prices.million_tokens.push((model.clone(), kind, price));
            }
        }
        entry.finish()?;
    }
    if let Some(mut budget) = section.section("budget", "budget")? {
        for what in ["tokens", "gpus"] {
            if let Some(sum) = price(&mut budget, what)? {
                prices.budget.push((what, sum));
            }
        }
        budget.finish()?;
    }
    section.finish()?;
    Ok(Some(prices))
}

fn price(section: &mut section::Section, name: &'static str) -> Result<Option<f64>, Problem> {
    let place = section.has(name);
    match (section.number(name)?, place) {
        (Some(price), Some(place)) if !(price.is_finite() && price >= 0.0) => {
            Err(Problem::new(place, format!("{name} is {price}; expected a number from 0")))
        }
        (price, _) => Ok(price),
    }
}

impl Prices {
    /// A rule file that records them; `None` where nothing has a price.
    pub fn rules(&self) -> Option<String> {
        let mut out = String::from("groups:\n  - name: prices\n    rules:\n");
        let empty = out.len();
        if let Some(price) = self.gpu_hour {
            let _ = writeln!(out, "      - {{record: price:gpu_hour, expr: \"{price}\"}}");
        }
        for (model, kind, price) in &self.million_tokens {
            let _ = writeln!(
                out,
                "      - {{record: price:million_tokens, labels: {{model_name: {}, kind: {kind}}}, expr: \"{price}\"}}",
                quoted(model)
            );
        }
        for (what, sum) in &self.budget {
            let _ = writeln!(
                out,
                "      - {{record: budget:per_month, labels: {{budget: {what}}}, expr: \"{sum}\"}}"
            );
        }
        (out.len() > empty).then_some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn parse(text: &str) -> Result<Prices, String> {
        let told = |problem: Problem| problem.in_file(Path::new("f")).to_string();
        let node = watchfire_settings::yaml::parse(text).map_err(told)?;
        Ok(read(Some(node)).map_err(told)?.unwrap())
    }

    #[test]
    fn prices_become_the_series_that_costs_are_made_of() {
        let prices = parse(
            "gpu_hour: 2.5\nmillion_tokens:\n- {model: 'a\"b', input: 0.2, output: 1}\nbudget: {tokens: 500}\n",
        )
        .unwrap();
        assert_eq!(
            prices.rules().unwrap().lines().skip(3).map(str::trim).collect::<Vec<_>>(),
            [
                "- {record: price:gpu_hour, expr: \"2.5\"}",
                "- {record: price:million_tokens, labels: {model_name: \"a\\\"b\", kind: input}, expr: \"0.2\"}",
                "- {record: price:million_tokens, labels: {model_name: \"a\\\"b\", kind: output}, expr: \"1\"}",
                "- {record: budget:per_month, labels: {budget: tokens}, expr: \"500\"}",
            ]
        );
        assert_eq!(parse("{}").unwrap().rules(), None);
    }

    #[test]
    fn what_is_no_price_is_told_with_its_place() {
        for (text, expected) in [
            ("gpu_hour: much", "f:1:11: gpu_hour is"),
            ("gpu_hour: -1", "gpu_hour is -1; expected a number from 0"),
            ("million_tokens: [{input: 1}]", "model"),
            ("million_tokens: [{model: a, input: 1}, {model: a}]", "model \"a\" stands twice"),
            ("budget: {cars: 1}", "unknown key \"cars\" in budget"),
        ] {
            let told = parse(text).unwrap_err();
            assert!(told.contains(expected), "{told}");
        }
    }
}
