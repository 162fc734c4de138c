//! With whose keys SNS is told.

use super::{Answer, Fake, NOW_MS, notification, ok};
use crate::{Attempt, Channel, Outcome, Receivers, Status, Tools};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use watchfire_model::time::ManualClock;

const CREDENTIALS: &str = "[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key = defaultsecret
[work]
aws_access_key_id = AKIAWORK
aws_secret_access_key = worksecret
aws_session_token = worktoken
[half]
aws_access_key_id = AKIAHALF
";

const CONFIG: &str = "[profile chained]
role_arn = arn:aws:iam::1:role/chained
source_profile = work
external_id = ours
role_session_name = pages
duration_seconds = 1800
[profile environment]
role_arn = arn:aws:iam::1:role/environment
credential_source = Environment
[profile around]
role_arn = arn:aws:iam::1:role/around
source_profile = about
[profile about]
role_arn = arn:aws:iam::1:role/about
source_profile = around
[profile rootless]
role_arn = arn:aws:iam::1:role/rootless
[profile token]
sso_session = corporation
[profile far]
region = ap-south-1
";

/// A machine with AWS's shared files and no metadata, and what is told there.
struct Place {
    fake: Fake,
    clock: Arc<ManualClock>,
    folder: TempDir,
    channel: Channel,
}

impl Place {
    /// `URL` stands for the server's address, `HERE` for the folder of the files.
    async fn new(sigv4: &str, variables: &[(&str, &str)], answers: Vec<Answer>) -> Self {
        let fake = Fake::new(answers).await;
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().display().to_string();
        std::fs::write(folder.path().join("credentials"), CREDENTIALS).unwrap();
        std::fs::write(folder.path().join("config"), CONFIG).unwrap();
        std::fs::write(folder.path().join("token"), "the-identity\n").unwrap();
        let files = [
            ("AWS_SHARED_CREDENTIALS_FILE", "HERE/credentials"),
            ("AWS_CONFIG_FILE", "HERE/config"),
            ("AWS_ENDPOINT_URL_STS", "URL/sts"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ];
        let filled = |text: &str| text.replace("URL", &fake.url).replace("HERE", &here);
        let variables: BTreeMap<String, String> =
            files.iter().chain(variables).map(|(name, value)| ((*name).to_owned(), filled(value))).collect();
        let clock = Arc::new(ManualClock::at(NOW_MS));
        let time: Arc<ManualClock> = Arc::clone(&clock);
        let tools = Tools::new(time).within(Arc::new(move |name| variables.get(name).cloned()));
        let text = format!(
            "receivers: [{{name: team, sns_configs: [{{api_url: '{}/sns', phone_number: '+1', message: m, {sigv4}}}]}}]",
            fake.url
        );
        let receivers = Receivers::parse(&text, Path::new("/nowhere")).unwrap();
        let integration = receivers.get("team").unwrap().integrations[0].clone();
        let channel = Channel::new(integration, Arc::new(tools));
        Self { fake, clock, folder, channel }
    }

    async fn told(&self) -> Attempt {
        self.channel.send(&notification(Status::Firing), None).await
    }

    /// What came: the path, who signed it for which region and service, with what token, and the body's first words.
    fn seen(&self) -> Vec<String> {
        let who = |authorization: &str| -> String {
            let scope = authorization.split(['=', ',']).nth(1).unwrap_or(authorization);
            scope.replace("/20260203", "").replace("/aws4_request", "")
        };
        let all = self.fake.seen().into_iter().map(|seen| {
            let by = seen.header("authorization").map_or("nobody".to_owned(), who);
            let token = seen.header("x-amz-security-token").unwrap_or("-");
            let what = seen.body.split("&PhoneNumber").next().unwrap_or_default();
            format!("{} {} {by} {token} {what}", seen.method, seen.path).trim_end().to_owned()
        });
        all.collect()
    }
}

fn keys(name: &str, until: &str) -> Answer {
    ok(&format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{name}</AccessKeyId><SecretAccessKey>{name}-&amp;secret\
         </SecretAccessKey><SessionToken>{name}-token</SessionToken><Expiration>{until}</Expiration></Credentials>\
         </AssumeRoleResult></AssumeRoleResponse>"
    ))
}

const PUBLISH: &str = "Action=Publish&Version=2010-03-31";
const LATER: &str = "2026-02-03T12:15:00Z";

