//! TLS that does not come about is told in words, alike for every protocol: with whom, what is wrong, and what to write.
//!
//! The servers say no more than it takes to get to TLS, each as its protocol does; the certificates are made here.

#![allow(
    clippy::disallowed_methods,
    reason = "the servers of a test belong to no scope"
)]

use super::harness::{Opened, open_in};
use funcy::event::{ErrorKind, Failure, Json};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::json;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Protocol {
    Http,
    #[cfg(feature = "nats")]
    Nats,
    #[cfg(feature = "sql")]
    Postgres,
}

const PROTOCOLS: &[Protocol] = &[
    Protocol::Http,
    #[cfg(feature = "nats")]
    Protocol::Nats,
    #[cfg(feature = "sql")]
    Protocol::Postgres,
];

/// What a server does with a connection.
#[derive(Clone)]
enum Server {
    /// Its protocol, over TLS.
    Tls(TlsAcceptor),
    /// Its protocol, and no TLS.
    Plain,
    /// TLS at once, as HTTPS.
    TlsAtOnce(TlsAcceptor),
}

impl Server {
    async fn start(self, protocol: Protocol) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = self.clone();
                // What a client that hangs up makes of it is not looked at.
                tokio::spawn(async move { drop(server.serve(protocol, stream).await) });
            }
        });
        address
    }

    async fn serve(self, protocol: Protocol, mut stream: TcpStream) -> io::Result<()> {
        let mut buffer = [0; 4096];
        let acceptor = match self {
            Self::Plain => {
                plain(protocol, &mut stream).await?;
                return Ok(());
            }
            Self::TlsAtOnce(acceptor) => acceptor,
            Self::Tls(acceptor) => {
                match protocol {
                    Protocol::Http => {}
                    #[cfg(feature = "nats")]
                    Protocol::Nats => stream.write_all(&info(true)).await?,
                    #[cfg(feature = "sql")]
                    Protocol::Postgres => {
                        stream.read_exact(&mut buffer[..8]).await?;
                        stream.write_all(b"S").await?;
                    }
                }
                acceptor
            }
        };
        let mut stream = acceptor.accept(stream).await?;
        while stream.read(&mut buffer).await? > 0 {}
        Ok(())
    }
}

/// What a server without TLS says to a client that wants it.
async fn plain(protocol: Protocol, stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    match protocol {
        Protocol::Http => {
            let _ = stream.read(&mut buffer).await?;
            stream
                .write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
                .await
        }
        #[cfg(feature = "nats")]
        Protocol::Nats => {
            stream.write_all(&info(false)).await?;
            let _ = stream.read(&mut buffer).await?;
            stream
                .write_all(b"-ERR 'Unknown Protocol Operation'\r\n")
                .await
        }
        #[cfg(feature = "sql")]
        Protocol::Postgres => {
            stream.read_exact(&mut buffer[..8]).await?;
            stream.write_all(b"N").await
        }
    }
}

#[cfg(feature = "nats")]
fn info(tls: bool) -> Vec<u8> {
    let info = json!({ "server_id": "T", "version": "2.10.0", "proto": 1, "max_payload": 1 << 20, "tls_required": tls });
    format!("INFO {info}\r\n").into_bytes()
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate and its key, in PEM, for these names.
fn certificate(
    authority: &Authority,
    names: &[&str],
    adjust: impl FnOnce(&mut CertificateParams),
) -> (String, String) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    adjust(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    (certificate.pem(), key.serialize_pem())
}

/// `clients`: whose certificates a client must show one of.
fn acceptor((cert, key): &(String, String), clients: Option<&Authority>) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let config = builder.with_single_cert(
        vec![CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()],
        PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
    );
    TlsAcceptor::from(Arc::new(config.unwrap()))
}

/// Asks a server something over TLS, trusting what `ca.pem` holds.
async fn ask(protocol: Protocol, address: SocketAddr, folder: &Path) -> (String, Failure) {
    let port = address.port();
    let (kind, config, request, shown) = match protocol {
        Protocol::Http => (
            "http",
            json!({ "tls": { "ca": "ca.pem" } }),
            json!({ "get": format!("https://localhost:{port}/") }),
            format!("localhost:{port}"),
        ),
        #[cfg(feature = "nats")]
        Protocol::Nats => (
            "nats",
            json!({ "url": format!("tls://localhost:{port}"), "tls": { "ca": "ca.pem" }, "connect_timeout": "20s" }),
            json!({ "publish": "a" }),
            format!("tls://localhost:{port}"),
        ),
        #[cfg(feature = "sql")]
        Protocol::Postgres => (
            "sql",
            json!({ "url": format!("postgres://me@localhost:{port}/shop?sslmode=verify-full&sslrootcert=ca.pem"), "connect_timeout": "20s" }),
            json!({ "query": { "texts": ["SELECT 1"], "values": [] } }),
            format!("postgres://localhost:{port}/shop"),
        ),
    };
    let client: Opened = open_in(kind, config, folder).await.unwrap();
    let failure = client.call(request).await.map(drop).unwrap_err();
    client.close().await;
    (shown, failure)
}

/// How each protocol's config says it.
fn words(protocol: Protocol) -> [(&'static str, &'static str); 3] {
    match protocol {
        Protocol::Http => [
            ("ca", "`tls: {ca: FILE.pem}`"),
            ("identity", "`tls: {cert: FILE.pem, key: FILE.pem}`"),
            ("plain", "write http://"),
        ],
        #[cfg(feature = "nats")]
        Protocol::Nats => [
            ("ca", "`tls: {ca: FILE.pem}`"),
            ("identity", "`tls: {cert: FILE.pem, key: FILE.pem}`"),
            ("plain", "write nats://"),
        ],
        #[cfg(feature = "sql")]
        Protocol::Postgres => [
            ("ca", "`?sslrootcert=FILE.pem`"),
            ("identity", "`?sslcert=FILE.pem&sslkey=FILE.pem`"),
            ("plain", "`?sslmode=disable`"),
        ],
    }
}

