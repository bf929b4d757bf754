//! A private authority, and doors in front of broker and database that speak TLS by certificates of it: what stands
//! behind them is spoken to in the clear, wherever it runs.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// How a PostgreSQL client asks for TLS.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// An authority that nobody trusts unless told to.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// Its key could not be made.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "Private authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { issuer })
    }

    /// Its certificate as a file in that directory, for who is to trust it.
    ///
    /// # Errors
    /// It could not be written.
    pub fn file(&self, directory: &Path, name: &str) -> Result<PathBuf> {
        let path = directory.join(name);
        fs::write(&path, self.issuer.pem()).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    fn server(&self, name: &str) -> Result<Arc<ServerConfig>> {
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )?;
        Ok(Arc::new(config))
    }
}

/// Who stands behind a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// TLS from the first byte.
    Broker,
    /// PostgreSQL is asked for TLS first.
    Database,
}

/// A door that speaks TLS. It closes when it is dropped.
#[derive(Debug)]
pub struct Door {
    address: SocketAddr,
    keeper: JoinHandle<()>,
}

impl Door {
    /// Opens one to `host:port`, with a certificate of `authority` for `name`.
    ///
    /// # Errors
    /// No port is free.
    pub async fn open(authority: &Authority, name: &str, behind: Behind, to: &str) -> Result<Self> {
        let acceptor = TlsAcceptor::from(authority.server(name)?);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let to = to.to_owned();
        let keeper = tokio::spawn(async move {
            let mut passing = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, to) = (acceptor.clone(), to.clone());
                // Who does not trust the certificate goes away: that is the client's to tell.
                passing.spawn(async move { pass(stream, &acceptor, behind, &to).await });
                while passing.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, keeper })
    }

    /// An address of what is behind it, by this host name and through this door.
    ///
    /// # Errors
    /// It is no address.
    pub fn instead_of(&self, url: &str, scheme: &str, host: &str) -> Result<String> {
        let (_, rest) = url.split_once("://").context("an address")?;
        let (user, rest) = rest.split_once('@').context("a user")?;
        let (_, path) = rest.split_once('/').context("a path")?;
        Ok(format!("{scheme}://{user}@{host}:{}/{path}", self.address.port()))
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

async fn pass(mut stream: TcpStream, acceptor: &TlsAcceptor, behind: Behind, to: &str) -> Result<()> {
    if behind == Behind::Database {
        let mut asked = [0; SSL_REQUEST.len()];
        stream.read_exact(&mut asked).await?;
        anyhow::ensure!(asked == SSL_REQUEST, "spoken to in the clear");
        stream.write_all(b"S").await?;
    }
    let mut outside = acceptor.accept(stream).await?;
    let mut inside = TcpStream::connect(to).await?;
    copy_bidirectional(&mut outside, &mut inside).await?;
    Ok(())
}

/// `host:port` of an address.
///
/// # Errors
/// It is none.
pub fn host_and_port(url: &str) -> Result<String> {
    let (_, rest) = url.split_once("://").context("an address")?;
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Ok(host.to_owned())
}
