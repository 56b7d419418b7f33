//! Streams that are cut anywhere and lines that are damaged.

use proptest::prelude::*;

use super::*;

/// A stream with lines of every kind.
fn sample() -> String {
    let lines = [
        start("m1"),
        text("Grüße, "),
        text("\u{1f375}\n"),
        assistant("m1", text_block("Grüße, \u{1f375}\n")),
        assistant("m1", tool_block()),
        tool_result(json!([text_block("ok")])),
        json!({"type": "system", "subtype": "init", "tools": ["Read"], "permissionMode": "dontAsk"}),
        json!({"type": "x", "padding": "y".repeat(6000)}),
        json!({"type": "control_request", "request_id": "r", "request": {"subtype": "hook_callback", "input": {}}}),
        json!({"type": "system", "subtype": "api_retry", "attempt": 1, "error_status": null}),
        result(json!({"usage": {"input_tokens": 1}, "total_cost_usd": 0.1})),
    ];
    lines.iter().map(|line| format!("{line}\n")).collect()
}

proptest! {
    #[test]
    fn cutting_the_stream_anywhere_gives_the_same_events(
        cuts in proptest::collection::vec(0usize..8000, 0..20),
    ) {
        let stream = sample().into_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();
        prop_assert_eq!(shown(&read(&chunks)), shown(&read(&[&stream])));
    }

    #[test]
    fn no_line_crashes_the_codec(line in any::<Vec<u8>>()) {
        read(&[&line]);
    }

    #[test]
    fn no_damage_to_a_line_crashes_the_codec(
        damage in proptest::collection::vec((0usize..1500, any::<u8>()), 1..6),
    ) {
        let mut stream = sample().into_bytes();
        for (at, byte) in damage {
            stream[at] = byte;
        }
        read(&[&stream]);
    }
}
