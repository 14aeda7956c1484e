//! A server on this machine that remembers what it was asked, and the program run on its own variables.

#![allow(dead_code, reason = "each test target uses a part")]

use std::collections::VecDeque;
use std::process::Output;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{Method, StatusCode, Uri};
use serde_json::Value;

/// A request that came.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub body: Value,
}

/// A server that gives these statuses in turn, the last one for ever.
pub struct Server {
    address: std::net::SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub async fn start(statuses: Vec<u16>) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (kept, left) = (Arc::clone(&requests), Arc::new(Mutex::new(VecDeque::from(statuses))));
        let answer = move |method: Method, uri: Uri, body: Bytes| {
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            kept.lock().unwrap().push(Request {
                method: method.to_string(),
                path: uri.path().to_owned(),
                body,
            });
            let mut left = left.lock().unwrap();
            let status = if left.len() > 1 { left.pop_front() } else { left.front().copied() };
            std::future::ready(StatusCode::from_u16(status.unwrap()).unwrap())
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
        Self { address, requests }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// Runs `ats-delivery` with these variables and none of this process's, but the path of programs.
pub async fn program(arguments: &[&str], settings: &[(&str, &str)], more: &[(&str, String)]) -> Output {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_ats-delivery"));
    command.args(arguments).env_clear().env("PATH", std::env::var("PATH").unwrap());
    command
        .envs(counters())
        .envs(settings.iter().copied())
        .envs(more.iter().map(|(name, value)| (*name, value.as_str())));
    command.output().await.unwrap()
}

/// Where a build that counts what ran keeps its counts; nothing in a usual one.
pub fn counters() -> Option<(&'static str, std::ffi::OsString)> {
    std::env::var_os("LLVM_PROFILE_FILE").map(|file| ("LLVM_PROFILE_FILE", file))
}
