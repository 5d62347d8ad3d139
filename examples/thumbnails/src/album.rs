//! S3, as far as the function needs it.

use std::env;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use kiln::batch::envelope::S3Object;

use crate::error::{SetupError, ThumbnailError};

/// The buckets.
#[derive(Clone, Debug)]
pub struct Album {
    client: Client,
    /// Not the bucket that invokes the function, or its own thumbnails would.
    thumbnail_bucket: String,
}

impl Album {
    /// With the function's own credentials, and the bucket that `THUMBNAIL_BUCKET` names.
    ///
    /// # Errors
    /// When there is no such variable.
    pub async fn from_env() -> Result<Self, SetupError> {
        let thumbnail_bucket = env::var("THUMBNAIL_BUCKET")
            .map_err(|_| SetupError::MissingVariable("THUMBNAIL_BUCKET"))?;
        let https = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let shared = aws_config::from_env().http_client(https).load().await;
        let config = aws_sdk_s3::config::Builder::from(&shared)
            // Another endpoint, as in tests, has no host per bucket.
            .force_path_style(shared.endpoint_url().is_some())
            .build();
        Ok(Self {
            client: Client::from_conf(config),
            thumbnail_bucket,
        })
    }

    pub(crate) async fn read(&self, object: &S3Object) -> Result<Vec<u8>, ThumbnailError> {
        let failed = |source| ThumbnailError::Read {
            key: object.key.clone(),
            source,
        };
        let answer = self
            .client
            .get_object()
            .bucket(&object.bucket)
            .key(&object.key)
            .set_version_id(object.version_id.clone())
            .send()
            .await
            .map_err(|error| failed(error.into()))?;
        let body = answer.body.collect().await;
        Ok(body.map_err(|error| failed(error.into()))?.to_vec())
    }

    pub(crate) async fn store(&self, key: &str, png: Vec<u8>) -> Result<(), ThumbnailError> {
        self.client
            .put_object()
            .bucket(&self.thumbnail_bucket)
            .key(key)
            .content_type("image/png")
            .body(ByteStream::from(png))
            .send()
            .await
            .map(drop)
            .map_err(|error| ThumbnailError::Store {
                key: key.to_owned(),
                source: error.into(),
            })
    }
}
