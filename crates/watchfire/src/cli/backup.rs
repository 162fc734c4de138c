//! `backup`, `restore` and `verify`.

use clap::Args;
use std::path::PathBuf;

/// Where backups are kept.
#[derive(Clone, Debug, Args)]
pub(crate) struct PlaceArgs {
    /// Where backups are kept: a folder, or s3://BUCKET/PREFIX in Amazon's or another S3-compatible storage. Keys come
    /// from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, …) or the machine's role.
    #[arg(value_name = "PLACE")]
    pub(crate) place: String,

    /// Address of an S3-compatible storage that is not Amazon's, such as http://127.0.0.1:9000.
    #[arg(long = "s3.endpoint", value_name = "URL")]
    pub(crate) s3_endpoint: Option<String>,

    /// Region of the bucket.
    #[arg(long = "s3.region", value_name = "REGION")]
    pub(crate) s3_region: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,

    /// The data folder to save. A server may be running on it.
    #[arg(long = "storage.tsdb.path", value_name = "DIR", default_value = "data")]
    pub(crate) storage_path: PathBuf,

    /// Where that server answers, if one is running: it is asked for a snapshot.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9090")]
    pub(crate) server: String,

    /// Afterwards forget all but the newest N backups at this place, and what only they needed.
    #[arg(long, value_name = "N")]
    pub(crate) keep: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,

    /// The backup; the newest by default.
    #[arg(long, value_name = "NAME")]
    pub(crate) backup: Option<String>,

    /// List the backups there and restore nothing.
    #[arg(long, conflicts_with = "backup")]
    pub(crate) list: bool,

    /// The data folder to restore into; it must not exist or be empty.
    #[arg(long = "storage.tsdb.path", value_name = "DIR", default_value = "data")]
    pub(crate) storage_path: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The data folder. A server may be running on it.
    #[arg(long = "storage.tsdb.path", value_name = "DIR", default_value = "data")]
    pub(crate) storage_path: PathBuf,

    /// Verify a backup instead: the newest at this place, a folder or s3://BUCKET/PREFIX, unless --backup names one.
    #[arg(long, value_name = "PLACE")]
    pub(crate) place: Option<String>,

    /// The backup.
    #[arg(long, value_name = "NAME", requires = "place")]
    pub(crate) backup: Option<String>,

    /// Address of an S3-compatible storage that is not Amazon's.
    #[arg(long = "s3.endpoint", value_name = "URL", requires = "place")]
    pub(crate) s3_endpoint: Option<String>,

    /// Region of the bucket.
    #[arg(long = "s3.region", value_name = "REGION", requires = "place")]
    pub(crate) s3_region: Option<String>,
}
