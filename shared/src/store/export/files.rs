//! The files of an export, in the ephemeral table for a week: a row that describes the file, written last and once, and
//! rows of its bytes.

use std::io::Write;

use anyhow::Context as _;
use aws_sdk_dynamodb::{
    operation::put_item::PutItemError, primitives::Blob, types::AttributeValue,
};
use flate2::{Compression, write::GzEncoder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    id::JobId,
    seal::sha256_hex,
    store::{
        StoreError, TenantStore,
        change::read,
        db::{Filter, Item, Query, Range, Table},
        export::Section,
        key::{Key, Sort},
    },
};

/// Bytes of lines in one file, unless a single one is longer.
const FILE_LEN: usize = 3 << 20;
/// Bytes in one row; DynamoDB allows 400 KB.
const PIECE_LEN: usize = 350_000;
/// A week.
const KEPT_S: i64 = 7 * 86_400;

/// A file of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExportFile {
    #[schema(example = "000003-00")]
    pub part: String,
    #[schema(example = "records")]
    pub section: String,
    pub lines: u64,
    /// As downloaded.
    pub bytes: u64,
    /// Of the bytes as downloaded, in hexadecimal.
    pub sha256: String,
}

/// Its bytes.
pub struct ExportPart {
    pub file: ExportFile,
    pub bytes: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    #[serde(flatten)]
    file: ExportFile,
    pieces: u64,
    expires_at: i64,
}

impl TenantStore {
    /// The lines of a page, as files. A file that is there already stays as it is.
    pub(crate) async fn write_export(
        &self,
        job: JobId,
        page: u64,
        section: Section,
        lines: &[String],
    ) -> Result<(), StoreError> {
        for (at, lines) in files_of(lines).into_iter().enumerate() {
            let bytes = packed(lines).map_err(StoreError::Internal)?;
            let file = ExportFile {
                part: format!("{page:06}-{at:02}"),
                section: section.name().to_owned(),
                lines: u64::try_from(lines.len()).unwrap_or(u64::MAX),
                bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
                sha256: sha256_hex(&bytes),
            };
            self.write_export_file(job, file, &bytes).await?;
        }
        Ok(())
    }

    /// Pieces first, under a name of their content: of two runs that differ, the one that writes the file's own row
    /// first has all of its pieces.
    async fn write_export_file(
        &self,
        job: JobId,
        file: ExportFile,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let expires_at = self.now.as_second() + KEPT_S;
        let pieces = bytes.chunks(PIECE_LEN);
        let head = Head {
            pieces: u64::try_from(pieces.len()).unwrap_or(0),
            expires_at,
            file,
        };
        for (at, piece) in pieces.enumerate() {
            let key = Key::new(self.tenant, &piece_sort(job, &head.file, at));
            let mut row: Item = key.attributes();
            row.insert("bytes".to_owned(), AttributeValue::B(Blob::new(piece)));
            row.insert(
                "expires_at".to_owned(),
                crate::store::change::number(expires_at),
            );
            self.put_export_row(row, None).await?;
        }
        let key = Key::new(self.tenant, &Sort::ExportFile(job, head.file.part.clone()));
        let mut row: Item = serde_dynamo::to_item(&head)?;
        row.extend(key.attributes());
        self.put_export_row(row, Some("attribute_not_exists(pk)"))
            .await
    }

    async fn put_export_row(&self, row: Item, condition: Option<&str>) -> Result<(), StoreError> {
        let request = self.db().client().put_item();
        let answer = request
            .table_name(self.db().table(Table::Ephemeral)?)
            .set_item(Some(row))
            .set_condition_expression(condition.map(str::to_owned))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(error.into()),
            },
        }
    }

    /// All files of an export, in order.
    pub async fn export_files(&self, job: JobId) -> Result<Vec<ExportFile>, StoreError> {
        let key = Key::new(self.tenant, &Sort::ExportFile(job, String::new()));
        let mut query = Query {
            table: Table::Ephemeral,
            index: None,
            partition: key.pk,
            range: Range::Prefix(key.sk),
            after: None,
            newest_first: false,
            limit: 1_000,
            filter: &Filter::none(),
        };
        let mut files = Vec::new();
        loop {
            let (rows, next) = self.db().once(&query).await?;
            for row in rows {
                files.push(read::<Head>(row)?.file);
            }
            match next {
                Some(next) => query.after = Some(next),
                None => return Ok(files),
            }
        }
    }

    /// One file with its bytes. A call for each 350 KB.
    pub async fn export_part(&self, job: JobId, part: &str) -> Result<ExportPart, StoreError> {
        let head = self
            .export_row(&Sort::ExportFile(job, part.to_owned()))
            .await?;
        let head: Head = read(head)?;
        let mut bytes = Vec::new();
        for at in 0..usize::try_from(head.pieces).unwrap_or(0) {
            let row = self.export_row(&piece_sort(job, &head.file, at)).await?;
            let piece = row.get("bytes").and_then(|bytes| bytes.as_b().ok());
            let piece = piece.context("a piece of an export has bytes");
            bytes.extend_from_slice(piece.map_err(StoreError::Internal)?.as_ref());
        }
        Ok(ExportPart {
            file: head.file,
            bytes,
        })
    }

    async fn export_row(&self, sort: &Sort) -> Result<Item, StoreError> {
        let key = Key::new(self.tenant, sort).attributes();
        let row = self.db().get(Table::Ephemeral, key, true).await?;
        row.ok_or(StoreError::NotFound)
    }
}

fn piece_sort(job: JobId, file: &ExportFile, at: usize) -> Sort {
    Sort::ExportPiece(job, file.sha256.clone(), at)
}

/// The lines cut so that each file has [`FILE_LEN`] at most, and one line at least.
fn files_of(lines: &[String]) -> Vec<&[String]> {
    let (mut files, mut start, mut len) = (Vec::new(), 0, 0);
    for (at, line) in lines.iter().enumerate() {
        if at > start && len + line.len() > FILE_LEN {
            files.extend(lines.get(start..at));
            (start, len) = (at, 0);
        }
        len += line.len() + 1;
    }
    files.extend(lines.get(start..).filter(|rest| !rest.is_empty()));
    files
}

fn packed(lines: &[String]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    for line in lines {
        encoder.write_all(line.as_bytes())?;
        encoder.write_all(b"\n")?;
    }
    encoder.finish().context("compress lines")
}

#[cfg(test)]
mod tests;