#[tokio::test]
async fn keys_are_those_of_the_profile_and_before_it_those_of_the_environment() {
    let environment = [("AWS_ACCESS_KEY_ID", "AKIAENV"), ("AWS_SECRET_ACCESS_KEY", "envsecret")];
    let both = [environment[0], environment[1], ("AWS_PROFILE", "work")];
    let named = [("AWS_PROFILE", "work"), ("AWS_REGION", "eu-west-3")];
    let far = [environment[0], environment[1], ("AWS_PROFILE", "far")];
    for (sigv4, variables, by) in [
        ("sigv4: {region: eu-west-1, profile: work}", &environment[..], "AKIAWORK/eu-west-1/sns worktoken"),
        ("sigv4: {region: eu-west-1}", &both, "AKIAENV/eu-west-1/sns -"),
        ("send_resolved: true", &named, "AKIAWORK/eu-west-3/sns worktoken"),
        ("send_resolved: true", &[], "AKIADEFAULT/us-east-1/sns -"),
        ("send_resolved: true", &far, "AKIAENV/ap-south-1/sns -"),
        ("sigv4: {access_key: AK, secret_key: secret}", &both, "AK/us-east-1/sns -"),
    ] {
        let place = Place::new(sigv4, variables, vec![ok("<ok/>")]).await;
        let attempt = place.told().await;
        assert_eq!(attempt.outcome, Outcome::Delivered, "{attempt:?}");
        assert_eq!(place.seen(), [format!("POST /sns {by} {PUBLISH}")]);
    }
}

#[tokio::test]
async fn a_role_is_assumed_and_its_keys_are_kept_until_shortly_before_they_end() {
    let sigv4 = "sigv4: {region: eu-west-1, access_key: AK, secret_key: secret, role_arn: 'arn:aws:iam::1:role/r', external_id: e x}";
    let answers = vec![
        keys("FIRST", LATER),
        ok("<ok/>"),
        ok("<ok/>"),
        keys("NEXT", "2026-02-03T12:30:00Z"),
        ok("<ok/>"),
    ];
    let place = Place::new(sigv4, &[], answers).await;
    assert_eq!(place.told().await.outcome, Outcome::Delivered);
    place.clock.advance(13 * 60 * 1000);
    assert_eq!(place.told().await.outcome, Outcome::Delivered);
    place.clock.advance(60 * 1000);
    assert_eq!(place.told().await.outcome, Outcome::Delivered);
    let asked = "POST /sts AK/eu-west-1/sts - Action=AssumeRole&DurationSeconds=900&ExternalId=e%20x&\
                 RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=watchfire&Version=2011-06-15";
    let first = format!("POST /sns FIRST/eu-west-1/sns FIRST-token {PUBLISH}");
    let next = format!("POST /sns NEXT/eu-west-1/sns NEXT-token {PUBLISH}");
    assert_eq!(place.seen(), [asked, &first, &first, asked, &next]);
}

#[tokio::test]
async fn a_profile_with_a_role_takes_the_keys_of_its_source_first() {
    let sigv4 = "sigv4: {region: eu-west-1, profile: chained, role_arn: 'arn:aws:iam::1:role/last'}";
    let place = Place::new(sigv4, &[], vec![keys("ONE", LATER), keys("TWO", LATER), ok("<ok/>")]).await;
    assert_eq!(place.told().await.outcome, Outcome::Delivered);
    assert_eq!(
        place.seen(),
        [
            "POST /sts AKIAWORK/eu-west-1/sts worktoken Action=AssumeRole&DurationSeconds=1800&ExternalId=ours&\
             RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fchained&RoleSessionName=pages&Version=2011-06-15",
            "POST /sts ONE/eu-west-1/sts ONE-token Action=AssumeRole&DurationSeconds=900&\
             RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Flast&RoleSessionName=watchfire&Version=2011-06-15",
            &format!("POST /sns TWO/eu-west-1/sns TWO-token {PUBLISH}"),
        ]
    );
}

#[tokio::test]
async fn a_web_identity_is_exchanged_for_keys_without_a_signature() {
    let variables =
        [("AWS_WEB_IDENTITY_TOKEN_FILE", "HERE/token"), ("AWS_ROLE_ARN", "arn:aws:iam::1:role/w")];
    let answers = vec![keys("WEB", LATER), ok("<ok/>")];
    let place = Place::new("sigv4: {region: eu-west-1}", &variables, answers).await;
    assert_eq!(place.told().await.outcome, Outcome::Delivered);
    assert_eq!(
        place.seen(),
        [
            "POST /sts nobody - Action=AssumeRoleWithWebIdentity&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fw&\
             RoleSessionName=watchfire&Version=2011-06-15&WebIdentityToken=the-identity",
            &format!("POST /sns WEB/eu-west-1/sns WEB-token {PUBLISH}"),
        ]
    );
}

#[tokio::test]
async fn the_container_and_the_machine_give_out_keys() {
    let given = |name: &str| {
        ok(&format!(
            r#"{{"Code":"Success","AccessKeyId":"{name}","SecretAccessKey":"secret","Token":"{name}-token","Expiration":"{LATER}"}}"#
        ))
    };
    let none = ("AWS_SHARED_CREDENTIALS_FILE", "HERE/none");
    let container = [
        none,
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "URL/keys"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "let me"),
    ];
    let place = Place::new("sigv4: {region: eu-west-1}", &container, vec![given("BOX"), ok("<ok/>")]).await;
    assert_eq!(place.told().await.outcome, Outcome::Delivered);
    let told = format!("POST /sns BOX/eu-west-1/sns BOX-token {PUBLISH}");
    assert_eq!(place.seen(), ["GET /keys let me -", &told]);

    let machine =
        [none, ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "URL"), ("AWS_EC2_METADATA_DISABLED", "false")];
    let answers = vec![ok("a-token"), ok("a-role\n"), given("HOST"), ok("<ok/>")];
    let place = Place::new("sigv4: {region: eu-west-1}", &machine, answers).await;
    assert_eq!(place.told().await.outcome, Outcome::Delivered);
    let list = "GET /latest/meta-data/iam/security-credentials/";
    let told = format!("POST /sns HOST/eu-west-1/sns HOST-token {PUBLISH}");
    let asked = [
        "PUT /latest/api/token nobody -",
        &format!("{list} nobody -"),
        &format!("{list}a-role nobody -"),
        &told,
    ];
    assert_eq!(place.seen(), asked);
    let with_token = place
        .fake
        .seen()
        .iter()
        .filter(|seen| seen.header("x-aws-ec2-metadata-token") == Some("a-token"))
        .count();
    assert_eq!(with_token, 2);
}

