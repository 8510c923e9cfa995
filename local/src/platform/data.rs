//! The data directory. One process owns it at a time, and nothing is ever deleted that the platform did not write.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};

/// Its presence says whose directory this is, and its lock says that it is in use.
const LOCK: &str = "portico.lock";
const MARK: &str = "portico data directory";
const DYNAMODB: &str = "dynamodb.sqlite";
const SQS: &str = "sqs.sqlite";
const KEY: &str = "master.key";
const OUTBOX: &str = "outbox.jsonl";
const SQLITE_COMPANIONS: [&str; 4] = ["", "-wal", "-shm", "-journal"];

#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl DataDirectory {
    /// Opens the directory for this process alone, and creates it if need be.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(path).with_context(|| format!("create {}", path.display()))?;
        let is_empty = fs::read_dir(path)
            .with_context(|| format!("read {}", path.display()))?
            .next()
            .is_none();
        if !is_empty && !path.join(LOCK).exists() {
            bail!(
                "{} is not a portico data directory: give an empty or a new one with --data",
                path.display()
            );
        }
        let path = path.canonicalize()?;
        let lock = take_lock(&path)?;
        Ok(Self { path, _lock: lock })
    }

    pub fn dynamodb_file(&self) -> PathBuf {
        self.path.join(DYNAMODB)
    }

    pub fn sqs_file(&self) -> PathBuf {
        self.path.join(SQS)
    }

    /// Where the letters go that nobody gets.
    pub(crate) fn outbox_file(&self) -> PathBuf {
        self.path.join(OUTBOX)
    }

    /// The variable that hands functions the platform's master key: a file that lasts, or a key that does not.
    pub(crate) fn key_variable(data: Option<&Self>) -> anyhow::Result<(String, String)> {
        let Some(data) = data else {
            return Ok(("PORTICO_LOCAL_KEY".to_owned(), new_key()?));
        };
        let file = data.path.join(KEY);
        let created = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&file);
        match created {
            Ok(mut created) => created.write_all(new_key()?.as_bytes())?,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("create {}", file.display())),
        }
        Ok((
            "PORTICO_LOCAL_KEY_FILE".to_owned(),
            file.display().to_string(),
        ))
    }
}

/// Deletes a data directory; the answer is whether there was one.
pub fn reset(path: &Path) -> anyhow::Result<bool> {
    if !path.exists() {
        return Ok(false);
    }
    let shown = path.display();
    let mark = fs::read_to_string(path.join(LOCK)).unwrap_or_default();
    if !mark.starts_with(MARK) {
        bail!("{shown} is not a portico data directory, so it was left alone");
    }
    let lock = take_lock(path)?;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if !is_ours(&entry.file_name().to_string_lossy()) {
            bail!(
                "{shown} holds {}, which portico did not write; nothing was deleted",
                entry.file_name().display()
            );
        }
    }
    // The lock goes last, so that an interrupted reset can be repeated.
    for entry in fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()? {
        if entry.file_name() != LOCK {
            fs::remove_file(entry.path())
                .with_context(|| format!("delete {}", entry.path().display()))?;
        }
    }
    fs::remove_file(path.join(LOCK))?;
    drop(lock);
    fs::remove_dir(path).with_context(|| format!("delete {shown}"))?;
    Ok(true)
}

fn take_lock(path: &Path) -> anyhow::Result<File> {
    let file = path.join(LOCK);
    let open = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&file);
    let mut lock = open.with_context(|| format!("open {}", file.display()))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            lock.read_to_string(&mut owner)?;
            let owner = owner.lines().nth(1).unwrap_or("another process").to_owned();
            bail!(
                "{} is in use by {owner}; stop it, or give another directory with --data",
                path.display()
            );
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).context(format!("lock {}", file.display()));
        }
    }
    lock.set_len(0)?;
    writeln!(lock, "{MARK}\nprocess {}", std::process::id())?;
    Ok(lock)
}

fn is_ours(name: &str) -> bool {
    let is_database = |database: &str| {
        SQLITE_COMPANIONS
            .iter()
            .any(|end| name.strip_prefix(database) == Some(end))
    };
    name == LOCK || name == KEY || name == OUTBOX || is_database(DYNAMODB) || is_database(SQS)
}

/// 32 random bytes in hex.
fn new_key() -> anyhow::Result<String> {
    let mut key = [0; 32];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| anyhow!("the system gave no random bytes"))?;
    Ok(key.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests;
