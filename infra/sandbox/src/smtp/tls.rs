//! A certificate authority of a few hours' life, and the relay's certificate by it.

use std::sync::Arc;

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// The relay's identity. It lives in memory alone; each start has its own.
pub(crate) struct Identity {
    ca_pem: String,
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Identity {
    /// Makes an authority and a certificate for these names.
    pub(crate) fn generate(names: Vec<String>) -> anyhow::Result<Self> {
        let mut ca = CertificateParams::default();
        ca.distinguished_name
            .push(DnType::CommonName, "Sandbox authority");
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_key = KeyPair::generate().context("making the authority's key")?;
        let ca = CertifiedIssuer::self_signed(ca, ca_key).context("making the authority")?;
        let mut leaf = CertificateParams::new(names).context("naming the certificate")?;
        leaf.distinguished_name.push(DnType::CommonName, "localhost");
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().context("making the relay's key")?;
        let certificate = leaf
            .signed_by(&key, &ca)
            .context("signing the relay's certificate")?;
        Ok(Self {
            ca_pem: ca.pem(),
            certificate: certificate.der().clone(),
            key: key.serialize_der().into(),
        })
    }

    /// What clients have to trust.
    pub(crate) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// TLS as the relay speaks it.
    pub(crate) fn server(self) -> anyhow::Result<Arc<ServerConfig>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("choosing TLS versions")?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate], PrivateKeyDer::Pkcs8(self.key))
            .context("using the relay's certificate")?;
        Ok(Arc::new(config))
    }
}
