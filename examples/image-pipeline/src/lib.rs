//! A function that downloads, computes and uploads, all at the same time: behind a queue that a bucket
//! tells of its images.
//!
//! The first image is made small while the rest still downloads, and no more images are in memory than
//! fit. Where a download fails or an image is broken, its message comes back and the others are done.

use std::convert::Infallible;
use std::io::Cursor;

use aws_sdk_s3::primitives::ByteStreamError;
use image::{ImageFormat, ImageReader, Limits};
use kiln::batch::envelope::{S3Notification, S3Object};
use kiln::batch::{FromRecord as _, Record, SqsBatchResponse, SqsEvent};
use kiln::logging::{info, warn};
use kiln::{LambdaEvent, pipeline};

mod album;

pub use album::{Album, SetupError};

/// Downloads and uploads at once.
const TRANSFERS: usize = 8;
/// For all images that are worked on: most of what the function has.
const MEMORY: u64 = 2_048 << 20;
/// What one image may take when it is decoded.
const DECODED: u64 = 128 << 20;
/// The longer side of each small image, in pixels.
const SIDE: u32 = 256;

/// Why a stage has failed.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// S3 refuses, or does not answer.
    #[error("S3: {0}")]
    S3(String),
    /// The object does not come to its end.
    #[error("breaks off: {0}")]
    BreaksOff(ByteStreamError),
    /// The object is not the one that was announced, and memory is planned with its size.
    #[error("larger than the {0} bytes it should have")]
    TooLarge(u64),
    /// It is no image.
    #[error("{0}")]
    Image(#[from] image::ImageError),
}

/// A file on its way.
pub(crate) struct File {
    pub(crate) key: String,
    pub(crate) bytes: Vec<u8>,
}

/// Brings the images of all messages through, and names the messages that are to come back.
///
/// # Errors
/// None, as its type says: what fails is in the answer.
pub async fn handle(
    album: &Album,
    event: LambdaEvent<SqsEvent>,
) -> Result<SqsBatchResponse, Infallible> {
    let mut response = SqsBatchResponse::default();
    let mut images: Vec<S3Object> = Vec::new();
    // The message of each image.
    let mut messages = Vec::new();
    for message in event.payload.records {
        // Without an id, which SQS always sends, the empty one brings the whole batch back.
        let id = message.message_id.clone().unwrap_or_default();
        match Record::<S3Notification>::from_record(message) {
            Ok(record) => {
                messages.resize(messages.len() + record.body.objects.len(), id);
                images.extend(record.body.objects);
            }
            Err(error) => {
                warn!(message_id = id, "not a notification: {error}");
                response.add_failure(id);
            }
        }
    }

    let keys: Vec<String> = images.iter().map(|image| image.key.clone()).collect();
    let report = pipeline::items(images, |image| size(image) + DECODED)
        .transfers(TRANSFERS)
        .memory(MEMORY)
        .download(|image| album.download(image))
        .compute(make_small)
        .upload(|file| album.upload(file))
        .run()
        .await;
    for error in report.failures() {
        let (message_id, key) = (&messages[error.index], &keys[error.index]);
        warn!(message_id, key, "not made small: {error}");
    }
    let done = report.outcomes.iter().flatten().count();
    info!(done, images = keys.len(), "batch handled");
    let mut failed: Vec<&String> = report
        .failures()
        .map(|error| &messages[error.index])
        .collect();
    // A message may tell of several objects.
    failed.dedup();
    failed.into_iter().for_each(|id| response.add_failure(id));
    Ok(response)
}

/// The size of the file, in bytes, as S3 has announced it; a larger one is refused.
pub(crate) fn size(image: &S3Object) -> u64 {
    image.size.unwrap_or_default()
}

fn make_small(file: File) -> Result<File, StageError> {
    let mut reader = ImageReader::new(Cursor::new(file.bytes))
        .with_guessed_format()
        .map_err(image::ImageError::IoError)?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODED);
    reader.limits(limits);
    let mut png = Cursor::new(Vec::new());
    let small = reader.decode()?.thumbnail(SIDE, SIDE);
    small.write_to(&mut png, ImageFormat::Png)?;
    Ok(File {
        key: file.key,
        bytes: png.into_inner(),
    })
}
