//! TLS in front of the mock router, with certificates of an authority that only the test knows.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use mock_router::{MockRouter, Protocol};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

/// Signs certificates. Its own is in a file, for `ca-file`.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    dir: TempDir,
}

/// The certificate and protocols of a server.
#[derive(Clone, Copy)]
pub struct Identity<'a> {
    /// The names that it is valid for.
    pub names: &'a [&'a str],
    /// The year in which it ends.
    pub until: i32,
    /// The protocols that the server speaks, best first.
    pub alpn: &'a [&'a [u8]],
}

/// For this machine and for one behind a proxy, for long, and both protocols.
pub const GOOD: Identity<'_> = Identity {
    names: &["localhost", "router.test"],
    until: 2090,
    alpn: &[b"h2", b"http/1.1"],
};

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let own = params.self_signed(&key).expect("a certificate");
        let dir = TempDir::new().expect("a directory");
        std::fs::write(dir.path().join("authority.pem"), own.pem()).expect("the file is written");
        let issuer = Issuer::new(params, key);
        Self { issuer, dir }
    }

    /// Its certificate.
    pub fn file(&self) -> PathBuf {
        self.dir.path().join("authority.pem")
    }

    pub fn server(&self, identity: Identity<'_>) -> Arc<ServerConfig> {
        let names: Vec<String> = identity.names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(identity.until, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        server_with(&certificate, &key, identity)
    }
}

/// What `openssl req -x509` makes: a certificate that is its own authority, for a server and for `ca-file` alike.
pub fn self_signed(identity: Identity<'_>) -> (Arc<ServerConfig>, TempDir) {
    let names: Vec<String> = identity.names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(identity.until, 1, 1);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    let dir = TempDir::new().expect("a directory");
    std::fs::write(dir.path().join("own.pem"), certificate.pem()).expect("the file is written");
    (server_with(&certificate, &key, identity), dir)
}

fn server_with(certificate: &rcgen::Certificate, key: &KeyPair, identity: Identity<'_>) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .expect("a server's configuration");
    config.alpn_protocols = identity.alpn.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

/// A TLS server in front of a mock router. Closes its connections when it is dropped.
pub struct TlsRouter {
    port: u16,
    handshakes: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl TlsRouter {
    pub async fn start(mock: &Arc<MockRouter>, config: Arc<ServerConfig>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let handshakes = Arc::new(AtomicUsize::new(0));
        let accepting = tokio::spawn(accept(
            listener,
            TlsAcceptor::from(config),
            Arc::clone(mock),
            Arc::clone(&handshakes),
        ));
        Self {
            port,
            handshakes,
            accepting,
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The base URL by the machine's name.
    pub fn url(&self) -> String {
        format!("https://localhost:{}/v1", self.port)
    }

    /// Handshakes that were completed.
    pub fn handshakes(&self) -> usize {
        self.handshakes.load(Ordering::SeqCst)
    }
}

impl Drop for TlsRouter {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    mock: Arc<MockRouter>,
    handshakes: Arc<AtomicUsize>,
) {
    let mut open = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, mock, handshakes) = (acceptor.clone(), Arc::clone(&mock), Arc::clone(&handshakes));
        open.spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            handshakes.fetch_add(1, Ordering::SeqCst);
            let protocol = match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => Protocol::Http2,
                _ => Protocol::Http1,
            };
            mock.serve_connection(stream, protocol).await;
        });
    }
}
