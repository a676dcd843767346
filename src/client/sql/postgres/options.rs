//! What the URL of a PostgreSQL database says.

use crate::client::contract::Context;
use crate::client::kit::tls::{self, Trust};
use crate::event::Failure;
use percent_encoding::percent_decode_str;
use reqwest::Url;
use std::path::PathBuf;

const DEFAULT_PORT: u16 = 5432;
/// Where servers put their sockets, the usual place first.
const SOCKET_FOLDERS: [&str; 3] = ["/run/postgresql", "/var/run/postgresql", "/tmp"];

/// How to reach a database, and as whom.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) address: Address,
    pub(super) user: String,
    /// Only ever the one of the URL: another would be sent to a server that the task chose.
    pub(super) password: String,
    pub(super) database: String,
    pub(super) application_name: String,
    /// Settings of the server for each connection, as `-c search_path=shop`.
    pub(super) settings: Option<String>,
    pub(super) tls: TlsMode,
    pub(super) trust: Trust,
}

/// Where the server listens.
#[derive(Debug, PartialEq)]
pub(super) enum Address {
    Tcp { host: String, port: u16 },
    Socket(PathBuf),
}

/// `sslmode`, with the meaning that libpq gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TlsMode {
    /// Never (`disable` and `allow`).
    Off,
    /// If the server can.
    Prefer,
    /// Always; any certificate is accepted.
    Require,
    /// The certificate must be trusted.
    VerifyCa,
    /// It must be that of the host as well.
    VerifyFull,
}

impl Options {
    /// Reads the URL, and the files of certificates that it names.
    ///
    /// # Errors
    /// When it is no such URL. Neither its text nor a part of it is shown: they may hold a password.
    pub(super) async fn read(url: &str, context: &Context) -> Result<Self, Failure> {
        let wrong = || {
            Failure::protocol("the URL of the PostgreSQL database is not valid")
                .hint("write postgres://USER:PASSWORD@HOST:PORT/DATABASE")
        };
        let url = Url::parse(url).map_err(|_| wrong())?;
        let decoded = |text: &str| {
            let decoded = percent_decode_str(text).decode_utf8().ok()?;
            (!decoded.contains('\0')).then(|| decoded.into_owned())
        };
        let query = |names: &[&str]| {
            url.query_pairs()
                .filter(|(name, _)| names.contains(&name.as_ref()))
                .map(|(_, value)| value.into_owned())
                .last()
        };
        let port = match query(&["port"]) {
            Some(port) => port.parse().map_err(|_| wrong())?,
            None => url.port().unwrap_or(DEFAULT_PORT),
        };
        let host = match query(&["hostaddr", "host"]) {
            Some(host) => host,
            None => decoded(url.host_str().unwrap_or_default()).ok_or_else(wrong)?,
        };
        let component = |written: &str| decoded(written).ok_or_else(wrong);
        let user = match query(&["user"]) {
            Some(user) => user,
            None if url.username().is_empty() => own_name(),
            None => component(url.username())?,
        };
        let database = match query(&["dbname"]) {
            Some(name) => name,
            None => component(url.path().trim_start_matches('/'))?,
        };
        let mut trust = Trust::default();
        if let Some(path) = query(&["sslrootcert", "ssl-root-cert", "ssl-ca"]) {
            trust.ca = Some(tls::pem(context, &path).await?);
        }
        trust.identity = match (
            query(&["sslcert", "ssl-cert"]),
            query(&["sslkey", "ssl-key"]),
        ) {
            (Some(cert), Some(key)) => Some((
                tls::pem(context, &cert).await?,
                tls::pem(context, &key).await?,
            )),
            (None, None) => None,
            _ => {
                return Err(Failure::protocol(
                    "`sslcert` and `sslkey` go together, but the URL has only one of them",
                ));
            }
        };
        Ok(Self {
            address: Address::of(&host, port),
            database: if database.is_empty() {
                user.clone()
            } else {
                database
            },
            user,
            password: match query(&["password"]) {
                Some(password) => password,
                None => component(url.password().unwrap_or_default())?,
            },
            application_name: query(&["application_name"]).unwrap_or_else(|| "funcy".to_owned()),
            settings: query(&["options"]),
            tls: match query(&["sslmode", "ssl-mode"]) {
                Some(mode) => TlsMode::of(&mode)?,
                None => TlsMode::Prefer,
            },
            trust,
        })
    }

