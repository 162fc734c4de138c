//! `training`: what is known of training runs beside what they tell themselves.

use super::section::Section;
use super::{Problem, Reading};
use std::path::PathBuf;

/// `training`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Training {
    /// `tensorboard_directories`: below these, event files are read while they are written.
    pub tensorboard_directories: Vec<PathBuf>,
    /// `gpu_price_per_hour`: what a GPU costs an hour.
    pub gpu_price_per_hour: Option<f64>,
    /// `currency`: in which currency; `USD` where nobody says.
    pub currency: Option<String>,
}

impl Training {
    pub(super) fn read(mut section: Section, reading: &Reading<'_>) -> Result<Self, Problem> {
        let mut training = Self::default();
        let folders = section.texts("tensorboard_directories")?;
        training.tensorboard_directories = folders.iter().map(|folder| reading.resolve(folder)).collect();
        let place = section.place();
        training.gpu_price_per_hour = section.number("gpu_price_per_hour")?;
        if training.gpu_price_per_hour.is_some_and(|price| !price.is_finite() || price < 0.0) {
            let message = "gpu_price_per_hour is no price; expected a number such as 2.5";
            return Err(Problem::new(place, message));
        }
        training.currency = section.text("currency")?;
        section.finish()?;
        Ok(training)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Check, Config};
    use std::path::Path;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("dir/p.yml"), Check::Full).map_err(|fault| fault.to_string())
    }

    #[test]
    fn folders_are_relative_to_the_file_and_prices_are_prices() {
        let text =
            "training: {tensorboard_directories: [runs, /abs], gpu_price_per_hour: 2.5, currency: EUR}";
        let training = parse(text).unwrap().training;
        assert_eq!(training.tensorboard_directories, [Path::new("dir/runs"), Path::new("/abs")]);
        assert_eq!((training.gpu_price_per_hour, training.currency.as_deref()), (Some(2.5), Some("EUR")));
        assert_eq!(parse("").unwrap().training, super::Training::default());
        let told = parse("training: {gpu_price_per_hour: -1}").unwrap_err();
        assert!(told.starts_with("dir/p.yml:1:") && told.contains("such as 2.5"), "{told}");
        assert!(parse("training: {tensorboard: [a]}").unwrap_err().contains("tensorboard_directories"));
    }

    #[test]
    fn secrets_of_webhooks_are_hidden_and_must_be_there() {
        let config = parse("ci: {github: {secret: s3cret}, gitlab: {secret: other}}").unwrap();
        assert_eq!(config.ci.github.as_ref().map(|secret| secret.expose()), Some("s3cret"));
        assert!(!format!("{config:?}{}", config.to_yaml()).contains("s3cret"));
        assert!(parse("ci: {github: {}}").unwrap_err().contains("expected one of secret, secret_file"));
        assert!(parse("ci: {gitlab: {secret: \"\"}}").is_err());
        assert!(parse("ci: {gitlab: {secret_file: none-here}}").unwrap_err().contains("none-here"));
    }
}
