//! Objects: recordings, voices and files, in a folder or in an S3 bucket. Keys are ours; nothing from outside is a path.

use std::ops::Range;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    Attribute, Attributes, GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutOptions, WriteMultipart,
};

/// Where objects are kept. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Storage(Arc<dyn ObjectStore>);

/// An object, or a part of one, on its way to a reader.
pub struct Object {
    /// The whole object's size.
    pub size_bytes: u64,
    /// Which bytes these are.
    pub range: Range<u64>,
    /// The bytes, in pieces.
    pub body: BoxStream<'static, anyhow::Result<Bytes>>,
}

/// Which bytes of an object are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All.
    Whole,
    /// From the first up to, not including, the second.
    Between(u64, u64),
    /// From here to the end.
    From(u64),
    /// The last so many.
    Last(u64),
}

impl Storage {
    /// Opens the setting's place: a folder (made when it is not there), or `s3://bucket/prefix` with credentials,
    /// region and endpoint from the usual `AWS_…` variables.
    ///
    /// # Errors
    /// When the folder cannot be made or the address cannot be read.
    pub fn open(setting: &str) -> anyhow::Result<Self> {
        let Some(place) = setting.strip_prefix("s3://") else {
            std::fs::create_dir_all(setting).with_context(|| format!("make the folder {setting}"))?;
            let folder = LocalFileSystem::new_with_prefix(setting)
                .with_context(|| format!("open the folder {setting}"))?
                // What was acknowledged is on the disk.
                .with_fsync(true);
            return Ok(Self(Arc::new(folder)));
        };
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let store = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .build()
            .with_context(|| format!("open the bucket {bucket}"))?;
        Ok(match prefix {
            "" => Self(Arc::new(store)),
            prefix => Self(Arc::new(PrefixStore::new(store, prefix))),
        })
    }

    /// Writes an object whole; it is there when this returns.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn put(&self, key: &str, media_type: &str, body: Bytes) -> anyhow::Result<()> {
        let path = Path::parse(key).context("read the object's key")?;
        let options = PutOptions {
            attributes: Attributes::from_iter([(Attribute::ContentType, media_type.to_owned())]),
            ..PutOptions::default()
        };
        let put = self.0.put_opts(&path, body.clone().into(), options).await;
        match put {
            // A folder keeps no media type; our row has it.
            Err(object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }) => {
                self.0.put(&path, body.into()).await.map(|_| ())
            }
            done => done.map(|_| ()),
        }
        .with_context(|| format!("write the object {key}"))
    }

    /// Writes an object piece by piece, as it comes; it is there, whole, when this returns its size. An error among the
    /// pieces ends it, and nothing is there.
    ///
    /// # Errors
    /// The pieces' own, or when the store does not take it.
    pub async fn put_pieces(
        &self,
        key: &str,
        mut pieces: BoxStream<'static, anyhow::Result<Bytes>>,
    ) -> anyhow::Result<u64> {
        let path = Path::parse(key).context("read the object's key")?;
        let upload = self.0.put_multipart(&path).await;
        let mut upload = WriteMultipart::new(upload.with_context(|| format!("begin the object {key}"))?);
        let mut size_bytes = 0;
        while let Some(piece) = pieces.next().await {
            let written = match piece {
                Ok(piece) => {
                    size_bytes += piece.len() as u64;
                    upload.put(piece);
                    // What the store has not taken yet is at most one part, in memory.
                    upload.wait_for_capacity(1).await.map_err(anyhow::Error::from)
                }
                Err(fault) => Err(fault),
            };
            if let Err(fault) = written {
                // Parts that stay behind when this fails too are the store's to forget.
                upload.abort().await.ok();
                return Err(fault.context(format!("write the object {key}")));
            }
        }
        upload
            .finish()
            .await
            .with_context(|| format!("end the object {key}"))?;
        Ok(size_bytes)
    }

    /// Opens an object for reading; `None` when it is not there.
    ///
    /// # Errors
    /// When the store cannot be reached, or the part lies outside of the object.
    pub async fn get(&self, key: &str, part: Part) -> anyhow::Result<Option<Object>> {
        let path = Path::parse(key).context("read the object's key")?;
        let range = match part {
            Part::Whole => None,
            Part::Between(from, to) => Some(GetRange::Bounded(from..to)),
            Part::From(from) => Some(GetRange::Offset(from)),
            Part::Last(count) => Some(GetRange::Suffix(count)),
        };
        match self.0.get_opts(&path, GetOptions::new().with_range(range)).await {
            Ok(found) => Ok(Some(Object {
                size_bytes: found.meta.size,
                range: found.range.clone(),
                body: found.into_stream().map_err(anyhow::Error::from).boxed(),
            })),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(fault) => Err(fault).with_context(|| format!("read the object {key}")),
        }
    }

    /// Removes an object; one that is not there is removed.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn delete(&self, key: &str) -> anyhow::Result<()> {
        let path = Path::parse(key).context("read the object's key")?;
        match self.0.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(fault) => Err(fault).with_context(|| format!("remove the object {key}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(storage: &Storage, part: Part) -> (Vec<u8>, Range<u64>, u64) {
        let object = storage.get("t/rec/1.wav", part).await.unwrap().unwrap();
        let (range, size) = (object.range, object.size_bytes);
        let pieces: Vec<Bytes> = object.body.try_collect().await.unwrap();
        (pieces.concat(), range, size)
    }

    #[tokio::test]
    async fn an_object_is_read_back_whole_and_in_parts() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(folder.path().to_str().unwrap()).unwrap();
        storage
            .put("t/rec/1.wav", "audio/wav", Bytes::from_static(b"0123456789"))
            .await
            .unwrap();
        assert_eq!(
            read(&storage, Part::Whole).await,
            (b"0123456789".to_vec(), 0..10, 10)
        );
        assert_eq!(
            read(&storage, Part::Between(2, 5)).await,
            (b"234".to_vec(), 2..5, 10)
        );
        assert_eq!(read(&storage, Part::From(8)).await, (b"89".to_vec(), 8..10, 10));
        assert_eq!(read(&storage, Part::Last(3)).await, (b"789".to_vec(), 7..10, 10));
        assert!(storage.get("t/rec/2.wav", Part::Whole).await.unwrap().is_none());
        storage.delete("t/rec/1.wav").await.unwrap();
        storage.delete("t/rec/1.wav").await.unwrap();
        assert!(storage.get("t/rec/1.wav", Part::Whole).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn pieces_become_one_object_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(folder.path().to_str().unwrap()).unwrap();
        let pieces = |last: anyhow::Result<Bytes>| {
            let first = [
                Ok(Bytes::from_static(b"01234")),
                Ok(Bytes::from_static(b"567")),
                last,
            ];
            futures_util::stream::iter(first).boxed()
        };
        let broken = pieces(Err(anyhow::anyhow!("cut")));
        assert!(storage.put_pieces("t/rec/1.wav", broken).await.is_err());
        assert!(storage.get("t/rec/1.wav", Part::Whole).await.unwrap().is_none());
        let size = storage
            .put_pieces("t/rec/1.wav", pieces(Ok(Bytes::from_static(b"89"))))
            .await
            .unwrap();
        assert_eq!(size, 10);
        assert_eq!(
            read(&storage, Part::Whole).await,
            (b"0123456789".to_vec(), 0..10, 10)
        );
    }

    #[tokio::test]
    async fn a_key_never_leaves_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(folder.path().to_str().unwrap()).unwrap();
        assert!(storage.put("../out", "text/plain", Bytes::new()).await.is_err());
        assert!(storage.get("a/../../out", Part::Whole).await.is_err());
    }
}
