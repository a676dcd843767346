//! Bytes as the database holds them: compressed where that makes them shorter.
//!
//! What is proved is what they say, so that marks and hashes are those of the bytes before.

use std::borrow::Cow;
use std::io::Read as _;
use zstd::stream::read::Decoder;

/// How a compressed value begins (RFC 8878); no JSON does.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The fastest level: lines of events are so alike that the others gain little.
const LEVEL: i32 = 1;
/// What is shorter is stored as it is.
const SHORT: usize = 128;
/// The most that a value may have; SQLite holds no longer one either.
const LONGEST: u64 = 1 << 30;

/// The bytes as they are stored.
pub(super) fn pack(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.len() < SHORT {
        return Cow::Borrowed(bytes);
    }
    match zstd::bulk::compress(bytes, LEVEL) {
        Ok(packed) if packed.len() < bytes.len() => Cow::Owned(packed),
        _ => Cow::Borrowed(bytes),
    }
}

/// The bytes as they were. What was damaged is given back as it is found, and does not fit what proves it.
pub(super) fn unpack(stored: Vec<u8>) -> Vec<u8> {
    if !stored.starts_with(&MAGIC) {
        return stored;
    }
    let mut bytes = Vec::new();
    let read = Decoder::new(&stored[..])
        .and_then(|decoder| decoder.take(LONGEST + 1).read_to_end(&mut bytes));
    match read {
        Ok(length) if length as u64 <= LONGEST => bytes,
        _ => stored,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        let line = br#"{"run":"R","seq":1,"at":5,"execution":1,"kind":"state_entered","state":"a","visit":1}"#;
        for times in [0, 1, 2, 1000] {
            let bytes = line.repeat(times);
            let packed = pack(&bytes).into_owned();
            assert_eq!(packed.len() < bytes.len(), times > 1, "{times}");
            assert_eq!(unpack(packed), bytes);
        }
        // What cannot be made shorter is stored as it is.
        let noise: Vec<u8> = (0..4000).map(|_| fastrand::u8(..)).collect();
        assert_eq!(unpack(pack(&noise).into_owned()), noise);
    }

    #[test]
    fn what_is_damaged_is_what_it_is() {
        let packed = pack(&b"{\"run\":\"R\"}".repeat(100)).into_owned();
        let cut = packed[..packed.len() - 3].to_vec();
        assert_eq!(unpack(cut.clone()), cut);
        let mut odd = packed;
        odd[0] ^= 1;
        assert_eq!(unpack(odd.clone()), odd);
    }
}
