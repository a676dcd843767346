//! TLS as a client: whom it trusts, and who it is.

use crate::client::contract::Context;
use crate::client::paths;
use crate::event::Failure;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme,
    WantsVerifier,
};
use std::path::PathBuf;
use std::sync::Arc;

/// The longest PEM file.
const MAX_PEM: u64 = 1 << 20;

/// Whom a TLS connection trusts, and who the client is. Compared by content, so that a changed file is
/// another way to connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::client) struct Trust {
    /// The authorities; those of the system if none are named.
    pub(in crate::client) ca: Option<Pem>,
    /// The client's certificate and its key.
    pub(in crate::client) identity: Option<(Pem, Pem)>,
    pub(in crate::client) verify: Verify,
}

/// What a server's certificate must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::client) enum Verify {
    /// Trusted, and that of the host.
    #[default]
    Full,
    /// Trusted, of whatever host.
    #[cfg(feature = "sql")]
    AnyName,
    /// Any.
    Nothing,
}

/// A PEM file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::client) struct Pem {
    /// Its path, absolute and free of `..` and links.
    pub(in crate::client) path: PathBuf,
    pub(in crate::client) bytes: Vec<u8>,
}

/// Reads a PEM file.
///
/// # Errors
/// As of [`paths::read`].
pub(in crate::client) async fn pem(context: &Context, path: &str) -> Result<Pem, Failure> {
    let read = paths::read(context, path, MAX_PEM).await?;
    Ok(Pem {
        path: read.path,
        bytes: read.bytes,
    })
}

/// The configuration of a client. Reads hundreds of files where the system's certificates are needed.
///
/// # Errors
/// A file of certificates is of no use, or the system's cannot be loaded.
pub(in crate::client) fn config(trust: &Trust) -> Result<ClientConfig, Failure> {
    let provider = provider();
    let builder = builder(&provider)?.dangerous();
    let builder = builder.with_custom_certificate_verifier(match trust.verify {
        Verify::Nothing => Arc::new(Anyone(provider)),
        #[cfg(feature = "sql")]
        Verify::AnyName => Arc::new(AnyName(authorities(trust, provider)?)),
        Verify::Full => authorities(trust, provider)?,
    });
    let Some((cert, key)) = &trust.identity else {
        return Ok(builder.with_no_client_auth());
    };
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
        })
}

/// The configuration of a client that speaks no TLS: it trusts nobody, and loads nothing.
///
/// # Errors
/// The library's own.
pub(in crate::client) fn without_trust() -> Result<ClientConfig, Failure> {
    Ok(builder(&provider())?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn builder(
    provider: &Arc<CryptoProvider>,
) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Failure> {
    ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::transport(format!("cannot set up TLS: {error}")))
}

/// Trusts the authorities that are named, or those of the system.
fn authorities(
    trust: &Trust,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Failure> {
    if let Some(ca) = &trust.ca {
        let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(
            roots(ca)?.into(),
            provider,
        )
        .build()
        .map_err(|error| unusable(ca, &error.to_string()))?;
        return Ok(verifier);
    }
    let verifier = rustls_platform_verifier::Verifier::new(provider).map_err(|error| {
        Failure::transport(format!("cannot load the system's certificates: {error}"))
            .hint("name a file of those to trust")
    })?;
    Ok(Arc::new(verifier))
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
        .hint("certificates and keys are PEM files: text that begins with -----BEGIN")
}

/// Accepts any certificate, whoever it is for; the handshake itself is still checked.
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

/// Accepts what another accepts, of whatever host.
#[cfg(feature = "sql")]
#[derive(Debug)]
struct AnyName(Arc<dyn ServerCertVerifier>);

#[cfg(feature = "sql")]
impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // The name is looked at last, of a certificate that is trusted.
        match (self.0).verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(
                rustls::CertificateError::NotValidForName
                | rustls::CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
