//! Finds the lines of a text in an earlier one. Pure.

use std::collections::HashMap;

/// For each line of `now` its place in `before`, counted from 0; `None` where it is new. Lines between
/// two changes are found where they occur once.
pub(super) fn lines(now: &str, before: &str) -> Vec<Option<usize>> {
    let now: Vec<&str> = now.lines().collect();
    let before: Vec<&str> = before.lines().collect();
    let is_same = |(a, b): &(&&str, &&str)| a.trim_end() == b.trim_end();
    let start = now.iter().zip(&before).take_while(is_same).count();
    let most = now.len().min(before.len()) - start;
    let end = now.iter().rev().zip(before.iter().rev()).take(most).take_while(is_same).count();
    let middle = start..before.len() - end;
    let mut once: HashMap<&str, Option<usize>> = HashMap::new();
    for at in middle {
        once.entry(before[at].trim_end()).and_modify(|it| *it = None).or_insert(Some(at));
    }
    let mut next = start;
    let place = |(at, line): (usize, &&str)| {
        if at < start {
            return Some(at);
        }
        if at >= now.len() - end {
            return Some(at + before.len() - now.len());
        }
        let found = match before.get(next).is_some_and(|it| it.trim_end() == line.trim_end()) {
            true => Some(next),
            false => once.get(line.trim_end()).copied().flatten().filter(|found| *found >= next),
        }?;
        next = found + 1;
        (found < before.len() - end).then_some(found)
    };
    now.iter().enumerate().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_again_around_what_changed() {
        for (now, before, expected) in [
            ("a\nb\nc", "a\nb\nc", vec![Some(0), Some(1), Some(2)]),
            ("a\nnew\nb", "a\nb", vec![Some(0), None, Some(1)]),
            ("x\na\nb", "a\nb", vec![None, Some(0), Some(1)]),
            ("a\nc", "a\nb\nc", vec![Some(0), Some(2)]),
            ("1\na\n2\nb\n3", "x\na\ny\nb\nz", vec![None, Some(1), None, Some(3), None]),
            ("a\na", "a", vec![Some(0), None]),
            ("a", "", vec![None]),
            ("", "a", vec![]),
        ] {
            assert_eq!(lines(now, before), expected, "{now:?} {before:?}");
        }
    }
}
