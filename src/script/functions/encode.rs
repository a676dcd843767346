use super::{Call, Function, Missing, Run, bytes_arg, text_arg};
use crate::event::url_encoding::UNRESERVED;
use crate::script::ops::Fault;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use percent_encoding::{percent_decode_str, utf8_percent_encode};
use rhai::Dynamic;
use sha2::{Digest, Sha256};
use std::fmt::Write;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "uuid",
        params: "",
        arity: 0..=0,
        doc: "A new random UUID (version 4); a replay sees the same one.",
        example: "len(uuid()) == 36",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|call, _| {
            Ok(
                uuid::Builder::from_random_bytes(call.host.chance(call.place))
                    .into_uuid()
                    .to_string()
                    .into(),
            )
        }),
    },
    Function {
        name: "base64",
        params: "text | bytes",
        arity: 1..=1,
        doc: "The text or bytes in base64, with padding.",
        example: "base64('user:pass') == 'dXNlcjpwYXNz'",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|_, args| {
            bytes_arg(args, 0, "base64").map(|bytes| bytes.to_base64().into())
        }),
    },
    Function {
        name: "base64_decode",
        params: "text",
        arity: 1..=1,
        doc: "The UTF-8 text behind base64.",
        example: "base64_decode('aGk=') == 'hi'",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|_, args| {
            let text = text_arg(args, 0, "base64_decode")?;
            let bytes = STANDARD
                .decode(text.as_bytes())
                .map_err(|error| Fault::new(format!("this is no base64: {error}")))?;
            utf8(bytes)
        }),
    },
    Function {
        name: "hex",
        params: "text | bytes",
        arity: 1..=1,
        doc: "The bytes, or those of the text, two hexadecimal digits each.",
        example: "hex('Az') == '417a'",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|_, args| bytes_arg(args, 0, "hex").map(|bytes| hex(&bytes.0).into())),
    },
    Function {
        name: "hex_decode",
        params: "text",
        arity: 1..=1,
        doc: "The UTF-8 text behind hexadecimal digits.",
        example: "hex_decode('417a') == 'Az'",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(hex_decode),
    },
    Function {
        name: "sha256",
        params: "text | bytes",
        arity: 1..=1,
        doc: "The SHA-256 of the text or bytes, in hexadecimal digits.",
        example: "starts_with(sha256('abc'), 'ba7816bf')",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|_, args| {
            bytes_arg(args, 0, "sha256").map(|bytes| hex(&Sha256::digest(&bytes.0)).into())
        }),
    },
    Function {
        name: "md5",
        params: "text | bytes",
        arity: 1..=1,
        doc: "The MD5 of the text or bytes, in hexadecimal digits: for checksums that others compute, never for secrets.",
        example: "md5('abc') == '900150983cd24fb0d6963f7d28e17f72'",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|_, args| {
            bytes_arg(args, 0, "md5").map(|bytes| hex(&Md5::digest(&bytes.0)).into())
        }),
    },
    Function {
        name: "hmac_sha256",
        params: "key, text | bytes",
        arity: 2..=2,
        doc: "The HMAC-SHA-256 of the text or bytes under a key, in hexadecimal digits: the signature of many webhooks.",
        example: "starts_with(hmac_sha256('key', 'text'), '6afa9046')",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(hmac_sha256),
    },
    Function {
        name: "url_encode",
        params: "text",
        arity: 1..=1,
        doc: "The text as a part of a URL, percent-encoded.",
        example: "url_encode('a b&c') == 'a%20b%26c'",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|_, args| {
            text_arg(args, 0, "url_encode")
                .map(|text| utf8_percent_encode(&text, UNRESERVED).to_string().into())
        }),
    },
    Function {
        name: "url_decode",
        params: "text",
        arity: 1..=1,
        doc: "The text behind percent-encoding.",
        example: "url_decode('a%20b') == 'a b'",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|_, args| {
            let text = text_arg(args, 0, "url_decode")?;
            utf8(percent_decode_str(&text).collect())
        }),
    },
    Function {
        name: "env",
        params: "name",
        arity: 1..=1,
        doc: "An environment variable, or `null` if it is not set; `permissions` must allow it.",
        example: "env('FUNCY_SURELY_NOT_SET') == null",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(env),
    },
];

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}

fn hex_decode(_: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    let text = text_arg(args, 0, "hex_decode")?;
    let wrong = || Fault::new("these are no hexadecimal digits, two for each byte");
    let digits: Vec<u32> = text
        .chars()
        .map(|c| c.to_digit(16).ok_or_else(wrong))
        .collect::<Result<_, _>>()?;
    if !digits.len().is_multiple_of(2) {
        return Err(wrong());
    }
    utf8(
        digits
            .chunks(2)
            .map(|pair| (pair[0] * 16 + pair[1]) as u8)
            .collect(),
    )
}

fn utf8(bytes: Vec<u8>) -> Result<Dynamic, Fault> {
    String::from_utf8(bytes)
        .map(Dynamic::from)
        .map_err(|_| Fault::new("the decoded bytes are no UTF-8 text"))
}

fn hmac_sha256(_: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    let key = bytes_arg(args, 0, "hmac_sha256")?;
    let text = bytes_arg(args, 1, "hmac_sha256")?;
    let mut mac =
        Hmac::<Sha256>::new_from_slice(&key.0).map_err(|_| Fault::new("this is no key"))?;
    mac.update(&text.0);
    Ok(hex(&mac.finalize().into_bytes()).into())
}

fn env(call: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    let name = text_arg(args, 0, "env")?;
    match call.host.env(&name) {
        Ok(value) => Ok(value.map_or(Dynamic::UNIT, Dynamic::from)),
        Err(failure) => Err(Fault {
            message: failure.message,
            hint: failure.hint,
            ..Fault::new("")
        }),
    }
}
