//! A function that downloads, computes and uploads, all at the same time.
//!
//! The first image is made small while the rest still downloads, and no more images are in memory than
//! fit. Where a download fails or an image is broken, that one is reported and the others are done.

use std::convert::Infallible;
use std::io::Cursor;

use image::{ImageFormat, ImageReader, Limits};
use kiln::{LambdaEvent, pipeline};
use reqwest::{Client, StatusCode};
use serde::{Deserialize, Serialize};

/// Downloads and uploads at once.
const TRANSFERS: usize = 8;
/// For all images that are worked on: most of what the function has.
const MEMORY: u64 = 2_048 << 20;
/// What one image may take when it is decoded.
const DECODED: u64 = 128 << 20;

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResizeRequest {
    /// The longer side of each small image, in pixels.
    pub side: u16,
    /// The images.
    pub images: Vec<Job>,
}

/// An image, where it is to go, and how large its file is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// A URL to GET, such as a presigned one of S3.
    pub source: String,
    /// A URL to PUT.
    pub target: String,
    /// The size of the file, in bytes; a larger one is refused.
    pub bytes: u64,
}

/// What has been done: how many images, and why the others have not come through.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// How many small images are where they belong.
    pub done: usize,
    /// Those that are not, with the stage that has failed.
    pub failed: Vec<String>,
}

/// Why a stage has failed.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The other side cannot be reached.
    #[error("no connection")]
    Unreachable(#[from] reqwest::Error),
    /// The other side refuses.
    #[error("answered {0}")]
    Status(StatusCode),
    /// What was said of the size is wrong, and memory is planned with it.
    #[error("larger than the {0} bytes it should have")]
    TooLarge(u64),
    /// It is no image.
    #[error("{0}")]
    Image(#[from] image::ImageError),
}

/// A file on its way to a URL.
struct File {
    target: String,
    bytes: Vec<u8>,
}

async fn download(client: &Client, job: Job) -> Result<File, StageError> {
    let mut answer = client.get(&job.source).send().await?;
    if !answer.status().is_success() {
        return Err(StageError::Status(answer.status()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if u64::try_from(bytes.len()).is_ok_and(|length| length > job.bytes) {
            return Err(StageError::TooLarge(job.bytes));
        }
    }
    Ok(File {
        target: job.target,
        bytes,
    })
}

fn make_small(file: File, side: u16) -> Result<File, StageError> {
    let mut reader = ImageReader::new(Cursor::new(file.bytes))
        .with_guessed_format()
        .map_err(image::ImageError::IoError)?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODED);
    reader.limits(limits);
    let side = u32::from(side.max(1));
    let small = reader.decode()?.thumbnail(side, side);
    let mut png = Cursor::new(Vec::new());
    small.write_to(&mut png, ImageFormat::Png)?;
    Ok(File {
        target: file.target,
        bytes: png.into_inner(),
    })
}

async fn upload(client: &Client, file: File) -> Result<(), StageError> {
    let answer = client.put(file.target).body(file.bytes).send().await?;
    match answer.status() {
        status if status.is_success() => Ok(()),
        status => Err(StageError::Status(status)),
    }
}

/// Brings all images through, and says which have not come through.
///
/// # Errors
/// None, as its type says: what fails is in the summary.
pub async fn handle(
    client: &Client,
    event: LambdaEvent<ResizeRequest>,
) -> Result<Summary, Infallible> {
    let ResizeRequest { side, images } = event.payload;
    let report = pipeline::items(images, |job| job.bytes + DECODED)
        .transfers(TRANSFERS)
        .memory(MEMORY)
        .download(|job| download(client, job))
        .compute(move |file| make_small(file, side))
        .upload(|file| upload(client, file))
        .run()
        .await;
    Ok(Summary {
        failed: report.failures().map(ToString::to_string).collect(),
        done: report.outcomes.iter().flatten().count(),
    })
}