#[tokio::test]
async fn whoever_has_no_keys_is_told_where_they_were_looked_for() {
    let far = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://192.0.2.1/keys"), ("AWS_PROFILE", "far")];
    for (sigv4, variables, expected) in [
        (
            "profile: nobody",
            &[][..],
            "there is no AWS profile \"nobody\"; expected [nobody] in the credentials file, or [profile nobody] in the configuration file (looked in HERE/credentials and HERE/config)",
        ),
        ("profile: half", &[], "HERE/credentials:8: AWS profile \"half\" has half of its keys"),
        ("profile: around", &[], "leads in a circle"),
        ("profile: rootless", &[], "HERE/config:16: AWS profile \"rootless\" does not say with whose keys"),
        ("profile: environment", &[], "takes its keys from the environment, which has none"),
        (
            "profile: token",
            &[],
            "HERE/config:18: AWS profile \"token\" takes its keys from sso_session, which is not supported",
        ),
        ("profile: far", &[], "no AWS keys; expected sigv4.access_key"),
        ("region: eu-west-1", &far, "leads to 192.0.2.1 unencrypted"),
    ] {
        let place = Place::new(&format!("sigv4: {{{sigv4}}}"), variables, vec![ok("<ok/>")]).await;
        let attempt = place.told().await;
        let expected = expected.replace("HERE", &place.folder.path().display().to_string());
        let error = attempt.error.clone().unwrap_or_default();
        assert!(attempt.outcome == Outcome::Retry && error.contains(&expected), "{sigv4}: {attempt:?}");
        assert_eq!(place.seen(), [""; 0]);
    }
}

#[tokio::test]
async fn what_sts_refuses_is_told_with_its_words_and_no_secret() {
    let sigv4 = "sigv4: {access_key: AK, secret_key: s3cr3t-key, role_arn: 'arn:aws:iam::1:role/r'}";
    let refused = |status: u16, code: &str| -> Answer {
        let body = format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>no &lt;way&gt;</Message></Error></ErrorResponse>"
        );
        (status, vec![], body)
    };
    for (status, code, outcome) in [
        (403, "AccessDenied", Outcome::Dead),
        (403, "ExpiredToken", Outcome::Retry),
        (400, "Throttling", Outcome::Retry),
        (503, "", Outcome::Retry),
    ] {
        let place = Place::new(sigv4, &[], vec![refused(status, code)]).await;
        let attempt = place.told().await;
        assert_eq!((attempt.outcome, attempt.status), (outcome, Some(status)), "{attempt:?}");
        let error = attempt.error.unwrap();
        assert!(error.starts_with("STS: AssumeRole of arn:aws:iam::1:role/r: "), "{error}");
        assert!(error.contains(code) && error.contains("way"), "{error}");
    }
    // Somebody who tries a receiver sees what was said, and none of the keys.
    let place = Place::new(sigv4, &[], vec![keys("ROLE", LATER), ok("<ok/>")]).await;
    let (attempt, exchanges) = place.channel.send_and_show(&notification(Status::Firing), None).await;
    let shown = format!("{attempt:?} {exchanges:?} {:?}", place.channel);
    assert!(shown.contains("Action=AssumeRole") && shown.contains("<AccessKeyId>ROLE<"), "{shown}");
    assert!(!shown.contains("s3cr3t-key") && !shown.contains("ROLE-token"), "{shown}");
    assert!(!shown.contains("ROLE-&") && !shown.contains("-&amp;secret"), "{shown}");
}

#[tokio::test]
async fn keys_that_were_taken_back_are_asked_for_anew() {
    let sigv4 = "sigv4: {access_key: AK, secret_key: secret, role_arn: 'arn:aws:iam::1:role/r'}";
    let expired: Answer = (403, vec![], "<Error><Code>ExpiredToken</Code></Error>".to_owned());
    let answers = vec![keys("OLD", LATER), expired, keys("NEW", LATER), ok("<ok/>")];
    let place = Place::new(sigv4, &[], answers).await;
    assert_eq!(place.told().await.outcome, Outcome::Retry);
    assert_eq!(place.told().await.outcome, Outcome::Delivered);
    assert!(place.seen()[3].contains("NEW/us-east-1/sns NEW-token"), "{:?}", place.seen());
}
