//! Strict decoding of signatures into a buffer on the stack. One value has one accepted spelling.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::webhook::scheme::Encoding;

/// Long enough for every signature of every algorithm: an ECDSA P-256 signature in DER has at most 72 bytes.
const LONGEST: usize = 96;

/// A decoded signature.
pub(crate) struct Decoded {
    buffer: [u8; LONGEST],
    length: usize,
}

impl Decoded {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }
}

/// Decodes a signature, or says that the text is none.
pub(crate) fn decode(encoding: Encoding, text: &str) -> Option<Decoded> {
    let mut buffer = [0; LONGEST];
    let length = match encoding {
        Encoding::Hex => decode_hex(text, &mut buffer, lower_digit)?,
        Encoding::HexAnyCase => decode_hex(text, &mut buffer, any_digit)?,
        Encoding::Base64 => STANDARD.decode_slice(text, &mut buffer).ok()?,
    };
    Some(Decoded { buffer, length })
}

/// Whether `text` spells exactly `expected`; the bytes are compared in constant time.
pub(crate) fn spells(encoding: Encoding, text: &str, expected: &[u8]) -> bool {
    // The length is public, and checking it first bounds the work per entry.
    if text.len() != encoded_length(encoding, expected.len()) {
        return false;
    }
    decode(encoding, text)
        .is_some_and(|decoded| verify_slices_are_equal(decoded.bytes(), expected).is_ok())
}

pub(crate) fn encode(encoding: Encoding, bytes: &[u8]) -> String {
    match encoding {
        Encoding::Hex | Encoding::HexAnyCase => hex(bytes),
        Encoding::Base64 => STANDARD.encode(bytes),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)])
        .collect()
}

/// Decodes the hexadecimal text of a key, in either case.
pub(crate) fn hex_key(text: &str) -> Option<Vec<u8>> {
    let mut bytes = vec![0; text.len() / 2];
    decode_hex(text, &mut bytes, any_digit)?;
    Some(bytes)
}

pub(crate) fn base64_key(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

fn encoded_length(encoding: Encoding, length: usize) -> usize {
    match encoding {
        Encoding::Hex | Encoding::HexAnyCase => length * 2,
        Encoding::Base64 => length.div_ceil(3) * 4,
    }
}

fn decode_hex(text: &str, out: &mut [u8], digit: fn(u8) -> Option<u8>) -> Option<usize> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() > out.len() {
        return None;
    }
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(pairs.len())
}

fn lower_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

fn any_digit(byte: u8) -> Option<u8> {
    lower_digit(byte.to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
