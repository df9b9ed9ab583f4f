//! The places of settings: OpenClaw's file, this program's own file, and variables of other tools.

use super::*;

/// A provider with known facts.
fn known() -> ProviderInfo {
    let mut info = acme();
    info.id = "huggingface".into();
    info
}

fn warned(configuration: &Configuration) -> Option<String> {
    let misplaced = configuration.misplaced_settings(&acme()).unwrap();
    misplaced.map(|it| it.to_string())
}

#[test]
fn own_settings_are_in_a_file_beside_openclaws_and_take_precedence() {
    let config = "{ plugins: { entries: { acme: { config: { 'max-retries': 5, 'bill-to': 'old' } } } } }";
    let own = "// ours\n{ 'max-retries': 1, 'idle-timeout-ms': 7000, providers: {
        zeta: { 'max-retries': 9 }, ' ACME ': { 'bill-to': 'new', 'ca-file': 'own.pem' } } }";
    let home = Home::new(&[("openclaw.json", config), ("host-harness.json5", own)]);
    let configuration = home.load();
    assert_eq!(configuration.host_file(), home.path("host-harness.json5"));
    let settings = configuration.settings(&acme()).unwrap();
    assert_eq!(
        (settings.max_retries, settings.idle_timeout),
        (1, Duration::from_secs(7))
    );
    assert_eq!(settings.extras["bill-to"], "\"new\"");
    assert_eq!(settings.ca_file, Some(home.path("own.pem")));
    fs::write(home.path("host-harness.json5"), "{\n 'max-retrys': 1 }").unwrap();
    let error = configuration.settings(&acme()).unwrap_err();
    let place = format!("{}: line 2, column 16", home.path("host-harness.json5").display());
    assert!(error.message().starts_with(&place), "{error}");
    assert!(error.message().contains("did you mean `max-retries`"), "{error}");
}

#[test]
fn the_old_place_is_read_with_a_warning_unless_openclaw_has_the_plugin() {
    let config =
        "{ plugins: { entries: { acme: { config: { 'max-retries': 0, discovery: { enabled: false } } } } } }";
    let home = Home::new(&[("openclaw.json", config)]);
    let configuration = home.load();
    let settings = configuration.settings(&acme()).unwrap();
    assert_eq!(
        (settings.max_retries, settings.discovery),
        (0, DiscoveryMode::Off)
    );
    let warning = warned(&configuration).unwrap();
    assert!(
        warning.contains("`max-retries`") && warning.contains("host-harness.json5"),
        "{warning}"
    );
    assert!(
        !warning.contains("`discovery`"),
        "that is OpenClaw's own: {warning}"
    );

    let folder = home.path("extensions/acme");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("openclaw.plugin.json"), r#"{ "id": "acme" }"#).unwrap();
    assert_eq!(warned(&home.load()), None);
    assert_eq!(
        home.load().plugin_config(&acme()).unwrap().installed,
        Some(folder.clone())
    );
    fs::rename(&folder, home.path("plugin")).unwrap();
    assert!(warned(&home.load()).is_some());
    let by_path = config.replace("{ plugins: {", "{ plugins: { load: { paths: ['plugin'] },");
    fs::write(home.path("openclaw.json"), by_path).unwrap();
    assert_eq!(warned(&home.load()), None);

    fs::write(home.path("openclaw.json"), config).unwrap();
    fs::create_dir_all(home.path("state")).unwrap();
    let database = rusqlite::Connection::open(home.path("state/openclaw.sqlite")).unwrap();
    database
        .execute_batch(
            "CREATE TABLE config_machine_state (state_key TEXT, value_json TEXT, updated_at_ms INTEGER);
             INSERT INTO config_machine_state VALUES ('plugins.installedIndex',
             '{\"installRecords\":{\"acme\":{\"source\":\"npm\",\"installPath\":\"/p\"}}}', 1);",
        )
        .unwrap();
    assert_eq!(
        home.load().plugin_config(&acme()).unwrap().installed,
        Some(PathBuf::from("/p"))
    );
    let only_openclaws = "{ plugins: { entries: { acme: { config: { discovery: { enabled: false } } } } } }";
    let home = Home::new(&[("openclaw.json", only_openclaws)]);
    assert_eq!(warned(&home.load()), None);
}

