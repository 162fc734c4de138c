use crate::testing::value;
use crate::{Modules, Report, probe};
use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{Name, RData, Record};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

async fn ask(dns: &str, target: &str) -> Report {
    let text = format!("modules:\n  m: {{ prober: dns, dns: {{ preferred_ip_protocol: ip4, {dns} }} }}");
    let modules = Modules::parse(&text, Path::new("")).unwrap();
    probe(modules.get("m").unwrap(), target, Duration::from_secs(10)).await
}

/// Knows one name.
fn answer(bytes: &[u8]) -> Vec<u8> {
    let question = Message::from_vec(bytes).unwrap();
    let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    let name = Name::from_str("known.example.").unwrap();
    if question.queries.first().is_some_and(|query| *query.name() == name) {
        answer.answers.push(Record::from_rdata(name, 60, RData::A(A::new(192, 0, 2, 1))));
    } else {
        answer.metadata.response_code = ResponseCode::NXDomain;
    }
    answer.to_vec().unwrap()
}

/// One port, in datagrams and in connections.
async fn server() -> String {
    let (tcp, udp) = loop {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            break (tcp, udp);
        }
    };
    let address = tcp.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((len, from)) = udp.recv_from(&mut buffer).await {
            // A late answer to an earlier question comes first.
            let mut late = answer(&buffer[..len]);
            late[0] ^= 0xff;
            let _ = udp.send_to(&late, from).await;
            let _ = udp.send_to(&answer(&buffer[..len]), from).await;
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let len = stream.read_u16().await.unwrap();
            let mut question = vec![0; usize::from(len)];
            stream.read_exact(&mut question).await.unwrap();
            let answer = answer(&question);
            stream.write_u16(u16::try_from(answer.len()).unwrap()).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn a_known_name_is_found_over_both_transports() {
    let address = server().await;
    for transport in ["udp", "tcp"] {
        let report = ask(
            &format!("query_name: known.example, query_type: A, transport_protocol: {transport}, validate_answer_rrs: {{ fail_if_not_matches_regexp: [\"^known.example.\\t60\\tIN\\tA\\t192.0.2.1$\"] }}"),
            &address,
        )
        .await;
        assert!(report.success(), "{transport}: {:?}", report.lines());
        assert_eq!(value(&report, "probe_dns_answer_rrs", &[]), Some(1.0));
        assert_eq!(value(&report, "probe_dns_query_succeeded", &[]), Some(1.0));
        for phase in ["resolve", "connect", "request"] {
            assert!(value(&report, "probe_dns_duration_seconds", &[("phase", phase)]).is_some(), "{phase}");
        }
    }
}

#[tokio::test]
async fn codes_and_records_are_judged() {
    let address = server().await;
    let report = ask("query_name: unknown.example, query_type: A", &address).await;
    assert!(!report.success());
    assert!(report.lines().last().is_some_and(|line| line.contains("answered NXDOMAIN; expected NOERROR")));
    assert_eq!(value(&report, "probe_dns_query_succeeded", &[]), Some(1.0), "it was answered all the same");
    assert!(
        ask("query_name: unknown.example, query_type: A, valid_rcodes: [NXDOMAIN]", &address).await.success()
    );
    for (check, said) in [
        ("fail_if_matches_regexp: [192]", "matches 192"),
        ("fail_if_all_match_regexp: [IN]", "all answer records match IN"),
        ("fail_if_not_matches_regexp: [AAAA]", "does not match AAAA"),
        ("fail_if_none_matches_regexp: [AAAA]", "no answer record matches AAAA"),
    ] {
        let report = ask(
            &format!("query_name: known.example, query_type: A, validate_answer_rrs: {{ {check} }}"),
            &address,
        )
        .await;
        assert!(!report.success(), "{check}");
        assert!(
            report.lines().last().is_some_and(|line| line.contains(said)),
            "{check}: {:?}",
            report.lines()
        );
        assert_eq!(value(&report, "probe_failed_due_to_regex", &[]), Some(1.0));
    }
}
