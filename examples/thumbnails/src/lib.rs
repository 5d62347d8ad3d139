//! A function that computes: images in, small images out, on all cores.
//!
//! Decoding and scaling take milliseconds of a processor each. In the handler itself they would stop
//! the async runtime; one by one they would leave the other cores idle.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{ImageFormat, ImageReader, Limits};
use kiln::LambdaEvent;
use kiln::compute::{self, ComputeError};
use serde::{Deserialize, Serialize};

/// The largest image that is decoded, in pixels each way: a small file can claim to be a huge image.
const LARGEST_SIDE: u32 = 8_192;

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThumbnailRequest {
    /// The longer side of each thumbnail, in pixels.
    pub side: u16,
    /// The images.
    pub images: Vec<Picture>,
}

/// An image in an event.
#[derive(Debug, Deserialize, Serialize)]
pub struct Picture {
    /// Its name.
    pub name: String,
    /// A PNG or JPEG file, in base64.
    pub base64: String,
}

/// What became of an image.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    /// Its thumbnail, a PNG file.
    Thumbnail(Picture),
    /// It cannot be made small.
    Failed {
        /// Its name.
        name: String,
        /// Why.
        error: String,
    },
}

/// Why there is no thumbnail.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The event is damaged.
    #[error("not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// The file is no image, or too large.
    #[error("not an image that can be made small: {0}")]
    Image(#[from] image::ImageError),
}

/// Makes one image small. Takes a processor for as long as that takes.
///
/// # Errors
/// When it is no PNG or JPEG file in base64, or has more than 8,192 pixels each way.
pub fn thumbnail(picture: &Picture, side: u16) -> Result<Picture, ImageError> {
    let file = STANDARD.decode(&picture.base64)?;
    let mut reader = ImageReader::new(Cursor::new(file))
        .with_guessed_format()
        .map_err(image::ImageError::IoError)?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    reader.limits(limits);
    let side = u32::from(side.max(1));
    let small = reader.decode()?.thumbnail(side, side);
    let mut png = Cursor::new(Vec::new());
    small.write_to(&mut png, ImageFormat::Png)?;
    Ok(Picture {
        name: picture.name.clone(),
        base64: STANDARD.encode(png.into_inner()),
    })
}

/// Answers with an outcome for each image, in their order.
///
/// # Errors
/// When the invocation's time is up first.
pub async fn handle(event: LambdaEvent<ThumbnailRequest>) -> Result<Vec<Outcome>, ComputeError> {
    let ThumbnailRequest { side, images } = event.payload;
    compute::map(images, move |picture| match thumbnail(&picture, side) {
        Ok(thumbnail) => Outcome::Thumbnail(thumbnail),
        Err(error) => Outcome::Failed {
            name: picture.name,
            error: error.to_string(),
        },
    })
    .await
}
