//! Texts and steps at random, those that matter more often than others.

use proptest::prelude::*;

use super::{After, OURS, Place, SEEDS, Step};

/// Code that is open, that is closed, and that has no colours.
const CODE: &[&str] = &[
    "\n```rs\n",
    "\n```rs\na \"<b>\"\n```\n",
    "\n```rs\nb\n```\n\nc\n",
    "\n- ```no\n  d\n  ```\n",
];

pub(super) fn text() -> impl Strategy<Value = String> {
    let short = "[a-zé\"\\\\\n😀]{1,40}";
    prop_oneof![
        12 => short,
        4 => prop::sample::select(vec!["\n\n", "\n# ", "\n```\n", "\n- ", "> "]).prop_map(str::to_owned),
        3 => prop::sample::select(CODE.to_vec()).prop_map(str::to_owned),
        // Several of them make a text of many pages.
        1 => (short, 10usize..200).prop_map(|(text, times)| text.repeat(times)),
    ]
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let after = prop_oneof![
        4 => Just(After::Newest),
        1 => Just(After::Nothing),
        1 => prop_oneof![-3i64..0, 0i64..100_000].prop_map(After::Nonsense),
        2 => any::<usize>().prop_map(After::Earlier),
    ];
    let place = prop_oneof![
        2 => Just(Place::Now),
        1 => Just(Place::End),
        1 => any::<usize>().prop_map(Place::Behind),
    ];
    let bytes = prop_oneof![4 => 1usize..300, 2 => 300usize..20_000];
    prop_oneof![
        9 => (any::<bool>(), text()).prop_map(|(thinking, text)| Step::Append(thinking, text)),
        1 => Just(Step::CloseBlock),
        1 => "[a-z\"]{0,20}".prop_map(Step::Replace),
        1 => prop::collection::vec(any::<usize>(), 1..4).prop_map(Step::Withdraw),
        3 => any::<bool>().prop_map(Step::Refresh),
        3 => any::<usize>().prop_map(Step::Colour),
        1 => Just(Step::Call),
        3 => Just(Step::Ask),
        2 => Just(Step::End),
        4 => Just(Step::Write),
        4 => prop_oneof![9 => Just(true), 1 => Just(false)].prop_map(Step::Written),
        3 => prop_oneof![Just(0), 0usize..20_000].prop_map(Step::Forget),
        1 => (any::<bool>(), 0usize..40).prop_map(|(well, read)| Step::Crash(well, read)),
        9 => (0..OURS + SEEDS, bytes).prop_map(|(viewer, bytes)| Step::Read(viewer, bytes)),
        3 => (0..OURS, after).prop_map(|(viewer, after)| Step::Return(viewer, after)),
        1 => (OURS..OURS + SEEDS, place).prop_map(|(viewer, place)| Step::Resume(viewer, place)),
    ]
}
