//! TLS: the trusted authorities, the handshake, and readable reasons of a failed one.

use std::{io, path::Path, sync::Arc};

use hyper_util::rt::TokioIo;
use rustls::{
    CertificateError, ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio_rustls::TlsConnector;

use super::{
    connection::{Bytes, IoStream},
    pinned::{self, Pinned},
};
use crate::{
    error::{Error, ErrorKind, Result},
    files,
};

/// TLS client. Cheap to clone.
#[derive(Clone)]
pub(super) struct Tls {
    /// For the service: HTTP/2 if supported, else HTTP/1.1.
    service: TlsConnector,
    /// For an HTTPS proxy; tunnels are HTTP/1.1.
    proxy: TlsConnector,
}

impl Tls {
    /// Trusts the platform's authorities, the bundled ones, and those of a file.
    pub(super) fn new(ca_file: Option<&Path>) -> Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let failure =
            |error: String| Error::new(ErrorKind::Configuration, format!("TLS cannot be set up: {error}"));
        let (roots, own) = roots(ca_file)?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| failure(error.to_string()))?;
        let mut config = if own.is_empty() {
            builder.with_root_certificates(roots).with_no_client_auth()
        } else {
            let verifier = Pinned::new(roots, own, provider).map_err(failure)?;
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
                .with_no_client_auth()
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let proxy = TlsConnector::from(Arc::new(config.clone()));
        config.alpn_protocols.insert(0, b"h2".to_vec());
        Ok(Self {
            service: TlsConnector::from(Arc::new(config)),
            proxy,
        })
    }

    /// TLS handshake with the service; true if it negotiates HTTP/2.
    pub(super) async fn with_service(
        &self,
        stream: Box<dyn IoStream>,
        host: &str,
    ) -> io::Result<(Bytes, bool)> {
        let stream = self.service.connect(server_name(host)?, stream).await?;
        let speaks_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok((TokioIo::new(Box::new(stream) as Box<dyn IoStream>), speaks_h2))
    }

    /// TLS handshake with a proxy.
    pub(super) async fn with_proxy(
        &self,
        stream: Box<dyn IoStream>,
        host: &str,
    ) -> io::Result<Box<dyn IoStream>> {
        Ok(Box::new(self.proxy.connect(server_name(host)?, stream).await?))
    }
}

fn server_name(host: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).map_err(io::Error::other)
}

/// All authorities, and separately the certificates of the file.
fn roots(ca_file: Option<&Path>) -> Result<(RootCertStore, Vec<CertificateDer<'static>>)> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    // The platform's may be missing (a minimal container); the bundled ones remain.
    let (_, unreadable) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if unreadable > 0 {
        tracing::debug!(unreadable, "certificates of the platform that cannot be read");
    }
    let Some(path) = ca_file else {
        return Ok((roots, Vec::new()));
    };
    let bad = |what: String| {
        Error::new(
            ErrorKind::Configuration,
            format!("the certificates in {}: {what}", path.display()),
        )
        .with_hint("`ca-file` names a PEM file with the certificates of your authority")
    };
    let text = files::read(path, files::MAX_BYTES).map_err(|error| bad(error.to_string()))?;
    let mut own: Vec<CertificateDer<'static>> = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| bad(format!("they cannot be read: {error}")))?;
        let number = own.len() + 1;
        roots.add(certificate.clone()).map_err(|_| {
            bad(format!(
                "number {number} is not a readable X.509 certificate of version 3"
            ))
        })?;
        own.push(certificate);
    }
    if own.is_empty() {
        return Err(bad("there are none".to_owned()));
    }
    Ok((roots, own))
}

/// Why a handshake failed, and how to fix it.
pub(super) fn reason(error: &io::Error) -> (String, &'static str) {
    use CertificateError as Bad;
    let tls = error.get_ref().and_then(|source| source.downcast_ref());
    let Some(rustls::Error::InvalidCertificate(bad)) = tls else {
        let what = tls.map_or_else(|| error.to_string(), rustls::Error::to_string);
        return (
            format!("the TLS handshake failed: {what}"),
            "check that the port of the base URL is one for https, and that nothing on the way breaks TLS",
        );
    };
    match bad {
        Bad::Expired | Bad::ExpiredContext { .. } => (
            "its certificate has expired".to_owned(),
            "its operator has to renew it; if it is good, set this machine's clock",
        ),
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => (
            "its certificate is not valid yet".to_owned(),
            "set this machine's clock; if that is right, its operator has to replace the certificate",
        ),
        Bad::NotValidForName => (
            "its certificate is for another name".to_owned(),
            "check the host name of the base URL",
        ),
        Bad::NotValidForNameContext { presented, .. } if presented.is_empty() => (
            "its certificate names no host: the names have to be in its subjectAltName".to_owned(),
            "make one that does: `openssl req -x509 …` with `-addext subjectAltName=DNS:HOST`",
        ),
        Bad::NotValidForNameContext { presented, .. } => {
            // Text from the server, of which three names are enough to see the problem.
            let names: Vec<_> = presented.iter().take(3).map(String::as_str).collect();
            (
                format!("its certificate is for another name: {}", names.join(", ")),
                "check the host name of the base URL",
            )
        }
        // The second means an authority of the same name with another key.
        Bad::UnknownIssuer | Bad::BadSignature => (
            "its certificate is signed by an untrusted authority".to_owned(),
            "if the authority is yours, name a file with its certificate in the setting `ca-file`",
        ),
        other if pinned::is_authority(other) => (
            "its certificate is self-signed, or a CA certificate, and not trusted".to_owned(),
            "if it is yours, name a file with this very certificate in the setting `ca-file`",
        ),
        other if pinned::is_of_old_version(other) => (
            "its certificate is of X.509 version 1, which is not accepted any more".to_owned(),
            "its operator has to replace it; `openssl req -x509` makes one of version 3",
        ),
        Bad::UnsupportedSignatureAlgorithmContext { .. }
        | Bad::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => (
            "its certificate has an unsupported signature (too weak, or an unknown curve)".to_owned(),
            "its operator has to replace it; RSA with 2048 bits and SHA-256, or the curve P-256, will do",
        ),
        other => (
            format!("its certificate is not accepted: {other}"),
            "its operator has to replace the certificate",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A CA that exists nowhere.
    const AUTHORITY: &str = include_str!("authority.test.pem");

    #[test]
    fn a_ca_file_adds_to_the_usual_authorities_and_replaces_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("own.pem");
        std::fs::write(&file, AUTHORITY).unwrap();
        let (usual, none) = roots(None).unwrap();
        let (with_own, own) = roots(Some(&file)).unwrap();
        assert_eq!((none.len(), own.len()), (0, 1));
        assert_eq!(with_own.roots.len(), usual.roots.len() + 1);
        assert!(usual.roots.iter().all(|root| with_own.roots.contains(root)));
        assert!(usual.roots.len() >= webpki_roots::TLS_SERVER_ROOTS.len());
    }

    #[test]
    fn a_ca_file_that_is_none_is_named_with_what_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("own.pem");
        let cases = [
            (None, "No such file"),
            (Some("not a certificate"), "there are none"),
            (
                Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
                "certificates in",
            ),
        ];
        for (content, word) in cases {
            if let Some(content) = content {
                std::fs::write(&file, content).unwrap();
            }
            let error = roots(Some(&file)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(
                error.message().contains("own.pem") && error.message().contains(word),
                "{error}"
            );
        }
    }
}
