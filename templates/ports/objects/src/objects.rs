//! What the bucket holds: the port to its objects, and what can stand behind it.

use reqwest::{Client, StatusCode, Url};
use thiserror::Error;

/// Names one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRef {
    /// The bucket.
    pub bucket: String,
    /// The key, decoded.
    pub key: String,
}

/// A store of objects.
///
/// On AWS this is the place for `aws_sdk_s3::Client`: one more variant, built once in `main`.
#[derive(Debug)]
pub enum Objects {
    /// A server of files.
    Http(HttpObjects),
    /// The same order for every key, for tests and for the first run.
    Sample(SampleObjects),
}

impl Objects {
    /// The bytes of an object.
    pub async fn read(&self, object: &ObjectRef) -> Result<Vec<u8>, ObjectsError> {
        match self {
            Self::Http(objects) => objects.read(object).await,
            Self::Sample(objects) => Ok(objects.read(object)),
        }
    }
}

/// Why an object could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ObjectsError {
    /// There is no such object, perhaps no more.
    #[error("there is no object `{key}`")]
    Missing {
        /// The object asked for.
        key: String,
    },
    /// The call failed or took too long.
    #[error("the object `{key}` could not be read")]
    Unavailable {
        /// The object asked for.
        key: String,
        /// What the client says.
        source: reqwest::Error,
    },
}

/// Objects behind `GET {base}/{bucket}/{key}`, as S3 and its relatives serve public ones.
#[derive(Debug)]
pub struct HttpObjects {
    client: Client,
    base: Url,
}

impl HttpObjects {
    /// The objects at this address. Time limits are the client's.
    pub fn new(client: Client, base: Url) -> Self {
        Self { client, base }
    }

    async fn read(&self, object: &ObjectRef) -> Result<Vec<u8>, ObjectsError> {
        let failed = |source| ObjectsError::Unavailable {
            key: object.key.clone(),
            source,
        };
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty()
                .push(&object.bucket)
                .extend(object.key.split('/'));
        }
        let response = self.client.get(url).send().await.map_err(failed)?;
        if response.status() == StatusCode::NOT_FOUND {
            return Err(ObjectsError::Missing {
                key: object.key.clone(),
            });
        }
        let bytes = response
            .error_for_status()
            .map_err(failed)?
            .bytes()
            .await
            .map_err(failed)?;
        Ok(bytes.into())
    }
}

/// Objects that each hold the sample order, numbered by the file's name.
#[derive(Clone, Copy, Debug, Default)]
pub struct SampleObjects;

impl SampleObjects {
    fn read(self, object: &ObjectRef) -> Vec<u8> {
        let file = object.key.rsplit('/').next().unwrap_or_default();
        let order_id = file.split('.').next().unwrap_or_default();
        let order = serde_json::json!({
            "orderId": order_id,
            "customer": "ada",
            "lines": [
                {"sku": "KILN-MUG", "quantity": 2, "unitPriceCents": 1250},
                {"sku": "KILN-CAP", "quantity": 1, "unitPriceCents": 1990},
            ],
        });
        order.to_string().into_bytes()
    }
}
