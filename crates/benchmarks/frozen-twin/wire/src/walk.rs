//! A walk through one JSON text, once: what is wanted is taken as it stands, the rest is passed over.
//!
//! Each reader has a table of its own ([`Table`]) that says where to go and what to take. A member may be missing, of
//! another type or there twice; a value of another shape than the table expects holds nothing. This module must not
//! know any name of the wire format.

use core::{fmt, marker::PhantomData};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::json::{Raw, ignore_scalars, parts};

/// What to do with a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<Place, Leaf> {
    /// Walk into it, if it is an object.
    Object(Place),
    /// Walk into it, if it is an array.
    Array(Place),
    /// Take its text.
    Take(Leaf),
    /// Pass over it.
    Skip,
}

/// What is looked at, and what becomes of it.
pub(crate) trait Table<'a> {
    /// An object or an array that is walked into.
    type Place: Copy;
    /// A value that is taken as it is.
    type Leaf: Copy;

    /// What the member of this name is, in an object.
    fn member(&mut self, place: Self::Place, name: &str) -> Step<Self::Place, Self::Leaf>;
    /// What the next element is, in an array.
    fn element(&self, place: Self::Place) -> Step<Self::Place, Self::Leaf>;
    /// An object or an array begins.
    fn open(&mut self, place: Self::Place);
    /// Here is the text of the value that was asked for last.
    fn take(&mut self, leaf: Self::Leaf, raw: &'a str);
    /// What began ends. After an error in the text it does not.
    fn close(&mut self, place: Self::Place);
}

/// Walks through a text that is one JSON value. After an error the table has what stood before it.
///
/// Half a surrogate pair in a name is an error as well, and so are one and a number beyond any float where an object or
/// array is expected; see [`walk_by_levels`].
pub(crate) fn walk<'a, T: Table<'a>>(
    text: &'a str,
    table: &mut T,
    start: Step<T::Place, T::Leaf>,
) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    Walk::new(table, start).deserialize(&mut reader)?;
    reader.end()
}

/// The same, taking each level as raw text before the next: slower, and nothing in a JSON text is an error.
pub(crate) fn walk_by_levels<'a, T: Table<'a>>(
    text: &'a str,
    table: &mut T,
    start: Step<T::Place, T::Leaf>,
) -> Result<(), serde_json::Error> {
    serde_json::from_str::<IgnoredAny>(text)?;
    by_levels(text.trim_ascii_start(), table, start);
    Ok(())
}

fn by_levels<'a, T: Table<'a>>(raw: &'a str, table: &mut T, step: Step<T::Place, T::Leaf>) {
    let place = match step {
        Step::Object(place) if raw.starts_with('{') => place,
        Step::Array(place) if raw.starts_with('[') => place,
        Step::Take(leaf) => return table.take(leaf, raw),
        Step::Object(_) | Step::Array(_) | Step::Skip => return,
    };
    table.open(place);
    let _ = parts(raw, &mut |name, raw| {
        let step = match step {
            Step::Object(_) => table.member(place, name),
            _ => table.element(place),
        };
        by_levels(raw, table, step);
    });
    table.close(place);
}

/// Walks into a value, takes it or passes over it.
struct Walk<'t, 'a, T: Table<'a>> {
    table: &'t mut T,
    step: Step<T::Place, T::Leaf>,
    text: PhantomData<&'a str>,
}

impl<'t, 'a, T: Table<'a>> Walk<'t, 'a, T> {
    fn new(table: &'t mut T, step: Step<T::Place, T::Leaf>) -> Self {
        Self {
            table,
            step,
            text: PhantomData,
        }
    }
}

impl<'a, T: Table<'a>> DeserializeSeed<'a> for Walk<'_, 'a, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<(), D::Error> {
        match self.step {
            Step::Object(_) | Step::Array(_) => reader.deserialize_any(self),
            Step::Take(leaf) => {
                let raw = Raw.deserialize(reader)?;
                self.table.take(leaf, raw);
                Ok(())
            }
            Step::Skip => reader.deserialize_ignored_any(IgnoredAny).map(|_| ()),
        }
    }
}

impl<'a, T: Table<'a>> Visitor<'a> for Walk<'_, 'a, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let Walk { table, step, .. } = self;
        let Step::Object(place) = step else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        table.open(place);
        while let Some(step) = map.next_key_seed(Member::new(table, place))? {
            map.next_value_seed(Walk::new(table, step))?;
        }
        table.close(place);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        let Walk { table, step, .. } = self;
        let Step::Array(place) = step else {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        table.open(place);
        loop {
            let step = table.element(place);
            if seq.next_element_seed(Walk::new(table, step))?.is_none() {
                break;
            }
        }
        table.close(place);
        Ok(())
    }

    ignore_scalars!();
}

/// Asks the table what the member is whose name comes.
struct Member<'t, 'a, T: Table<'a>> {
    table: &'t mut T,
    place: T::Place,
    text: PhantomData<&'a str>,
}

impl<'t, 'a, T: Table<'a>> Member<'t, 'a, T> {
    fn new(table: &'t mut T, place: T::Place) -> Self {
        Self {
            table,
            place,
            text: PhantomData,
        }
    }
}

impl<'a, T: Table<'a>> DeserializeSeed<'a> for Member<'_, 'a, T> {
    type Value = Step<T::Place, T::Leaf>;

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'a, T: Table<'a>> Visitor<'a> for Member<'_, 'a, T> {
    type Value = Step<T::Place, T::Leaf>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.table.member(self.place, name))
    }
}
