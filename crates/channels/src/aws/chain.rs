//! Where keys are looked for, in the order of AWS's own tools.

use super::profiles::{Profile, Profiles};
use super::{Keys, SigV4, domain, metadata, sts};
use crate::attempt::Attempt;
use crate::encoding::sha256_hex;
use crate::sending::Sending;
use std::path::PathBuf;
use watchfire_settings::Secret;
use watchfire_settings::client::{ClientConfig, Source};

/// A profile whose role is assumed with the keys of another, and so on: more than this is a circle.
const MOST_PROFILES: usize = 8;
/// What sessions are called where nobody says.
const SESSION: &str = "watchfire";

/// The search for the keys of one attempt.
pub(super) struct Chain<'a> {
    sigv4: &'a SigV4,
    sending: &'a Sending<'a>,
    client: ClientConfig,
    region: &'a str,
}

impl<'a> Chain<'a> {
    pub(super) fn new(
        sigv4: &'a SigV4,
        sending: &'a Sending<'a>,
        client: &ClientConfig,
        region: &'a str,
    ) -> Self {
        // What is meant for the service's own address is not told to others.
        let client = ClientConfig { credentials: None, headers: Vec::new(), ..client.clone() };
        Self { sigv4, sending, client, region }
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.sending.tools.variable(name)
    }

    pub(super) async fn keys(&self) -> Result<Keys, Attempt> {
        let keys = self.own().await?;
        let role = &self.sigv4.role_arn;
        if role.is_empty() {
            return Ok(keys);
        }
        self.assume(&keys, role, &self.sigv4.external_id, SESSION, "900").await
    }

    /// The keys before the configuration's role is assumed.
    async fn own(&self) -> Result<Keys, Attempt> {
        if let Some((access, secret)) = &self.sigv4.keys {
            let (access, secret) = (self.sending.reveal(access).await?, self.sending.reveal(secret).await?);
            return Ok(Keys { access, secret: Secret::new(secret), session: None });
        }
        let profiles = Profiles::load(self.sending.tools).await;
        if self.sigv4.profile.is_empty() {
            if let Some(keys) = self.of_environment() {
                return Ok(keys);
            }
            if let (Some(file), Some(role)) =
                (self.variable("AWS_WEB_IDENTITY_TOKEN_FILE"), self.variable("AWS_ROLE_ARN"))
            {
                let session = self.variable("AWS_ROLE_SESSION_NAME");
                return self.by_web_identity(&file, &role, session.as_deref()).await;
            }
        }
        self.of_profile(&profiles).await
    }

    fn of_environment(&self) -> Option<Keys> {
        let either = |new: &str, old: &str| self.variable(new).or_else(|| self.variable(old));
        let access = either("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY")?;
        let secret = either("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY")?;
        let session = self.variable("AWS_SESSION_TOKEN").map(Secret::new);
        Some(Keys { access, secret: Secret::new(secret), session })
    }

    /// The keys of the profile: those at the end of its `source_profile`s, and from there role by role.
    async fn of_profile(&self, profiles: &Profiles) -> Result<Keys, Attempt> {
        let mut name = self.sigv4.profile_name(self.sending);
        let asked_for = !self.sigv4.profile.is_empty() || name != "default";
        let mut roles: Vec<&Profile> = Vec::new();
        let base = loop {
            let Some(profile) = profiles.get(&name) else {
                if asked_for || !roles.is_empty() {
                    let looked = profiles.looked();
                    return Err(Attempt::retry(format!(
                        "there is no AWS profile {name:?}; expected [{name}] in the credentials file, or [profile {name}] in \
                         the configuration file (looked in {looked})"
                    )));
                }
                break self.of_surroundings(profiles).await?;
            };
            // Keys of its own end the search, also where a profile names itself as its source.
            let source = profile.get("source_profile").filter(|_| profile.get("role_arn").is_some());
            let is_own = source.is_some_and(|source| source == name);
            match source {
                Some(source) if !is_own => {
                    if roles.len() >= MOST_PROFILES {
                        return Err(Attempt::retry(format!(
                            "{}: source_profile of AWS profile {name:?} leads in a circle; expected a profile with keys at its end",
                            profile.place
                        )));
                    }
                    roles.push(profile);
                    name = source.to_owned();
                }
                _ => {
                    let keys = self.at_the_end(&name, profile, profiles).await?;
                    if is_own
                        || profile.get("credential_source").is_some_and(|_| profile.get("role_arn").is_some())
                    {
                        roles.push(profile);
                    }
                    break keys;
                }
            }
        };
        let mut keys = base;
        for profile in roles.into_iter().rev() {
            let text = |name: &str, default| profile.get(name).unwrap_or(default);
            if let Some(device) = profile.get("mfa_serial") {
                return Err(Attempt::retry(format!(
                    "{}: mfa_serial {device:?} needs somebody who reads a number; expected a role that can be assumed without",
                    profile.place
                )));
            }
            let (role, id) = (text("role_arn", ""), text("external_id", ""));
            let (session, seconds) = (text("role_session_name", SESSION), text("duration_seconds", "900"));
            keys = self.assume(&keys, role, id, session, seconds).await?;
        }
        Ok(keys)
    }

