//! The wire to the database, for who wants it cut at the one moment that matters: in a commit.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The statement, as a client sends it; and its answer, as the server does.
const COMMIT: &[u8] = b"COMMIT\0";
/// Bytes taken off the wire at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Where a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The server never hears of the commit.
    BeforeIt,
    /// It commits, and its client never hears of that.
    BeforeItsAnswer,
}

/// A way to a database that passes everything on, until it is told to cut a connection. It lasts as long as the
/// test's own runtime.
#[derive(Debug)]
pub struct Wire {
    url: String,
    cut: Arc<Mutex<Option<Cut>>>,
}

impl Wire {
    /// A wire to the database with this address.
    ///
    /// # Errors
    /// The address is of another shape than the stack's, or no port is free.
    pub async fn to(database_url: &str) -> Result<Self> {
        let (user, place) = database_url.rsplit_once('@').context("no user in the address")?;
        let (server, database) = place.split_once('/').context("no database in the address")?;
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listening")?;
        let url = format!("{user}@{}/{database}", listener.local_addr()?);
        let (server, cut) = (server.to_owned(), Arc::new(Mutex::new(None)));
        let told = Arc::clone(&cut);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, told) = (server.clone(), Arc::clone(&told));
                tokio::spawn(async move {
                    // A connection that ends here ends at both sides: that is all there is to say.
                    let _ended = pass_on(client, &server, &told).await;
                });
            }
        });
        Ok(Self { url, cut })
    }

    /// The database's address at this end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Cuts the next connection that commits.
    pub fn cut_next_commit(&self, cut: Cut) {
        *self.cut.lock().unwrap_or_else(PoisonError::into_inner) = Some(cut);
    }
}

async fn pass_on(mut client: TcpStream, server: &str, told: &Mutex<Option<Cut>>) -> Result<()> {
    let mut server = TcpStream::connect(server).await?;
    let (mut request, mut answer) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
    let mut is_cut = false;
    loop {
        tokio::select! {
            read = client.read(&mut request) => {
                let bytes = &request[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                if holds_commit(bytes) {
                    match told.lock().unwrap_or_else(PoisonError::into_inner).take() {
                        None => {}
                        Some(Cut::BeforeIt) => return Ok(()),
                        Some(Cut::BeforeItsAnswer) => is_cut = true,
                    }
                }
                server.write_all(bytes).await?;
            }
            read = server.read(&mut answer) => {
                let bytes = &answer[..read?];
                if bytes.is_empty() || (is_cut && holds_commit(bytes)) {
                    return Ok(());
                }
                client.write_all(bytes).await?;
            }
        }
    }
}

fn holds_commit(bytes: &[u8]) -> bool {
    bytes.windows(COMMIT.len()).any(|window| window == COMMIT)
}
