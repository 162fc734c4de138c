//! SMTP (RFC 5321): one mail to one server.

use crate::attempt::{Attempt, Outcome};
use crate::encoding::{hex, unbase64};
use crate::sending::{DEFAULT_TIMEOUT, Sending};
use md5::{Digest, Md5};
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use watchfire_settings::client::TlsConfig;
use watchfire_settings::http::base64;
use watchfire_settings::secret::MASK;

/// No line of an answer is longer.
const MAX_LINE_BYTES: u64 = 4096;
/// No answer has more lines.
const MAX_LINES: usize = 100;

/// The server.
pub(super) struct Server<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) hello: &'a str,
    /// Encrypted from the first byte.
    pub(super) implicit_tls: bool,
    /// Nothing goes out unencrypted.
    pub(super) require_tls: bool,
    pub(super) tls: &'a TlsConfig,
}

/// Who we are.
pub(super) struct Login {
    pub(super) identity: String,
    pub(super) username: String,
    pub(super) password: Option<String>,
    pub(super) secret: Option<String>,
    pub(super) token: Option<String>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

struct Reply {
    code: u16,
    lines: Vec<String>,
}

impl Reply {
    fn text(&self) -> String {
        format!("{} {}", self.code, self.lines.join(" "))
    }

    /// A refusal: for good from 500 on.
    fn refused(&self, what: &str) -> Attempt {
        let outcome = if self.code >= 500 { Outcome::Dead } else { Outcome::Retry };
        Attempt { outcome, status: Some(self.code), ..Attempt::retry(format!("{what}: {}", self.text())) }
    }
}

/// The conversation with a server.
struct Talk<'a, 's> {
    stream: BufReader<Box<dyn Stream>>,
    sending: &'a Sending<'s>,
    /// What was said, for people.
    said: String,
}

/// Delivers a mail. A server that takes some of the addressees has taken the mail.
pub(super) async fn deliver(
    sending: &Sending<'_>,
    server: &Server<'_>,
    login: &Login,
    from: &str,
    to: &[String],
    message: &str,
) -> Result<Attempt, Attempt> {
    match tokio::time::timeout(DEFAULT_TIMEOUT, talk(sending, server, login, from, to, message)).await {
        Ok(result) => result,
        Err(_) => Err(Attempt::retry(format!(
            "{}:{} did not answer within {} s",
            server.host,
            server.port,
            DEFAULT_TIMEOUT.as_secs()
        ))),
    }
}

async fn talk(
    sending: &Sending<'_>,
    server: &Server<'_>,
    login: &Login,
    from: &str,
    to: &[String],
    message: &str,
) -> Result<Attempt, Attempt> {
    let place = format!("{}:{}", server.host, server.port);
    let connected = TcpStream::connect((server.host, server.port)).await;
    let tcp = connected.map_err(|error| Attempt::retry(format!("cannot connect to {place}: {error}")))?;
    let mut stream: Box<dyn Stream> = Box::new(tcp);
    if server.implicit_tls {
        stream = encrypted(stream, server).await?;
    }
    let mut talk = Talk { stream: BufReader::new(stream), sending, said: format!("connected to {place}\n") };
    let result = talk.whole(server, login, from, to, message).await;
    let answered = match &result {
        Ok((attempt, _)) => format!("{:?}", attempt.outcome),
        Err(attempt) => attempt.error.clone().unwrap_or_default(),
    };
    sending.show(&talk.said, &answered);
    result.map(|(attempt, failed)| {
        for failed in failed {
            sending.note(failed);
        }
        attempt
    })
}

async fn encrypted(stream: Box<dyn Stream>, server: &Server<'_>) -> Result<Box<dyn Stream>, Attempt> {
    let tls = server.tls.clone();
    let config = tokio::task::spawn_blocking(move || watchfire_settings::tls::config(&tls)).await;
    let config = config
        .map_err(|error| Attempt::retry(error.to_string()))?
        .map_err(|error| Attempt::retry(format!("tls_config: {error}")))?;
    let name = server.tls.server_name.as_deref().unwrap_or(server.host).to_owned();
    let name = ServerName::try_from(name)
        .map_err(|error| Attempt::dead(format!("{} is no name for TLS: {error}", server.host)))?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    match connected {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(Attempt::retry(format!("TLS with {}:{}: {error}", server.host, server.port))),
    }
}

impl Talk<'_, '_> {
    async fn whole(
        &mut self,
        server: &Server<'_>,
        login: &Login,
        from: &str,
        to: &[String],
        message: &str,
    ) -> Result<(Attempt, Vec<String>), Attempt> {
        self.expect("the greeting", 220).await?;
        let mut offers = self.hello(server.hello).await?;
        let mut safe = server.implicit_tls;
        if !safe && offers.iter().any(|offer| offer.eq_ignore_ascii_case("STARTTLS")) {
            self.say("STARTTLS").await?;
            self.expect("STARTTLS", 220).await?;
            // Nothing that came before the encryption counts.
            let plain: Box<dyn Stream> = Box::new(tokio::io::empty());
            let inner = std::mem::replace(&mut self.stream, BufReader::new(plain)).into_inner();
            self.stream = BufReader::new(encrypted(inner, server).await?);
            safe = true;
            offers = self.hello(server.hello).await?;
        }
        if server.require_tls && !safe {
            return Err(Attempt::retry(format!(
                "require_tls is true (the default), but {}:{} does not offer STARTTLS",
                server.host, server.port
            )));
        }
        self.authenticate(&offers, login).await?;
        self.say(&format!("MAIL FROM:<{from}>")).await?;
        self.expect("MAIL FROM", 250).await?;
        let (mut accepted, mut refused) = (0, Vec::new());
        for address in to {
            self.say(&format!("RCPT TO:<{address}>")).await?;
            let reply = self.reply().await?;
            if reply.code / 100 == 2 {
                accepted += 1;
            } else {
                refused.push((address, reply));
            }
        }
        if accepted == 0 {
            // One who may be there later is reason to try again.
            let passing = refused.iter().find(|(_, reply)| reply.code < 500).or(refused.first());
            return Err(match passing {
                Some((address, reply)) => reply.refused(&format!("RCPT TO <{address}>")),
                None => Attempt::dead("nobody to send to"),
            });
        }
        self.say("DATA").await?;
        self.expect("DATA", 354).await?;
        self.said.push_str(&format!("> ({} bytes of mail)\n", message.len()));
        self.said.push_str(message);
        let mut body = String::with_capacity(message.len() + 64);
        for line in message.split_inclusive("\r\n") {
            if line.starts_with('.') {
                body.push('.');
            }
            body.push_str(line);
        }
        body.push_str(".\r\n");
        self.write(body.as_bytes()).await?;
        let reply = self.reply().await?;
        if reply.code / 100 != 2 {
            return Err(reply.refused("the mail was refused"));
        }
        // The mail is delivered, whatever becomes of the farewell.
        let _ = self.say("QUIT").await;
        let failed =
            refused.iter().map(|(address, reply)| format!("not told: <{address}>: {}", reply.text()));
        Ok((Attempt::delivered(reply.code), failed.collect()))
    }