    /// The host that must be permitted.
    pub(super) fn host(&self) -> &str {
        match &self.address {
            Address::Tcp { host, .. } => host,
            Address::Socket(_) => "localhost",
        }
    }

    /// The database without user and password.
    pub(super) fn shown(&self) -> String {
        match &self.address {
            Address::Tcp { host, port } => format!("postgres://{host}:{port}/{}", self.database),
            Address::Socket(path) => {
                format!("the database {:?} at {}", self.database, path.display())
            }
        }
    }
}

impl Address {
    fn of(host: &str, port: u16) -> Self {
        let socket = |folder: &str| PathBuf::from(format!("{folder}/.s.PGSQL.{port}"));
        if host.starts_with('/') {
            return Self::Socket(socket(host));
        }
        if !host.is_empty() {
            let host = host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned();
            return Self::Tcp { host, port };
        }
        SOCKET_FOLDERS
            .iter()
            .map(|folder| socket(folder))
            .find(|path| path.exists())
            .map_or(
                Self::Tcp {
                    host: "localhost".to_owned(),
                    port,
                },
                Self::Socket,
            )
    }
}

impl TlsMode {
    fn of(written: &str) -> Result<Self, Failure> {
        Ok(match written {
            "disable" | "allow" => Self::Off,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            other => {
                return Err(Failure::protocol(format!("there is no sslmode {other:?}"))
                    .hint("write disable, prefer, require, verify-ca or verify-full"));
            }
        })
    }
}

/// Who a connection is for where the URL names nobody: the user of the system, as with other programs.
fn own_name() -> String {
    ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .unwrap_or_else(|| "postgres".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Permissions, Trace};
    use std::sync::Arc;

    async fn read(url: &str) -> Result<Options, Failure> {
        let context = Context {
            permissions: Arc::new(Permissions::everything()),
            folder: PathBuf::from("."),
            trace: Arc::new(Trace::of("", 0)),
        };
        Options::read(url, &context).await
    }

    #[tokio::test]
    async fn every_part_of_the_url_is_read() {
        let url = "postgres://m%40e:p%2Fw@db.test:5433/sh%20op?sslmode=require&application_name=a&options=-c%20x%3D1";
        let options = read(url).await.unwrap();
        let host = "db.test".to_owned();
        assert_eq!(options.address, Address::Tcp { host, port: 5433 });
        assert_eq!(
            (&*options.user, &*options.password, &*options.database),
            ("m@e", "p/w", "sh op")
        );
        assert_eq!(options.tls, TlsMode::Require);
        assert_eq!(options.application_name, "a");
        assert_eq!(options.settings.as_deref(), Some("-c x=1"));

        let options = read("postgres://me@[::1]").await.unwrap();
        let host = "::1".to_owned();
        assert_eq!(options.address, Address::Tcp { host, port: 5432 });
        assert_eq!((&*options.database, &*options.password), ("me", ""));
        assert_eq!(options.tls, TlsMode::Prefer);
    }

    #[tokio::test]
    async fn a_folder_as_the_host_means_its_socket() {
        let socket = PathBuf::from("/run/pg/.s.PGSQL.5433");
        for url in [
            "postgres://me@%2Frun%2Fpg:5433/shop",
            "postgres:///shop?user=me&host=/run/pg&port=5433",
        ] {
            let options = read(url).await.unwrap();
            assert_eq!(options.address, Address::Socket(socket.clone()), "{url}");
            assert_eq!(options.host(), "localhost");
        }
    }

    #[tokio::test]
    async fn what_is_wrong_is_said_without_passwords() {
        for url in [
            "postgres://me:hunter22@h:99999999/d",
            "postgres://me:hunter22@h/d?port=x",
            "postgres://me:hunter22@h/d?sslmode=never",
            "postgres://me:hunter22@h/d?sslcert=a.pem",
        ] {
            let failure = read(url).await.unwrap_err();
            assert!(!format!("{failure:?}").contains("hunter22"), "{failure:?}");
        }
    }
}
