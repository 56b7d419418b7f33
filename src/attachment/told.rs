//! What agents are told of attached files.

use super::AttachedFile;

/// The file's name and length, for a sentence: `log.txt, 3 kB`.
pub(crate) fn mention(file: &AttachedFile) -> String {
    format!("{}, {}", file.name, length(file.bytes))
}

fn length(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} bytes"),
        1000..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attachment::AttachedType;

    fn log(bytes: u64) -> AttachedFile {
        AttachedFile {
            id: "a".to_owned(),
            name: "log.txt".to_owned(),
            content_type: AttachedType::Text,
            bytes,
            width: None,
            height: None,
        }
    }

    #[test]
    fn files_are_mentioned_with_their_length() {
        let of = |bytes| mention(&log(bytes));
        assert_eq!(of(999), "log.txt, 999 bytes");
        assert_eq!(of(3000), "log.txt, 3 kB");
        assert_eq!(of(2_345_678), "log.txt, 2.3 MB");
    }
}
