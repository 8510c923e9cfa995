//! Entries as CSV (RFC 4180). A cell that a spreadsheet would take for a formula starts with an apostrophe.

use shared::audit::Entry;

const HEADER: &str = "id,at,actor,action,target,request_id,source_ip,changes\r\n";

/// A header line and a line for each entry; `changes` is JSON.
pub(crate) fn table(entries: &[Entry]) -> Result<String, serde_json::Error> {
    let mut table = HEADER.to_owned();
    for entry in entries {
        let changes = match entry.changes.is_empty() {
            true => String::new(),
            false => serde_json::to_string(&entry.changes)?,
        };
        let cells = [
            &entry.id.to_string(),
            &entry.at.to_string(),
            &entry.actor,
            &entry.action,
            &entry.target,
            &entry.request_id,
            entry.source_ip.as_deref().unwrap_or_default(),
            &changes,
        ];
        table += &cells.map(cell).join(",");
        table += "\r\n";
    }
    Ok(table)
}

fn cell(text: &str) -> String {
    // https://owasp.org/www-community/attacks/CSV_Injection
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guard = if is_formula { "'" } else { "" };
    if is_formula || text.contains(['"', ',', '\r', '\n']) {
        return format!("\"{guard}{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests;
