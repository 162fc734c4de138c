//! Where backups are kept: a folder, or a bucket of an S3-compatible object storage.

use crate::error::BackupError;
use crate::manifest::{Manifest, is_name};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use watchfire_disk::{Disk, RealDisk, is_leftover, publish};

const MANIFESTS: &str = "backups";
/// Pieces of a file are read, sent and checked in this size; shorter files go in one request.
const PIECE_BYTES: usize = 8 << 20;
/// Pieces of one file on their way at once.
const PIECES_AT_ONCE: usize = 4;
/// No manifest is longer.
const MAX_MANIFEST_BYTES: u64 = 1 << 30;

/// What a bucket needs beyond its name. Keys come from the environment (`AWS_ACCESS_KEY_ID`,
/// `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`), a web identity, or the machine's role, as with other S3 clients.
#[derive(Clone, Debug, Default)]
pub struct BucketOptions {
    /// `http://…` or `https://…` of a storage that is not Amazon's.
    pub endpoint: Option<String>,
    /// The region; from the environment or `us-east-1` otherwise.
    pub region: Option<String>,
}

/// A place that holds backups.
#[derive(Clone)]
pub enum Place {
    /// A folder.
    Folder(PathBuf),
    /// A prefix in a bucket.
    Bucket {
        /// The storage.
        store: Arc<dyn ObjectStore>,
        /// What all keys begin with; may be empty.
        prefix: String,
        /// For people: `s3://bucket/prefix`.
        name: String,
    },
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Bucket { name, .. } => f.write_str(name),
        }
    }
}

impl Place {
    /// Reads `s3://BUCKET/PREFIX` or the path of a folder. Nothing is contacted yet.
    pub fn parse(text: &str, options: &BucketOptions) -> Result<Self, BackupError> {
        let wrong = |problem: String| BackupError::Place { text: text.to_owned(), problem };
        let Some(rest) = text.strip_prefix("s3://") else {
            return match text.split_once("://") {
                Some((scheme, _)) => Err(wrong(format!("{scheme:?} is not supported"))),
                None if text.is_empty() => Err(wrong("it is empty".to_owned())),
                None => Ok(Self::Folder(PathBuf::from(text))),
            };
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(wrong("it has no bucket".to_owned()));
        }
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
        if let Some(endpoint) = &options.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        if let Some(region) = &options.region {
            builder = builder.with_region(region);
        }
        let store = builder.build().map_err(|error| wrong(error.to_string()))?;
        let prefix = prefix.trim_matches('/').to_owned();
        Ok(Self::Bucket { store: Arc::new(store), prefix, name: text.trim_end_matches('/').to_owned() })
    }

    /// An object's place in words.
    pub(crate) fn show(&self, object: &str) -> String {
        format!("{self}/{object}")
    }

    fn failed(&self, object: &str) -> impl FnOnce(object_store::Error) -> BackupError {
        let place = self.show(object);
        move |source| BackupError::Storage { place, source }
    }

    /// The names and lengths of all objects whose names begin with `folder` and a slash.
    pub(crate) async fn list(&self, folder: &str) -> Result<BTreeMap<String, u64>, BackupError> {
        let mut found = BTreeMap::new();
        match self {
            Self::Folder(root) => {
                let dir = root.join(folder);
                list_files(&dir, folder, &mut found).map_err(BackupError::io(&dir))?;
            }
            Self::Bucket { store, prefix, .. } => {
                let mut objects = store.list(Some(&key(prefix, folder)));
                while let Some(object) = objects.try_next().await.map_err(self.failed(folder))? {
                    let name = object.location.as_ref();
                    let name = name.strip_prefix(prefix.as_str()).unwrap_or(name).trim_start_matches('/');
                    found.insert(name.to_owned(), object.size);
                }
            }
        }
        Ok(found)
    }

    /// Keeps a file's bytes as an object, which is there whole when this returns; CRC-32C of the bytes. `each` is told
    /// the length of every piece.
    pub(crate) async fn put_file(
        &self,
        object: &str,
        from: &Path,
        each: &mut (dyn FnMut(u64) + Send),
    ) -> Result<u32, BackupError> {
        let io = || BackupError::io(from);
        let mut file = File::open(from).map_err(io())?;
        let mut crc = 0;
        match self {
            Self::Folder(root) => {
                let (dir, name) = split(root, object);
                RealDisk.create_dir_all(&dir).map_err(BackupError::io(&dir))?;
                publish(&RealDisk, &dir, &name, |to| {
                    while let Some(piece) = read_piece(&mut file)? {
                        crc = crc32c::crc32c_append(crc, &piece);
                        to.append(&piece)?;
                        each(piece.len() as u64);
                    }
                    Ok(())
                })
                .map_err(BackupError::io(&dir.join(name)))?;
            }
            Self::Bucket { store, prefix, .. } => {
                let key = key(prefix, object);
                let first = read_piece(&mut file).map_err(io())?.unwrap_or_default();
                crc = crc32c::crc32c(&first);
                if first.len() < PIECE_BYTES {
                    let bytes = first.len() as u64;
                    store.put(&key, first.into()).await.map_err(self.failed(object))?;
                    each(bytes);
                    return Ok(crc);
                }
                let upload = store.put_multipart(&key).await.map_err(self.failed(object))?;
                let mut upload = WriteMultipart::new_with_chunk_size(upload, PIECE_BYTES);
                let mut piece = Some(first);
                while let Some(bytes) = piece {
                    each(bytes.len() as u64);
                    upload.put(bytes);
                    upload.wait_for_capacity(PIECES_AT_ONCE).await.map_err(self.failed(object))?;
                    piece = read_piece(&mut file).map_err(io())?;
                    crc = piece.iter().fold(crc, |crc, bytes| crc32c::crc32c_append(crc, bytes));
                }
                upload.finish().await.map_err(self.failed(object))?;
            }
        }
        Ok(crc)
    }

