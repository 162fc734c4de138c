//! Asking the name servers of `/etc/resolv.conf`, with its search domains.

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// How large an answer by UDP may be, in bytes.
const UDP_PAYLOAD: u16 = 4096;
/// As many name servers as libc heeds.
const MOST_SERVERS: usize = 3;

/// Looks names up as the machine is configured to.
#[derive(Clone, Debug)]
pub(super) struct Resolver {
    config: Origin,
}

#[derive(Clone, Debug)]
enum Origin {
    /// A file that is read anew for each lookup, because it changes while programs run.
    File(PathBuf),
    #[cfg(test)]
    Fixed(Settings),
}

/// What `resolv.conf` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) servers: Vec<SocketAddr>,
    pub(super) search: Vec<String>,
    pub(super) ndots: usize,
    pub(super) timeout: Duration,
}

impl Settings {
    /// Reads the format of resolv.conf(5). What it does not understand it leaves out, as libc does.
    pub(super) fn parse(text: &str) -> Self {
        let mut settings =
            Self { servers: Vec::new(), search: Vec::new(), ndots: 1, timeout: Duration::from_secs(5) };
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    let address = words.next().and_then(|word| IpAddr::from_str(word).ok());
                    settings.servers.extend(address.map(|address| SocketAddr::new(address, 53)));
                }
                Some("domain") => settings.search = words.take(1).map(str::to_owned).collect(),
                Some("search") => settings.search = words.map(str::to_owned).collect(),
                Some("options") => words.for_each(|option| settings.take_option(option)),
                _ => {}
            }
        }
        settings.servers.truncate(MOST_SERVERS);
        if settings.servers.is_empty() {
            settings.servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 53));
        }
        settings
    }

    fn take_option(&mut self, option: &str) {
        if let Some(number) = option.strip_prefix("ndots:").and_then(|number| number.parse::<usize>().ok()) {
            self.ndots = number.min(15);
        } else if let Some(number) = option.strip_prefix("timeout:").and_then(|number| number.parse().ok()) {
            self.timeout = Duration::from_secs(u64::clamp(number, 1, 30));
        }
    }

    /// The full names that a name may stand for, in the order in which they are asked for.
    pub(super) fn candidates(&self, name: &str) -> Vec<String> {
        if name.ends_with('.') {
            return vec![name.to_owned()];
        }
        let own = format!("{name}.");
        let searched = self.search.iter().map(|domain| match domain.trim_matches('.') {
            "" => own.clone(),
            domain => format!("{name}.{domain}."),
        });
        if name.matches('.').count() >= self.ndots {
            std::iter::once(own.clone()).chain(searched).collect()
        } else {
            searched.chain(std::iter::once(own.clone())).collect()
        }
    }
}

impl Resolver {
    /// As `/etc/resolv.conf` says.
    pub(super) fn system() -> Self {
        Self { config: Origin::File(PathBuf::from("/etc/resolv.conf")) }
    }

    #[cfg(test)]
    pub(super) const fn fixed(settings: Settings) -> Self {
        Self { config: Origin::Fixed(settings) }
    }

    async fn settings(&self) -> Result<Settings, String> {
        match &self.config {
            Origin::File(path) => {
                let text = tokio::fs::read_to_string(path).await;
                let text = text.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                Ok(Settings::parse(&text))
            }
            #[cfg(test)]
            Origin::Fixed(settings) => Ok(settings.clone()),
        }
    }

