//! How much the client costs beside the library below it. Run by hand:
//! `cargo test --release pace -- --ignored --nocapture`.

use super::server::read_head;
use super::*;
use std::time::Instant;
use tokio::io::AsyncWriteExt as _;

const BODY: &str = r#"{"id":7,"status":"shipped","total":99.5,"lines":[{"sku":"A-1","qty":2},{"sku":"B-2","qty":1}]}"#;

#[tokio::test]
#[ignore = "a measurement, not a check"]
async fn a_thousand_requests_beside_the_bare_library() {
    let server = Server::raw(|mut stream| async move {
        stream.set_nodelay(true)?;
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}",
            BODY.len()
        );
        loop {
            read_head(&mut stream).await?;
            stream.write_all(answer.as_bytes()).await?;
        }
    })
    .await;
    let url = server.url("/orders/7");
    let client = Client::new(json!({})).await;
    let request = json!({ "get": url });
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let bare = reqwest::Client::builder()
        .no_proxy()
        .tls_backend_preconfigured(tls)
        .build()
        .unwrap();
    let mut rounds = Vec::new();
    for _ in 0..7 {
        let start = Instant::now();
        for _ in 0..1000 {
            let response = bare.get(&url).send().await.unwrap();
            let body: Json = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
            assert_eq!(body["id"], 7);
        }
        let library = start.elapsed();
        let start = Instant::now();
        for _ in 0..1000 {
            let reply = client.session.call(&request, &client.scope).await.unwrap();
            assert_eq!(reply.value["body"]["id"], 7);
        }
        let ours = start.elapsed();
        rounds.push((ours.as_secs_f64() / library.as_secs_f64(), ours, library));
    }
    rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
    println!("{rounds:#?}");
}