    /// Hands over an object's bytes piece by piece.
    pub(crate) async fn get(
        &self,
        object: &str,
        each: &mut (dyn FnMut(&[u8]) -> Result<(), BackupError> + Send),
    ) -> Result<(), BackupError> {
        match self {
            Self::Folder(root) => {
                let path = root.join(object);
                let mut file = File::open(&path).map_err(BackupError::io(&path))?;
                while let Some(piece) = read_piece(&mut file).map_err(BackupError::io(&path))? {
                    each(&piece)?;
                }
            }
            Self::Bucket { store, prefix, .. } => {
                let found = store.get(&key(prefix, object)).await.map_err(self.failed(object))?;
                let mut pieces = found.into_stream();
                while let Some(piece) = pieces.next().await {
                    each(&piece.map_err(self.failed(object))?)?;
                }
            }
        }
        Ok(())
    }

    /// Removes an object; one that is gone already is no error.
    pub(crate) async fn remove(&self, object: &str) -> Result<(), BackupError> {
        match self {
            Self::Folder(root) => {
                let path = root.join(object);
                match RealDisk.remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        Err(BackupError::Io { path, source: error })
                    }
                    _ => Ok(()),
                }
            }
            Self::Bucket { store, prefix, .. } => match store.delete(&key(prefix, object)).await {
                Err(object_store::Error::NotFound { .. }) | Ok(()) => Ok(()),
                Err(error) => Err(self.failed(object)(error)),
            },
        }
    }

    /// The names of the backups here, oldest first.
    pub async fn backups(&self) -> Result<Vec<String>, BackupError> {
        let objects = self.list(MANIFESTS).await?;
        let name = |object: &String| {
            let name = object.strip_prefix(MANIFESTS)?.strip_prefix('/')?.strip_suffix(".json")?;
            is_name(name).then(|| name.to_owned())
        };
        Ok(objects.keys().filter_map(name).collect())
    }

    /// Reads the manifest of one backup, or of the newest.
    pub async fn manifest(&self, name: Option<&str>) -> Result<Manifest, BackupError> {
        let names = self.backups().await?;
        let known = || match names.as_slice() {
            [] => "none at all".to_owned(),
            names => names.join(", "),
        };
        let found = match name {
            Some(name) => names.iter().find(|found| *found == name),
            None => names.last(),
        };
        let Some(found) = found else {
            let (place, name) = (self.to_string(), name.unwrap_or("latest").to_owned());
            return Err(BackupError::NoSuchBackup { place, name, known: known() });
        };
        let object = manifest_object(found);
        let mut bytes = Vec::new();
        let shown = self.show(&object);
        self.get(&object, &mut |piece| {
            if (bytes.len() + piece.len()) as u64 > MAX_MANIFEST_BYTES {
                let problem = "it is longer than any manifest".to_owned();
                return Err(BackupError::Damaged { object: shown.clone(), problem });
            }
            bytes.extend_from_slice(piece);
            Ok(())
        })
        .await?;
        Manifest::decode(&bytes, &shown)
    }

    /// Keeps a manifest; from then on the backup exists.
    pub(crate) async fn put_manifest(&self, manifest: &Manifest) -> Result<(), BackupError> {
        let object = manifest_object(&manifest.name);
        let bytes = manifest.encode().map_err(|error| BackupError::Damaged {
            object: self.show(&object),
            problem: error.to_string(),
        })?;
        match self {
            Self::Folder(root) => {
                let (dir, name) = split(root, &object);
                RealDisk.create_dir_all(&dir).map_err(BackupError::io(&dir))?;
                publish(&RealDisk, &dir, &name, |to| to.append(&bytes))
                    .map_err(BackupError::io(&dir.join(name)))
            }
            Self::Bucket { store, prefix, .. } => {
                store.put(&key(prefix, &object), bytes.into()).await.map_err(self.failed(&object))?;
                Ok(())
            }
        }
    }
}

pub(crate) fn manifest_object(name: &str) -> String {
    format!("{MANIFESTS}/{name}.json")
}

fn key(prefix: &str, object: &str) -> Key {
    if prefix.is_empty() { Key::from(object) } else { Key::from(format!("{prefix}/{object}")) }
}

fn split(root: &Path, object: &str) -> (PathBuf, String) {
    match object.rsplit_once('/') {
        Some((dir, name)) => (root.join(dir), name.to_owned()),
        None => (root.to_owned(), object.to_owned()),
    }
}

/// The next bytes of a file, up to [`PIECE_BYTES`] and fewer only at its end; `None` there.
fn read_piece(file: &mut File) -> io::Result<Option<Bytes>> {
    let mut piece = Vec::new();
    file.take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
    Ok((!piece.is_empty()).then(|| piece.into()))
}

/// Adds the files under a folder, named from `name` on, with their lengths. No folder is an empty one.
pub(crate) fn list_files(dir: &Path, name: &str, found: &mut BTreeMap<String, u64>) -> io::Result<()> {
    let entries = match RealDisk.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries.into_iter().filter(|entry| !is_leftover(&entry.name)) {
        let path = dir.join(&entry.name);
        let full = if name.is_empty() { entry.name } else { format!("{name}/{}", entry.name) };
        if entry.is_dir {
            list_files(&path, &full, found)?;
        } else {
            found.insert(full, std::fs::metadata(&path)?.len());
        }
    }
    Ok(())
}
