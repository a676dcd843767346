//! The bytes to a PostgreSQL server and back: a socket, with or without TLS.

use super::connection::ConnectionError;
use super::options::{Address, Options, TlsMode};
use crate::client::kit::tls::{self, Verify};
use crate::client::kit::tls_error::{self, WaysOut};
use crate::event::Failure;
use bytes::BytesMut;
use postgres_protocol::message::frontend;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

pub(super) const WAYS_OUT: WaysOut = WaysOut {
    ca: "`?sslrootcert=FILE.pem` in the URL",
    any: Some("`?sslmode=require`"),
    identity: "`?sslcert=FILE.pem&sslkey=FILE.pem` in the URL",
    plain: "write `?sslmode=disable`",
};

/// What can be read from and written to.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// Connects, and agrees on TLS.
pub(super) async fn open(options: &Options) -> Result<Box<dyn Duplex>, ConnectionError> {
    match &options.address {
        Address::Socket(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        Address::Tcp { host, port } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            // Messages are small, and each waits for an answer: a segment that waits for more to send would wait for
            // the other side's delayed acknowledgement.
            stream.set_nodelay(true)?;
            encrypted(stream, host, options).await
        }
    }
}

/// Asks the server for TLS, if it is wanted.
async fn encrypted(
    mut stream: TcpStream,
    host: &str,
    options: &Options,
) -> Result<Box<dyn Duplex>, ConnectionError> {
    if options.tls == TlsMode::Off {
        return Ok(Box::new(stream));
    }
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    stream.write_all_buf(&mut request).await?;
    match stream.read_u8().await? {
        b'S' => {}
        b'N' if options.tls == TlsMode::Prefer => return Ok(Box::new(stream)),
        b'N' => {
            let failure = tls_error::not_spoken(&options.shown(), &WAYS_OUT);
            return Err(ConnectionError::NotOpened(failure));
        }
        _ => {
            let shown = options.shown();
            let failure = Failure::protocol(format!("{shown} does not speak PostgreSQL"))
                .hint("does another service listen there? The usual port is 5432");
            return Err(ConnectionError::NotOpened(failure));
        }
    }
    let mut trust = options.trust.clone();
    trust.verify = match options.tls {
        TlsMode::VerifyFull => Verify::Full,
        TlsMode::VerifyCa => Verify::AnyName,
        TlsMode::Require | TlsMode::Prefer | TlsMode::Off => Verify::Nothing,
    };
    // The system's certificates are hundreds of files.
    let config = tokio::task::spawn_blocking(move || tls::config(&trust))
        .await
        .map_err(io::Error::other)?
        .map_err(ConnectionError::Unusable)?;
    let name = host.to_owned().try_into();
    let name = name.map_err(|_| {
        let failure = Failure::protocol(format!("{host:?} is no name of a host, as TLS needs one"));
        ConnectionError::Unusable(failure)
    })?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    Ok(Box::new(connector.connect(name, stream).await?))
}