#[test]
fn what_the_plugin_alone_knows_is_no_setting_here() {
    let config = "{ plugins: { entries: { acme: { config: { component: '/a.wasm', sha256: 'x', 'max-events': 3 } } } } }";
    let settings = Home::new(&[("openclaw.json", config)])
        .load()
        .settings(&acme())
        .unwrap();
    assert_eq!(settings.limits.events, 3);
    assert!(settings.extras.is_empty(), "{:?}", settings.extras);
}

#[test]
fn keys_of_openclaw_are_honoured_as_it_does() {
    let config = "{ models: { acmeDiscovery: { enabled: false }, providers: { ACME: {
        baseUrl: 'https://gateway.test/v1', timeoutSeconds: 7, maxTokens: 99, params: { temperature: 0.1 },
        headers: { 'X-Bill': 'me', 'X-Team': 'red' },
        request: { allowPrivateNetwork: true, headers: { 'x-team': '${TEAM}', 'X-Key': { source: 'env', id: 'KEY' } } },
        models: [ { id: 'a/b', name: 'B', compat: { supportsTools: false, supportsUsageInStreaming: false },
                    headers: { Authorization: 'secret' }, params: { topP: 0.5 } },
                  { id: 'a/c', name: 'C', maxTokens: 5 } ],
      } } }, agents: { defaults: { params: { temperature: 0.9, seed: 3 } } } }";
    let home = Home::new(&[("openclaw.json", config)])
        .with("TEAM", "blue")
        .with("KEY", "k");
    let settings = home.load().settings(&acme()).unwrap();
    assert_eq!(
        settings.base_url.as_ref().unwrap().as_str(),
        "https://gateway.test/v1"
    );
    assert_eq!(settings.discovery, DiscoveryMode::Off);
    assert!(settings.allow_private);
    let seconds = Duration::from_secs(7);
    assert_eq!(
        [
            settings.connect_timeout,
            settings.first_byte_timeout,
            settings.idle_timeout,
            settings.limits.wall_clock
        ],
        [seconds; 4]
    );
    let headers = settings.headers.iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    assert_eq!(headers, [("X-Bill", "me"), ("x-team", "blue"), ("X-Key", "k")]);
    let [b, c] = settings.models.configured() else {
        panic!("two models");
    };
    assert_eq!((b.max_output_tokens, c.max_output_tokens), (Some(99), Some(5)));
    let extras: Vec<_> = b
        .extras
        .iter()
        .map(|it| (it.key.as_str(), it.value_json.as_str()))
        .collect();
    assert_eq!(
        extras,
        [(
            "compat",
            r#"{"supportsTools":false,"supportsUsageInStreaming":false}"#
        )],
        "headers may be secret, and are nothing for the plugin"
    );
    let params = home.load().params(&acme()).unwrap();
    let mut request = model_provider_host::contract::ChatRequest::new("");
    params.fill(&mut request, &["acme/a/b"]);
    assert_eq!(
        (request.temperature, request.seed, request.top_p),
        (Some(0.1), Some(3), Some(0.5))
    );
    let mut request = model_provider_host::contract::ChatRequest::new("");
    params.fill(&mut request, &["acme/any"]);
    assert_eq!(
        (request.temperature, request.seed, request.top_p),
        (Some(0.1), Some(3), None)
    );
}

