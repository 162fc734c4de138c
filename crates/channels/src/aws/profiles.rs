//! AWS's shared files, `~/.aws/credentials` and `~/.aws/config`: profiles with their keys.

use crate::channel::Tools;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use watchfire_settings::Secret;
use watchfire_settings::http::read_small;

/// The profiles of both files, and where they were looked for.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    profiles: BTreeMap<String, Profile>,
    looked: Vec<String>,
}

/// One profile; what stands in the file of credentials comes first.
#[derive(Debug, Default)]
pub(super) struct Profile {
    /// Where it begins: `FILE:LINE`.
    pub(super) place: String,
    settings: BTreeMap<String, Secret>,
}

impl Profile {
    /// A setting that is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(Secret::expose).filter(|value| !value.is_empty())
    }
}

/// What kind of file it is: in that of configuration all sections but `default` are called `profile NAME`.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Credentials,
    Config,
}

impl Profiles {
    /// Reads what there is. A file that is not there has no profiles.
    pub(super) async fn load(tools: &Tools) -> Self {
        let path = |variable: &str, name: &str| {
            let home = || tools.variable("HOME").map(|home| Path::new(&home).join(".aws").join(name));
            tools.variable(variable).map(PathBuf::from).or_else(home)
        };
        let credentials = path("AWS_SHARED_CREDENTIALS_FILE", "credentials");
        let config = path("AWS_CONFIG_FILE", "config");
        let read = tokio::task::spawn_blocking(move || {
            let mut profiles = Self::default();
            for (path, kind) in [(credentials, Kind::Credentials), (config, Kind::Config)] {
                let Some(path) = path else { continue };
                match read_small(&path) {
                    Ok(bytes) => {
                        profiles.looked.push(path.display().to_string());
                        profiles.add(&String::from_utf8_lossy(&bytes), kind, &path.display().to_string());
                    }
                    Err(error) => profiles.looked.push(format!("{} ({error})", path.display())),
                }
            }
            profiles
        });
        read.await.unwrap_or_default()
    }

    /// A profile by its name.
    pub(super) fn get(&self, name: &str) -> Option<&Profile> {
        self.profiles.get(name)
    }

    /// Where profiles were looked for, for people.
    pub(super) fn looked(&self) -> String {
        if self.looked.is_empty() {
            "no file, as HOME is not set".to_owned()
        } else {
            self.looked.join(" and ")
        }
    }

    fn add(&mut self, text: &str, kind: Kind, file: &str) {
        let mut current: Option<String> = None;
        for (number, line) in (1..).zip(text.lines()) {
            // An indented line goes on with the setting before it, which is none of those that count here.
            if line.trim().is_empty() || line.starts_with(['#', ';', ' ', '\t']) {
                continue;
            }
            if let Some(rest) = line.strip_prefix('[') {
                current = rest.split_once(']').and_then(|(name, _)| profile_name(name.trim(), kind));
                if let Some(name) = &current {
                    let profile = self.profiles.entry(name.clone()).or_default();
                    if profile.place.is_empty() {
                        profile.place = format!("{file}:{number}");
                    }
                }
                continue;
            }
            let (Some(name), Some((key, value))) = (&current, line.split_once('=')) else { continue };
            let value = [" #", " ;", "\t#", "\t;"]
                .iter()
                .fold(value, |value, mark| value.split_once(mark).map_or(value, |(value, _)| value));
            let profile = self.profiles.entry(name.clone()).or_default();
            let key = key.trim().to_ascii_lowercase();
            profile.settings.entry(key).or_insert_with(|| Secret::new(value.trim()));
        }
    }
}

fn profile_name(section: &str, kind: Kind) -> Option<String> {
    match section.split_once(char::is_whitespace) {
        Some(("profile", name)) if kind == Kind::Config => Some(name.trim().trim_matches('"').to_owned()),
        None if kind == Kind::Credentials || section == "default" => Some(section.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_of_both_files_are_one_and_credentials_come_first() {
        let mut profiles = Profiles::default();
        let credentials = "# mine\n[work]\naws_access_key_id = A # comment\naws_secret_access_key=S=/+x#y\n\n[other]\nno value\n";
        profiles.add(credentials, Kind::Credentials, "c");
        let config = "[default]\nregion=us-west-2\n[profile work]\nREGION = eu-west-1\naws_access_key_id = B\ns3 =\n  region = nested\n[work]\nrole_arn = none\n[sso-session x]\nregion = y\n[profile]\n[broken\n= =\n";
        profiles.add(config, Kind::Config, "d");
        let of = |name: &str, key: &str| profiles.get(name).and_then(|profile| profile.get(key));
        assert_eq!(of("work", "aws_access_key_id"), Some("A"));
        assert_eq!(of("work", "aws_secret_access_key"), Some("S=/+x#y"));
        assert_eq!(of("work", "region"), Some("eu-west-1"));
        assert_eq!((of("work", "role_arn"), of("work", "s3"), of("other", "no value")), (None, None, None));
        assert_eq!(of("default", "region"), Some("us-west-2"));
        assert_eq!(profiles.get("work").map(|profile| profile.place.as_str()), Some("c:2"));
        assert!(profiles.get("x").is_none() && profiles.get("sso-session x").is_none());
        assert!(!format!("{profiles:?}").contains("S=/+x"));
    }
}
