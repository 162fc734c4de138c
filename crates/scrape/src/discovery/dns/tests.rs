use super::resolver::Settings;
use super::*;
use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::Record;
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, NS, SRV};
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

/// What a name server says of a name; `None` where it does not answer at all.
type Zone = Arc<Mutex<Box<dyn Fn(&str, RecordType) -> Option<(ResponseCode, Vec<RData>)> + Send>>>;

fn answer(zone: &Zone, question: &[u8], over_udp: bool) -> Option<Vec<u8>> {
    let question = Message::from_vec(question).unwrap();
    let query = question.queries[0].clone();
    let (code, records) = (zone.lock().unwrap())(&query.name().to_ascii(), query.query_type())?;
    let mut answer = question.clone();
    answer.metadata.message_type = MessageType::Response;
    answer.metadata.response_code = code;
    if over_udp && records.len() > 100 {
        answer.metadata.truncation = true;
    } else {
        for data in records {
            answer.add_answer(Record::from_rdata(query.name().clone(), 1, data));
        }
    }
    Some(answer.to_vec().unwrap())
}

/// A name server on one port by UDP and TCP.
async fn serve(
    zone: impl Fn(&str, RecordType) -> Option<(ResponseCode, Vec<RData>)> + Send + 'static,
) -> (SocketAddr, Zone) {
    let zone: Zone = Arc::new(Mutex::new(Box::new(zone)));
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let udp = UdpSocket::bind(address).await.unwrap();
    let own = Arc::clone(&zone);
    tokio::spawn(async move {
        let mut bytes = [0; 4096];
        while let Ok((len, from)) = udp.recv_from(&mut bytes).await {
            if let Some(answer) = answer(&own, &bytes[..len], true) {
                udp.send_to(&answer, from).await.unwrap();
            }
        }
    });
    let own = Arc::clone(&zone);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let len = usize::from(stream.read_u16().await.unwrap());
            let mut bytes = vec![0; len];
            stream.read_exact(&mut bytes).await.unwrap();
            if let Some(answer) = answer(&own, &bytes, false) {
                stream.write_u16(u16::try_from(answer.len()).unwrap()).await.unwrap();
                stream.write_all(&answer).await.unwrap();
            }
        }
    });
    (address, zone)
}

