//! One connection to a PostgreSQL server: its messages, in order.
//!
//! What is sent is text, what comes back is in the format that is asked for, column by column: so a value of any type
//! can be sent and read. What the server announces is believed up to [`MAX_MESSAGE`].

use super::options::Options;
use super::stream::{self, Duplex};
use crate::event::Failure;
use bytes::BytesMut;
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::{
    AuthenticationSaslBody, DataRowBody, ErrorResponseBody, Header, Message,
};
use postgres_protocol::message::frontend::{self, BindError};
use postgres_protocol::{IsNull, Oid};
use std::collections::VecDeque;
use std::io;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The longest message that is read. A row has [`MAX_BYTES`](crate::client::sql::rows::MAX_BYTES) at most; the rest
/// is for what stands around it.
const MAX_MESSAGE: usize = crate::client::sql::rows::MAX_BYTES as usize + (64 << 10);
/// The name of the one statement that a connection has prepared.
const STATEMENT: &str = "funcy";

/// An open connection.
pub(super) struct Connection {
    stream: Box<dyn Duplex>,
    received: BytesMut,
    unsent: BytesMut,
    /// What has come while something else was waited for; `None`: nobody listens.
    notifications: Option<VecDeque<Notification>>,
}

/// A message to a channel.
#[derive(Debug)]
pub(super) struct Notification {
    pub(super) pid: i32,
    pub(super) channel: String,
    pub(super) payload: String,
}

/// What the server says of a statement before it is run.
#[derive(Debug)]
pub(super) struct Described {
    /// The types of its parameters, as the server infers them.
    pub(super) parameters: Vec<Oid>,
    pub(super) columns: Vec<Column>,
}

/// A column of a result.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Oid,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Text = 0,
    Binary = 1,
}

/// What a statement answers, one after the other.
pub(super) enum Step {
    Row(DataRowBody),
    /// It is done, with this many rows inserted, changed, deleted or yielded.
    Done(u64),
}

/// Why something on a connection did not work.
#[derive(Debug)]
pub(super) enum ConnectionError {
    /// The server refuses it; the connection goes on, unless the server says that it ends.
    Server(ServerError),
    /// The connection is lost.
    Lost(io::Error),
    /// It could not be opened; the whole sentence.
    NotOpened(Failure),
    /// The connection is of no use any more, for this reason.
    Unusable(Failure),
}

/// An error of the server, in its words.
#[derive(Debug, Default)]
pub(super) struct ServerError {
    /// SQLSTATE.
    pub(super) code: String,
    pub(super) message: String,
    pub(super) detail: Option<String>,
    pub(super) hint: Option<String>,
    /// Where in the statement, in characters from 1.
    pub(super) position: Option<usize>,
}

impl From<io::Error> for ConnectionError {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

impl ServerError {
    fn of(body: &ErrorResponseBody) -> Self {
        let mut error = Self::default();
        let mut fields = body.fields();
        while let Ok(Some(field)) = fields.next() {
            let value = String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                b'C' => error.code = value,
                b'M' => error.message = value,
                b'D' => error.detail = Some(value),
                b'H' => error.hint = Some(value),
                b'P' => error.position = value.parse().ok(),
                _ => {}
            }
        }
        error
    }
}

impl Connection {
    /// Connects, and says who is there.
    pub(super) async fn open(options: &Options) -> Result<Self, ConnectionError> {
        let stream = stream::open(options).await?;
        let mut connection = Self {
            stream,
            received: BytesMut::new(),
            unsent: BytesMut::new(),
            notifications: None,
        };
        connection.start(options).await?;
        Ok(connection)
    }