#[tokio::test]
async fn what_is_wrong_with_tls_is_told_alike_by_every_protocol() {
    let folder = tempfile::tempdir().unwrap();
    let root = authority("Root");
    std::fs::write(folder.path().join("ca.pem"), root.pem()).unwrap();
    let good = certificate(&root, &["localhost"], |_| {});
    let expired = certificate(&root, &["localhost"], |params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 2, 3);
    });
    let future = certificate(&root, &["localhost"], |params| {
        params.not_before = date_time_ymd(2090, 4, 5);
        params.not_after = date_time_ymd(2091, 1, 1);
    });
    let other = certificate(&root, &["shop.example", "pay.example"], |_| {});
    let stranger = certificate(&authority("Stranger"), &["localhost"], |_| {});
    let tls = |pair| Server::Tls(acceptor(pair, None));
    let certificate = "the TLS certificate of AT ";
    // The server; what the message says behind `certificate`, or as a whole; what the hint holds.
    let cases = [
        (tls(&expired), "has expired on 2021-02-03", "renew it"),
        (tls(&future), "is not valid before 2090-04-05", "clocks"),
        (
            tls(&other),
            "is not valid for the name \"localhost\"",
            "it is valid for shop.example, pay.example",
        ),
        (
            tls(&stranger),
            "is not trusted: its issuer is unknown, or it is its own (self-signed)",
            "{ca}",
        ),
        (
            Server::Tls(acceptor(&good, Some(&root))),
            "AT refused the TLS connection: it requires a client certificate",
            "{identity}",
        ),
        (Server::Plain, "AT does not speak TLS", "{plain}"),
    ];
    for protocol in PROTOCOLS {
        for (server, says, hint) in &cases {
            let address = server.clone().start(*protocol).await;
            let (at, failure) = ask(*protocol, address, folder.path()).await;
            let says = match says.strip_prefix("AT") {
                Some(rest) => format!("{at}{rest}"),
                None => format!("{certificate}{says}").replace("AT", &at),
            };
            assert_eq!(failure.message, says, "{protocol:?}");
            assert_eq!(failure.kind, ErrorKind::Protocol, "{protocol:?}: {says}");
            let hint = words(*protocol)
                .iter()
                .fold((*hint).to_owned(), |hint, (name, word)| {
                    hint.replace(&format!("{{{name}}}"), word)
                });
            let given = failure.hint.unwrap_or_default();
            assert!(
                given.contains(&hint),
                "{protocol:?}: {says}\n{given}\n{hint}"
            );
        }
    }
}

/// `openssl req -x509` makes a certificate of an authority, which no server may show, not even where it is trusted.
#[tokio::test]
async fn a_certificate_of_an_authority_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(folder.path().join("ca.pem"), own.pem()).unwrap();
    let pair = (own.pem(), own.key().serialize_pem());
    for protocol in PROTOCOLS {
        let address = Server::Tls(acceptor(&pair, None)).start(*protocol).await;
        let (_, failure) = ask(*protocol, address, folder.path()).await;
        assert!(
            failure.message.contains("is that of an authority"),
            "{failure:?}"
        );
        assert!(failure.hint.unwrap().contains("CA:FALSE"));
    }
}

/// The other way round: a client without TLS, at a port of TLS.
#[tokio::test]
async fn a_port_of_tls_is_told_where_none_was_spoken() {
    let folder = tempfile::tempdir().unwrap();
    let good = certificate(&authority("Root"), &["localhost"], |_| {});
    let asked = async |protocol, config: fn(u16) -> (&'static str, Json, Json)| {
        let server = Server::TlsAtOnce(acceptor(&good, None));
        let port = server.start(protocol).await.port();
        let (kind, config, request) = config(port);
        let client = open_in(kind, config, folder.path()).await.unwrap();
        let failure = client.call(request).await.map(drop).unwrap_err();
        client.close().await;
        (port, failure)
    };
    let (port, failure) = asked(Protocol::Http, |port| {
        let get = json!({ "get": format!("http://localhost:{port}/") });
        ("http", json!({}), get)
    })
    .await;
    assert!(
        failure
            .message
            .starts_with(&format!("localhost:{port} did not answer in HTTP")),
        "{failure:?}"
    );
    assert!(
        failure
            .hint
            .unwrap()
            .contains("if it speaks TLS, write https://")
    );

    #[cfg(feature = "nats")]
    {
        let (port, failure) = asked(Protocol::Nats, |port| {
            let url = format!("nats://localhost:{port}");
            let config = json!({ "url": url, "connect_timeout": "200ms" });
            ("nats", config, json!({ "publish": "a" }))
        })
        .await;
        let says = format!("cannot reach nats://localhost:{port}: no answer within 200ms");
        assert_eq!(failure.message, says);
        let hint = failure.hint.unwrap();
        assert!(hint.contains("speaks first, and without TLS"), "{hint}");
    }

    #[cfg(feature = "sql")]
    {
        let (port, failure) = asked(Protocol::Postgres, |port| {
            let url = format!("postgres://me@localhost:{port}/shop?sslmode=require");
            (
                "sql",
                json!({ "url": url }),
                json!({ "query": { "texts": ["SELECT 1"], "values": [] } }),
            )
        })
        .await;
        let says = format!("postgres://localhost:{port}/shop does not speak PostgreSQL");
        assert_eq!(failure.message, says);
        assert!(failure.hint.unwrap().contains("another service"));
    }
}
