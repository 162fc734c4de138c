use super::*;

#[test]
fn addresses_are_read_with_and_without_names() {
    let text = r#"ops@x.org, "Last, First" <a@b.de>, Jürgen <j@x.org>"#;
    assert_eq!(addresses::parse(text).unwrap(), ["ops@x.org", "a@b.de", "j@x.org"]);
    let header = addresses::encoded(text).unwrap();
    assert_eq!(header, r#"ops@x.org, "Last, First" <a@b.de>, =?utf-8?q?J=C3=BCrgen?= <j@x.org>"#);
    for wrong in ["", "nobody", "a@", "a@b>\r\nRCPT TO:<c@d>", "<a@b"] {
        assert!(addresses::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_header_never_begins_another_and_long_words_are_split() {
    let mut message = Message::new(0);
    message.header("Subject", "fire\r\nBcc: everybody@x.org");
    message.header("X-Long", &"ü".repeat(60));
    message.part("text/plain", "dots\n.\n= and ü at the end \nlong ".repeat(5).as_str());
    let written = message.written();
    assert!(written.contains("Subject: fire Bcc: everybody@x.org\r\n"), "{written}");
    assert!(written.split("\r\n").all(|line| line.len() <= 78), "{written}");
    assert!(written.contains("=3D and =C3=BC at the end=20\r\n"), "{written}");
    assert!(written.starts_with("Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n"), "{written}");
}
