//! What the network does to a call, over real sockets: for each way in which an answer can fail to come, which
//! of the ends it is read as.

use secrecy::SecretString;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use topup_gateways::mail::{Mail, MailRelay, SmtpRelay, SmtpSettings};
use topup_gateways::payment::{ChargeRequest, Charged, PaymentGateway};
use topup_gateways::paystack::{Paystack, PaystackSettings};
use topup_gateways::sent::Sent;
use topup_gateways::sms::{RestSms, SmsProvider};
use topup_rules::ids::Reference;
use topup_rules::message::PaymentStatus;
use topup_rules::money::Money;

const SUCCESS: &str = r#"{"status":true,"data":{"status":"success","reference":"topup-1001-a","amount":35247,"currency":"ZAR","id":1}}"#;

/// A time-out that a test waits out.
const SHORT: Duration = Duration::from_millis(500);

/// A time-out that no test reaches.
const LONG: Duration = Duration::from_secs(30);

/// What the server does with each request that it has read whole.
#[derive(Clone)]
enum Does {
    /// Answers with these bytes and keeps the connection.
    Answer(String),
    /// Answers with these bytes and drops the connection.
    AnswerAndDrop(String),
    /// Drops the connection.
    Drop,
    /// Never answers.
    Nothing,
}

/// An HTTP server of a few lines, and the requests that it saw.
struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, does.clone(), log.clone()));
            }
        });
        Self { address, seen }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("no panic while locked").clone()
    }
}

async fn serve(mut stream: TcpStream, does: Does, log: Arc<Mutex<Vec<String>>>) {
    while let Some(request) = read_request(&mut stream).await {
        log.lock().expect("no panic while locked").push(request);
        match &does {
            Does::Answer(bytes) => {
                let _ = stream.write_all(bytes.as_bytes()).await;
            }
            Does::AnswerAndDrop(bytes) => {
                let _ = stream.write_all(bytes.as_bytes()).await;
                return;
            }
            Does::Drop => return,
            Does::Nothing => std::future::pending::<()>().await,
        }
    }
}

/// One request, head and body; `None` at the connection's end.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.trim().parse::<usize>().ok()).flatten()
            });
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

fn gateway(address: &str, timeout: Duration) -> PaymentGateway {
    let settings = PaystackSettings {
        url: address,
        secret_key: "sk_test_key".into(),
        timeout,
    };
    PaymentGateway::Paystack(Paystack::new(settings).expect("good settings"))
}

async fn charge_with(gateway: &PaymentGateway) -> Charged {
    let reference: Reference = "topup-1001-a".parse().expect("a reference");
    let authorization_code = SecretString::from("AUTH_code");
    let request = ChargeRequest {
        reference: &reference,
        amount: Money::new(35_247, "ZAR".parse().expect("a currency")),
        authorization_code: &authorization_code,
        email: "holder@example.com",
        metadata: &[("account_id", "1001".to_owned())],
    };
    gateway.charge_authorization(&request).await
}

async fn charge(does: Does, timeout: Duration) -> (Charged, usize) {
    let server = Server::start(does).await;
    let gateway = gateway(&format!("http://{}", server.address), timeout);
    let charged = charge_with(&gateway).await;
    (charged, server.seen().len())
}

fn unknown_reason(charged: &Charged) -> &str {
    match charged {
        Charged::Unknown { reason } => reason,
        Charged::Answered(_) | Charged::OurTrouble(_) => "(not unknown)",
    }
}