    async fn start(&mut self, options: &Options) -> Result<(), ConnectionError> {
        let mut settings = vec![
            ("user", options.user.as_str()),
            ("database", &options.database),
            ("application_name", &options.application_name),
            ("client_encoding", "UTF8"),
            ("DateStyle", "ISO, MDY"),
            ("TimeZone", "UTC"),
        ];
        if let Some(own) = &options.settings {
            settings.push(("options", own));
        }
        frontend::startup_message(settings, &mut self.unsent)?;
        self.flush().await?;
        loop {
            match self.message().await? {
                Message::AuthenticationCleartextPassword => {
                    frontend::password_message(options.password.as_bytes(), &mut self.unsent)?;
                    self.flush().await?;
                }
                Message::AuthenticationMd5Password(body) => {
                    let (user, password) = (options.user.as_bytes(), options.password.as_bytes());
                    let hash = md5_hash(user, password, body.salt());
                    frontend::password_message(hash.as_bytes(), &mut self.unsent)?;
                    self.flush().await?;
                }
                Message::AuthenticationSasl(body) => self.scram(&body, &options.password).await?,
                Message::AuthenticationGss
                | Message::AuthenticationSspi
                | Message::AuthenticationKerberosV5
                | Message::AuthenticationScmCredential => {
                    return Err(unusable("the server wants another proof than a password"));
                }
                Message::ErrorResponse(body) => {
                    return Err(ConnectionError::Server(ServerError::of(&body)));
                }
                Message::ReadyForQuery(_) => return Ok(()),
                _ => {}
            }
        }
    }

