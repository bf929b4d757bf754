//! A notice handed to carriers that refuse it, fail, or say nothing.

use crate::server::{Does, LONG, SHORT, Server, answer, closed_port};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use topup_gateways::mail::{Mail, MailRelay, SmtpRelay, SmtpSettings};
use topup_gateways::sent::Sent;
use topup_gateways::sms::{RestSms, SmsProvider};

async fn sms(does: Does) -> (Sent, Vec<String>) {
    let server = Server::start(does).await;
    let rest = RestSms::new(&format!("http://{}/api", server.address), "a key".into(), LONG);
    let provider = SmsProvider::Rest(rest.expect("good settings"));
    let sent = provider.send("+27820000001", "Hello", "notice-1").await;
    (sent, server.seen())
}

#[tokio::test]
async fn a_text_is_handed_over_as_the_provider_wants_it() {
    let body = r#"{"recipients":[{"accepted":true,"acceptError":"","apiMessageId":2316}]}"#;
    let (sent, seen) = sms(Does::Answer(answer("200 OK", "", body))).await;
    let provider_id = Some("2316".to_owned());
    assert_eq!(sent, Sent::Accepted { provider_id });

    let (head, body) = seen[0].split_once("\r\n\r\n").expect("a request");
    assert!(head.starts_with("POST /api/sms/outgoing/send HTTP/1.1"), "{head}");
    assert!(
        head.to_lowercase().contains("\r\nauthorization: a key\r\n"),
        "{head}"
    );
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let wanted = serde_json::json!({
        "message": "Hello", "recipients": [{"mobileNumber": "27820000001", "clientMessageId": "notice-1"}]});
    assert_eq!(body, wanted);
}

#[tokio::test]
async fn n2_a_text_that_was_not_taken_for_certain_is_trouble() {
    let body = r#"{"recipients":[{"accepted":false,"acceptError":"invalidNumber"}]}"#;
    let (sent, _) = sms(Does::Answer(answer("200 OK", "", body))).await;
    assert!(matches!(sent, Sent::Refused { .. }), "{sent:?}");

    for does in [
        Does::Drop,
        Does::Answer(answer("503 Busy", "", "")),
        Does::Answer(answer("401 No", "", "{}")),
    ] {
        let (sent, calls) = sms(does).await;
        assert!(matches!(sent, Sent::Trouble { .. }), "{sent:?}");
        assert_eq!(calls.len(), 1);
    }
}

/// An SMTP server of a few lines, which answers `reply` to the first command that begins with `command`.
async fn smtp(command: &'static str, reply: &'static str) -> Sent {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, command, reply));
        }
    });
    hand_over(address, LONG).await
}

async fn converse(mut stream: TcpStream, command: &str, reply: &str) -> Option<()> {
    let greeting = if command == "connect" { reply } else { "220 ready" };
    stream
        .write_all(format!("{greeting}\r\n").as_bytes())
        .await
        .ok()?;
    let mut bytes = Vec::new();
    let mut in_data = false;
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if !text.ends_with("\r\n") || (in_data && !text.ends_with("\r\n.\r\n")) {
            continue;
        }
        bytes.clear();
        let answer = match text.get(..4).unwrap_or_default() {
            _ if in_data => "250 Ok: queued as 1A2B",
            said if said == command => reply,
            "DATA" => "354 go on",
            _ => "250 Ok",
        };
        in_data = !in_data && answer.starts_with("354");
        stream.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
    }
}

async fn hand_over(address: SocketAddr, timeout: Duration) -> Sent {
    let url = format!("smtp://{address}");
    let relay = SmtpRelay::new(SmtpSettings {
        url: &url,
        from: "noreply@example.org",
        ca_file: None,
        timeout,
    })
    .expect("good settings");
    let mail = Mail {
        to: "holder@example.com",
        subject: "s",
        text: "t",
        html: "h",
        message_id: "1",
    };
    MailRelay::Smtp(relay).send(&mail).await
}

#[tokio::test]
async fn a_mail_that_the_relay_took_is_accepted() {
    let provider_id = Some("Ok: queued as 1A2B".to_owned());
    assert_eq!(smtp("none", "").await, Sent::Accepted { provider_id });
}

#[tokio::test]
async fn n2_only_what_is_about_the_recipient_is_a_refusal() {
    for (command, reply) in [
        ("RCPT", "550 5.1.1 no such user"),
        ("RCPT", "553 bad mailbox name"),
        ("RCPT", "556 takes no mail"),
    ] {
        let sent = smtp(command, reply).await;
        let Sent::Refused { reason } = &sent else {
            panic!("{command} {reply}: {sent:?}")
        };
        assert!(reason.starts_with("the mail relay: "), "{reason}");
    }
    for (command, reply) in [
        ("RCPT", "450 mailbox busy"),
        ("RCPT", "451 try later"),
        ("MAIL", "530 authentication required"),
        ("DATA", "452 disk full"),
        ("DATA", "554 no"),
        ("connect", "554 not for you"),
        ("connect", "421 too busy"),
    ] {
        let sent = smtp(command, reply).await;
        assert!(
            matches!(sent, Sent::Trouble { .. }),
            "{command} {reply}: {sent:?}"
        );
    }
    let sent = hand_over(closed_port().await, LONG).await;
    assert!(matches!(sent, Sent::Trouble { .. }), "{sent:?}");
}

#[tokio::test]
async fn n2_a_relay_that_never_answers_is_trouble() {
    let silent = Server::start(Does::Nothing).await;
    let reason = "the mail relay: no answer in time".to_owned();
    let trouble = Sent::Trouble {
        reason,
        retry_after_s: None,
    };
    assert_eq!(hand_over(silent.address, SHORT).await, trouble);
}
