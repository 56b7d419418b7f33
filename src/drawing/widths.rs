//! How wide text is in diagrams. The program has no fonts, so it knows the widths of one, Arial, and
//! adds a little for those that stand in for it; a label that is too narrow would be cut.

/// Thousandths of the font size, from the space to the tilde.
const ARIAL: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, // to /
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, // to ?
    1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, // to O
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, // to _
    333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, // to o
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

/// For fonts that are a little wider.
const REGULAR: f64 = 1.03;
const BOLD: f64 = 1.10;

/// Characters of East Asia and pictures, as a part of the font size.
const WIDE: f64 = 1.02;

/// Any other character.
const OTHER: f64 = 0.6;

/// The width of a line of text in the unit of `font_size`.
pub(super) fn width(text: &str, font_size: f64, is_bold: bool) -> f64 {
    let factor = if is_bold { BOLD } else { REGULAR };
    let widths = text.chars().map(|c| match c {
        ' '..='~' => {
            let at = usize::try_from(u32::from(c) - u32::from(' ')).unwrap_or_default();
            f64::from(ARIAL.get(at).copied().unwrap_or(600)) / 1000.0 * factor
        }
        c if is_zero(c) => 0.0,
        c if is_wide(c) => WIDE,
        _ => OTHER * factor,
    });
    widths.sum::<f64>() * font_size
}

/// Whether a weight of CSS is bold.
pub(super) fn is_bold(weight: Option<&str>) -> bool {
    let weight = weight.unwrap_or_default();
    weight.contains("bold") || weight.parse().is_ok_and(|weight: u32| weight >= 600)
}

fn is_zero(c: char) -> bool {
    matches!(u32::from(c), 0..=0x1F | 0xAD | 0x300..=0x36F | 0x200B..=0x200F | 0x202A..=0x202E
        | 0x2060..=0x206F | 0xFE00..=0xFE0F | 0xFEFF)
}

fn is_wide(c: char) -> bool {
    matches!(u32::from(c), 0x1100..=0x11FF | 0x2E80..=0x9FFF | 0xA960..=0xA97F | 0xAC00..=0xD7FF
        | 0xF900..=0xFAFF | 0xFE30..=0xFE4F | 0xFF01..=0xFFEF | 0x1F000..=0x1FAFF | 0x20000..=0x3FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_a_little_wider_than_in_arial() {
        let of = |text| width(text, 10.0, false);
        assert!((of("il") - 2.0 * 2.22 * 1.03).abs() < 1e-9);
        assert!((of("~") - 5.84 * 1.03).abs() < 1e-9);
        assert!((of("日本") - 20.4).abs() < 1e-9);
        assert!((of("e\u{301}") - of("e")).abs() < 1e-9);
        assert!((of("é") - 6.0 * 1.03).abs() < 1e-9);
        assert_eq!(of(""), 0.0);
        assert!(width("W", 10.0, true) > of("W"));
    }

    #[test]
    fn weights_are_words_or_numbers() {
        for (weight, bold) in
            [(None, false), (Some("bolder"), true), (Some("700"), true), (Some("400"), false)]
        {
            assert_eq!(is_bold(weight), bold, "{weight:?}");
        }
    }
}
