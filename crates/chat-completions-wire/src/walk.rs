//! Single-pass visitor of a JSON text: requested values are returned as raw text, the rest is skipped.
//!
//! Each reader has a table of its own ([`Table`]) with the places to descend into and the values to take. A member
//! may be missing, of another type or repeated; a value of an unexpected type counts as empty. This module must not
//! know any name of the wire format.

use alloc::{borrow::Cow, string::String};
use core::{fmt, marker::PhantomData};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{
    json::{Raw, parts},
    scan::{Odd, Scanner},
};

/// What to do with a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<Place, Leaf> {
    /// Descend into it, if it is an object.
    Object(Place),
    /// Descend into it, if it is an array.
    Array(Place),
    /// Take its raw text.
    Take(Leaf),
    /// Skip it.
    Skip,
}

/// The places and values of a reader.
pub(crate) trait Table<'a> {
    /// An object or an array to descend into.
    type Place: Copy;
    /// A value to take as raw text.
    type Leaf: Copy;

    /// The step for a member of this name.
    fn member(&mut self, place: Self::Place, name: &str) -> Step<Self::Place, Self::Leaf>;
    /// The step for the next element of an array.
    fn element(&self, place: Self::Place) -> Step<Self::Place, Self::Leaf>;
    /// An object or an array begins.
    fn open(&mut self, place: Self::Place);
    /// Receives the raw text of the value that was requested last.
    fn take(&mut self, leaf: Self::Leaf, raw: &'a str);
    /// An object or array ends. This is not called after an error in the text.
    fn close(&mut self, place: Self::Place);

    /// Whether an object in place of this array counts as its only element.
    fn takes_single(&self, _place: Self::Place) -> bool {
        false
    }
    /// The value is a string instead of this object or array.
    fn text(&mut self, _place: Self::Place, _text: Cow<'a, str>) {}
    /// The value has another unexpected type, and is not blank.
    fn odd(&mut self, _place: Self::Place) {}
}

/// Walks through one JSON value, as long as nothing in it is unusual. Otherwise the table has the members before
/// that, and the functions below are to be used.
pub(crate) fn walk_plain<'a, T: Table<'a>>(
    text: &'a str,
    table: &mut T,
    start: Step<T::Place, T::Leaf>,
) -> Result<(), Odd> {
    let mut scanner = Scanner::new(text);
    plain(&mut scanner, table, start)?;
    scanner.end()
}

fn plain<'a, T: Table<'a>>(
    scanner: &mut Scanner<'a>,
    table: &mut T,
    step: Step<T::Place, T::Leaf>,
) -> Result<(), Odd> {
    let (place, close) = match (step, scanner.peek()?) {
        (Step::Take(leaf), _) => {
            table.take(leaf, scanner.value()?);
            return Ok(());
        }
        (Step::Object(place), b'{') => (place, b'}'),
        (Step::Array(place), b'[') => (place, b']'),
        (Step::Skip, _) | (_, b'n') => return scanner.skip(),
        // Another type than the expected one.
        _ => return Err(Odd),
    };
    table.open(place);
    scanner.take();
    if scanner.peek()? == close {
        scanner.take();
    } else {
        loop {
            let step = match step {
                Step::Object(_) => table.member(place, scanner.name()?),
                _ => table.element(place),
            };
            plain(scanner, table, step)?;
            if !scanner.more(close)? {
                break;
            }
        }
    }
    table.close(place);
    Ok(())
}

/// Visits a text that is one JSON value. After an error the table has the members before it.
///
/// Half a surrogate pair in a name is an error as well, and so is one, or a number beyond the range of floats, where
/// an object or array is expected; see [`walk_by_levels`].
pub(crate) fn walk<'a, T: Table<'a>>(
    text: &'a str,
    table: &mut T,
    start: Step<T::Place, T::Leaf>,
) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    Walk::new(table, start).deserialize(&mut reader)?;
    reader.end()
}

/// The same, taking each level as raw text before the next: slower, but no well-formed JSON text is an error.
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

/// Descends into a value, takes it or skips it.
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

    /// The expected object or array, unless the value is skipped.
    fn place(&self) -> Option<T::Place> {
        match self.step {
            Step::Object(place) | Step::Array(place) => Some(place),
            Step::Take(_) | Step::Skip => None,
        }
    }

    fn odd<E>(self, says_something: bool) -> Result<(), E> {
        if let Some(place) = self.place().filter(|_| says_something) {
            self.table.odd(place);
        }
        Ok(())
    }

    fn say<E>(self, text: Cow<'a, str>) -> Result<(), E> {
        if let Some(place) = self.place() {
            self.table.text(place, text);
        }
        Ok(())
    }

    /// Visits an object.
    fn object<A: MapAccess<'a>>(table: &mut T, place: T::Place, mut map: A) -> Result<(), A::Error> {
        table.open(place);
        while let Some(step) = map.next_key_seed(Member::new(table, place))? {
            map.next_value_seed(Walk::new(table, step))?;
        }
        table.close(place);
        Ok(())
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
        let list = match step {
            Step::Object(place) => return Self::object(table, place, map),
            Step::Array(place) if table.takes_single(place) => place,
            _ => {
                let mut any = false;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    any = true;
                }
                return Walk::new(table, step).odd(any);
            }
        };
        table.open(list);
        match table.element(list) {
            Step::Object(place) => Self::object(table, place, map)?,
            _ => while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {},
        }
        table.close(list);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        let Walk { table, step, .. } = self;
        let Step::Array(place) = step else {
            let mut any = false;
            while seq.next_element::<IgnoredAny>()?.is_some() {
                any = true;
            }
            return Walk::new(table, step).odd(any);
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

    // size: all of them, so that serde's own error for an unexpected type stays out; see `ignore_scalars`.
    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.odd(value)
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.odd(true)
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.odd(true)
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.odd(true)
    }
    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<(), E> {
        self.say(Cow::Borrowed(text))
    }
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.say(Cow::Owned(String::from(text)))
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Looks up the next member's name in the table.
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
