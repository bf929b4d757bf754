//! Servers of a few lines, which do to a connection what no well-kept server would.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A time-out that a test waits out.
pub(crate) const SHORT: Duration = Duration::from_millis(500);

/// A time-out that no test reaches.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// What the server does with each request that it has read whole.
#[derive(Clone)]
pub(crate) enum Does {
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
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn start(does: Does) -> Self {
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

    pub(crate) fn seen(&self) -> Vec<String> {
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

pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

/// A port that nobody listens on.
pub(crate) async fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("an address")
}
