//! HTTP and TLS clients of the emulators and scenarios.
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// An HTTP client with timeouts and, where authorities are named, the TLS settings for `wss`.
pub fn clients(trust: Option<&Path>) -> Result<(reqwest::Client, Option<Arc<rustls::ClientConfig>>)> {
    // Somebody else in the process may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tcp_nodelay(true);
    let Some(file) = trust else {
        // No platform store is read: plain loopback needs none and a container may have none.
        builder = builder.tls_certs_only([]);
        return Ok((builder.build().context("build the HTTP client")?, None));
    };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).context("read the certificate authorities")? {
        roots
            .add(certificate.context("read a certificate")?)
            .context("trust a certificate")?;
    }
    let tls = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let pem = std::fs::read(file).context("read the certificate authorities")?;
    let authorities =
        reqwest::Certificate::from_pem_bundle(&pem).context("read the certificate authorities")?;
    builder = builder.tls_certs_only(authorities);
    Ok((
        builder.build().context("build the HTTP client")?,
        Some(Arc::new(tls)),
    ))
}