    async fn scram(
        &mut self,
        offered: &AuthenticationSaslBody,
        password: &str,
    ) -> Result<(), ConnectionError> {
        let known = |mechanism: &str| Ok(mechanism == SCRAM_SHA_256);
        if !offered.mechanisms().any(known)? {
            return Err(unusable(
                "the server wants another proof than SCRAM-SHA-256",
            ));
        }
        let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unrequested());
        frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), &mut self.unsent)?;
        self.flush().await?;
        match self.message().await? {
            Message::AuthenticationSaslContinue(body) => scram.update(body.data())?,
            other => return Err(unexpected(&other)),
        }
        frontend::sasl_response(scram.message(), &mut self.unsent)?;
        self.flush().await?;
        match self.message().await? {
            // What it proves is that the server knows the password as well.
            Message::AuthenticationSaslFinal(body) => Ok(scram.finish(body.data())?),
            other => Err(unexpected(&other)),
        }
    }

    /// Hands a statement over, and asks what it takes and yields.
    pub(super) async fn describe(&mut self, sql: &str) -> Result<Described, ConnectionError> {
        // One that failed was never closed.
        frontend::close(b'S', STATEMENT, &mut self.unsent)?;
        frontend::parse(STATEMENT, sql, [], &mut self.unsent)?;
        frontend::describe(b'S', STATEMENT, &mut self.unsent)?;
        frontend::sync(&mut self.unsent);
        self.flush().await?;
        let mut described = Described {
            parameters: Vec::new(),
            columns: Vec::new(),
        };
        loop {
            match self.next().await? {
                Message::ParameterDescription(body) => {
                    described.parameters = body.parameters().collect()?;
                }
                Message::RowDescription(body) => {
                    let column = |field: postgres_protocol::message::backend::Field<'_>| {
                        Ok(Column {
                            name: field.name().to_owned(),
                            kind: field.type_oid(),
                        })
                    };
                    described.columns = body.fields().map(column).collect()?;
                }
                Message::ErrorResponse(body) => return Err(self.refused(&body).await),
                Message::ReadyForQuery(_) => return Ok(described),
                _ => {}
            }
        }
    }

    /// Runs the statement that was described, with a text or NULL for each parameter; its answers come in
    /// [`step`](Self::step)s.
    pub(super) async fn execute(
        &mut self,
        parameters: &[Option<String>],
        formats: &[Format],
    ) -> Result<(), ConnectionError> {
        let serialize = |value: &Option<String>, buffer: &mut BytesMut| {
            Ok(match value {
                Some(text) => {
                    buffer.extend_from_slice(text.as_bytes());
                    IsNull::No
                }
                None => IsNull::Yes,
            })
        };
        frontend::bind(
            "",
            STATEMENT,
            [],
            parameters,
            serialize,
            formats.iter().map(|format| *format as i16),
            &mut self.unsent,
        )
        .map_err(|error| match error {
            BindError::Conversion(error) => ConnectionError::Lost(io::Error::other(error)),
            BindError::Serialization(error) => ConnectionError::Lost(error),
        })?;
        frontend::execute("", 0, &mut self.unsent)?;
        frontend::close(b'S', STATEMENT, &mut self.unsent)?;
        frontend::sync(&mut self.unsent);
        self.flush().await
    }

    /// Runs a text of statements without parameters; their values come as text.
    pub(super) async fn script(&mut self, sql: &str) -> Result<(), ConnectionError> {
        frontend::query(sql, &mut self.unsent)?;
        self.flush().await
    }

    /// The next answer; `None`: that was all.
    pub(super) async fn step(&mut self) -> Result<Option<Step>, ConnectionError> {
        loop {
            match self.next().await? {
                Message::DataRow(row) => return Ok(Some(Step::Row(row))),
                Message::CommandComplete(body) => {
                    // `INSERT 0 2`, `UPDATE 2`, `CREATE TABLE`.
                    let count = body.tag()?.rsplit(' ').next().map(str::parse);
                    return Ok(Some(Step::Done(count.and_then(Result::ok).unwrap_or(0))));
                }
                Message::ErrorResponse(body) => return Err(self.refused(&body).await),
                Message::ReadyForQuery(_) => return Ok(None),
                Message::CopyInResponse(_) | Message::CopyOutResponse(_) => {
                    return Err(unusable("COPY to or from the client is not supported"));
                }
                _ => {}
            }
        }
    }

    /// All rows of a text of statements, each value as text.
    pub(super) async fn rows(
        &mut self,
        sql: &str,
    ) -> Result<Vec<Vec<Option<String>>>, ConnectionError> {
        self.script(sql).await?;
        let mut rows = Vec::new();
        while let Some(step) = self.step().await? {
            if let Step::Row(row) = step {
                let text = |range: Option<std::ops::Range<usize>>| {
                    let bytes = range.and_then(|range| row.buffer().get(range));
                    Ok(bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
                };
                rows.push(row.ranges().map(text).collect()?);
            }
        }
        Ok(rows)
    }

    /// Runs a text of statements of which only matters whether it works.
    pub(super) async fn run(&mut self, sql: &str) -> Result<(), ConnectionError> {
        self.rows(sql).await.map(drop)
    }

    /// From now on, notifications are kept (true), or those that have come are dropped.
    pub(super) fn keep_notifications(&mut self, kept: bool) {
        self.notifications = kept.then(VecDeque::new);
    }

    /// The next notification. Dropped while it waits, it has lost nothing.
    pub(super) async fn notification(&mut self) -> Result<Notification, ConnectionError> {
        loop {
            if let Some(notification) = self.notifications.as_mut().and_then(VecDeque::pop_front) {
                return Ok(notification);
            }
            match self.message().await? {
                Message::ErrorResponse(body) => {
                    return Err(ConnectionError::Server(ServerError::of(&body)));
                }
                message => self.note(&message)?,
            }
        }
    }

    /// Says goodbye.
    pub(super) async fn close(mut self) -> Result<(), ConnectionError> {
        frontend::terminate(&mut self.unsent);
        self.flush().await?;
        Ok(self.stream.shutdown().await?)
    }

    /// An error, once the server is ready for the next statement.
    async fn refused(&mut self, body: &ErrorResponseBody) -> ConnectionError {
        let error = ConnectionError::Server(ServerError::of(body));
        loop {
            match self.next().await {
                Ok(Message::ReadyForQuery(_)) | Err(_) => return error,
                Ok(_) => {}
            }
        }
    }

    /// The next message of an answer; notifications are kept apart.
    async fn next(&mut self) -> Result<Message, ConnectionError> {
        loop {
            let message = self.message().await?;
            if !matches!(message, Message::NotificationResponse(_)) {
                return Ok(message);
            }
            self.note(&message)?;
        }
    }

    fn note(&mut self, message: &Message) -> Result<(), ConnectionError> {
        if let (Message::NotificationResponse(body), Some(kept)) =
            (message, &mut self.notifications)
        {
            kept.push_back(Notification {
                pid: body.process_id(),
                channel: body.channel()?.to_owned(),
                payload: body.message()?.to_owned(),
            });
        }
        Ok(())
    }

    async fn message(&mut self) -> Result<Message, ConnectionError> {
        loop {
            let length = Header::parse(&self.received)?.map_or(0, |header| header.len() as usize);
            if length > MAX_MESSAGE {
                return Err(ConnectionError::Unusable(
                    Failure::resource(format!(
                        "the server announces a message of {length} bytes, {MAX_MESSAGE} are the most that is read"
                    ))
                    .hint("select fewer or shorter values, or let the database measure or cut them"),
                ));
            }
            if let Some(message) = Message::parse(&mut self.received)? {
                return Ok(message);
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    async fn flush(&mut self) -> Result<(), ConnectionError> {
        self.stream.write_all_buf(&mut self.unsent).await?;
        self.stream.flush().await?;
        Ok(())
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Connection").finish_non_exhaustive()
    }
}

fn unusable(reason: &str) -> ConnectionError {
    ConnectionError::Unusable(Failure::protocol(reason))
}

/// An answer that the protocol does not have here; most of all, a refusal.
fn unexpected(message: &Message) -> ConnectionError {
    match message {
        Message::ErrorResponse(body) => ConnectionError::Server(ServerError::of(body)),
        _ => unusable("the server answers out of order"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::contract::Context;
    use crate::event::{ErrorKind, Permissions, Trace};
    use std::sync::Arc;
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;

    /// A server that lets everybody in, and then answers with these bytes.
    async fn server(answer: &'static [u8]) -> (String, JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let length = stream.read_u32().await.unwrap() as usize;
            stream.read_exact(&mut vec![0; length - 4]).await.unwrap();
            let welcome = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
            stream.write_all(welcome).await.unwrap();
            stream.read_u8().await.unwrap();
            stream.write_all(answer).await.unwrap();
            // Open until the other side has heard enough.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
        let url = format!("postgres://me@127.0.0.1:{port}/shop?sslmode=disable");
        (url, tasks)
    }

    async fn asked(answer: &'static [u8]) -> ConnectionError {
        let context = Context {
            permissions: Arc::new(Permissions::everything()),
            folder: ".".into(),
            trace: Arc::new(Trace::of("", 0)),
        };
        let (url, _tasks) = server(answer).await;
        let options = Options::read(&url, &context).await;
        let mut connection = Connection::open(&options.unwrap()).await.unwrap();
        connection.rows("SELECT 1").await.unwrap_err()
    }

    #[tokio::test]
    async fn a_length_is_believed_up_to_a_bound() {
        for header in [b"D\x7f\xff\xff\xff", b"A\x40\0\0\0", b"E\x01\x01\0\x01"] {
            let ConnectionError::Unusable(failure) = asked(header).await else {
                panic!("{header:?} was believed");
            };
            assert_eq!(failure.kind, ErrorKind::Resource);
            assert!(
                failure
                    .message
                    .ends_with("16842752 are the most that is read"),
                "{failure}"
            );
            assert!(failure.hint.is_some());
        }
    }

    #[tokio::test]
    async fn nonsense_ends_the_connection() {
        for answer in [
            &b"D\xff\xff\xff\xff"[..],
            b"D\0\0\0\x03",
            b"?\0\0\0\x04",
            b"D\0\0\0\x0a\0\x01\0\0\0\x09",
            b"R\0\0\0\x05\0",
        ] {
            let error = asked(answer).await;
            assert!(
                matches!(error, ConnectionError::Lost(_)),
                "{answer:?}: {error:?}"
            );
        }
    }
}
