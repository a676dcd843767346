//! What stays as it is where a value becomes a part of a URL. Whoever encodes values so that they are recorded takes one
//! of these, since the mask looks for a secret in each of them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

/// All but what RFC 3986 lets stand everywhere: letters, digits and `-._~`.
pub(crate) const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// In a path, a query and a fragment, `/`, `:` and `@` separate nothing that a value could be mistaken for.
pub(crate) const BEHIND_HOST: &AsciiSet = &UNRESERVED.remove(b'/').remove(b':').remove(b'@');
/// In the first segment of a URL without scheme, a `:` would end one.
pub(crate) const FIRST_SEGMENT: &AsciiSet = &UNRESERVED.remove(b'/').remove(b'@');
