//! Stored keys: every place where OpenClaw or this program stores them.

use rusqlite::Connection;

use super::*;

/// A state database with OpenClaw's schema.
fn state(home: &Home, layout: i64, store: &str) -> Connection {
    fs::create_dir_all(home.path("state")).unwrap();
    let database = Connection::open(home.path("state/openclaw.sqlite")).unwrap();
    database.pragma_update(None, "journal_mode", "WAL").unwrap();
    database.pragma_update(None, "user_version", layout).unwrap();
    database
        .execute_batch(
            "CREATE TABLE config_machine_state (state_key TEXT NOT NULL PRIMARY KEY, value_json TEXT NOT NULL, \
             updated_at_ms INTEGER NOT NULL) STRICT;
             CREATE TABLE secret_store_entries (scope_kind TEXT, scope_id TEXT, name TEXT, value TEXT, \
             updated_at_ms INTEGER, deleted_at_ms INTEGER);",
        )
        .unwrap();
    put(&database, "authProfiles.store", store, 1_000);
    database
}

fn put(database: &Connection, key: &str, json: &str, written: i64) {
    let sql = "INSERT OR REPLACE INTO config_machine_state VALUES (?1, ?2, ?3)";
    database.execute(sql, (key, json, written)).unwrap();
}

fn store(key: &str) -> String {
    format!(
        r#"{{"version":1,"profiles":{{"acme:default":{{"type":"api_key","provider":"acme","key":"{key}"}}}}}}"#
    )
}

fn file(home: &Home, name: &str, text: &str) {
    fs::create_dir_all(home.path(name).parent().unwrap()).unwrap();
    fs::write(home.path(name), text).unwrap();
}

fn found(home: &Home) -> Option<String> {
    let stored = home.load().stored_secret(&acme()).unwrap();
    stored.map(|stored| stored.secret.expose().to_owned())
}

/// The sources that the lookup skips.
fn passed(home: &Home) -> String {
    let mut passed = Vec::new();
    home.load().find_stored(&acme(), &mut passed).unwrap();
    passed.iter().map(|it| format!("{it}\n")).collect()
}

#[test]
fn a_key_in_the_newer_database_is_found_while_its_log_is_not_written_back() {
    let home = Home::new(&[]);
    let database = state(&home, 18, &store("in-the-log"));
    assert!(
        home.path("state/openclaw.sqlite-wal").exists(),
        "it is in the log"
    );
    assert_eq!(found(&home).as_deref(), Some("in-the-log"));
    let sizes = || {
        ["", "-wal"].map(|end| {
            fs::metadata(home.path(&format!("state/openclaw.sqlite{end}")))
                .unwrap()
                .len()
        })
    };
    let before = sizes();
    // A writer in the middle of a transaction changes nothing, and is not waited for.
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    put(&database, "authProfiles.store", &store("not-yet"), 2_000);
    let start = std::time::Instant::now();
    assert_eq!(found(&home).as_deref(), Some("in-the-log"));
    assert!(start.elapsed() < Duration::from_secs(1));
    database.execute_batch("ROLLBACK").unwrap();
    assert_eq!(sizes(), before, "nothing was written");
    drop(database);
    assert_eq!(
        found(&home).as_deref(),
        Some("in-the-log"),
        "and when it is at rest"
    );
    assert!(
        !home.path("state/openclaw.sqlite-shm").exists(),
        "without a trace"
    );
}

#[test]
fn a_database_that_is_locked_newer_or_broken_is_reported_and_not_waited_for() {
    let home = Home::new(&[]);
    let database = state(&home, 18, &store("hidden"));
    database.pragma_update(None, "journal_mode", "DELETE").unwrap();
    database.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let start = std::time::Instant::now();
    assert!(
        passed(&home).contains("another program has locked it"),
        "{}",
        passed(&home)
    );
    assert!(start.elapsed() < Duration::from_secs(2));
    database.execute_batch("ROLLBACK").unwrap();
    database.pragma_update(None, "user_version", 19).unwrap();
    assert!(
        passed(&home).contains("a newer OpenClaw has written it (layout 19"),
        "{}",
        passed(&home)
    );
    database.pragma_update(None, "user_version", 18).unwrap();
    put(&database, "state.schema.contentVersion", "20", 1);
    assert!(passed(&home).contains("layout 20"), "{}", passed(&home));
    put(&database, "state.schema.contentVersion", "18", 1);
    assert_eq!(found(&home).as_deref(), Some("hidden"));
    put(&database, "authProfiles.store", "{", 1);
    assert!(passed(&home).contains("not JSON"), "{}", passed(&home));
    drop(database);
    fs::write(
        home.path("state/openclaw.sqlite"),
        "no database at all, but long enough to be read as one",
    )
    .unwrap();
    assert!(
        passed(&home).contains("damaged or no database"),
        "{}",
        passed(&home)
    );
    // Whatever is wrong with it, other sources are tried.
    file(&home, "auth-profiles.json", &store("elsewhere"));
    assert_eq!(found(&home).as_deref(), Some("elsewhere"));
}

