//! S3, as far as the function needs it.

use std::env;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use kiln::LambdaError;
use kiln::batch::envelope::S3Object;
use kiln::compute::ComputeError;

use crate::{File, StageError, size};

/// Why the function cannot start: the init fails, and so does the deployment.
#[derive(Debug, thiserror::Error, LambdaError)]
pub enum SetupError {
    /// A variable that it needs is not set.
    #[error("`{0}` is not set")]
    MissingVariable(&'static str),
    /// It gets no threads to compute on.
    #[error(transparent)]
    #[lambda_error(transparent)]
    Threads(#[from] ComputeError),
}

/// The buckets.
#[derive(Clone, Debug)]
pub struct Album {
    client: Client,
    /// Not the bucket that fills the queue, or its own images would.
    small_bucket: String,
}

impl Album {
    /// With the function's own credentials, and the bucket that `SMALL_BUCKET` names.
    ///
    /// # Errors
    /// When there is no such variable.
    pub async fn from_env() -> Result<Self, SetupError> {
        let small_bucket =
            env::var("SMALL_BUCKET").map_err(|_| SetupError::MissingVariable("SMALL_BUCKET"))?;
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
            small_bucket,
        })
    }

    pub(crate) async fn download(&self, image: S3Object) -> Result<File, StageError> {
        let answer = self
            .client
            .get_object()
            .bucket(&image.bucket)
            .key(&image.key)
            .set_version_id(image.version_id.clone())
            .send()
            .await
            .map_err(refused)?;
        let (mut body, mut bytes) = (answer.body, Vec::new());
        while let Some(part) = body.next().await {
            bytes.extend_from_slice(&part.map_err(StageError::BreaksOff)?);
            if bytes.len() as u64 > size(&image) {
                return Err(StageError::TooLarge(size(&image)));
            }
        }
        Ok(File {
            key: image.key,
            bytes,
        })
    }

    pub(crate) async fn upload(&self, file: File) -> Result<(), StageError> {
        self.client
            .put_object()
            .bucket(&self.small_bucket)
            .key(file.key)
            .content_type("image/png")
            .body(ByteStream::from(file.bytes))
            .send()
            .await
            .map(drop)
            .map_err(refused)
    }
}

/// With S3's own word for it: that of the SDK is `service error`.
fn refused<E: ProvideErrorMetadata>(error: SdkError<E>) -> StageError {
    StageError::S3(error.code().unwrap_or("no answer").to_owned())
}
