//! HTTPS with certificates of our own.

use super::*;
use crate::event::ErrorKind;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use server::{Server, serve_h2};
use std::path::PathBuf;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate (and its key, both in PEM) for these names.
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

fn server_config((cert, key): &(String, String), clients: Option<&Authority>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der().clone()).unwrap();
            builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .unwrap(),
            )
        }
    };
    builder
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap()
}

/// A server that answers `secure` over TLS.
async fn serve(config: ServerConfig) -> Server {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Server::raw(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(stream).await?;
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await?);
            }
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecure")
                .await?;
            stream.shutdown().await
        }
    })
    .await
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().canonicalize().unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    async fn client(&self, tls: Json) -> Client {
        Client::open(
            json!({ "tls": tls }),
            Permissions::standard(&self.path()),
            &self.path(),
        )
        .await
        .unwrap()
    }
}

fn https(server: &Server, host: &str) -> Json {
    json!({ "get": format!("https://{host}:{}/", server.address.port()) })
}

#[tokio::test]
async fn an_own_authority_is_trusted_where_it_is_named() {
    let root = authority("Test Root");
    let server = serve(server_config(
        &certificate(&root, &["localhost", "127.0.0.1"], |_| {}),
        None,
    ))
    .await;
    let folder = Folder::new();
    folder.write("ca.pem", &root.pem());
    folder.write("other.pem", &authority("Another").pem());

    let client = folder.client(json!({ "ca": "ca.pem" })).await;
    for host in ["localhost", "127.0.0.1"] {
        let reply = client.call(https(&server, host)).await.unwrap();
        assert_eq!(reply.value["body"], "secure");
        let again = reply.again.unwrap();
        assert!(again.contains(" --cacert "), "{again}");
    }
    let insecure = folder.client(json!({ "insecure": true })).await;
    assert_eq!(
        insecure.res(https(&server, "localhost")).await["status"],
        200
    );

    for tls in [json!({}), json!({ "ca": "other.pem" })] {
        let failure = folder
            .client(tls)
            .await
            .failure(https(&server, "localhost"))
            .await;
        assert_eq!(failure.kind, ErrorKind::Protocol);
        assert!(failure.message.contains("is not trusted"), "{failure:?}");
        assert!(failure.hint.unwrap().contains("tls: {ca: FILE.pem}"));
    }
    let mut own = https(&server, "localhost");
    own["tls"] = json!({ "ca": "ca.pem" });
    assert_eq!(folder.client(json!({})).await.res(own).await["status"], 200);
}

#[tokio::test]
async fn a_wrong_certificate_is_named() {
    let root = authority("Test Root");
    let folder = Folder::new();
    folder.write("ca.pem", &root.pem());
    let client = folder.client(json!({ "ca": "ca.pem" })).await;

    let expired = certificate(&root, &["localhost"], |params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    });
    let server = serve(server_config(&expired, None)).await;
    let failure = client.failure(https(&server, "localhost")).await;
    assert!(
        failure.message.ends_with("has expired on 2021-01-01"),
        "{failure:?}"
    );

    let future = certificate(&root, &["localhost"], |params| {
        params.not_before = date_time_ymd(2090, 1, 1);
        params.not_after = date_time_ymd(2091, 1, 1);
    });
    let server = serve(server_config(&future, None)).await;
    let failure = client.failure(https(&server, "localhost")).await;
    assert!(
        failure.message.ends_with("is not valid before 2090-01-01"),
        "{failure:?}"
    );

    let other = certificate(&root, &["shop.example"], |_| {});
    let server = serve(server_config(&other, None)).await;
    let failure = client.failure(https(&server, "localhost")).await;
    assert!(
        failure
            .message
            .contains("not valid for the name \"localhost\""),
        "{failure:?}"
    );
    assert!(failure.hint.unwrap().contains("shop.example"));
}

#[tokio::test]
async fn a_client_may_have_to_show_a_certificate() {
    let root = authority("Test Root");
    let server = serve(server_config(
        &certificate(&root, &["localhost"], |_| {}),
        Some(&root),
    ))
    .await;
    let folder = Folder::new();
    let (cert, key) = certificate(&root, &["client"], |_| {});
    folder.write("ca.pem", &root.pem());
    folder.write("me.pem", &cert);
    folder.write("me.key", &key);
    folder.write("empty.pem", "nothing");

    let client = folder
        .client(json!({ "ca": "ca.pem", "cert": "me.pem", "key": "me.key" }))
        .await;
    assert_eq!(
        client.res(https(&server, "localhost")).await["body"],
        "secure"
    );

    let failure = folder
        .client(json!({ "ca": "ca.pem" }))
        .await
        .failure(https(&server, "localhost"))
        .await;
    assert!(
        failure.message.contains("requires a client certificate"),
        "{failure:?}"
    );
    assert!(failure.hint.unwrap().contains("tls: {cert: FILE.pem"));

    for (tls, part) in [
        (json!({ "ca": "empty.pem" }), "holds no certificate"),
        (
            json!({ "ca": "ca.pem", "cert": "me.pem", "key": "ca.pem" }),
            "holds no private key",
        ),
    ] {
        let failure = folder
            .client(tls)
            .await
            .failure(https(&server, "localhost"))
            .await;
        assert!(failure.message.contains(part), "{failure:?}");
    }
    let permissions = Permissions::standard(&folder.path());
    for (tls, part) in [
        (json!({ "cert": "me.pem" }), "go together"),
        (json!({ "ca": "none.pem" }), "does not exist"),
        (json!({ "ca": "/etc/hostname" }), "may not read"),
    ] {
        let failure = Client::open(json!({ "tls": tls }), permissions.clone(), &folder.path())
            .await
            .err()
            .unwrap();
        assert!(failure.message.contains(part), "{failure:?}");
    }
}

#[tokio::test]
async fn the_server_chooses_the_version() {
    let root = authority("Test Root");
    let mut config = server_config(&certificate(&root, &["localhost"], |_| {}), None);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = Server::raw(move |stream| {
        let acceptor = acceptor.clone();
        async move { serve_h2(acceptor.accept(stream).await?).await }
    })
    .await;
    let folder = Folder::new();
    folder.write("ca.pem", &root.pem());
    let client = folder.client(json!({ "ca": "ca.pem" })).await;
    assert_eq!(client.res(https(&server, "localhost")).await["body"], "two");
    let mut old = https(&server, "localhost");
    old["http2"] = false.into();
    let failure = client.failure(old).await;
    assert!(
        failure.message.contains("refused the TLS connection"),
        "{failure:?}"
    );
}
