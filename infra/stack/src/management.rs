//! The broker's management interface, as far as a stack and its users need it.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, Method, Response, StatusCode, Url};
use serde_json::{Value, json};

use crate::addresses::{Addresses, credentials};
use crate::http::plain_client;

/// Longest wait for one answer.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Characters of a refusal's body that an error repeats.
const REFUSAL_CHARS: usize = 300;

/// A client of one broker's management interface.
#[derive(Debug, Clone)]
pub struct Management {
    client: Client,
    base: Url,
    user: String,
    password: String,
}

impl Management {
    /// A client for the broker at `addresses`; where the management address bears no credentials,
    /// the broker address's are used.
    ///
    /// # Errors
    /// The address is no URL.
    pub fn new(addresses: &Addresses) -> Result<Self> {
        let mut base = Url::parse(&addresses.management_url)
            .with_context(|| format!("reading the management address {}", addresses.management_url))?;
        let (user, password) = match base.password() {
            Some(password) => (decode(base.username()), decode(password)),
            None => {
                let (user, password) = credentials(&addresses.amqp_url)?;
                (decode(user), decode(password))
            }
        };
        // The client would send credentials found in an address beside those that it is told.
        // Refused only for addresses without a host, which the first request reports anyway.
        let _ = base.set_username("").and_then(|()| base.set_password(None));
        let client = plain_client()
            .timeout(TIMEOUT)
            .build()
            .context("making an HTTP client")?;
        Ok(Self {
            client,
            base,
            user,
            password,
        })
    }

    /// The JSON at `path`, for example `/api/queues/VHOST`.
    ///
    /// # Errors
    /// No answer, or not a successful one.
    pub async fn get(&self, path: &str) -> Result<Value> {
        let answer = self.send(Method::GET, path, None).await?;
        answer
            .json()
            .await
            .with_context(|| format!("reading the broker's answer to GET {path}"))
    }

    /// Puts `body` at `path`.
    ///
    /// # Errors
    /// No answer, or not a successful one.
    pub async fn put(&self, path: &str, body: &Value) -> Result<()> {
        self.send(Method::PUT, path, Some(body)).await.map(drop)
    }

    /// Posts `body` to `path` and returns the answer's JSON (null where there is none).
    ///
    /// # Errors
    /// No answer, or not a successful one.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let answer = self.send(Method::POST, path, Some(body)).await?;
        Ok(answer.json().await.unwrap_or(Value::Null))
    }

    /// Deletes what is at `path`; what is not there counts as deleted.
    ///
    /// # Errors
    /// No answer, or not a successful one.
    pub async fn delete(&self, path: &str) -> Result<()> {
        let answer = self.request(Method::DELETE, path, None).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(());
        }
        accepted(answer, &Method::DELETE, path).await.map(drop)
    }

    /// Makes a virtual host and lets this client's user do everything in it.
    ///
    /// # Errors
    /// No answer, or not a successful one.
    pub async fn create_vhost(&self, vhost: &str) -> Result<()> {
        self.put(&format!("/api/vhosts/{vhost}"), &json!({})).await?;
        let everything = json!({"configure": ".*", "write": ".*", "read": ".*"});
        self.put(&format!("/api/permissions/{vhost}/{}", self.user), &everything)
            .await
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response> {
        let answer = self.request(method.clone(), path, body).await?;
        accepted(answer, &method, path).await
    }

    async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response> {
        let url = self
            .base
            .join(path)
            .with_context(|| format!("forming the address of {path}"))?;
        let mut request = self
            .client
            .request(method.clone(), url)
            .basic_auth(&self.user, Some(&self.password));
        if let Some(body) = body {
            request = request.json(body);
        }
        request
            .send()
            .await
            .with_context(|| format!("asking the broker to {method} {path}"))
    }
}

async fn accepted(answer: Response, method: &Method, path: &str) -> Result<Response> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let body: String = answer
        .text()
        .await
        .unwrap_or_default()
        .chars()
        .take(REFUSAL_CHARS)
        .collect();
    bail!("the broker answered {status} to {method} {path}: {body}")
}

/// Percent-decoding of a credential.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = (byte == b'%').then(|| text.get(text.len() - rest.len()..text.len() - rest.len() + 2));
        match hex.flatten().and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest.nth(1);
            }
            None => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn credentials_are_decoded() {
        assert_eq!(decode("a%40b%2Fc"), "a@b/c");
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("plain"), "plain");
    }
}