    /// The records of a name, none when it does not exist.
    ///
    /// # Errors
    /// When a full name that it may stand for could not be asked for, and none of the others exists.
    pub(super) async fn look_up(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, String> {
        let settings = self.settings().await?;
        let mut failure = None;
        for candidate in settings.candidates(name) {
            match ask_any(&settings, &candidate, kind).await {
                Ok(answer) if answer.metadata.response_code == ResponseCode::NoError => {
                    return Ok(answer.answers.into_iter().map(|record| record.data).collect());
                }
                Ok(_) => {}
                Err(reason) => failure = Some(reason),
            }
        }
        failure.map_or(Ok(Vec::new()), Err)
    }
}

/// The answer of the first name server that knows whether the name exists.
async fn ask_any(settings: &Settings, name: &str, kind: RecordType) -> Result<Message, String> {
    let parsed = Name::from_ascii(name).map_err(|error| format!("{name:?} is no name: {error}"))?;
    let mut failures = Vec::new();
    for server in &settings.servers {
        let asked = tokio::time::timeout(settings.timeout, ask(*server, &parsed, kind)).await;
        match asked.unwrap_or_else(|_| Err(format!("no answer within {} s", settings.timeout.as_secs()))) {
            Ok(answer) => match answer.metadata.response_code {
                ResponseCode::NoError | ResponseCode::NXDomain => return Ok(answer),
                code => failures.push(format!("{server}: {code}")),
            },
            Err(reason) => failures.push(format!("{server}: {reason}")),
        }
    }
    Err(format!("{name} cannot be looked up: {}", failures.join(", ")))
}

/// Asks one name server, by UDP, and by TCP where the answer does not fit.
async fn ask(server: SocketAddr, name: &Name, kind: RecordType) -> Result<Message, String> {
    let mut question = Message::new(identifier(), MessageType::Query, OpCode::Query);
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(name.clone(), kind));
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_PAYLOAD);
    question.set_edns(edns);
    let answer = read(&over_udp(server, &question).await?, &question)?;
    if answer.metadata.truncation {
        return read(&over_tcp(server, &question).await?, &question);
    }
    Ok(answer)
}

/// Whoever knows it can answer in a name server's place, so it is drawn from what nobody outside sees.
fn identifier() -> u16 {
    use std::hash::{BuildHasher, RandomState};
    (RandomState::new().hash_one(0_u8) & 0xffff) as u16
}

fn write(question: &Message) -> Result<Vec<u8>, String> {
    question.to_vec().map_err(|error| format!("the question cannot be written: {error}"))
}

fn read(bytes: &[u8], question: &Message) -> Result<Message, String> {
    let answer = Message::from_vec(bytes).map_err(|error| format!("the answer makes no sense: {error}"))?;
    let is_answer = answer.metadata.message_type == MessageType::Response
        && answer.metadata.id == question.metadata.id
        && (answer.queries.is_empty() || answer.queries == question.queries);
    if is_answer { Ok(answer) } else { Err("the answer is to another question".to_owned()) }
}

async fn over_udp(server: SocketAddr, question: &Message) -> Result<Vec<u8>, String> {
    let any: IpAddr =
        if server.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    let failed = |error: std::io::Error| error.to_string();
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await.map_err(failed)?;
    // Answers of anybody else do not come in.
    socket.connect(server).await.map_err(failed)?;
    socket.send(&write(question)?).await.map_err(failed)?;
    let mut answer = vec![0; usize::from(u16::MAX)];
    loop {
        let len = socket.recv(&mut answer).await.map_err(failed)?;
        if len >= 2 && answer.get(..2) == Some(question.metadata.id.to_be_bytes().as_slice()) {
            answer.truncate(len);
            return Ok(answer);
        }
    }
}

/// With the length before each message (RFC 1035, section 4.2.2).
async fn over_tcp(server: SocketAddr, question: &Message) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("by TCP: {error}");
    let bytes = write(question)?;
    let len = u16::try_from(bytes.len()).map_err(|_| "the question is too long".to_owned())?;
    let mut framed = len.to_be_bytes().to_vec();
    framed.extend_from_slice(&bytes);
    let mut stream = TcpStream::connect(server).await.map_err(failed)?;
    stream.write_all(&framed).await.map_err(failed)?;
    let len = stream.read_u16().await.map_err(failed)?;
    let mut answer = vec![0; usize::from(len)];
    stream.read_exact(&mut answer).await.map_err(failed)?;
    Ok(answer)
}
