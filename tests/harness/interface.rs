//! The edge's HTTP interface, as a platform's program calls it.

use anyhow::{Context as _, Result, ensure};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use topup_stack::plain_client;
use uuid::Uuid;

use super::app::App;
use super::patience::PATIENCE;

/// What an account's token can cover.
const OF_ACCOUNT: &str = "read,buy,settings,send,transfer,personal";
/// What the platform's can.
const OF_PLATFORM: &str = "read,buy,settings,send,transfer,personal,accounts";

/// A client of the interface, with a token or without.
#[derive(Debug, Clone)]
pub struct Interface {
    client: Client,
    url: String,
    token: Option<String>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The head.
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
}

impl App {
    /// A client of the edge's interface without a token.
    ///
    /// # Errors
    /// There is no edge.
    pub fn stranger(&mut self) -> Result<Interface> {
        Ok(Interface {
            client: plain_client().timeout(PATIENCE).build()?,
            url: self.edge_url()?,
            token: None,
        })
    }

    /// The messaging platform, which may do all that a platform may.
    ///
    /// # Errors
    /// The token was not made.
    pub async fn platform(&mut self) -> Result<Interface> {
        self.caller(&["--platform", "--scope", OF_PLATFORM]).await
    }

    /// An account's holder, who may do all that a holder may.
    ///
    /// # Errors
    /// The token was not made.
    pub async fn holder(&mut self, account: i64) -> Result<Interface> {
        self.caller(&["--account", &account.to_string(), "--scope", OF_ACCOUNT])
            .await
    }

    /// The bearer of a token that is made with these arguments.
    ///
    /// # Errors
    /// The token was not made.
    pub async fn caller(&mut self, arguments: &[&str]) -> Result<Interface> {
        let create = [&["token", "create", "--name", "a test"], arguments].concat();
        let made = self.fleetctl(&create).await?;
        let token = made["token"].as_str().context("a token")?;
        Ok(self.stranger()?.with_token(token))
    }
}

impl Interface {
    /// The same with this token.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// A request that is not sent yet; `path` begins behind `/v1`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}/v1{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Looks at something.
    ///
    /// # Errors
    /// The edge did not answer.
    pub async fn get(&self, path: &str) -> Result<Reply> {
        Reply::to(self.request(Method::GET, path)).await
    }

    /// Puts something in its place.
    ///
    /// # Errors
    /// The edge did not answer.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Reply> {
        Reply::to(self.request(Method::PUT, path).json(body)).await
    }

    /// Takes something away.
    ///
    /// # Errors
    /// The edge did not answer.
    pub async fn delete(&self, path: &str) -> Result<Reply> {
        Reply::to(self.request(Method::DELETE, path)).await
    }

    /// Makes something, by a key of its own.
    ///
    /// # Errors
    /// The edge did not answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Reply> {
        self.post_as(&Uuid::now_v7().to_string(), path, body).await
    }

    /// Makes something, by this key.
    ///
    /// # Errors
    /// The edge did not answer.
    pub async fn post_as(&self, key: &str, path: &str, body: &Value) -> Result<Reply> {
        let request = self.request(Method::POST, path).header("idempotency-key", key);
        Reply::to(request.json(body)).await
    }
}

impl Reply {
    /// What comes back to a request.
    ///
    /// # Errors
    /// Nothing did.
    pub async fn to(request: RequestBuilder) -> Result<Self> {
        let answer = request.send().await.context("a request to the edge")?;
        Ok(Self {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            text: answer.text().await?,
        })
    }

    /// The body, of an answer of this status.
    ///
    /// # Errors
    /// It is of another, or no JSON.
    pub fn with_status(&self, status: u16) -> Result<Value> {
        ensure!(
            self.status == status,
            "{} instead of {status}: {}",
            self.status,
            self.text
        );
        serde_json::from_str(&self.text).with_context(|| format!("{status}, but no JSON: {:?}", self.text))
    }

    /// The body, of an answer of 200.
    ///
    /// # Errors
    /// It is another, or no JSON.
    pub fn ok(&self) -> Result<Value> {
        self.with_status(200)
    }

    /// A header's text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The problem that an answer of this status tells, in the one shape of all problems.
    ///
    /// # Errors
    /// It is of another status, or of another shape.
    pub fn problem(&self, status: u16) -> Result<Value> {
        let body = self.with_status(status)?;
        let media = self.header("content-type");
        ensure!(
            media == Some("application/problem+json"),
            "{status} as {media:?}: {body}"
        );
        let kind = body["type"].as_str().unwrap_or_default();
        ensure!(
            kind.starts_with("/problems/") && body["status"] == status && body["title"].is_string(),
            "no problem's shape: {body}"
        );
        ensure!(
            body["detail"].as_str().is_some_and(|detail| !detail.is_empty()),
            "{body}"
        );
        Ok(body)
    }
}
