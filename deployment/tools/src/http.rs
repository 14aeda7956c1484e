//! The one place that sends requests.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;
use url::{Host, Url};

use crate::{Error, Result};

/// How often a request is tried that may be tried again.
const TRIES: u32 = 3;

/// How much of an answer an error tells.
const ANSWER: usize = 400;

/// An address that secrets may be sent to: over TLS, or to this machine.
///
/// # Errors
/// When it is no address or another machine would be reached without TLS. The message leaves the address out: that of a
/// webhook is a secret.
pub fn address(name: &str, text: &str) -> Result<Url> {
    let url =
        Url::parse(text.trim()).map_err(|error| Error::setting(name, format!("no address: {error}")))?;
    let here = match url.host() {
        Some(Host::Ipv4(host)) => host.is_loopback(),
        Some(Host::Ipv6(host)) => host.is_loopback(),
        Some(Host::Domain(host)) => host == "localhost",
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if here => Ok(url),
        _ => Err(Error::setting(name, "the address does not begin with https://")),
    }
}

/// Sends requests with JSON.
pub struct Client {
    client: reqwest::Client,
    pause: Duration,
}

/// An answer: its status and its JSON, null when there is none.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The JSON, null when the body is empty or something else.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Client {
    /// A client that waits so long before it tries again, twice as long the second time.
    ///
    /// # Errors
    /// When the certificate authorities of the machine cannot be read.
    pub fn new(pause: Duration) -> Result<Self> {
        // Fails when there is one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(20))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("ats-delivery")
            .build()
            .map_err(|source| Error::NoAnswer { what: "set-up of the client".to_owned(), source })?;
        Ok(Self { client, pause })
    }

    /// Sends a request and returns the answer, whatever its status. What the other side cannot answer now (429, 5xx) and
    /// a lost connection are tried again.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn send(
        &self,
        what: &str,
        method: Method,
        url: &Url,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let mut pause = self.pause;
        let mut attempt = 1;
        loop {
            let mut request = self.client.request(method.clone(), url.clone());
            request = request.header("accept", "application/json");
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            if let Some(body) = body {
                request = request.header("content-type", "application/json").body(body.to_string());
            }
            let last = attempt >= TRIES;
            match self.answer(request).await {
                Ok(answer) if last || !may_be_tried_again(answer.status) => return Ok(answer),
                Err(source) if last => {
                    return Err(Error::NoAnswer { what: what.to_owned(), source: source.without_url() });
                }
                Ok(_) | Err(_) => {}
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
            attempt += 1;
        }
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
        let response = request.send().await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::Null), text })
    }
}

fn may_be_tried_again(status: u16) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS.as_u16() || status >= 500
}

impl Answer {
    /// Whether the request was taken.
    #[must_use]
    pub fn taken(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The answer, if the request was taken.
    ///
    /// # Errors
    /// With the status and the beginning of the answer.
    pub fn or_refused(self, what: &str) -> Result<Self> {
        if self.taken() {
            return Ok(self);
        }
        let answer = self.text.chars().take(ANSWER).collect();
        Err(Error::Refused { what: what.to_owned(), status: self.status, answer })
    }
}