fn discovery(servers: &[SocketAddr], names: &[&str], kind: RecordKind, port: u16) -> DnsDiscovery {
    let source = DnsSource {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        kind,
        port,
        refresh_interval: Duration::from_secs(30),
    };
    let settings = Settings {
        servers: servers.to_vec(),
        search: vec!["cluster.local".to_owned()],
        ndots: 1,
        timeout: Duration::from_secs(20),
    };
    DnsDiscovery { resolver: Resolver::fixed(settings), ..DnsDiscovery::new(source, Vec::new()) }
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn good(records: Vec<RData>) -> Option<(ResponseCode, Vec<RData>)> {
    Some((ResponseCode::NoError, records))
}

fn missing() -> Option<(ResponseCode, Vec<RData>)> {
    Some((ResponseCode::NXDomain, Vec::new()))
}

fn targets(outcome: &Outcome) -> Vec<&str> {
    outcome.groups.iter().flat_map(|group| group.targets.iter().map(String::as_str)).collect()
}

#[tokio::test]
async fn every_kind_of_record_gives_its_targets_and_labels() {
    let (server, _zone) = serve(|asked, kind| {
        if asked != "svc.example." {
            return missing();
        }
        good(match kind {
            RecordType::SRV => vec![RData::SRV(SRV::new(1, 1, 9100, name("host-1.example.")))],
            RecordType::A => {
                vec![RData::CNAME(CNAME(name("alias.example."))), RData::A(A::from_str("192.0.2.7").unwrap())]
            }
            RecordType::AAAA => vec![RData::AAAA(AAAA::from_str("2001:db8::1").unwrap())],
            RecordType::MX => vec![RData::MX(MX::new(10, name("mail.example.")))],
            RecordType::NS => vec![RData::NS(NS(name("ns.example.")))],
            other => panic!("{other}"),
        })
    })
    .await;
    let meta = |name: &str, value: &str| (format!("__meta_dns_{name}"), value.to_owned());
    for (kind, target, labels) in [
        (
            RecordKind::Srv,
            "host-1.example:9100",
            vec![meta("srv_record_target", "host-1.example."), meta("srv_record_port", "9100")],
        ),
        (RecordKind::A, "192.0.2.7:80", vec![]),
        (RecordKind::Aaaa, "[2001:db8::1]:80", vec![]),
        (RecordKind::Mx, "mail.example:80", vec![meta("mx_record_target", "mail.example.")]),
        (RecordKind::Ns, "ns.example:80", vec![meta("ns_record_target", "ns.example.")]),
    ] {
        let outcome = discovery(&[server], &["svc.example"], kind, 80).refresh().await;
        assert_eq!((outcome.lookups, outcome.failures), (1, 0), "{:?}", outcome.faults);
        assert_eq!(targets(&outcome), [target]);
        let expected: Vec<_> = [meta("name", "svc.example")].into_iter().chain(labels).collect();
        assert_eq!(outcome.groups[0].labels, expected);
    }
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_asked_for_by_tcp() {
    let (server, _zone) =
        serve(|_, _| good((0..200).map(|host| RData::A(A::new(10, 0, 0, host))).collect())).await;
    let outcome = discovery(&[server], &["many.example."], RecordKind::A, 9).refresh().await;
    assert_eq!(targets(&outcome).len(), 200, "{:?}", outcome.faults);
}

#[tokio::test]
async fn search_domains_are_tried_and_a_name_that_does_not_exist_gives_nothing() {
    let (server, _zone) = serve(|asked, _| match asked {
        "short.cluster.local." => good(vec![RData::A(A::new(10, 0, 0, 1))]),
        _ => missing(),
    })
    .await;
    let outcome = discovery(&[server], &["short", "none"], RecordKind::A, 9).refresh().await;
    assert_eq!(targets(&outcome), ["10.0.0.1:9"]);
    assert_eq!((outcome.lookups, outcome.failures, outcome.faults), (2, 0, Vec::new()));
}

#[tokio::test]
async fn a_name_that_cannot_be_looked_up_keeps_its_targets_and_the_next_server_is_asked() {
    let (server, zone) = serve(|asked, _| match asked {
        "a.example." => good(vec![RData::A(A::new(10, 0, 0, 1))]),
        "b.example." => good(vec![RData::A(A::new(10, 0, 0, 2))]),
        _ => missing(),
    })
    .await;
    let (refuses, _zone) = serve(|_, _| Some((ResponseCode::Refused, Vec::new()))).await;
    let mut discovery = discovery(&[refuses, server], &["a.example", "b.example"], RecordKind::A, 9);
    assert_eq!(targets(&discovery.refresh().await), ["10.0.0.1:9", "10.0.0.2:9"]);
    *zone.lock().unwrap() = Box::new(|asked, _| match asked {
        "a.example." => good(vec![RData::A(A::new(10, 0, 0, 3))]),
        _ => Some((ResponseCode::ServFail, Vec::new())),
    });
    let outcome = discovery.refresh().await;
    assert_eq!(targets(&outcome), ["10.0.0.3:9", "10.0.0.2:9"]);
    assert_eq!((outcome.lookups, outcome.failures, outcome.is_failed), (2, 1, false));
    let told = &outcome.faults[0];
    assert!(told.starts_with("dns_sd_configs: b.example: "), "{told}");
    assert!(
        told.contains(&server.to_string()) && told.ends_with("1 targets of its last good answer stay"),
        "{told}"
    );
}

#[test]
fn the_resolver_s_file_is_read_as_libc_reads_it() {
    let settings = Settings::parse(
        "# comment\nnameserver 10.0.0.1\nnameserver ::1\nnameserver nonsense\nsearch a.example b.example\noptions ndots:2 timeout:3 rotate\n",
    );
    assert_eq!(settings.servers, ["10.0.0.1:53".parse().unwrap(), "[::1]:53".parse().unwrap()]);
    assert_eq!(settings.timeout, Duration::from_secs(3));
    assert_eq!(settings.candidates("x"), ["x.a.example.", "x.b.example.", "x."]);
    assert_eq!(settings.candidates("x.y.z"), ["x.y.z.", "x.y.z.a.example.", "x.y.z.b.example."]);
    assert_eq!(settings.candidates("x."), ["x."]);
    assert_eq!(Settings::parse("").servers, ["127.0.0.1:53".parse().unwrap()]);
}
