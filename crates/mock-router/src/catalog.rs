//! The models that the mock serves (`models.json`) and the router's choice among their routes. Knows no HTTP.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::MockError;

const OWN: &str = include_str!("models.json");

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Data {
    list: Value,
    reasoning: Vec<String>,
    not_chat: Vec<String>,
    not_served: Vec<String>,
}

/// The list that is served and what belongs to it.
#[derive(Debug)]
pub(super) struct Catalog {
    data: Data,
    body: Bytes,
    etag: String,
}

/// The result of looking up a model reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// It is served by this backend.
    Backend(String),
    /// The model does not exist.
    NoModel,
    /// The model is not a chat model.
    NotChat,
    /// No backend serves the model, or not the requested one.
    NotServed,
    /// The suffix is neither a policy nor a backend.
    BadSuffix,
}

impl Catalog {
    /// The mock's own catalog.
    pub(super) fn own() -> Result<Self, MockError> {
        let data: Data =
            serde_json::from_str(OWN).map_err(|error| MockError::Data(format!("models.json: {error}")))?;
        Ok(Self::new(data))
    }

    /// The same catalog with another list: a recorded one.
    pub(super) fn with_list(self, list: Value) -> Self {
        Self::new(Data { list, ..self.data })
    }

    fn new(data: Data) -> Self {
        let body = Bytes::from(data.list.to_string());
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let etag = format!("W/\"{:x}-{:016x}\"", body.len(), hasher.finish());
        Self { data, body, etag }
    }

    /// The list, as it is sent.
    pub(super) fn list(&self) -> Bytes {
        self.body.clone()
    }

    /// The weak entity tag of the list.
    pub(super) fn etag(&self) -> &str {
        &self.etag
    }

    /// One model object.
    pub(super) fn model(&self, id: &str) -> Option<&Value> {
        self.models().find(|model| model["id"] == id)
    }

    /// Whether a model sends reasoning before its content.
    pub(super) fn is_reasoning(&self, id: &str) -> bool {
        self.data.reasoning.iter().any(|known| known == id)
    }

    /// Whether a model is known to take no images.
    pub(super) fn lacks_vision(&self, id: &str) -> bool {
        self.model(id)
            .and_then(|model| model["architecture"]["input_modalities"].as_array())
            .is_some_and(|kinds| kinds.iter().all(|kind| kind != "image"))
    }

    /// The backend to which the router would send a request for this model with this suffix.
    pub(super) fn look_up(&self, id: &str, suffix: Option<&str>) -> Lookup {
        let Some(model) = self.model(id) else {
            let among = |ids: &[String]| ids.iter().any(|known| known == id);
            return match () {
                () if among(&self.data.not_chat) => Lookup::NotChat,
                () if among(&self.data.not_served) => Lookup::NotServed,
                () => Lookup::NoModel,
            };
        };
        let routes: Vec<&Value> = model["providers"].as_array().into_iter().flatten().collect();
        let usable = || routes.iter().copied().filter(|route| route["status"] != "error");
        let lowest_price = || {
            let priced = usable().filter_map(|route| Some((route["pricing"]["output"].as_f64()?, route)));
            priced.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, route)| route)
        };
        let highest_throughput = || {
            let measured = usable().filter_map(|route| Some((route["throughput"].as_f64()?, route)));
            measured
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .map(|(_, route)| route)
        };
        let chosen = match suffix {
            None | Some("fastest") => highest_throughput().or_else(|| usable().next()),
            Some("cheapest") => lowest_price().or_else(|| usable().next()),
            Some("preferred") => usable().next(),
            Some(slug) if self.is_backend(slug) => usable().find(|route| route["provider"] == slug),
            Some(_) => return Lookup::BadSuffix,
        };
        match chosen.and_then(|route| route["provider"].as_str()) {
            Some(backend) => Lookup::Backend(backend.to_owned()),
            None => Lookup::NotServed,
        }
    }

    fn is_backend(&self, slug: &str) -> bool {
        let routes = self
            .models()
            .filter_map(|model| model["providers"].as_array())
            .flatten();
        routes.into_iter().any(|route| route["provider"] == slug)
    }

    fn models(&self) -> impl Iterator<Item = &Value> {
        self.data.list["data"].as_array().into_iter().flatten()
    }
}
