//! The mail relay.

use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::response::Response;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde_json::json;
use topup_sandbox::Options;
use topup_sandbox::reach::Reach;

use crate::app::App;

type Transport = AsyncSmtpTransport<Tokio1Executor>;

fn message(id: &str) -> Message {
    let mailbox = |text: &str| -> Mailbox { text.parse().unwrap() };
    Message::builder()
        .from(mailbox("Top-ups <topup@example.com>"))
        .to(mailbox("ops@example.com"))
        .to(mailbox("finance@example.com"))
        .subject("Crédit rechargé")
        .message_id(Some(id.to_owned()))
        .multipart(MultiPart::alternative_plain_html(
            "500 credits, été\n.\na dot alone".to_owned(),
            "<p>500 credits</p>".to_owned(),
        ))
        .unwrap()
}

fn transport(app: &App, tls: Option<TlsParameters>) -> Transport {
    let builder = Transport::builder_dangerous("127.0.0.1").port(app.sandbox.smtp.port());
    builder.tls(tls.map_or(Tls::None, Tls::Required)).build()
}

/// Trusts the certificate that the sandbox wrote, and nothing else.
fn trusting(app: &App) -> TlsParameters {
    let ca = Certificate::from_pem(&std::fs::read(&app.ca_file).unwrap()).unwrap();
    TlsParameters::builder("127.0.0.1".to_owned())
        .add_root_certificate(ca)
        .build_rustls()
        .unwrap()
}

async fn send(transport: &Transport, id: &str) -> Result<Response, lettre::transport::smtp::Error> {
    transport.send(message(id)).await
}

#[tokio::test]
async fn mail_is_taken_by_starttls_with_the_certificate_written() {
    let app = App::start().await;
    let transport = transport(&app, Some(trusting(&app)));
    send(&transport, "<1@example.com>").await.unwrap();
    // The pool uses the connection again.
    send(&transport, "<2@example.com>").await.unwrap();
    let seen = app.seen("mail", 2).await;
    assert_eq!(seen.len(), 2);
    let mail = &seen[0];
    assert_eq!(
        [&mail["from"], &mail["message_id"]],
        ["topup@example.com", "1@example.com"]
    );
    assert_eq!(mail["to"], json!(["ops@example.com", "finance@example.com"]));
    assert_eq!(mail["subject"], "Crédit rechargé");
    assert_eq!(mail["headers"]["MIME-Version"], "1.0");
    let lines: Vec<&str> = mail["text"].as_str().unwrap().lines().collect();
    assert_eq!(lines, ["500 credits, été", ".", "a dot alone"]);
    assert_eq!(mail["html"], "<p>500 credits</p>");
    assert!(mail["raw"].as_str().unwrap().contains("multipart/alternative"));
    assert_eq!(seen[1]["message_id"], "2@example.com");
}

#[tokio::test]
async fn mail_in_the_clear_is_refused_unless_it_was_allowed() {
    let app = App::start().await;
    let error = send(&transport(&app, None), "<1@example.com>").await.unwrap_err();
    assert_eq!(error.status().map(u16::from), Some(530));
    assert!(app.seen("mail", 0).await.is_empty());
    let app = App::with(Options {
        smtp_plain: true,
        ..Options::default()
    })
    .await;
    send(&transport(&app, None), "<1@example.com>").await.unwrap();
    assert_eq!(app.seen("mail", 1).await.len(), 1);
}

#[tokio::test]
async fn a_stranger_to_the_certificate_does_not_send() {
    let app = App::start().await;
    let strict = TlsParameters::builder("127.0.0.1".to_owned())
        .build_rustls()
        .unwrap();
    assert!(
        send(&transport(&app, Some(strict)), "<1@example.com>")
            .await
            .is_err()
    );
    assert!(app.seen("mail", 0).await.is_empty());
}

#[tokio::test]
async fn trouble_rejects_for_now_or_for_good() {
    let app = App::start().await;
    let transport = transport(&app, Some(trusting(&app)));
    app.order("trouble", json!({"smtp": "reject"})).await;
    assert!(
        send(&transport, "<1@example.com>")
            .await
            .unwrap_err()
            .is_transient()
    );
    app.order("trouble", json!({"smtp": "refuse"})).await;
    assert!(
        send(&transport, "<1@example.com>")
            .await
            .unwrap_err()
            .is_permanent()
    );
    assert!(app.seen("mail", 0).await.is_empty());
    send(&transport, "<1@example.com>").await.unwrap();
    assert_eq!(app.seen("mail", 1).await.len(), 1);
}

#[tokio::test]
async fn a_dropped_connection_leaves_the_mail_taken_and_the_sender_in_doubt() {
    let app = App::start().await;
    let transport = transport(&app, Some(trusting(&app)));
    app.order("trouble", json!({"smtp": "drop"})).await;
    assert!(send(&transport, "<1@example.com>").await.is_err());
    send(&transport, "<1@example.com>").await.unwrap();
    assert_eq!(
        app.column("mail", 2, "message_id").await,
        ["1@example.com", "1@example.com"]
    );
}

#[tokio::test]
async fn on_a_network_the_certificate_is_good_for_the_name_there() {
    let app = App::with(Options {
        smtp: "0.0.0.0:0".parse().unwrap(),
        reach: Reach::Network("sandbox".to_owned()),
        ..Options::default()
    })
    .await;
    let ca = Certificate::from_pem(&std::fs::read(&app.ca_file).unwrap()).unwrap();
    let named = TlsParameters::builder("sandbox".to_owned())
        .add_root_certificate(ca)
        .build_rustls()
        .unwrap();
    send(&transport(&app, Some(named)), "<1@example.com>")
        .await
        .unwrap();
    assert_eq!(app.seen("mail", 1).await.len(), 1);
}