#[test]
fn a_header_that_does_not_resolve_is_left_out_and_said() {
    for value in [
        "'${NO_SUCH}'",
        "{ source: 'exec', provider: 'v', id: 'x' }",
        "'secretref-env:NO_SUCH'",
        "'${my}'",
    ] {
        let config =
            format!("{{ models: {{ providers: {{ acme: {{ headers: {{ A: {value}, B: 'b' }} }} }} }} }}");
        let configuration = Home::new(&[("openclaw.json", &config)]).load();
        let settings = configuration.settings(&acme()).unwrap();
        assert_eq!(settings.headers.len(), 1, "{value}");
        let [unresolved] = configuration
            .unresolved_settings(&acme())
            .unwrap()
            .try_into()
            .unwrap();
        assert_eq!(unresolved.place, "models.providers.acme.headers.A");
    }
    let config = "{ models: { providers: { acme: { baseUrl: 'https://${NO_SUCH}/v1' } } } }";
    let error = Home::new(&[("openclaw.json", config)])
        .load()
        .settings(&acme())
        .unwrap_err();
    assert!(
        error.message().contains("`NO_SUCH`"),
        "a request never goes to another place: {error}"
    );
}

#[test]
fn what_stops_openclaw_from_loading_the_plugin_is_reported() {
    for (plugins, key) in [
        ("{ enabled: false }", Some("plugins.enabled")),
        ("{ deny: ['Acme'] }", Some("plugins.deny")),
        (
            "{ entries: { acme: { enabled: false } } }",
            Some("plugins.entries.acme.enabled"),
        ),
        ("{ allow: ['zeta'] }", Some("plugins.allow")),
        ("{ allow: ['acme'], deny: ['zeta'] }", None),
        ("{}", None),
    ] {
        let home = Home::new(&[("openclaw.json", &format!("{{ plugins: {plugins} }}"))]);
        assert_eq!(
            home.load().plugin_switched_off(&acme()).unwrap().as_deref(),
            key,
            "{plugins}"
        );
    }
}

#[tokio::test]
async fn the_files_of_a_provider_s_own_tools_are_read_last() {
    let find = async |home: &Home| {
        let (info, environment) = (known(), home.environment());
        let mut grant = Grant::requested_by(&info).unwrap();
        grant.env_vars.retain(|name| name.starts_with("ACME"));
        let found = home.load().secret(&info, Some(&grant), None, &environment).await;
        found
            .unwrap()
            .map(|found| (found.secret.expose().to_owned(), found.source.to_string()))
    };
    let at = |home: &Home, name: &str, text: &str| {
        let path = home.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        format!("file: {}", path.display())
    };
    let home = Home::new(&[]);
    let named = at(
        &home,
        ".cache/huggingface/stored_tokens",
        "[mine]\nhf_token = hf_named\n",
    );
    assert_eq!(find(&home).await, Some(("hf_named".into(), named)));
    let plain = at(&home, ".cache/huggingface/token", "hf_plain\n");
    assert_eq!(find(&home).await, Some(("hf_plain".into(), plain)));
    let folder = home.dir.path().join("hub").display().to_string();
    let moved = at(&home, "hub/token", "\"hf_moved\"");
    let home = home.with("HF_HOME", &folder);
    assert_eq!(find(&home).await, Some(("hf_moved".into(), moved)));
    let own = at(&home, "own", "hf_own");
    let home = home.with("HF_TOKEN_PATH", "~/own");
    assert_eq!(find(&home).await, Some(("hf_own".into(), own)));
    fs::write(
        home.path("openclaw.json"),
        "{ models: { providers: { huggingface: { apiKey: 'first' } } } }",
    )
    .unwrap();
    assert_eq!(find(&home).await.unwrap().0, "first");
    assert!(
        home.with("ACME_TOKEN", "").secret(None).await.is_none(),
        "nothing of it is another provider's"
    );
}

#[test]
fn who_pays_may_be_in_a_variable_unless_it_is_configured() {
    let bill_to = |config: &str| {
        let home = Home::new(&[("openclaw.json", config)]).with("HF_BILL_TO", " our-org ");
        home.load()
            .settings(&known())
            .unwrap()
            .extras
            .get("bill-to")
            .cloned()
    };
    assert_eq!(bill_to("{}").as_deref(), Some("\"our-org\""));
    let header = "{ models: { providers: { huggingface: { headers: { 'X-HF-Bill-To': 'other' } } } } }";
    assert_eq!(bill_to(header), None);
    let set = "{ plugins: { entries: { huggingface: { config: { 'bill-to': 'set' } } } } }";
    assert_eq!(bill_to(set).as_deref(), Some("\"set\""));
    let settings = Home::new(&[]).load().settings(&known()).unwrap();
    assert_eq!(settings.public_headers, ["x-hf-bill-to"], "who pays is no secret");
}