#[tokio::test]
async fn a_charge_is_asked_for_as_the_gateway_wants_it() {
    let server = Server::start(Does::Answer(answer("200 OK", "", SUCCESS))).await;
    let gateway = gateway(&format!("http://{}/", server.address), LONG);
    let charged = charge_with(&gateway).await;
    let Charged::Answered(verdict) = charged else {
        panic!("{charged:?}")
    };
    assert_eq!(verdict.status, PaymentStatus::Success);

    let seen = server.seen();
    let (head, body) = seen[0].split_once("\r\n\r\n").expect("a request");
    assert!(
        head.starts_with("POST /transaction/charge_authorization HTTP/1.1"),
        "{head}"
    );
    assert!(head.contains("authorization: Bearer sk_test_key"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let wanted = serde_json::json!({
        "reference": "topup-1001-a", "amount": 35247, "currency": "ZAR", "email": "holder@example.com",
        "authorization_code": "AUTH_code", "metadata": {"account_id": "1001"}});
    assert_eq!(body, wanted);
}

#[tokio::test]
async fn c8_a_gateway_that_never_answers_leaves_the_charge_unknown() {
    let (charged, calls) = charge(Does::Nothing, SHORT).await;
    assert_eq!(unknown_reason(&charged), "no answer in time");
    assert_eq!(calls, 1);
}

#[tokio::test]
async fn c8_a_connection_that_breaks_leaves_the_charge_unknown_and_is_not_tried_again() {
    let half = &answer("200 OK", "", SUCCESS)[..120];
    for does in [
        Does::Drop,
        Does::AnswerAndDrop("HTTP/1.1 200 OK\r\nconte".to_owned()),
        Does::AnswerAndDrop(half.to_owned()),
        Does::AnswerAndDrop("SSH-2.0-OpenSSH_9.9\r\n".to_owned()),
    ] {
        let (charged, calls) = charge(does, LONG).await;
        let reason = unknown_reason(&charged);
        assert!(reason.starts_with("the connection broke"), "{reason}");
        assert_eq!(calls, 1, "{reason}");
    }
}

#[tokio::test]
async fn c8_an_answer_cut_short_without_a_break_is_unknown_too() {
    let half = answer("200 OK", "", SUCCESS)[..120].to_owned();
    let (charged, _) = charge(Does::Answer(half), SHORT).await;
    assert_eq!(unknown_reason(&charged), "no answer in time");
}

#[tokio::test]
async fn c8_an_answer_of_any_size_is_read_only_so_far() {
    let huge = " ".repeat(300 * 1024);
    for does in [
        Does::Answer(answer("200 OK", "", &huge)),
        // Without a length: the end of the connection would be the end of the body.
        Does::AnswerAndDrop(format!("HTTP/1.1 200 OK\r\n\r\n{huge}")),
    ] {
        let (charged, _) = charge(does, LONG).await;
        assert_eq!(unknown_reason(&charged), "the answer is larger than 262144 bytes");
    }
}

#[tokio::test]
async fn c8_a_redirect_is_not_followed() {
    let elsewhere = Server::start(Does::Answer(answer("200 OK", "", SUCCESS))).await;
    let location = format!("location: http://{}/elsewhere\r\n", elsewhere.address);
    for status in ["302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let (charged, _) = charge(Does::Answer(answer(status, &location, "{}")), LONG).await;
        assert!(unknown_reason(&charged).contains("holds no verdict"), "{status}");
    }
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn c8_a_failing_gateway_is_unknown_whatever_it_says() {
    for status in ["500 Oops", "502 Bad Gateway", "503 Busy", "504 Gateway Timeout"] {
        let (charged, calls) = charge(Does::Answer(answer(status, "", SUCCESS)), LONG).await;
        assert!(
            unknown_reason(&charged).starts_with("the payment gateway failed"),
            "{status}"
        );
        assert_eq!(calls, 1);
    }
}

#[tokio::test]
async fn c9_a_gateway_that_turns_us_away_is_our_own_trouble() {
    for (status, headers, wait_s) in [
        ("401 Unauthorized", "", None),
        ("403 Forbidden", "", None),
        ("429 Too Many Requests", "x-ratelimit-reset: 42\r\n", Some(42)),
        (
            "429 Too Many Requests",
            "retry-after: 7\r\nx-ratelimit-reset: 42\r\n",
            Some(7),
        ),
        ("429 Too Many Requests", "retry-after: soon\r\n", None),
    ] {
        let (charged, _) = charge(Does::Answer(answer(status, headers, "{}")), LONG).await;
        let Charged::OurTrouble(trouble) = charged else {
            panic!("{charged:?}")
        };
        assert_eq!(trouble.retry_after_s, wait_s, "{status} {headers}");
    }
}

#[tokio::test]
async fn c9_a_gateway_that_cannot_be_reached_is_our_own_trouble() {
    let gateway = gateway(&format!("http://{}", closed_port().await), LONG);
    let charged = charge_with(&gateway).await;
    let Charged::OurTrouble(trouble) = charged else {
        panic!("{charged:?}")
    };
    assert!(
        trouble.reason.starts_with("the payment gateway can't be reached"),
        "{trouble}"
    );
}

#[tokio::test]
async fn a_call_that_crosses_the_end_of_its_connection_is_never_sent_twice() {
    const CALLS: usize = 50;
    let server = Server::start(Does::AnswerAndDrop(answer("200 OK", "", SUCCESS))).await;
    let gateway = gateway(&format!("http://{}", server.address), LONG);
    let mut answered = 0;
    for _ in 0..CALLS {
        match charge_with(&gateway).await {
            Charged::Answered(_) => answered += 1,
            // The server closed just when the call went out: it may have been seen.
            Charged::Unknown { .. } => {}
            Charged::OurTrouble(trouble) => panic!("{trouble}"),
        }
    }
    let seen = server.seen().len();
    assert!(
        answered <= seen && seen <= CALLS,
        "{answered} answered, {seen} seen"
    );
}

/// A port that nobody listens on.
async fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("an address")
}

async fn sms(does: Does) -> (Sent, Vec<String>) {
    let server = Server::start(does).await;
    let rest = RestSms::new(&format!("http://{}/api", server.address), "a key".into());
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
    hand_over(address).await
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

async fn hand_over(address: SocketAddr) -> Sent {
    let url = format!("smtp://{address}");
    let relay = SmtpRelay::new(SmtpSettings {
        url: &url,
        from: "noreply@example.org",
        ca_file: None,
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
    let sent = hand_over(closed_port().await).await;
    assert!(matches!(sent, Sent::Trouble { .. }), "{sent:?}");
}
