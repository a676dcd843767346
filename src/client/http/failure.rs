//! What went wrong, in words: the error chain of the HTTP library as one sentence and a hint.

use crate::client::kit::tls_error::{self, WaysOut};
use crate::event::Failure;
use hyper_util::client::legacy::connect::HttpInfo;
use reqwest::Url;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

const WAYS_OUT: WaysOut = WaysOut {
    ca: "`tls: {ca: FILE.pem}`",
    any: Some("`tls: {insecure: true}`"),
    identity: "`tls: {cert: FILE.pem, key: FILE.pem}`",
    plain: "write http://",
};

/// `host:port` of a URL.
pub(super) fn authority(url: &Url) -> String {
    format!(
        "{}:{}",
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or_default()
    )
}

/// The failure that this error means.
pub(super) fn failure(error: &reqwest::Error, url: &Url, connect_timeout: Duration) -> Failure {
    let at = authority(url);
    if error.is_dns() {
        return Failure::transport(format!(
            "the host {:?} was not found: {}",
            url.host_str().unwrap_or_default(),
            innermost(error)
        ))
        .hint("check its spelling, and whether this machine can resolve it");
    }
    if let Some(tls) = tls_error::find(error) {
        return tls_error::failure(tls, &at, &WAYS_OUT);
    }
    if let Some(known) = find(error, |cause| io_failure(io_error(cause)?, url, &at)) {
        return known;
    }
    if error.is_timeout() && error.is_connect() {
        return Failure::transport(format!("no connection to {at} within {connect_timeout:?}"))
            .hint(
                "is a firewall in between, or the address wrong? `connect_timeout` sets the limit",
            );
    }
    let known = find(error, |cause| {
        hyper_failure(cause.downcast_ref()?, url, &at)
    });
    if let Some(known) = known {
        return known;
    }
    if error.is_decode() {
        return Failure::protocol(format!(
            "the body from {at} cannot be decompressed: {}",
            innermost(error)
        ))
        .hint("its content-encoding does not match its bytes, or it was cut off");
    }
    if error.is_builder() {
        return Failure::protocol(format!("the request cannot be sent: {}", innermost(error)));
    }
    Failure::transport(format!(
        "the exchange with {at} failed: {}",
        innermost(error)
    ))
}

/// The address on this side of the connection that broke before an answer began; `None` where something else went wrong.
pub(super) fn broken_connection(error: &reqwest::Error) -> Option<SocketAddr> {
    let broken = |cause: &(dyn Error + 'static)| {
        let by_http = cause
            .downcast_ref::<hyper::Error>()
            .is_some_and(|hyper| hyper.is_incomplete_message() || hyper.is_closed());
        let by_system = io_error(cause).is_some_and(|io| {
            matches!(
                io.kind(),
                io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
                    | io::ErrorKind::UnexpectedEof
            )
        });
        (by_http || by_system).then_some(())
    };
    find(error, broken)?;
    find(error, |cause| {
        let mut extras = hyper::http::Extensions::new();
        cause
            .downcast_ref::<hyper_util::client::legacy::Error>()?
            .connect_info()?
            .get_extras(&mut extras);
        extras.get().map(HttpInfo::local_addr)
    })
}

fn io_failure(error: &io::Error, url: &Url, at: &str) -> Option<Failure> {
    Some(match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            Failure::transport(format!("the connection to {at} was refused"))
                .hint("nothing listens there: is the server started, and the port right?")
        }
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => {
            Failure::transport(format!("the connection to {at} was reset by the server"))
        }
        io::ErrorKind::UnexpectedEof if url.scheme() == "https" => Failure::transport(format!(
            "{at} closed the connection in the middle of the TLS exchange"
        ))
        .hint("if it does not speak TLS, write http://"),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Failure::transport(format!("{at} cannot be reached: {}", error.kind()))
        }
        io::ErrorKind::TimedOut if error.raw_os_error().is_some() => {
            Failure::transport(format!("the connection to {at} timed out"))
        }
        _ => return None,
    })
}

fn hyper_failure(error: &hyper::Error, url: &Url, at: &str) -> Option<Failure> {
    let text = error.to_string();
    if error.is_incomplete_message() || text.contains("end of file before message length") {
        return Some(Failure::transport(format!(
            "{at} closed the connection before its answer was complete"
        )));
    }
    if error.is_parse() || text.contains("unexpected message") {
        return Some(not_http(url, at, &innermost(error)));
    }
    // A body that ends too early, or whose chunks make no sense.
    let cause = error.source().map(ToString::to_string)?;
    if cause.contains("end of file before message length") || cause.contains("unexpected EOF") {
        return Some(Failure::transport(format!(
            "{at} closed the connection before its answer was complete"
        )));
    }
    if cause.contains("hunk") {
        return Some(not_http(url, at, &cause));
    }
    None
}

fn not_http(url: &Url, at: &str, reason: &str) -> Failure {
    let failure = Failure::protocol(format!("{at} did not answer in HTTP: {reason}"));
    if url.scheme() == "http" {
        failure.hint("if it speaks TLS, write https://; if not, something else listens there")
    } else {
        failure
    }
}

/// The first error in the chain for which this finds something.
fn find<'e, T>(
    error: &'e (dyn Error + 'static),
    pick: impl Fn(&'e (dyn Error + 'static)) -> Option<T>,
) -> Option<T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = pick(error) {
            return Some(found);
        }
        next = source(error);
    }
    None
}

/// An IO error hides the error that it wraps from `source`.
fn source<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

/// An error of the system itself, not one that only wraps another.
fn io_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e io::Error> {
    error
        .downcast_ref::<io::Error>()
        .filter(|io| io.get_ref().is_none_or(|inner| source(inner).is_none()))
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = source(last) {
        last = next;
    }
    let text = last.to_string();
    // The system's number says no more than its words.
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
