//! Amazon SNS: messages published to a topic, an endpoint or a phone, signed by AWS's rules (version 4).

mod signature;

use crate::attempt::Attempt;
use crate::config::Global;
use crate::config::read::{self, pairs, text_or};
use crate::encoding::{cut_bytes, cut_chars, form};
use crate::notification::Pairs;
use crate::sending::{Request, Sending};
use signature::Keys;
use watchfire_settings::client::{ClientConfig, Source, take_source};
use watchfire_settings::{Problem, Reading, Section};

const MAX_SUBJECT_CHARS: usize = 100;
const MAX_MESSAGE_BYTES: usize = 256 * 1024;
const MAX_SMS_BYTES: usize = 1600;

/// `sns_configs`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sns {
    /// Where SNS is; empty for the region's own address.
    pub api_url: String,
    /// The region.
    pub region: String,
    /// The keys; without them those of the environment.
    pub keys: Option<(Source, Source)>,
    /// Where messages go: `TopicArn`, `TargetArn` or `PhoneNumber`, and the template of its value.
    pub target: (&'static str, String),
    /// The subject, a template.
    pub subject: String,
    /// The message, a template.
    pub message: String,
    /// Message attributes, templates by their names.
    pub attributes: Pairs,
    /// How SNS is reached.
    pub http_config: ClientConfig,
}

