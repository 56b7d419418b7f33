//! Bytes as hexadecimal digits.

/// The digits of `bytes`, two a byte, in lower case.
pub(crate) fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_has_two_digits() {
        for (bytes, expected) in
            [(&[][..], ""), (&[0], "00"), (&[0, 9, 16, 255], "000910ff"), (b"az", "617a")]
        {
            assert_eq!(digits(bytes), expected);
        }
    }
}
