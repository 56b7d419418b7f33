//! What the bytes of a file are.

use imagesize::{ImageError, ImageType};

use crate::source;

use super::AttachedType;

/// What was found in the bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recognized {
    pub(crate) content_type: AttachedType,
    /// Width and height of an image, in pixels.
    pub(crate) size: Option<(u32, u32)>,
}

/// Why a file cannot be attached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnsuitableContent {
    #[error("The file is empty.")]
    Empty,
    #[error("It is neither text nor a PNG, JPEG, GIF or WebP image.")]
    Unknown,
    #[error("The image is damaged: its size cannot be read. Save it again and attach that.")]
    Damaged,
    #[error(
        "The image has {width} × {height} pixels; {most} on each side is the limit \
         (attachments.image_side). Make it smaller and attach that."
    )]
    TooManyPixels { width: usize, height: usize, most: u32 },
}

/// Finds out what a file is from its bytes. Of an image no more than its header is read.
pub(crate) fn recognize(bytes: &[u8], image_side: u32) -> Result<Recognized, UnsuitableContent> {
    if bytes.is_empty() {
        return Err(UnsuitableContent::Empty);
    }
    let Some(content_type) = image_type(bytes) else {
        return match source::text::decode(bytes) {
            Some(_) => Ok(Recognized { content_type: AttachedType::Text, size: None }),
            None => Err(UnsuitableContent::Unknown),
        };
    };
    let size = imagesize::blob_size(bytes).map_err(|_: ImageError| UnsuitableContent::Damaged)?;
    let fits = |side: usize| u32::try_from(side).ok().filter(|side| *side <= image_side);
    match (fits(size.width), fits(size.height)) {
        (Some(0), _) | (_, Some(0)) => Err(UnsuitableContent::Damaged),
        (Some(width), Some(height)) => Ok(Recognized { content_type, size: Some((width, height)) }),
        _ => Err(UnsuitableContent::TooManyPixels {
            width: size.width,
            height: size.height,
            most: image_side,
        }),
    }
}

fn image_type(bytes: &[u8]) -> Option<AttachedType> {
    match imagesize::image_type(bytes).ok()? {
        ImageType::Png => Some(AttachedType::Png),
        ImageType::Jpeg => Some(AttachedType::Jpeg),
        ImageType::Gif => Some(AttachedType::Gif),
        ImageType::Webp => Some(AttachedType::Webp),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The header of a PNG of this size, which is all that is read of it.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend(b"\x08\x06\0\0\0\0\0\0\0");
        bytes
    }

    fn gif(width: u16, height: u16) -> Vec<u8> {
        [&b"GIF89a"[..], &width.to_le_bytes(), &height.to_le_bytes(), b"\0\0\0;"].concat()
    }

    fn jpeg(width: u16, height: u16) -> Vec<u8> {
        let app0 = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x11\x08";
        [&app0[..], &height.to_be_bytes(), &width.to_be_bytes(), &[3; 20]].concat()
    }

    fn webp(width: u32, height: u32) -> Vec<u8> {
        let side = |side: u32| (side - 1).to_le_bytes()[..3].to_vec();
        let head = b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0".to_vec();
        [head, side(width), side(height), vec![0; 8]].concat()
    }

    #[test]
    fn images_are_known_by_their_bytes_with_their_size() {
        for (bytes, content_type) in [
            (png(640, 480), AttachedType::Png),
            (gif(640, 480), AttachedType::Gif),
            (jpeg(640, 480), AttachedType::Jpeg),
            (webp(640, 480), AttachedType::Webp),
        ] {
            let size = Some((640, 480));
            assert_eq!(recognize(&bytes, 8000), Ok(Recognized { content_type, size }));
        }
    }

    #[test]
    fn everything_else_is_text_or_refused() {
        for text in [
            "2026-01-07 ERROR it broke\n".as_bytes(),
            b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
            b"<!doctype html><script>alert(1)</script>",
            b"%!PS",
            b"\xff\xfeh\0i\0\n\0",
            "Käse\n".as_bytes(),
            b"\x1b[31mred\x1b[0m and more of a terminal's log\n",
        ] {
            let found = recognize(text, 8000).map(|found| found.content_type);
            assert_eq!(found, Ok(AttachedType::Text), "{}", String::from_utf8_lossy(text));
        }
        for (bytes, why) in [
            (&b""[..], UnsuitableContent::Empty),
            (b"\x7fELF\x02\x01\x01\0\0\0\0\0", UnsuitableContent::Unknown),
            (b"PK\x03\x04\0\0\0\0\0\0\0\0", UnsuitableContent::Unknown),
            (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0", UnsuitableContent::Unknown),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", UnsuitableContent::Damaged),
            (b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0", UnsuitableContent::Damaged),
        ] {
            assert_eq!(recognize(bytes, 8000), Err(why), "{bytes:?}");
        }
    }

    #[test]
    fn images_are_bounded_by_what_their_header_says() {
        for (bytes, is_taken) in [
            (png(8000, 8000), true),
            (png(8001, 1), false),
            (png(10_000, 10_000), false),
            (png(u32::MAX, u32::MAX), false),
            (gif(65_535, 1), false),
            (webp(16_777_216, 5), false),
            (png(0, 5), false),
        ] {
            assert_eq!(recognize(&bytes, 8000).is_ok(), is_taken, "{bytes:?}");
        }
    }

    #[test]
    fn a_file_that_is_two_things_at_once_is_what_it_begins_with() {
        let both = [gif(5, 5), b"/*<script>alert(1)</script>*/".to_vec()].concat();
        assert_eq!(recognize(&both, 8000).unwrap().content_type, AttachedType::Gif);
        let page = [&b"<html>"[..], &png(5, 5)].concat();
        assert_eq!(recognize(&page, 8000), Err(UnsuitableContent::Unknown));
    }

    proptest! {
        #[test]
        fn any_bytes_behind_a_head_are_recognized_or_refused(
            head in 0usize..5,
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let heads = [vec![], png(5, 5), gif(5, 5), jpeg(5, 5), webp(5, 5)];
            for cut in 0..heads[head].len() {
                let all = [&heads[head][..cut], &bytes].concat();
                if let Ok(Recognized { content_type, size }) = recognize(&all, 8000) {
                    prop_assert_eq!(content_type.is_image(), size.is_some());
                }
            }
        }
    }
}
