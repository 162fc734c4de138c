//! Amazon's services: with whose keys requests are signed (`sigv4`), and the signature.
//!
//! Keys are looked for where AWS's own tools look: in the configuration, a profile of the shared files, the environment, a
//! web identity, the container, the machine's role; with `role_arn` they are exchanged for those of a role.

mod chain;
mod metadata;
mod profiles;
pub(crate) mod signature;
mod sts;

use crate::attempt::Attempt;
use crate::config::read::text_or;
use crate::sending::Sending;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use watchfire_settings::client::{ClientConfig, Source, take_source};
use watchfire_settings::{Problem, Reading, Secret, Section};

/// Keys that expire within this are asked for anew.
const MARGIN_MS: i64 = 60_000;
/// More keys than this are forgotten and asked for anew.
const MOST: usize = 256;

/// The variables of the environment, by their names; unset and empty are the same.
pub(crate) type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The environment of this process.
pub(crate) fn environment() -> Environment {
    Arc::new(|name| std::env::var(name).ok())
}

/// Who signs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Keys {
    /// The access key's identity, which is no secret.
    pub(crate) access: String,
    /// The secret access key.
    pub(crate) secret: Secret,
    /// The session's token, of keys that expire.
    pub(crate) session: Option<Secret>,
}

/// `sigv4`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SigV4 {
    /// The region; empty for what the environment or the profile says.
    pub region: String,
    /// The keys, if they stand in the configuration.
    pub keys: Option<(Source, Source)>,
    /// The profile of the shared files whose keys are used.
    pub profile: String,
    /// The role to be assumed with the keys.
    pub role_arn: String,
    /// What the role's owner asks whoever assumes it to say.
    pub external_id: String,
    /// Whether the role is assumed at an endpoint that follows FIPS.
    pub use_fips_sts_endpoint: bool,
}

impl SigV4 {
    pub(crate) fn take(section: &mut Section, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        let Some(mut sigv4) = section.section("sigv4", "sigv4")? else { return Ok(Self::default()) };
        let access = take_source(&mut sigv4, reading, "access_key", "access_key_file")?;
        let secret = take_source(&mut sigv4, reading, "secret_key", "secret_key_file")?;
        let keys = match (access, secret) {
            (Some((access, _)), Some((secret, _))) => Some((access, secret)),
            (None, None) => None,
            _ => return Err(sigv4.problem("must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SNS config")),
        };
        let external_id = sigv4.placed_text("external_id")?.filter(|(id, _)| !id.is_empty());
        let found = Self {
            region: text_or(&mut sigv4, "region", "")?,
            keys,
            profile: text_or(&mut sigv4, "profile", "")?,
            role_arn: text_or(&mut sigv4, "role_arn", "")?,
            external_id: external_id.as_ref().map(|(id, _)| id.clone()).unwrap_or_default(),
            use_fips_sts_endpoint: sigv4.flag("use_fips_sts_endpoint")?.unwrap_or(false),
        };
        if let (Some((_, place)), true) = (external_id, found.role_arn.is_empty()) {
            return Err(Problem::new(place, "external_id can only be used with role_arn; expected both"));
        }
        sigv4.finish()?;
        Ok(found)
    }

    /// The region that the environment or the profile's file says, where the configuration does not.
    pub(crate) async fn outer_region(&self, sending: &Sending<'_>) -> Option<String> {
        let variable = |name: &str| sending.tools.variable(name);
        if let Some(region) = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")) {
            return Some(region);
        }
        let profiles = profiles::Profiles::load(sending.tools).await;
        let profile = profiles.get(&self.profile_name(sending))?;
        profile.get("region").map(str::to_owned)
    }

    /// The name of the profile that counts.
    fn profile_name(&self, sending: &Sending<'_>) -> String {
        let named = Some(self.profile.clone()).filter(|name| !name.is_empty());
        named
            .or_else(|| sending.tools.variable("AWS_PROFILE"))
            .or_else(|| sending.tools.variable("AWS_DEFAULT_PROFILE"))
            .unwrap_or_else(|| "default".to_owned())
    }

    /// The keys to sign with, those of the role if there is one. `client` is how Amazon is reached.
    pub(crate) async fn keys(
        &self,
        sending: &Sending<'_>,
        client: &ClientConfig,
        region: &str,
    ) -> Result<Keys, Attempt> {
        let keys = chain::Chain::new(self, sending, client, region).keys().await?;
        sending.hide(keys.secret.expose());
        if let Some(session) = &keys.session {
            sending.hide(session.expose());
        }
        Ok(keys)
    }
}

/// Keys that expire, as long as they are good.
#[derive(Default)]
pub(crate) struct Known {
    keys: Mutex<HashMap<String, (Keys, i64)>>,
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").finish_non_exhaustive()
    }
}

impl Known {
    /// Keys that are good for a while yet.
    fn get(&self, name: &str, now_ms: i64) -> Option<Keys> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.get(name)
            .filter(|(_, until_ms)| *until_ms > now_ms.saturating_add(MARGIN_MS))
            .map(|(keys, _)| keys.clone())
    }

    /// Keeps keys.
    fn keep(&self, name: String, keys: &Keys, until_ms: i64) {
        let mut known = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(name, (keys.clone(), until_ms));
    }

    /// Forgets all, where some are good no more before their time.
    pub(crate) fn forget(&self) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The domain of Amazon's services in a region.
pub(crate) fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}
