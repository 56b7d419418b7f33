//! LaTeX as MathML. Runs in the process that draws alone: the library calls itself without a bound.

use math_core::{LatexToMathML, MathCoreConfig, MathDisplay};

/// The MathML of a formula.
///
/// # Errors
/// The library does not know it; the error says why.
pub(super) fn mathml(source: &str, is_display: bool) -> Result<String, String> {
    let display = if is_display { MathDisplay::Block } else { MathDisplay::Inline };
    let converter = LatexToMathML::new(MathCoreConfig::default())
        .map_err(|_| "the library for formulas cannot be set up".to_owned())?;
    match converter.convert_with_local_state(source, display) {
        Ok(converted) => Ok(converted.mathml),
        Err(error) => Err(error.error_message()),
    }
}
