//! The text of named elements in a SOAP message, without a parser: a message with comments, CDATA,
//! a document type or an entity in the wanted text is refused, so that no two readers can disagree.

/// The texts of all elements with exactly this qualified name and no element inside. `None` where the
/// message could be read in two ways.
pub(crate) fn texts<'a>(body: &'a [u8], name: &str) -> Option<Vec<&'a str>> {
    let text = std::str::from_utf8(body).ok()?;
    if text.contains("<!") {
        return None;
    }
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, tail)) = rest.split_once(&open) {
        rest = tail;
        // `<IdList>` starts like `<Id>` and is another element.
        if !tail.starts_with(['>', ' ', '\t', '\r', '\n']) {
            continue;
        }
        let (_, content) = tail.split_once('>')?;
        let (content, after) = content.split_once(&close)?;
        if content.contains(['<', '&']) {
            return None;
        }
        found.push(content.trim());
        rest = after;
    }
    Some(found)
}

#[cfg(test)]
mod tests;
