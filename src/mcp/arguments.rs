//! Integer arguments, read as leniently as AutoForge does: "2" and 2.0 are 2 as well.
//! Errors have the same form too.

use serde_json::{Value, json};

/// An integer parameter and its range.
#[derive(Debug)]
pub(super) struct IntegerParameter {
    pub name: &'static str,
    least: i64,
    most: i64,
    default: Option<i64>,
}

impl IntegerParameter {
    /// A parameter from `least` to `most`, required if it has no default.
    pub(super) const fn new(
        name: &'static str,
        least: i64,
        most: i64,
        default: Option<i64>,
    ) -> Self {
        Self { name, least, most, default }
    }

    /// The parameter's JSON Schema.
    pub(super) fn schema(&self, description: &str) -> Value {
        let mut schema = json!({
            "type": "integer",
            "description": description,
            "minimum": self.least,
        });
        if self.most < i64::MAX {
            schema["maximum"] = self.most.into();
        }
        if let Some(default) = self.default {
            schema["default"] = default.into();
        }
        schema
    }
}

/// The integer in `value`, or the error text.
pub(super) fn integer(
    tool: &str,
    parameter: &IntegerParameter,
    value: Option<&Value>,
) -> Result<i64, String> {
    let Some(value) = value else {
        return parameter
            .default
            .ok_or_else(|| refuse(tool, parameter, "Field required", "missing", &json!({})));
    };
    let number = match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => {
            text.trim().parse().ok().or_else(|| text.trim().parse().ok().and_then(whole))
        }
        Value::Bool(flag) => Some(i64::from(*flag)),
        _ => None,
    };
    let Some(number) = number else {
        let (message, kind) = match value {
            Value::String(_) => (
                "Input should be a valid integer, unable to parse string as an integer",
                "int_parsing",
            ),
            Value::Number(_) => (
                "Input should be a valid integer, got a number with a fractional part",
                "int_from_float",
            ),
            _ => ("Input should be a valid integer", "int_type"),
        };
        return Err(refuse(tool, parameter, message, kind, value));
    };
    let IntegerParameter { least, most, .. } = parameter;
    if number < *least {
        let message = format!("Input should be greater than or equal to {least}");
        return Err(refuse(tool, parameter, &message, "greater_than_equal", value));
    }
    if number > *most {
        let message = format!("Input should be less than or equal to {most}");
        return Err(refuse(tool, parameter, &message, "less_than_equal", value));
    }
    Ok(number)
}

fn refuse(
    tool: &str,
    parameter: &IntegerParameter,
    message: &str,
    kind: &str,
    value: &Value,
) -> String {
    let name = parameter.name;
    format!(
        "Error executing tool {tool}: 1 validation error for {tool}Arguments\n{name}\n  {message} \
         [type={kind}, input_value={value}]"
    )
}

fn whole(number: f64) -> Option<i64> {
    // Beyond 2^53 a float is no exact integer.
    let is_whole = number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0;
    is_whole.then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: IntegerParameter = IntegerParameter::new("limit", 1, 10, Some(3));

    #[test]
    fn a_number_may_be_written_in_several_ways() {
        let read = |value: Value| integer("t", &LIMIT, Some(&value)).unwrap();
        assert_eq!(read(json!(2)), 2);
        assert_eq!(read(json!("2")), 2);
        assert_eq!(read(json!(" 2 ")), 2);
        assert_eq!(read(json!(2.0)), 2);
        assert_eq!(read(json!("2.0")), 2);
        assert_eq!(integer("t", &LIMIT, None), Ok(3));
    }

    #[test]
    fn what_does_not_fit_is_refused_in_the_form_of_the_original() {
        let refused = |value: Value| integer("t", &LIMIT, Some(&value)).unwrap_err();
        assert_eq!(
            refused(json!(11)),
            "Error executing tool t: 1 validation error for tArguments\nlimit\n  Input should be \
             less than or equal to 10 [type=less_than_equal, input_value=11]"
        );
        assert!(refused(json!(0)).contains("[type=greater_than_equal, input_value=0]"));
        assert!(refused(json!("many")).contains("[type=int_parsing, input_value=\"many\"]"));
        assert!(refused(json!(2.5)).contains("type=int_from_float"));
        assert!(refused(json!(1e300)).contains("type=int_from_float"));
        assert!(refused(json!(null)).contains("type=int_type"));
        assert!(refused(json!([2])).contains("type=int_type"));
        let id = IntegerParameter::new("id", 1, i64::MAX, None);
        assert!(integer("t", &id, None).unwrap_err().contains("Field required"));
    }
}
