//! S3, as far as the function needs it.

use std::env;

use aws_config::BehaviorVersion;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};

use crate::error::{MissingVariable, ObjectError};
use crate::sales::{Sales, SalesReader};

/// The buckets.
#[derive(Clone, Debug)]
pub struct Objects {
    client: Client,
    /// Not the bucket that invokes the function, or its own reports would.
    report_bucket: String,
}

impl Objects {
    /// With the function's own credentials, and the bucket that `REPORT_BUCKET` names.
    ///
    /// # Errors
    ///
    /// When there is no such variable: better at deployment than with the first object.
    pub async fn from_env() -> Result<Self, MissingVariable> {
        let report_bucket =
            env::var("REPORT_BUCKET").map_err(|_| MissingVariable("REPORT_BUCKET"))?;
        // ring compiles in seconds, and needs no time to collect entropy on a cold start.
        let https = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let shared = aws_config::defaults(BehaviorVersion::latest())
            .http_client(https)
            .load()
            .await;
        let config = aws_sdk_s3::config::Builder::from(&shared)
            // Another endpoint, as in tests, has no host per bucket.
            .force_path_style(shared.endpoint_url().is_some())
            .build();
        Ok(Self {
            client: Client::from_conf(config),
            report_bucket,
        })
    }

    /// Reads an object and sums it up on the way.
    ///
    /// # Errors
    ///
    /// When it is not there, breaks off, or is not understood.
    pub async fn read(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> Result<Sales, ObjectError> {
        let unread = |source| ObjectError::Read {
            key: key.to_owned(),
            source,
        };
        let invalid = |crate::sales::InvalidLine(line)| ObjectError::Line {
            key: key.to_owned(),
            line,
        };
        let object = self
            .client
            .get_object()
            .bucket(bucket)
            .key(key)
            .set_version_id(version.filter(|id| !id.is_empty()).map(str::to_owned))
            .send()
            .await
            .map_err(|error| unread(error.into()))?;
        let mut body = object.body;
        let mut reader = SalesReader::default();
        while let Some(part) = body.next().await {
            let part = part.map_err(|error| unread(error.into()))?;
            reader.read(&part).map_err(invalid)?;
        }
        reader.finish().map_err(invalid)
    }

    /// Stores a report, in place of an earlier one: to do it twice is fine.
    ///
    /// # Errors
    ///
    /// When S3 does not take it.
    pub async fn store(&self, key: &str, sales: &Sales) -> Result<(), ObjectError> {
        let failed = |source| ObjectError::Store {
            key: key.to_owned(),
            source,
        };
        let report = serde_json::to_vec(sales).map_err(|error| failed(error.into()))?;
        self.client
            .put_object()
            .bucket(&self.report_bucket)
            .key(key)
            .content_type("application/json")
            .body(ByteStream::from(report))
            .send()
            .await
            .map_err(|error| failed(error.into()))?;
        Ok(())
    }
}