#[tokio::test]
async fn a_key_is_cleaned_up_in_every_source() {
    let profile =
        r#"{"profiles":{"acme:default":{"type":"api_key","provider":"acme","key":"Bearer 'acme_key'"}}}"#;
    for home in [
        Home::new(&[]).with("ACME_TOKEN", "\"acme_key\""),
        Home::new(&[(".env", "ACME_TOKEN='\"acme_key\"'\n")]),
        Home::new(&[(
            "openclaw.json",
            "{ env: { vars: { ACME_TOKEN: 'Bearer acme_key' } } }",
        )]),
        Home::new(&[("auth-profiles.json", profile)]),
        Home::new(&[(
            "openclaw.json",
            "{ models: { providers: { acme: { apiKey: '\\u200bacme_key\\ufeff' } } } }",
        )]),
        Home::new(&[(".env", "MINE=`acme_key`")]).with("ACME_TOKEN", "${MINE}"),
    ] {
        assert_eq!(home.secret(None).await.unwrap().0, "acme_key");
    }
    let home = Home::new(&[])
        .with("ACME_FIRST", "$NOT_SET")
        .with("ACME_TOKEN", "second");
    assert_eq!(
        home.secret(None).await.unwrap().0,
        "second",
        "a reference is never the key"
    );
}

#[test]
fn a_setting_in_the_old_place_is_reported_with_the_place_where_it_belongs() {
    let config = "{ plugins: { entries: { Acme: { enabled: false, config: { 'max-retries': 0 } } } } }";
    let home = Home::new(&[("openclaw.json", config)]);
    let configuration = home.load();
    assert_eq!(configuration.settings(&acme()).unwrap().max_retries, 0);
    let warning = warned(&configuration).unwrap();
    assert!(warning.contains("is read"), "{warning}");
    assert!(!warning.contains("not used"), "{warning}");
    assert!(warning.contains("host-harness.json5"), "{warning}");
    assert_eq!(
        configuration.plugin_switched_off(&acme()).unwrap().as_deref(),
        Some("plugins.entries.Acme.enabled"),
        "in whatever case"
    );
}

#[tokio::test]
async fn variables_of_the_providers_tools_are_read_as_those_tools_and_openclaw_read_them() {
    let home = Home::new(&[(".env", "HF_BILL_TO=our-org\n")]).with("HF_HOME", "$HOME/hf");
    fs::create_dir_all(home.dir.path().join("hf")).unwrap();
    fs::write(home.dir.path().join("hf/token"), "hf_own").unwrap();
    let settings = home.load().settings(&known()).unwrap();
    assert_eq!(settings.extras["bill-to"], "\"our-org\"");
    let grant = Grant::requested_by(&known()).unwrap();
    let find = async |home: &Home| {
        let search = home.search(&known(), &grant).await;
        (
            search.found.map(|found| found.secret.expose().to_owned()),
            search.passed.len(),
        )
    };
    assert_eq!(find(&home).await, (Some("hf_own".to_owned()), 0));
    let home = home.with("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1");
    assert_eq!(find(&home).await, (None, 1));
}

#[cfg(unix)]
#[test]
fn a_secrets_file_that_other_users_can_read_is_named_and_a_folder_gets_no_advice_for_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let config = "{ secrets: { providers: { one: { source: 'file', path: 'one.txt' } } } }";
    let home = Home::new(&[("openclaw.json", config), ("one.txt", "x")]);
    fs::create_dir_all(home.path("state/openclaw.sqlite")).unwrap();
    fs::set_permissions(home.path("one.txt"), fs::Permissions::from_mode(0o644)).unwrap();
    let readable: Vec<_> = home
        .load()
        .readable(None)
        .into_iter()
        .map(|exposure| exposure.path)
        .collect();
    assert_eq!(readable, [home.path("one.txt")]);
}
