//! Drawings that were made: as many as a bound of bytes allows, the oldest evicted first.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use crate::project::ProjectName;

use super::outcome::Drawing;

/// A project sees only what was drawn for it, and so nobody learns what others draw.
type Key = (ProjectName, String);

/// What an entry takes besides its drawing, about.
const ENTRY: usize = 200;

#[derive(Debug, Default)]
pub(super) struct DrawingCache {
    drawings: HashMap<Key, Arc<Drawing>>,
    order: VecDeque<Key>,
    bytes: usize,
}

impl DrawingCache {
    pub(super) fn get(&self, project: &ProjectName, hash: &str) -> Option<Arc<Drawing>> {
        self.drawings.get(&(project.clone(), hash.to_owned())).cloned()
    }

    /// Adds a drawing, and evicts the oldest ones until all take at most `most` bytes.
    pub(super) fn insert(
        &mut self,
        project: &ProjectName,
        hash: String,
        drawing: Arc<Drawing>,
        most: usize,
    ) {
        let key = (project.clone(), hash);
        self.bytes += size(&drawing);
        if let Some(before) = self.drawings.insert(key.clone(), drawing) {
            // Two people asked at once.
            self.bytes -= size(&before);
        } else {
            self.order.push_back(key);
        }
        while self.bytes > most
            && let Some(oldest) = self.order.pop_front()
        {
            let drawing = self.drawings.remove(&oldest);
            self.bytes -= drawing.map_or(0, |drawing| size(&drawing));
        }
    }
}

fn size(drawing: &Drawing) -> usize {
    ENTRY + drawing.bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_drawing_is_evicted_and_no_project_sees_those_of_another() {
        let mut cache = DrawingCache::default();
        let [shop, other] = ["shop", "other"].map(ProjectName::mend);
        let drawing = |number: u32| Arc::new(Drawing::Formula(format!("<math>{number}</math>")));
        for number in [0, 1, 1, 2, 3, 4, 5, 6] {
            cache.insert(&shop, number.to_string(), drawing(number), 1000);
            assert!(cache.get(&shop, &number.to_string()).is_some());
            assert_eq!(cache.get(&other, &number.to_string()), None);
            let bytes: usize = cache.drawings.values().map(|it| size(it)).sum();
            assert_eq!((cache.bytes, cache.order.len()), (bytes, cache.drawings.len()));
            assert!(bytes <= 1000);
        }
        assert_eq!(cache.get(&shop, "0"), None);
    }
}