#[test]
fn the_most_recently_written_store_wins_and_the_main_agent_precedes_other_agents() {
    let home = Home::new(&[]);
    file(
        &home,
        "agents/other/agent/auth-profiles.json",
        &store("of-another-agent"),
    );
    assert_eq!(found(&home).as_deref(), Some("of-another-agent"));
    let database = state(&home, 18, &store("database"));
    assert_eq!(found(&home).as_deref(), Some("database"));
    file(&home, "agents/main/agent/auth-profiles.json", &store("agent"));
    assert_eq!(
        found(&home).as_deref(),
        Some("agent"),
        "written after the database"
    );
    put(
        &database,
        "authProfiles.store",
        &store("later"),
        8_000_000_000_000,
    );
    assert_eq!(found(&home).as_deref(), Some("later"));
    let agent = Connection::open(home.path("agents/main/agent/openclaw-agent.sqlite")).unwrap();
    agent
        .execute_batch(
            "CREATE TABLE auth_profile_store (store_key TEXT, store_json TEXT, updated_at INTEGER)",
        )
        .unwrap();
    let sql = "INSERT INTO auth_profile_store VALUES ('primary', ?1, 8500000000000)";
    agent.execute(sql, [store("of-the-agent")]).unwrap();
    assert_eq!(found(&home).as_deref(), Some("of-the-agent"));
}

#[test]
fn the_oldest_files_name_a_profile_by_its_provider_alone() {
    let home = Home::new(&[(
        "auth-profiles.json",
        r#"{ "acme": { "apiKey": "flat" }, "zeta": {} }"#,
    )]);
    assert_eq!(found(&home).as_deref(), Some("flat"));
}

#[test]
fn an_order_excludes_what_it_does_not_name_and_a_store_s_own_comes_first() {
    let profiles = r#"{"profiles":{"acme:default":{"type":"api_key","provider":"acme","key":"d"},
        "acme:work":{"type":"api_key","provider":"acme","key":"w"}}}"#;
    let config = "{ auth: { order: { ACME: ['acme:work'] } } }";
    let home = Home::new(&[("openclaw.json", config), ("auth-profiles.json", profiles)]);
    assert_eq!(found(&home).as_deref(), Some("w"));
    file(
        &home,
        "openclaw.json",
        "{ auth: { order: { acme: ['acme:gone'] } } }",
    );
    assert_eq!(found(&home), None);
    assert!(
        passed(&home).contains("`auth.order.acme` does not name it"),
        "{}",
        passed(&home)
    );
    file(
        &home,
        "auth-state.json",
        r#"{ "order": { "acme": ["acme:default"] } }"#,
    );
    assert_eq!(found(&home).as_deref(), Some("d"));
}

