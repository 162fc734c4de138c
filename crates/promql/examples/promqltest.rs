//! Runs a folder of PromQL test scripts and prints how many of their queries are answered as expected.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use watchfire_promql::testing::{FileScore, run_file};

const USAGE: &str = "usage: promqltest DIR [--verbose] [--file NAME] [--json] [--floor PERCENT]

Runs every *.test file in DIR and prints the score of each and of all.
  --verbose        print each query that was not answered as expected, and why
  --file NAME      run only files whose name contains NAME
  --json           print one JSON object instead of text
  --floor PERCENT  exit with 1 when fewer than PERCENT % pass";

#[derive(Default)]
struct Options {
    folder: PathBuf,
    verbose: bool,
    json: bool,
    name: String,
    floor: Option<f64>,
}

fn main() -> ExitCode {
    let options = match parse_arguments(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // A panic of the engine is counted as a failure and told with its query; its own print-out would only interrupt.
    std::panic::set_hook(Box::new(|_| {}));
    match run(&options) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn parse_arguments(arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--verbose" => options.verbose = true,
            "--json" => options.json = true,
            "--file" => options.name = value()?,
            "--floor" => {
                let text = value()?;
                let percent = text.parse().map_err(|_| format!("--floor {text}: expected a number"))?;
                options.floor = Some(percent);
            }
            "--help" | "-h" => return Err("run PromQL test scripts".to_owned()),
            _ if argument.starts_with('-') => return Err(format!("unknown flag {argument}")),
            _ if options.folder.as_os_str().is_empty() => options.folder = argument.into(),
            _ => return Err(format!("one folder only; found another: {argument}")),
        }
    }
    if options.folder.as_os_str().is_empty() {
        return Err("no folder given".to_owned());
    }
    Ok(options)
}

fn run(options: &Options) -> Result<ExitCode, String> {
    let mut scores = Vec::new();
    for path in scripts(&options.folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.contains(&options.name) {
            scores.push((name, run_file(&path).map_err(|error| error.to_string())));
        }
    }
    if scores.is_empty() {
        return Err(format!("no *.test file in {}", options.folder.display()));
    }
    let evals: usize = scores.iter().flat_map(|(_, score)| score).map(|score| score.evals).sum();
    let passed: usize = scores.iter().flat_map(|(_, score)| score).map(|score| score.passed).sum();
    let percent = 100.0 * passed as f64 / evals.max(1) as f64;
    let text = if options.json {
        json(&scores, evals, passed)
    } else {
        text(&scores, options.verbose) + &format!("TOTAL {passed}/{evals} = {percent:.2} %\n")
    };
    // A reader that has gone, such as `head`, is no error.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    let unreadable = scores.iter().any(|(_, score)| score.is_err());
    let below = options.floor.is_some_and(|floor| percent < floor);
    if below {
        eprintln!("below the floor of {} %", options.floor.unwrap_or_default());
    }
    Ok(if below || unreadable { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn scripts(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries =
        std::fs::read_dir(folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "test"))
        .collect();
    paths.sort();
    Ok(paths)
}

type Scores = [(String, Result<FileScore, String>)];

fn text(scores: &Scores, verbose: bool) -> String {
    let mut text = String::new();
    for (name, score) in scores {
        match score {
            Ok(score) => {
                let percent = 100.0 * score.passed as f64 / score.evals.max(1) as f64;
                text += &format!("{name:<28} {:>4}/{:<4} {percent:>6.2} %\n", score.passed, score.evals);
                for failure in score.failures.iter().filter(|_| verbose) {
                    text += &format!("  {name}:{}: {}\n    {}\n", failure.line, failure.expr, failure.reason);
                }
            }
            Err(error) => text += &format!("{name:<28} cannot run: {error}\n"),
        }
    }
    text
}

fn json(scores: &Scores, evals: usize, passed: usize) -> String {
    let files: Vec<serde_json::Value> = scores
        .iter()
        .map(|(name, score)| match score {
            Ok(score) => {
                let failures: Vec<_> = score
                    .failures
                    .iter()
                    .map(|failure| {
                        serde_json::json!({
                            "line": failure.line, "expr": failure.expr, "reason": failure.reason,
                        })
                    })
                    .collect();
                serde_json::json!({
                    "file": name, "evals": score.evals, "passed": score.passed, "failures": failures,
                })
            }
            Err(error) => serde_json::json!({ "file": name, "error": error }),
        })
        .collect();
    serde_json::json!({ "evals": evals, "passed": passed, "files": files }).to_string() + "\n"
}