    /// The keys of a profile that takes them from no other.
    async fn at_the_end(&self, name: &str, profile: &Profile, profiles: &Profiles) -> Result<Keys, Attempt> {
        let place = &profile.place;
        let sources = ["source_profile", "credential_source", "web_identity_token_file"];
        if profile.get("role_arn").is_some() && sources.iter().all(|source| profile.get(source).is_none()) {
            return Err(Attempt::retry(format!(
                "{place}: AWS profile {name:?} does not say with whose keys its role_arn is assumed; expected source_profile, \
                 credential_source or web_identity_token_file"
            )));
        }
        match (profile.get("aws_access_key_id"), profile.get("aws_secret_access_key")) {
            (Some(access), Some(secret)) => {
                let session = profile.get("aws_session_token").map(Secret::new);
                return Ok(Keys { access: access.to_owned(), secret: Secret::new(secret), session });
            }
            (None, None) => {}
            _ => {
                return Err(Attempt::retry(format!(
                    "{place}: AWS profile {name:?} has half of its keys; expected aws_access_key_id and aws_secret_access_key"
                )));
            }
        }
        match profile.get("credential_source") {
            Some("Environment") => {
                return self.of_environment().ok_or_else(|| {
                    Attempt::retry(format!(
                        "{place}: AWS profile {name:?} takes its keys from the environment, which has none; expected \
                         AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                    ))
                });
            }
            Some("EcsContainer") => {
                return match metadata::container_url(self.sending)? {
                    Some(url) => self.of_container(&url).await,
                    None => Err(Attempt::retry(format!(
                        "{place}: AWS profile {name:?} takes its keys from the container; expected \
                         AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or AWS_CONTAINER_CREDENTIALS_FULL_URI in the environment"
                    ))),
                };
            }
            Some("Ec2InstanceMetadata") => return self.of_machine().await,
            Some(other) => {
                return Err(Attempt::retry(format!(
                    "{place}: credential_source is {other:?}; expected Environment, EcsContainer or Ec2InstanceMetadata"
                )));
            }
            None => {}
        }
        if let (Some(file), Some(role)) = (profile.get("web_identity_token_file"), profile.get("role_arn")) {
            let session = profile.get("role_session_name");
            return self.by_web_identity(file, role, session).await;
        }
        for unknown in ["sso_session", "sso_start_url", "credential_process", "login_session"] {
            if profile.get(unknown).is_some() {
                return Err(Attempt::retry(format!(
                    "{place}: AWS profile {name:?} takes its keys from {unknown}, which is not supported; expected keys, \
                     source_profile, credential_source or web_identity_token_file"
                )));
            }
        }
        self.of_surroundings(profiles).await
    }

    /// The keys of the container or the machine.
    async fn of_surroundings(&self, profiles: &Profiles) -> Result<Keys, Attempt> {
        if let Some(url) = metadata::container_url(self.sending)? {
            return self.of_container(&url).await;
        }
        let disabled =
            self.variable("AWS_EC2_METADATA_DISABLED").is_some_and(|word| word.eq_ignore_ascii_case("true"));
        let why = if disabled {
            "the machine is not to be asked".to_owned()
        } else {
            match self.of_machine().await {
                Ok(keys) => return Ok(keys),
                Err(failed) => failed.error.unwrap_or_default(),
            }
        };
        Err(Attempt::retry(format!(
            "no AWS keys; expected sigv4.access_key and sigv4.secret_key, sigv4.profile, or AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY in the environment (looked in {}; {why})",
            profiles.looked()
        )))
    }

    async fn of_container(&self, url: &str) -> Result<Keys, Attempt> {
        self.kept(format!("container {url}"), metadata::of_container(self.sending, url)).await
    }

    async fn of_machine(&self) -> Result<Keys, Attempt> {
        self.kept("machine".to_owned(), metadata::of_machine(self.sending)).await
    }

    async fn by_web_identity(&self, file: &str, role: &str, session: Option<&str>) -> Result<Keys, Attempt> {
        let asked = async {
            let token = self.sending.reveal(&Source::File(PathBuf::from(file))).await?;
            let fields = [
                ("Action", "AssumeRoleWithWebIdentity"),
                ("RoleArn", role),
                ("RoleSessionName", session.unwrap_or(SESSION)),
                ("Version", "2011-06-15"),
                ("WebIdentityToken", token.as_str()),
            ];
            let url = self.sts_url();
            sts::ask(self.sending, &self.client, (&url, self.region), None, &fields).await
        };
        self.kept(format!("web {role} {file}"), asked).await
    }

    async fn assume(
        &self,
        keys: &Keys,
        role: &str,
        external_id: &str,
        session: &str,
        seconds: &str,
    ) -> Result<Keys, Attempt> {
        let url = self.sts_url();
        let parts = [&url, &keys.access, keys.secret.expose(), role, external_id, session, seconds];
        let name = format!("role {}", sha256_hex(parts.join("\0").as_bytes()));
        self.sending.hide(keys.secret.expose());
        if let Some(session) = &keys.session {
            self.sending.hide(session.expose());
        }
        let fields = [
            ("Action", "AssumeRole"),
            ("DurationSeconds", seconds),
            ("ExternalId", external_id),
            ("RoleArn", role),
            ("RoleSessionName", session),
            ("Version", "2011-06-15"),
        ];
        let asked = sts::ask(self.sending, &self.client, (&url, self.region), Some(keys), &fields);
        self.kept(name, asked).await
    }

    /// Keys that are known, or what is asked for.
    async fn kept(
        &self,
        name: String,
        asked: impl Future<Output = Result<(Keys, i64), Attempt>>,
    ) -> Result<Keys, Attempt> {
        let known = &self.sending.tools.aws;
        if let Some(keys) = known.get(&name, self.sending.tools.now_ms()) {
            return Ok(keys);
        }
        let (keys, until_ms) = asked.await?;
        known.keep(name, &keys, until_ms);
        Ok(keys)
    }

    fn sts_url(&self) -> String {
        if let Some(url) = self.variable("AWS_ENDPOINT_URL_STS").or_else(|| self.variable("AWS_ENDPOINT_URL"))
        {
            return url;
        }
        let host = if self.sigv4.use_fips_sts_endpoint { "sts-fips" } else { "sts" };
        format!("https://{host}.{}.{}/", self.region, domain(self.region))
    }
}
