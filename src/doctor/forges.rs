//! Checks of the forges: whether their lists can be had. Nothing is kept.

use std::thread;

use crate::{config::settings::Settings, forge::Forge};

use super::Check;

const ABOUT: &str = "forge";

/// Asks all forges at once. Blocks for 20 seconds at most.
pub(super) fn checks(settings: &Settings) -> Vec<Check> {
    thread::scope(|scope| {
        let check = |forge| scope.spawn(move || check(settings, forge));
        let threads: Vec<_> = settings.live.forges.iter().map(check).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    })
}

fn check(settings: &Settings, forge: &Forge) -> Check {
    let name = &forge.name;
    match forge.ask() {
        Ok(list) => {
            let (found, chosen) =
                (list.repositories.len(), forge.choice.choose(&list.repositories));
            let served = chosen.repositories.len();
            let notes: Vec<_> = list.notes.into_iter().chain(chosen.notes).collect();
            let text = format!("{name} lists {found} repositories, of which {served} are served");
            match notes.is_empty() {
                true => Check::ok(ABOUT, text),
                false => Check::warn(ABOUT, format!("{text}; {}", notes.join("; "))),
            }
        }
        Err(words) => match forge.kept(&settings.data_dir) {
            Ok(Some(_)) => {
                Check::warn(ABOUT, format!("{name}: {words}; the list that was had last is used"))
            }
            _ => Check::fail(ABOUT, format!("{name}: {words}; none of its repositories is served")),
        },
    }
}
