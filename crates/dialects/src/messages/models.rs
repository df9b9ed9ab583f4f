//! Models as entries of the dialect's list.

use serde_json::{Value, json};

use crate::ending::known;
use provider_contract::contract::{Extra, Model};

/// For lists without a time: clients require one.
const UNKNOWN_TIME: &str = "1970-01-01T00:00:00Z";

/// The requested part of the list.
///
/// ```
/// use dialects::messages::models::Page;
///
/// let page = Page::of("limit=20&after_id=Qwen%2FQwen3-8B");
/// assert_eq!((page.limit, page.after.as_deref()), (Some(20), Some("Qwen/Qwen3-8B")));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The most entries; `None` for all.
    pub limit: Option<usize>,
    /// Entries after this id.
    pub after: Option<String>,
    /// Entries before this id.
    pub before: Option<String>,
}

impl Page {
    /// Parses the query of a URL. An invalid limit is `None`.
    #[must_use]
    pub fn of(query: &str) -> Self {
        let mut page = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "limit" => page.limit = value.parse().ok(),
                "after_id" => page.after = Some(value.into_owned()),
                "before_id" => page.before = Some(value.into_owned()),
                _ => {}
            }
        }
        page
    }
}

/// The list, or a page of it. An unknown id limits nothing.
#[must_use]
pub fn list(models: &[Model], page: &Page) -> Value {
    let at = |id: &Option<String>| models.iter().position(|model| Some(&model.id) == id.as_ref());
    let start = at(&page.after).map_or(0, |at| at + 1);
    let end = at(&page.before).unwrap_or(models.len()).max(start);
    let wanted = models.get(start..end).unwrap_or_default();
    let most = page.limit.unwrap_or(wanted.len()).min(wanted.len());
    // The entries before an id are the page that ends there.
    let (shown, has_more) = if page.before.is_some() {
        (&wanted[wanted.len() - most..], most < wanted.len())
    } else {
        (&wanted[..most], most < wanted.len())
    };
    json!({
        "data": shown.iter().map(|model| entry(&model.id, model)).collect::<Vec<_>>(),
        "has_more": has_more,
        "first_id": shown.first().map(|model| &model.id),
        "last_id": shown.last().map(|model| &model.id),
    })
}

/// One model under the requested id, which may have a suffix.
#[must_use]
pub fn entry(id: &str, model: &Model) -> Value {
    known(json!({
        "type": "model",
        "id": id,
        "display_name": model.alias.as_deref().unwrap_or(&model.display_name),
        "created_at": created(&model.extras),
        "lifecycle": "active",
        "max_input_tokens": model.context_window,
        "max_tokens": model.max_output_tokens,
    }))
}

/// The creation time of a model, which lists give in seconds since 1970.
fn created(extras: &[Extra]) -> String {
    let seconds = extras
        .iter()
        .find(|extra| extra.key == "created")
        .and_then(|extra| serde_json::from_str::<i64>(&extra.value_json).ok());
    seconds.and_then(time).unwrap_or_else(|| UNKNOWN_TIME.to_owned())
}

/// Seconds since 1970 in RFC 3339; `None` outside of four-digit years.
fn time(seconds: i64) -> Option<String> {
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days since 0000-03-01: years begin in March, so that a leap day is the last day of a year.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    (0..=9999)
        .contains(&year)
        .then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_page_by_page_from_either_end() {
        let ids = ["a", "b", "c", "d", "e"];
        let models: Vec<Model> = ids.iter().map(|id| model(id)).collect();
        for (query, expected, has_more) in [
            ("", &ids[..], false),
            ("limit=2", &ids[..2], true),
            ("limit=2&after_id=b", &ids[2..4], true),
            ("limit=5&after_id=d", &ids[4..], false),
            ("limit=2&before_id=d", &ids[1..3], true),
            ("after_id=e", &[], false),
            ("after_id=unknown&limit=x", &ids[..], false),
            ("after_id=d&before_id=b", &[], false),
            ("limit=0", &[], true),
        ] {
            let list = list(&models, &Page::of(query));
            let data = list["data"].as_array().expect("a list");
            let shown: Vec<&str> = data
                .iter()
                .map(|model| model["id"].as_str().expect("an id"))
                .collect();
            assert_eq!(shown, expected, "{query}");
            assert_eq!(list["has_more"], has_more, "{query}");
            assert_eq!(list["last_id"], json!(expected.last()), "{query}");
        }
        assert_eq!(
            list(&models, &Page::default())["data"][0]["display_name"],
            "A model"
        );
    }

    fn model(id: &str) -> Model {
        Model {
            id: id.to_owned(),
            display_name: "A model".to_owned(),
            alias: None,
            source: provider_contract::contract::ModelSource::Live,
            input: Vec::new(),
            output: Vec::new(),
            reasoning: None,
            context_window: None,
            max_output_tokens: None,
            price: None,
            supports_tools: None,
            supports_structured_output: None,
            routes: Vec::new(),
            picks: Vec::new(),
            extras: Vec::new(),
        }
    }

    #[test]
    fn seconds_become_a_time_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(time(seconds).as_deref(), Some(expected));
        }
        assert_eq!(time(i64::MAX / 2), None);
    }
}