#[test]
fn a_profile_that_cannot_be_used_is_skipped_and_reported() {
    for (profile, says) in [
        (
            r#"{"type":"token","provider":"acme","token":"t","expires":1000}"#,
            "it has expired",
        ),
        (
            r#"{"type":"token","provider":"acme","token":"t","expires":"soon"}"#,
            "not a time in milliseconds",
        ),
        (
            r#"{"type":"oauth","provider":"acme","access":"t"}"#,
            "type `oauth`",
        ),
        (
            r#"{"type":"api_key","provider":"acme","key":"t","setup":{}}"#,
            "not active yet",
        ),
        (
            r#"{"type":"api_key","provider":"acme","key":"${NO_SUCH}"}"#,
            "`NO_SUCH`",
        ),
        (
            r#"{"type":"api_key","provider":"acme","key":"shadowed","keyRef":{"source":"env","provider":"default","id":"NO_SUCH"}}"#,
            "`NO_SUCH`",
        ),
        (
            r#"{"type":"api_key","provider":"acme","keyRef":{"source":"exec","provider":"vault","id":"x"}}"#,
            "`vault`",
        ),
    ] {
        let text = format!(r#"{{"profiles":{{"acme:default":{profile}}}}}"#);
        let home = Home::new(&[("auth-profiles.json", &text)]);
        assert_eq!(found(&home), None, "{profile}");
        assert!(passed(&home).contains(says), "{profile}: {}", passed(&home));
    }
    let text = r#"{"profiles":{"acme:default":{"type":"token","provider":"acme","token":"t","expires":8000000000000000}}}"#;
    assert_eq!(
        found(&Home::new(&[("auth-profiles.json", text)])).as_deref(),
        Some("t")
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_reference_leads_to_a_variable_a_private_file_or_the_store_and_to_no_program() {
    use std::os::unix::fs::PermissionsExt as _;
    let config = "{ secrets: { providers: {
        keys: { source: 'file', path: '~/.openclaw/keys.json' },
        one: { source: 'file', path: 'one.txt', mode: 'singleValue' },
        some: { source: 'env', allowlist: ['OWN_KEY'] },
        vault: { source: 'exec', command: '/bin/false' } } },
      models: { providers: { acme: { apiKey: REF } } } }";
    let key = async |reference: &str| {
        let home = Home::new(&[
            ("openclaw.json", &config.replace("REF", reference)),
            (
                "keys.json",
                r#"{ "a/b": { "c~d": "from-json" }, "ref": "$OWN_KEY", "n": 7 }"#,
            ),
            ("one.txt", "from-text\n"),
            ("open.txt", "x"),
        ])
        .with("OWN_KEY", "own");
        for name in ["keys.json", "one.txt"] {
            fs::set_permissions(home.path(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
        let database = state(&home, 18, "{}");
        let sql = "INSERT INTO secret_store_entries VALUES ('team', '', 'STORED', 'from-store', 1, NULL)";
        database.execute(sql, []).unwrap();
        let environment = home.environment();
        let search = home
            .load()
            .search_secret(&acme(), Some(&grant()), None, &environment)
            .await
            .unwrap();
        let found = search.found.map(|found| found.secret.expose().to_owned());
        (
            found,
            search.passed.iter().map(ToString::to_string).collect::<String>(),
        )
    };
    for (reference, value) in [
        ("{ source: 'env', provider: 'default', id: 'OWN_KEY' }", "own"),
        ("{ source: 'env', id: 'OWN_KEY' }", "own"),
        ("{ source: 'env', provider: 'some', id: 'OWN_KEY' }", "own"),
        (
            "{ source: 'file', provider: 'keys', id: '/a~1b/c~0d' }",
            "from-json",
        ),
        ("{ source: 'file', provider: 'keys', id: '/ref' }", "own"),
        ("{ source: 'file', provider: 'one', id: 'value' }", "from-text"),
        (
            "{ source: 'store', provider: 'default', id: 'STORED' }",
            "from-store",
        ),
        ("'secretref-env:OWN_KEY'", "own"),
        ("'$OWN_KEY'", "own"),
    ] {
        let (found, passed) = key(reference).await;
        assert_eq!(found.as_deref(), Some(value), "{reference}: {passed}");
    }
    for (reference, says) in [
        (
            "{ source: 'env', provider: 'default', id: 'NO_SUCH' }",
            "`NO_SUCH` is not set",
        ),
        (
            "{ source: 'env', provider: 'some', id: 'ACME_TOKEN' }",
            "allowlist",
        ),
        (
            "{ source: 'env', provider: 'nobody', id: 'OWN_KEY' }",
            "no `nobody`",
        ),
        (
            "{ source: 'env', provider: 'default', id: 'own' }",
            "names no variable",
        ),
        (
            "{ source: 'file', provider: 'keys', id: '/no' }",
            "nothing at its `id`",
        ),
        ("{ source: 'file', provider: 'keys', id: '/n' }", "not text"),
        ("{ source: 'file', provider: 'one', id: '/x' }", "\"value\""),
        (
            "{ source: 'exec', provider: 'vault', id: 'x' }",
            "a program resolves it",
        ),
        (
            "{ source: 'store', provider: 'default', id: 'GONE' }",
            "no `GONE`",
        ),
        ("'secretref-managed'", "placeholder"),
        ("'${my}'", "names no variable"),
        ("'NOT_SET_KEY'", "`NOT_SET_KEY`"),
    ] {
        let (found, passed) = key(reference).await;
        assert_eq!(found, None, "{reference}");
        assert!(passed.contains(says), "{reference}: {passed}");
        assert!(passed.contains("models.providers.acme.apiKey"), "{passed}");
    }
}

#[cfg(unix)]
#[test]
fn a_secrets_file_that_other_users_can_read_or_that_is_a_link_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let profile = r#"{"profiles":{"acme:default":{"type":"api_key","provider":"acme",
        "keyRef":{"source":"file","provider":"one","id":"value"}}}}"#;
    let config =
        "{ secrets: { providers: { one: { source: 'file', path: 'one.txt', mode: 'singleValue' } } } }";
    let home = Home::new(&[
        ("openclaw.json", config),
        ("auth-profiles.json", profile),
        ("one.txt", "x"),
    ]);
    let path = home.path("one.txt");
    let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    assert!(
        passed(&home).contains("accessible to other users"),
        "{}",
        passed(&home)
    );
    mode(0o600);
    assert_eq!(found(&home).as_deref(), Some("x"));
    fs::hard_link(&path, home.path("two.txt")).unwrap();
    assert!(passed(&home).contains("hard link"), "{}", passed(&home));
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(home.path("two.txt"), &path).unwrap();
    assert!(passed(&home).contains("is a link"), "{}", passed(&home));
}