    async fn hello(&mut self, name: &str) -> Result<Vec<String>, Attempt> {
        self.say(&format!("EHLO {name}")).await?;
        let reply = self.reply().await?;
        if reply.code == 250 {
            return Ok(reply.lines.into_iter().skip(1).collect());
        }
        self.say(&format!("HELO {name}")).await?;
        self.expect("HELO", 250).await?;
        Ok(Vec::new())
    }

    /// Picks the strongest way that the server offers and we have the secret for.
    async fn authenticate(&mut self, offers: &[String], login: &Login) -> Result<(), Attempt> {
        if login.username.is_empty()
            || (login.password.is_none() && login.secret.is_none() && login.token.is_none())
        {
            return Ok(());
        }
        let ways: Vec<String> = offers
            .iter()
            .filter_map(|offer| offer.strip_prefix("AUTH ").or_else(|| offer.strip_prefix("AUTH=")))
            .flat_map(|ways| ways.split_whitespace().map(str::to_ascii_uppercase))
            .collect();
        let offered = |way: &str| ways.iter().any(|offer| offer == way);
        let user = &login.username;
        if let (true, Some(token)) = (offered("XOAUTH2"), &login.token) {
            let answer = base64(format!("user={user}\x01auth=Bearer {token}\x01\x01").as_bytes());
            self.say_secret("AUTH XOAUTH2 ", &answer).await?;
            let reply = self.reply().await?;
            if reply.code == 334 {
                // The server explains itself only when it is answered.
                self.say("").await?;
                return Err(self.reply().await?.refused("AUTH XOAUTH2"));
            }
            return settled(&reply, "AUTH XOAUTH2");
        }
        if let (true, Some(secret)) = (offered("CRAM-MD5"), &login.secret) {
            self.say("AUTH CRAM-MD5").await?;
            let challenge = self.expect("AUTH CRAM-MD5", 334).await?;
            let challenge = unbase64(challenge.lines.first().map_or("", String::as_str)).unwrap_or_default();
            let digest = hex(&hmac_md5(secret.as_bytes(), &challenge));
            self.say_secret("", &base64(format!("{user} {digest}").as_bytes())).await?;
            let reply = self.reply().await?;
            return settled(&reply, "AUTH CRAM-MD5");
        }
        if let (true, Some(password)) = (offered("PLAIN"), &login.password) {
            let answer = base64(format!("{}\0{user}\0{password}", login.identity).as_bytes());
            self.say_secret("AUTH PLAIN ", &answer).await?;
            let reply = self.reply().await?;
            return settled(&reply, "AUTH PLAIN");
        }
        if let (true, Some(password)) = (offered("LOGIN"), &login.password) {
            self.say("AUTH LOGIN").await?;
            self.expect("AUTH LOGIN", 334).await?;
            self.say_secret("", &base64(user.as_bytes())).await?;
            self.expect("AUTH LOGIN", 334).await?;
            self.say_secret("", &base64(password.as_bytes())).await?;
            let reply = self.reply().await?;
            return settled(&reply, "AUTH LOGIN");
        }
        Err(Attempt::retry(format!(
            "no way to log in: the server offers {}; auth_password serves PLAIN and LOGIN, auth_secret CRAM-MD5, \
             auth_token XOAUTH2",
            if ways.is_empty() { "none".to_owned() } else { ways.join(", ") }
        )))
    }

