//! Files that other users may read or write to: which are looked at.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// A provider whose own tools store a token.
fn known() -> ProviderInfo {
    let mut info = acme();
    info.id = "huggingface".into();
    info
}

fn set(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn the_token_of_a_providers_own_tools_is_looked_at_like_any_other_secret() {
    let home = Home::new(&[]).with("HF_HOME", "$HOME/hf");
    let folder = home.dir.path().join("hf");
    fs::create_dir(&folder).unwrap();
    set(&folder, 0o700);
    for name in ["token", "stored_tokens"] {
        let path = folder.join(name);
        fs::write(&path, "x").unwrap();
        set(&path, 0o600);
        let found = |info: &ProviderInfo| {
            let configuration = home.load();
            let readable = configuration.readable(Some(info)).into_iter();
            let found = readable.chain(configuration.changeable(Some(info)));
            let mut found: Vec<_> = found.map(|exposure| exposure.path).collect();
            found.dedup();
            found
        };
        assert!(found(&known()).is_empty());
        set(&path, 0o644);
        assert_eq!(found(&known()), std::slice::from_ref(&path));
        set(&path, 0o602);
        assert_eq!(found(&known()), std::slice::from_ref(&path));
        assert!(found(&acme()).is_empty(), "it is no file of another provider");
        set(&path, 0o600);
    }
    set(&folder.join("token"), 0o644);
    let off = home.with("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1").load();
    assert!(off.readable(Some(&known())).is_empty(), "it is not used");
}

#[test]
fn a_dotenv_that_others_may_write_to_completes_no_base_url_and_no_ca_file() {
    let of_provider =
        "{ models: { providers: { acme: { baseUrl: '${PLACE}', headers: { 'X-A': '${OTHER}' } } } } }";
    let plain =
        "{ models: { providers: { acme: { baseUrl: 'https://a.test', headers: { 'X-A': '${OTHER}' } } } } }";
    let dotenv = "PLACE=https://gateway.test\nOTHER=a\n";
    for (config, own, what) in [
        (of_provider, "{}", Some("a base URL")),
        ("{}", "{ 'base-url': '$PLACE' }", Some("a base URL")),
        (
            "{}",
            "{ providers: { acme: { 'ca-file': '${OTHER}.pem' } } }",
            Some("a `ca-file`"),
        ),
        (plain, "{}", None),
        (plain, "{ 'bill-to': '$OTHER' }", None),
        ("{}", "{}", None),
    ] {
        let home = Home::new(&[
            ("openclaw.json", config),
            ("host-harness.json5", own),
            (".env", dotenv),
        ]);
        set(&home.path(""), 0o700);
        let decides = |home: &Home, is_named| home.load().may_decide(&acme(), is_named, is_named);
        assert!(decides(&home, false).is_ok(), "it is the user's own");
        set(&home.path(".env"), 0o606);
        let refused = decides(&home, false)
            .err()
            .map(|error| error.message().to_owned());
        assert_eq!(refused.is_some(), what.is_some(), "{config} {own}: {refused:?}");
        if let (Some(refused), Some(what)) = (refused, what) {
            assert!(
                refused.contains(what) && refused.contains("is not trusted"),
                "{refused}"
            );
        }
        assert!(decides(&home, true).is_ok(), "the operator has named both");
        let home = home.with("PLACE", "https://own.test").with("OTHER", "own");
        assert!(
            decides(&home, false).is_ok(),
            "variables of the process come first"
        );
    }
}
