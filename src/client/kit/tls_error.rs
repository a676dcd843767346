//! Words for TLS that did not come about: with whom, what is wrong, and what to write.

use crate::event::Failure;
use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError};
use std::error::Error;
use std::io;

/// What mends it, in the words of a client's own config.
pub(in crate::client) struct WaysOut {
    /// Names the authorities to trust.
    pub(in crate::client) ca: &'static str,
    /// Accepts any certificate, where that can be said.
    pub(in crate::client) any: Option<&'static str>,
    /// Shows a certificate of the client's own.
    pub(in crate::client) identity: &'static str,
    /// Goes without TLS.
    pub(in crate::client) plain: &'static str,
}

/// The error of TLS within this one, if there is one.
pub(in crate::client) fn find<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref() {
            return Some(tls);
        }
        // An IO error hides the error that it wraps from `source`.
        next = match error.downcast_ref::<io::Error>().map(io::Error::get_ref) {
            Some(Some(inner)) => Some(inner),
            Some(None) | None => error.source(),
        };
    }
    None
}

/// The failure that this error means. `at`: the server, without a password.
pub(in crate::client) fn failure(error: &rustls::Error, at: &str, ways: &WaysOut) -> Failure {
    match error {
        rustls::Error::InvalidCertificate(certificate) => of_certificate(certificate, at, ways),
        rustls::Error::InvalidMessage(_) => not_spoken(at, ways),
        rustls::Error::AlertReceived(alert) => of_alert(*alert, at, ways),
        rustls::Error::NoCertificatesPresented => {
            Failure::protocol(format!("{at} shows no TLS certificate"))
        }
        other => Failure::protocol(format!("the TLS handshake with {at} failed: {other}")),
    }
}

/// The other side answers, but not in TLS.
pub(in crate::client) fn not_spoken(at: &str, ways: &WaysOut) -> Failure {
    Failure::protocol(format!("{at} does not speak TLS"))
        .hint(format!("{}, or the port of TLS", ways.plain))
}

fn of_certificate(error: &CertificateError, at: &str, ways: &WaysOut) -> Failure {
    let certificate = format!("the TLS certificate of {at}");
    let any = |hint: String| match ways.any {
        Some(any) => format!("{hint}; for a test system, {any} accepts any"),
        None => hint,
    };
    let trust = || any(format!("{} trusts its issuer", ways.ca));
    let (wrong, hint) = match error {
        CertificateError::Expired => ("has expired".to_owned(), any("renew it".to_owned())),
        CertificateError::ExpiredContext { not_after, .. } => (
            format!("has expired on {}", day(*not_after)),
            any("renew it".to_owned()),
        ),
        CertificateError::NotValidYet => (
            "is not valid yet".to_owned(),
            any("are the clocks of both machines right?".to_owned()),
        ),
        CertificateError::NotValidYetContext { not_before, .. } => (
            format!("is not valid before {}", day(*not_before)),
            any("are the clocks of both machines right?".to_owned()),
        ),
        CertificateError::NotValidForName => (
            "is that of another host".to_owned(),
            any("write the host by a name that stands in it".to_owned()),
        ),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let name = expected.to_str();
            let hint = if presented.is_empty() {
                "it names no host at all: issue one with a subject alternative name".to_owned()
            } else {
                format!("it is valid for {}: write one of them", names(presented))
            };
            (format!("is not valid for the name \"{name}\""), any(hint))
        }
        CertificateError::UnknownIssuer => (
            "is not trusted: its issuer is unknown, or it is its own (self-signed)".to_owned(),
            trust(),
        ),
        CertificateError::Revoked => ("was revoked".to_owned(), any("renew it".to_owned())),
        // The issuer that is known by that name has another key, perhaps of another kind.
        CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => (
            "does not go with its issuer: the signature is another's".to_owned(),
            trust(),
        ),
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => (
            "is that of an authority, and no server may show one (`openssl req -x509` makes such)"
                .to_owned(),
            any(format!(
                "issue one for the server, `-addext basicConstraints=CA:FALSE`, and trust it: {}",
                ways.ca
            )),
        ),
        other => (format!("is refused: {other}"), trust()),
    };
    Failure::protocol(format!("{certificate} {wrong}")).hint(hint)
}

/// What a server said before it hung up.
fn of_alert(alert: AlertDescription, at: &str, ways: &WaysOut) -> Failure {
    let identity = || format!("{} shows one", ways.identity);
    let (said, hint) = match alert {
        AlertDescription::CertificateRequired => {
            ("it requires a client certificate".to_owned(), identity())
        }
        // Servers of TLS 1.2 say these where the client has shown none, and any server where it does not accept it.
        AlertDescription::HandshakeFailure | AlertDescription::BadCertificate => (
            format!("it requires a client certificate, or another way to encrypt ({alert:?})"),
            identity(),
        ),
        AlertDescription::UnknownCA
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::AccessDenied => (
            format!("it does not accept the client's certificate ({alert:?})"),
            format!("{} names one whose issuer the server trusts", ways.identity),
        ),
        AlertDescription::CertificateExpired | AlertDescription::CertificateRevoked => (
            format!("the client's certificate is no longer valid ({alert:?})"),
            format!("{} names a new one", ways.identity),
        ),
        AlertDescription::ProtocolVersion => (
            "it speaks only versions of TLS before 1.2, or after 1.3".to_owned(),
            "let the server offer TLS 1.2 or 1.3".to_owned(),
        ),
        AlertDescription::UnrecognisedName => (
            "it knows no host of this name".to_owned(),
            "write the host as the server calls itself".to_owned(),
        ),
        AlertDescription::NoApplicationProtocol => (
            "it offers none of the protocols that were asked for".to_owned(),
            "is it the port of another service?".to_owned(),
        ),
        other => (
            format!("it says {other:?}"),
            "its log should tell why".to_owned(),
        ),
    };
    Failure::protocol(format!("{at} refused the TLS connection: {said}")).hint(hint)
}

fn names(presented: &[String]) -> String {
    // `DnsName("shop.example")`, as the library shows them.
    let names: Vec<&str> = (presented.iter())
        .map(|name| name.split('"').nth(1).unwrap_or(name))
        .collect();
    names.join(", ")
}

fn day(at: UnixTime) -> String {
    let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    match Timestamp::from_second(seconds) {
        Ok(at) => at.strftime("%Y-%m-%d").to_string(),
        // Beyond the year 9999, as certificates without an end are.
        Err(_) => "a day beyond the calendar".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_tls_is_found_at_the_bottom() {
        let tls = rustls::Error::NoCertificatesPresented;
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls.clone()));
        assert_eq!(find(&wrapped), Some(&tls));
        assert_eq!(find(&io::Error::other("odd")), None);
        assert_eq!(find(&io::Error::from_raw_os_error(111)), None);
    }
}
