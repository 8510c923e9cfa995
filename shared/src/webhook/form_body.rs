//! The fields of an `application/x-www-form-urlencoded` body or query, decoded to bytes. Any bytes may
//! come in: an escape that is none stands for itself.

/// Every field in its order, repeated names included.
pub(crate) fn fields(encoded: &[u8]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    encoded
        .split(|byte| *byte == b'&')
        .filter(|field| !field.is_empty())
        .map(|field| {
            let mut halves = field.splitn(2, |byte| *byte == b'=');
            let mut half = || decode(halves.next().unwrap_or_default());
            (half(), half())
        })
}

/// The first value under this name, when it is text.
pub(crate) fn find(encoded: &[u8], name: &str) -> Option<String> {
    let (_, value) = fields(encoded).find(|(field, _)| field == name.as_bytes())?;
    String::from_utf8(value).ok()
}

fn decode(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        let byte = match (first, tail) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                (_, None) | (None, _) => b'%',
            },
            (byte, _) => *byte,
        };
        bytes.push(byte);
    }
    bytes
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests;
