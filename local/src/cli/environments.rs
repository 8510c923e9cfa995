//! What each function is started with, in a file of its own: whoever runs a function elsewhere, as `sam local` does in
//! a container, starts it with the same.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;

use crate::platform::Platform;

const KEY: &str = "PORTICO_LOCAL_KEY";
const KEY_FILE: &str = "PORTICO_LOCAL_KEY_FILE";

/// Writes a JSON object of the functions' logical ids. It holds the platform's key: only its owner may read it.
pub(super) fn write(platform: &Platform, path: &Path) -> anyhow::Result<()> {
    let mut environments = BTreeMap::new();
    for function in &platform.template().functions {
        let mut environment = platform.environment(&function.binary)?;
        // A container does not see the file.
        if let Some(file) = environment.remove(KEY_FILE) {
            let key = std::fs::read_to_string(&file).with_context(|| format!("read {file}"))?;
            environment.insert(KEY.to_owned(), key);
        }
        environments.insert(&function.logical_id, environment);
    }
    let shown = path.display();
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = file.open(path).with_context(|| format!("make {shown}"))?;
    let text = serde_json::to_vec_pretty(&environments)?;
    file.write_all(&text)
        .with_context(|| format!("write {shown}"))
}
