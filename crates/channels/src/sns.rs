//! Amazon SNS: messages published to a topic, an endpoint or a phone, signed by AWS's rules (version 4).

use crate::attempt::Attempt;
use crate::aws::{self, SigV4, signature};
use crate::config::Global;
use crate::config::read::{self, pairs, text_or};
use crate::encoding::{cut_bytes, cut_chars, form};
use crate::notification::Pairs;
use crate::sending::{Request, Sending};
use watchfire_settings::client::ClientConfig;
use watchfire_settings::{Problem, Reading, Section};

const MAX_SUBJECT_CHARS: usize = 100;
const MAX_MESSAGE_BYTES: usize = 256 * 1024;
const MAX_SMS_BYTES: usize = 1600;

/// `sns_configs`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sns {
    /// Where SNS is; empty for the region's own address.
    pub api_url: String,
    /// With whose keys requests are signed, and for which region.
    pub sigv4: SigV4,
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
        let sigv4 = SigV4::take(section, reading)?;
        let mut http_config = read::http(section, &global.http_config, reading)?;
        if section.flag("use_aws_http_client")?.unwrap_or(false) {
            // Amazon's client knows the proxies of the environment, and nothing of ours.
            http_config = ClientConfig { proxy_from_environment: true, ..ClientConfig::default() };
        }
        Ok(Self {
            api_url: text_or(section, "api_url", "")?,
            sigv4,
            target: targets.remove(0),
            subject: text_or(section, "subject", r#"{{ template "sns.default.subject" . }}"#)?,
            message: text_or(section, "message", r#"{{ template "sns.default.message" . }}"#)?,
            attributes: pairs(section, "attributes")?,
            http_config,
        })
    }

    /// The region: as configured, from the address, from the topic, from the environment or the profile.
    async fn region(&self, sending: &Sending<'_>, api_url: &str) -> String {
        if !self.sigv4.region.is_empty() {
            return self.sigv4.region.clone();
        }
        let host = api_url.split_once("://").map_or(api_url, |(_, rest)| rest);
        let of_amazon = host.split('/').next().filter(|host| host.contains(".amazonaws."));
        let from_url = of_amazon.and_then(|host| host.split_once("sns.")?.1.split('.').next());
        let from_arn = self.target.1.split(':').nth(3).filter(|region| !region.is_empty());
        if let Some(region) = from_url.or(from_arn) {
            return region.to_owned();
        }
        self.sigv4.outer_region(sending).await.unwrap_or_else(|| "us-east-1".to_owned())
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
        let region = self.region(sending, &url).await;
        if url.is_empty() {
            let variable = |name| sending.tools.variable(name);
            url = variable("AWS_ENDPOINT_URL_SNS")
                .or_else(|| variable("AWS_ENDPOINT_URL"))
                .unwrap_or_else(|| format!("https://sns.{region}.{}/", aws::domain(&region)));
        }
        let keys = self.sigv4.keys(sending, &self.http_config, &region).await?;
        let pairs: Vec<String> = self
            .fields(sending, &target)
            .iter()
            .map(|(name, value)| format!("{}={}", form(name), form(value)))
            .collect();
        let body = pairs.join("&");
        let parsed = reqwest::Url::parse(&url).map_err(|error| Attempt::dead(format!("api_url: {error}")))?;
        let mut request = Request::form(url, &[]);
        let signed = signature::headers(&keys, ("sns", &region), &parsed, &body, sending.tools.now_ms());
        for (name, value) in signed {
            request = request.header(name, value);
        }
        request.body = body.into_bytes();
        let answer = sending.exchange(&self.http_config, request).await?;
        if answer.body.contains("ExpiredToken") && !answer.is_success() {
            // Taken back before their time: the next attempt asks for new ones.
            sending.tools.aws.forget();
            return Ok(answer.failed(true, &format!("error response from SNS: {}", answer.words())));
        }
        let throttled =
            ["Throttl", "ServiceUnavailable", "InternalError", "InternalFailure", "RequestExpired"];
        if !answer.is_success() && throttled.iter().any(|code| answer.body.contains(code)) {
            return Ok(answer.failed(true, &format!("error response from SNS: {}", answer.words())));
        }
        Ok(answer.judged(&[]))
    }
}
