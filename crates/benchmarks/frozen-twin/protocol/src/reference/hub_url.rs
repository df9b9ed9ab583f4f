//! Addresses of model pages of the Hub, as people paste them from a browser.

/// Hosts of the Hub.
const HOSTS: [&str; 3] = ["huggingface.co", "www.huggingface.co", "hf.co"];
/// First parts of a path that belong to the site and are no organisation.
const SITE_PATHS: [&str; 14] = [
    "api",
    "blog",
    "chat",
    "collections",
    "datasets",
    "docs",
    "join",
    "login",
    "models",
    "organizations",
    "papers",
    "settings",
    "spaces",
    "tasks",
];

/// The `org/name` of such an address, the suffix behind it included. `None` if it is no address of a model.
pub(super) fn model_path(text: &str) -> Option<&str> {
    let text = text.trim();
    let text = ["https://", "http://"]
        .iter()
        .find_map(|scheme| {
            text.get(..scheme.len())?
                .eq_ignore_ascii_case(scheme)
                .then(|| text.get(scheme.len()..))?
        })
        .unwrap_or(text);
    let (host, path) = text.split_once('/')?;
    if !HOSTS.iter().any(|known| known.eq_ignore_ascii_case(host)) {
        return None;
    }
    let path = path.split(['?', '#']).next()?;
    let (org, rest) = path.split_once('/')?;
    if SITE_PATHS.contains(&org) {
        return None;
    }
    let name = rest.split('/').next()?;
    path.get(..org.len() + 1 + name.len())
}
