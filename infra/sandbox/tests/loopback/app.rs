//! A sandbox on free ports, and somebody who talks to it.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use topup_sandbox::{Options, Sandbox};

/// Longest time that a test waits for what is bound to come.
pub(crate) const PATIENCE_MS: u64 = 20_000;
/// How long what is pending takes here.
pub(crate) const PENDING: Duration = Duration::from_millis(60);

pub(crate) struct App {
    pub(crate) sandbox: Sandbox,
    pub(crate) client: Client,
    pub(crate) ca_file: PathBuf,
}

impl App {
    pub(crate) async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let ca_file = std::env::temp_dir().join(format!("sandbox-ca-{}.pem", uuid::Uuid::now_v7()));
        let options = Options {
            ca_file: Some(ca_file.clone()),
            pending: PENDING,
            ..options
        };
        let sandbox = Sandbox::start(options).await.unwrap();
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            sandbox,
            client,
            ca_file,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.sandbox.http)
    }

    /// A gateway call with the right key.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        let request = self.client.post(self.url(path)).bearer_auth("sk_test_sandbox");
        request.body(body.to_string()).send().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client
            .get(self.url(path))
            .bearer_auth("sk_test_sandbox")
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn charge(&self, code: &str, reference: &str) -> (StatusCode, Value) {
        read(
            self.post("/transaction/charge_authorization", &charge_body(code, reference))
                .await,
        )
        .await
    }

    pub(crate) async fn verify(&self, reference: &str) -> (StatusCode, Value) {
        read(self.get(&format!("/transaction/verify/{reference}")).await).await
    }

    /// One of the lists, as soon as it has so many entries.
    pub(crate) async fn seen(&self, list: &str, at_least: usize) -> Vec<Value> {
        let path = format!("/sandbox/{list}?at_least={at_least}&wait_ms={PATIENCE_MS}");
        self.get(&path).await.json().await.unwrap()
    }

    /// One field of each entry of a list.
    pub(crate) async fn column(&self, list: &str, at_least: usize, field: &str) -> Vec<String> {
        let entries = self.seen(list, at_least).await;
        entries
            .iter()
            .map(|entry| entry[field].as_str().unwrap().to_owned())
            .collect()
    }

    /// An order at `/sandbox/…` that is taken.
    pub(crate) async fn order(&self, path: &str, body: Value) -> Value {
        let (status, answer) = read(self.post(&format!("/sandbox/{path}"), &body).await).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // It may never have been written.
        let _ = std::fs::remove_file(&self.ca_file);
    }
}

pub(crate) fn charge_body(code: &str, reference: &str) -> Value {
    json!({
        "email": "ops@example.com", "amount": 35_247, "currency": "ZAR",
        "authorization_code": code, "reference": reference,
    })
}

pub(crate) async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
