//! A function that computes: each image that is put into a bucket gets thumbnails in another one.
//!
//! Decoding and scaling take milliseconds of a processor each. In the handler itself they would stop
//! the async runtime; one by one they would leave the other cores idle.

use std::io::Cursor;

use image::{DynamicImage, ImageError, ImageFormat, ImageReader, Limits};
use kiln::LambdaEvent;
use kiln::batch::envelope::{S3Notification, S3Object};
use kiln::compute;
use serde::Serialize;

mod album;
mod error;

pub use album::Album;
pub use error::{SetupError, ThumbnailError};

/// The longer sides of the thumbnails, in pixels.
const SIDES: [u32; 3] = [16, 256, 1_024];
/// The largest image that is decoded, in pixels each way: a small file can claim to be a huge image.
const LARGEST_SIDE: u32 = 8_192;

/// What the function answers, for those who invoke it by hand: S3 does not look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The thumbnails that were stored, by their keys.
    pub thumbnails: Vec<String>,
}

/// Handles what S3 tells: usually one object per event.
///
/// # Errors
/// The first object that has no thumbnails. S3 events are asynchronous: Lambda tries twice again, and
/// then the event goes to the function's failure destination, if it has one.
pub async fn handle(
    album: &Album,
    event: LambdaEvent<S3Notification>,
) -> Result<Answer, ThumbnailError> {
    let mut thumbnails = Vec::new();
    for object in &event.payload.objects {
        for (side, png) in make_small(album, object).await? {
            let key = format!("{side}/{}.png", object.key);
            album.store(&key, png).await?;
            thumbnails.push(key);
        }
    }
    Ok(Answer { thumbnails })
}

/// Decoded once, and made small in each size on a core of its own.
async fn make_small(
    album: &Album,
    object: &S3Object,
) -> Result<Vec<(u32, Vec<u8>)>, ThumbnailError> {
    let no_image = |source| ThumbnailError::Image {
        key: object.key.clone(),
        source,
    };
    let file = album.read(object).await?;
    let image = compute::run(move || decode(file))
        .await?
        .map_err(no_image)?;
    let thumbnails = compute::map(SIDES, move |side| Ok((side, thumbnail(&image, side)?))).await?;
    thumbnails
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(no_image)
}

/// Reads a PNG or JPEG file. Takes a processor for as long as that takes.
fn decode(file: Vec<u8>) -> Result<DynamicImage, ImageError> {
    let mut reader = ImageReader::new(Cursor::new(file)).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    reader.limits(limits);
    reader.decode()
}

/// A PNG file whose longer side is that long, or as long as that of the image. Takes a processor, too.
fn thumbnail(image: &DynamicImage, side: u32) -> Result<Vec<u8>, ImageError> {
    let side = side.min(image.width().max(image.height()));
    let mut png = Cursor::new(Vec::new());
    image
        .thumbnail(side, side)
        .write_to(&mut png, ImageFormat::Png)?;
    Ok(png.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbnails_are_never_larger_than_their_image() {
        let image = DynamicImage::new_rgb8(64, 32);
        for (side, width, height) in [(16, 16, 8), (64, 64, 32), (1_024, 64, 32)] {
            let png = thumbnail(&image, side).unwrap();
            let small = decode(png).unwrap();
            assert_eq!((small.width(), small.height()), (width, height));
        }
    }

    #[test]
    fn what_is_no_image_or_too_large_is_refused() {
        assert!(decode(b"no image".to_vec()).is_err());
        let huge = DynamicImage::new_luma8(LARGEST_SIDE + 1, 1);
        let png = thumbnail(&huge, u32::MAX).unwrap();
        assert!(matches!(decode(png), Err(ImageError::Limits(_))));
    }
}
