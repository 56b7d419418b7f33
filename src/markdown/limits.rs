//! What one answer may take. Each limit is far beyond what people and agents write for each other.

/// Limits of one answer. All of them depend on its text alone: where it is cut is the same, whatever
/// pieces it came in.
#[derive(Debug, Clone, Copy)]
pub(super) struct RenderLimits {
    /// Bytes that the parser is given at once. A block that is longer is cut into several parts.
    pub window: usize,
    /// Bytes of text that one call renders; the next one goes on.
    pub work: usize,
    /// So many parts may be of any length.
    pub short_parts: usize,
    /// Those that follow are at least this long, in bytes: each costs a viewer a frame.
    pub short: usize,
    /// Bytes of HTML that an answer may always have.
    pub output: usize,
    /// Bytes of HTML that each byte of text may give besides. Where less is left, no elements are written
    /// and text is text: escaped, it takes six bytes at most.
    pub output_per_byte: usize,
    /// Blocks of code that may get their colours.
    pub code: usize,
}

impl Default for RenderLimits {
    fn default() -> Self {
        Self {
            window: 72 * 1024,
            work: 256 * 1024,
            short_parts: 64,
            short: 512,
            output: 64 * 1024,
            output_per_byte: 24,
            code: 256,
        }
    }
}
