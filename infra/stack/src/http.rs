//! Clients of what answers over HTTP on this machine.

use reqwest::{Client, ClientBuilder};

/// A client for plain addresses: by no proxy, and with no authorities to trust. Reading those takes longer than most
/// questions do, in an unoptimised build by far.
pub fn plain_client() -> ClientBuilder {
    install_crypto();
    Client::builder().no_proxy().tls_certs_only([])
}

/// One TLS provider for the whole process; the HTTP client wants it even for plain addresses.
pub fn install_crypto() {
    // An error only says that one is installed already, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
