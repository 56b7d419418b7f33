//! Render limits: what one answer may cost. Each is far beyond what people and agents write.

/// Limits of one answer. They depend on its text alone, so that the parts do not depend on the
/// pieces that the text came in.
#[derive(Debug, Clone, Copy)]
pub(super) struct RenderLimits {
    /// Text that the parser gets at once; a longer block is cut into several parts.
    pub window_bytes: usize,
    /// Text that one call renders.
    pub call_bytes: usize,
    /// The first parts, which may be of any length.
    pub n_short_parts: usize,
    /// Minimum length of later parts, each of which costs a viewer a frame.
    pub late_part_bytes: usize,
    /// HTML that every answer may have.
    pub html_bytes: usize,
    /// HTML that each byte of text allows besides. Beyond it no elements are written, only text,
    /// which takes at most six bytes of HTML for each of its own.
    pub html_bytes_per_byte: usize,
    /// Code blocks that may be highlighted.
    pub n_blocks: usize,
}

impl Default for RenderLimits {
    fn default() -> Self {
        Self {
            window_bytes: 72 * 1024,
            call_bytes: 256 * 1024,
            n_short_parts: 64,
            late_part_bytes: 512,
            html_bytes: 64 * 1024,
            html_bytes_per_byte: 24,
            n_blocks: 256,
        }
    }
}