impl Sns {
    pub(crate) fn take(
        section: &mut Section,
        global: &Global,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Problem> {
        let mut targets = Vec::new();
        for (key, name) in
            [("topic_arn", "TopicArn"), ("target_arn", "TargetArn"), ("phone_number", "PhoneNumber")]
        {
            if let Some(value) = section.text(key)?.filter(|value| !value.is_empty()) {
                targets.push((name, value));
            }
        }
        if targets.len() != 1 {
            return Err(section.problem("must provide either a Target ARN, Topic ARN, or Phone Number for SNS config; expected exactly one of target_arn, topic_arn, phone_number"));
        }
        let (mut region, mut keys) = (String::new(), None);
        if let Some(mut sigv4) = section.section("sigv4", "sigv4")? {
            region = text_or(&mut sigv4, "region", "")?;
            let access = take_source(&mut sigv4, reading, "access_key", "access_key_file")?;
            let secret = take_source(&mut sigv4, reading, "secret_key", "secret_key_file")?;
            keys = match (access, secret) {
                (Some((access, _)), Some((secret, _))) => Some((access, secret)),
                (None, None) => None,
                _ => return Err(sigv4.problem("must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SNS config")),
            };
            for key in ["profile", "role_arn", "external_id"] {
                if let Some((key, _)) = sigv4.take_with_key(key) {
                    let message =
                        format!("{} is not supported yet; expected access_key and secret_key", key.name);
                    reading.not_yet(key.place, message);
                }
            }
            sigv4.flag("use_fips_sts_endpoint")?;
            sigv4.finish()?;
        }
        section.flag("use_aws_http_client")?;
        Ok(Self {
            api_url: text_or(section, "api_url", "")?,
            region,
            keys,
            target: targets.remove(0),
            subject: text_or(section, "subject", r#"{{ template "sns.default.subject" . }}"#)?,
            message: text_or(section, "message", r#"{{ template "sns.default.message" . }}"#)?,
            attributes: pairs(section, "attributes")?,
            http_config: read::http(section, &global.http_config, reading)?,
        })
    }

    /// The region: as configured, from the address, from the environment.
    fn region(&self, api_url: &str) -> String {
        if !self.region.is_empty() {
            return self.region.clone();
        }
        let from_url = api_url.split("sns.").nth(1).and_then(|rest| rest.split_once(".amazonaws"));
        let from_arn = self.target.1.split(':').nth(3).filter(|region| !region.is_empty());
        let environment =
            || ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| std::env::var(name).ok());
        from_url
            .map(|(region, _)| region.to_owned())
            .or_else(|| from_arn.map(str::to_owned))
            .or_else(environment)
            .unwrap_or_else(|| "us-east-1".to_owned())
    }

    async fn keys(&self, sending: &Sending<'_>) -> Result<Keys, Attempt> {
        if let Some((access, secret)) = &self.keys {
            let (access, secret) = (sending.reveal(access).await?, sending.reveal(secret).await?);
            return Ok(Keys { access, secret, session: None });
        }
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (Some(access), Some(secret)) = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"))
        else {
            return Err(Attempt::retry(
                "no AWS keys; expected sigv4.access_key and sigv4.secret_key, or AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY in the environment",
            ));
        };
        sending.hide(&secret);
        Ok(Keys { access, secret, session: variable("AWS_SESSION_TOKEN") })
    }

    fn fields(&self, sending: &Sending<'_>, target: &str) -> Vec<(String, String)> {
        let mut fields = vec![
            ("Action".to_owned(), "Publish".to_owned()),
            ("Version".to_owned(), "2010-03-31".to_owned()),
            (self.target.0.to_owned(), target.to_owned()),
        ];
        let by_sms = self.target.0 == "PhoneNumber";
        let subject = sending.title("subject", &self.subject);
        if !subject.is_empty() {
            let (subject, cut) = cut_chars(&subject.replace('\n', " "), MAX_SUBJECT_CHARS);
            if cut {
                sending.note(format!("subject cut to {MAX_SUBJECT_CHARS} characters"));
            }
            fields.push(("Subject".to_owned(), subject));
        }
        let most = if by_sms { MAX_SMS_BYTES } else { MAX_MESSAGE_BYTES };
        let (message, cut) = cut_bytes(&sending.message("message", &self.message), most);
        fields.push(("Message".to_owned(), message));
        let mut attributes: Vec<(String, String)> = self
            .attributes
            .iter()
            .map(|(name, template)| (sending.text(name, name), sending.text(name, template)))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        if cut {
            sending.note(format!("message cut to {most} bytes"));
            attributes.push(("truncated".to_owned(), "true".to_owned()));
        }
        for (index, (name, value)) in (1..).zip(attributes) {
            let key = |rest: &str| format!("MessageAttributes.entry.{index}.{rest}");
            fields.push((key("Name"), name));
            fields.push((key("Value.DataType"), "String".to_owned()));
            fields.push((key("Value.StringValue"), value));
        }
        if target.ends_with(".fifo") {
            let key = sending.key_hash();
            fields.push(("MessageGroupId".to_owned(), key.clone()));
            // SNS drops what has the same identity within five minutes: a repetition, but not news.
            let delivery = &sending.notification.delivery_key;
            let identity = format!("{key}{delivery}");
            fields.push((
                "MessageDeduplicationId".to_owned(),
                crate::encoding::sha256_hex(identity.as_bytes()),
            ));
        }
        fields
    }

    pub(crate) async fn attempt(&self, sending: &Sending<'_>) -> Result<Attempt, Attempt> {
        let target = sending.required(self.target.0, &self.target.1)?;
        let mut url = sending.required("api_url", &self.api_url)?;
        let region = self.region(&url);
        if url.is_empty() {
            url = format!("https://sns.{region}.amazonaws.com/");
        }
        let keys = self.keys(sending).await?;
        let pairs: Vec<String> = self
            .fields(sending, &target)
            .iter()
            .map(|(name, value)| format!("{}={}", form(name), form(value)))
            .collect();
        let body = pairs.join("&");
        let parsed = reqwest::Url::parse(&url).map_err(|error| Attempt::dead(format!("api_url: {error}")))?;
        let mut request = Request::form(url, &[]);
        for (name, value) in signature::headers(&keys, &region, &parsed, &body, sending.tools.now_ms()) {
            request = request.header(name, value);
        }
        request.body = body.into_bytes();
        let answer = sending.exchange(&self.http_config, request).await?;
        let throttled =
            ["Throttl", "ServiceUnavailable", "InternalError", "InternalFailure", "RequestExpired"];
        if !answer.is_success() && throttled.iter().any(|code| answer.body.contains(code)) {
            return Ok(answer.failed(true, &format!("error response from SNS: {}", answer.words())));
        }
        Ok(answer.judged(&[]))
    }
}
