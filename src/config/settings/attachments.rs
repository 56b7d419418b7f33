//! Attachments: the table `attachments`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::values::{As, Size, WholeNumber};

/// Files that people attach to their questions: PNG, JPEG, GIF and WebP images, and text.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttachmentSettings {
    /// Files of one question; 0: none can be attached.
    #[serde(with = "As::<WholeNumber>")]
    #[schemars(extend("default" = 8))]
    pub(crate) count: u32,
    /// Largest file.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "4MiB"))]
    pub(crate) file_bytes: usize,
    /// All files of one question together.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "8MiB"))]
    pub(crate) question_bytes: usize,
    /// All files of one conversation together.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "64MiB"))]
    pub(crate) conversation_bytes: usize,
    /// Longest side of an image, in pixels.
    #[serde(with = "As::<WholeNumber>")]
    #[schemars(extend("default" = 8000))]
    pub(crate) image_side: u32,
    /// Part of a text that an agent gets; of a longer one its beginning and its end.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "32KiB"))]
    pub(crate) text_bytes: usize,
}
