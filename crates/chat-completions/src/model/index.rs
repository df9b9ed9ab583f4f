//! Index of a list: names to positions.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

/// Names with their positions. A sorted list instead of a tree: as quick for the few hundred names of a catalog, and
/// kilobytes smaller in the component.
#[derive(Debug, Default)]
pub struct Index(Vec<(String, usize)>);

impl Index {
    /// Adds a name. False if it exists already; the first of equal names counts.
    pub fn note(&mut self, name: &str, at: usize) -> bool {
        let Err(place) = self.find(name) else { return false };
        self.0.insert(place, (name.to_owned(), at));
        true
    }

    /// The position of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<usize> {
        let found = self.find(name).ok()?;
        self.0.get(found).map(|(_, at)| *at)
    }

    /// Whether the index is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_str().cmp(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_names_holds() {
        let mut index = Index::default();
        assert!(index.is_empty());
        for (at, (name, is_new)) in [("b", true), ("c", true), ("a", true), ("b", false)]
            .into_iter()
            .enumerate()
        {
            assert_eq!(index.note(name, at), is_new, "{name}");
        }
        assert_eq!(
            ["a", "b", "c", "d"].map(|name| index.get(name)),
            [Some(2), Some(0), Some(1), None]
        );
    }
}
