//! The connections, shared by all sessions: one `reqwest` client for each way to connect.

use crate::event::Failure;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// Ways to connect that are kept; the oldest is dropped for one more.
const MAX_CLIENTS: usize = 32;
/// How long an idle connection is kept. Many servers close theirs after 5 s; a request that crosses the
/// closing would fail, so ours are gone before.
const IDLE: Duration = Duration::from_secs(4);

/// What tells one way to connect from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConnectOptions {
    /// For `https`.
    pub(super) trust: Option<Arc<Trust>>,
    pub(super) http2: Option<bool>,
    pub(super) compression: bool,
    pub(super) connect_timeout: Duration,
    /// Never through a proxy of the environment.
    pub(super) direct: bool,
}

/// Whom a TLS connection trusts, and who the client is. Compared by content, so that a changed file is
/// another way to connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Trust {
    pub(super) ca: Option<Pem>,
    pub(super) identity: Option<(Pem, Pem)>,
    pub(super) insecure: bool,
}

/// A PEM file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pem {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
}

#[derive(Debug, Default)]
pub(super) struct Pool {
    clients: Mutex<Vec<(ConnectOptions, reqwest::Client)>>,
}

impl Pool {
    /// The client for this way to connect. Built on first use: a program that only speaks plain HTTP never
    /// loads the system's certificates.
    pub(super) async fn client(&self, way: &ConnectOptions) -> Result<reqwest::Client, Failure> {
        let mut clients = self.clients.lock().await;
        if let Some((_, client)) = clients.iter().find(|(known, _)| known == way) {
            return Ok(client.clone());
        }
        // The lock is held meanwhile, so that sessions that start together build one client, not many.
        let client = if way.trust.is_some() {
            let way = way.clone();
            // Reads hundreds of files where the system's certificates are needed.
            tokio::task::spawn_blocking(move || build(&way))
                .await
                .map_err(|error| Failure::transport(format!("cannot set up TLS: {error}")))??
        } else {
            build(way)?
        };
        if clients.len() >= MAX_CLIENTS {
            clients.remove(0);
        }
        clients.push((way.clone(), client.clone()));
        Ok(client)
    }

    #[cfg(test)]
    pub(super) async fn len(&self) -> usize {
        self.clients.lock().await.len()
    }
}

fn build(way: &ConnectOptions) -> Result<reqwest::Client, Failure> {
    let mut builder = reqwest::Client::builder()
        // Redirects and cookies are ours: each hop is checked against the permissions.
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .user_agent(concat!("funcy/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(way.connect_timeout)
        .pool_idle_timeout(IDLE)
        .gzip(way.compression)
        .brotli(way.compression)
        .deflate(way.compression)
        .zstd(way.compression)
        .tls_backend_preconfigured(tls(way)?);
    if way.direct {
        builder = builder.no_proxy();
    }
    builder = match (way.http2, &way.trust) {
        (Some(true), _) => builder.http2_prior_knowledge(),
        (None, Some(_)) => builder,
        _ => builder.http1_only(),
    };
    builder
        .build()
        .map_err(|error| Failure::transport(format!("cannot set up HTTP: {error}")))
}

fn tls(way: &ConnectOptions) -> Result<ClientConfig, Failure> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::transport(format!("cannot set up TLS: {error}")))?;
    let Some(trust) = &way.trust else {
        return Ok(builder
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth());
    };
    let builder = if trust.insecure {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
    } else if let Some(ca) = &trust.ca {
        builder.with_root_certificates(roots(ca)?)
    } else {
        let verifier = rustls_platform_verifier::Verifier::new(provider).map_err(|error| {
            Failure::transport(format!("cannot load the system's certificates: {error}"))
                .hint("name the ones to trust: `tls: {ca: FILE.pem}`")
        })?;
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
    };
    let mut config = match &trust.identity {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let chain = certificates(cert)?;
            let secret = PrivateKeyDer::from_pem_slice(&key.bytes)
                .map_err(|_| unusable(key, "it holds no private key in PEM"))?;
            builder
                .with_client_auth_cert(chain, secret)
                .map_err(|error| {
                    unusable(
                        cert,
                        &format!(
                            "it does not go with its key, {}: {error}",
                            key.path.display()
                        ),
                    )
                })?
        }
    };
    config.alpn_protocols = match way.http2 {
        Some(true) => vec![b"h2".to_vec()],
        Some(false) => vec![b"http/1.1".to_vec()],
        None => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
    };
    Ok(config)
}

fn roots(ca: &Pem) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots
            .add(certificate)
            .map_err(|error| unusable(ca, &format!("a certificate in it is malformed: {error}")))?;
    }
    Ok(roots)
}

fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(&pem.bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| unusable(pem, &format!("it is no PEM: {error}")))?;
    if found.is_empty() {
        return Err(unusable(pem, "it holds no certificate in PEM"));
    }
    Ok(found)
}

fn unusable(pem: &Pem, reason: &str) -> Failure {
    Failure::protocol(format!("cannot use {}: {reason}", pem.path.display()))
        .hint("`tls` takes PEM files: text that begins with -----BEGIN")
}

/// Accepts any certificate, for `insecure: true`; the handshake itself is still checked.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