    async fn say(&mut self, line: &str) -> Result<(), Attempt> {
        self.said.push_str(&format!("> {line}\n"));
        self.write(format!("{line}\r\n").as_bytes()).await
    }

    async fn say_secret(&mut self, plain: &str, secret: &str) -> Result<(), Attempt> {
        self.said.push_str(&format!("> {plain}{MASK}\n"));
        self.sending.hide(secret);
        self.write(format!("{plain}{secret}\r\n").as_bytes()).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Attempt> {
        let written = async {
            self.stream.get_mut().write_all(bytes).await?;
            self.stream.get_mut().flush().await
        };
        written.await.map_err(|error| Attempt::retry(format!("the connection broke: {error}")))
    }

    async fn expect(&mut self, what: &str, code: u16) -> Result<Reply, Attempt> {
        let reply = self.reply().await?;
        if reply.code == code { Ok(reply) } else { Err(reply.refused(what)) }
    }

    async fn reply(&mut self) -> Result<Reply, Attempt> {
        let broken = |error: &dyn std::fmt::Display| Attempt::retry(format!("the connection broke: {error}"));
        let mut lines = Vec::new();
        loop {
            let mut line = Vec::new();
            let mut limited = (&mut self.stream).take(MAX_LINE_BYTES);
            let read = limited.read_until(b'\n', &mut line).await.map_err(|error| broken(&error))?;
            if read == 0 {
                return Err(broken(&"the server hung up"));
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            self.said.push_str(&format!("< {line}\n"));
            let code = line.get(..3).and_then(|code| code.parse::<u16>().ok());
            let Some(code) = code else { return Err(broken(&format!("the server said {line:?}"))) };
            lines.push(line.get(4..).unwrap_or("").to_owned());
            if line.get(3..4) != Some("-") || lines.len() >= MAX_LINES {
                return Ok(Reply { code, lines });
            }
        }
    }
}

fn settled(reply: &Reply, what: &str) -> Result<(), Attempt> {
    if reply.code == 235 { Ok(()) } else { Err(reply.refused(what)) }
}

/// HMAC (RFC 2104) with MD5, which CRAM-MD5 is made of.
fn hmac_md5(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 64;
    let short = if key.len() > BLOCK { Md5::digest(key).to_vec() } else { key.to_vec() };
    let padded = |pad: u8| -> Vec<u8> {
        let zeros = std::iter::repeat_n(0, BLOCK - short.len());
        short.iter().copied().chain(zeros).map(|byte| byte ^ pad).collect()
    };
    let inner = Md5::digest([padded(0x36).as_slice(), bytes].concat());
    Md5::digest([padded(0x5c).as_slice(), inner.as_slice()].concat()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cram_md5_is_that_of_its_document() {
        // RFC 2195, section 2.
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        let digest = hex(&hmac_md5(b"tanstaaftanstaaf", challenge));
        assert_eq!(digest, "b913a602c7eda7a495b4e6e7334d3890");
    }
}
