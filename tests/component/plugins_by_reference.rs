//! Plugins from a registry: pulled, pinned and refused, by the program and in the library.

use std::sync::atomic::{AtomicUsize, Ordering};

use model_provider_host::{ErrorKind, LoadOptions, Plugin};
use plugin_registry::{
    MANIFEST_TYPE,
    host::{Mode, Store},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    fake_registry::{Fake, full, options},
    harness::{Harness, TOKEN, sandbox},
    registry_home::{Home, publish, release, variants},
};

const MODEL: &str = "huggingface/Qwen/Qwen3-8B";

#[tokio::test]
async fn a_tag_is_pulled_pinned_and_a_second_start_is_offline() {
    let (fake, home, file) = (Fake::start().await, Home::new().await, release().await);
    let reference = fake.reference(":0.2.0").to_string();
    let published = home.works(&["publish", &reference, file.to_str().unwrap()]).await;
    let chat = ["--plugin", &reference, "chat", "-m", MODEL, "Hello!"];
    home.works(&chat).await;
    // The annotations come from the metadata of the file, a plain build.
    let told: Value = serde_json::from_slice(&fake.manifest("0.2.0")).unwrap();
    let told = |name: &str| told["annotations"][format!("org.opencontainers.image.{name}")].clone();
    assert_eq!(
        ["title", "version", "licenses", "source"].map(told),
        [
            "huggingface-provider",
            "0.1.0",
            "Apache-2.0",
            "https://github.com/openclaw/huggingface-provider"
        ]
    );
    assert!(
        told("description")
            .as_str()
            .is_some_and(|text| text.contains("Hugging Face"))
    );
    let pinned = &home.lock()["plugins"]["huggingface"];
    assert_eq!(
        (&pinned["digest"], &pinned["manifest"], &pinned["source"]),
        (&published["digest"], &published["manifest"], &json!(reference))
    );
    drop(fake);
    let before = home.mock.requests().len();
    home.works(&chat).await;
    // And without an argument: the lock names it.
    home.works(&["chat", "-m", MODEL, "Hello!"]).await;
    let sent = home.mock.requests();
    assert!(sent.len() >= before + 2, "both were sent");
    let bearer = format!("Bearer {TOKEN}");
    assert!(
        sent.iter()
            .all(|request| request.header("authorization") == Some(&bearer))
    );
    let listed = home.works(&["list"]).await;
    assert_eq!(listed["plugins"]["huggingface"]["cached"], true);
    assert_eq!(
        home.works(&["gc"]).await["files"],
        0,
        "all that is there is pinned"
    );
}

#[tokio::test]
async fn a_tampered_layer_never_reaches_the_compiler() {
    let (fake, file, dir) = (Fake::start().await, release().await, TempDir::new().unwrap());
    let digest = publish(&fake, ":1", &file).await;
    let mut tampered = std::fs::read(&file).unwrap();
    // Bytes that the compiler would reject with its own error, if it got them.
    tampered[40] ^= 1;
    fake.lie(move |_, path| {
        path.ends_with(digest.as_str())
            .then(|| full(200, tampered.clone()))
    });
    let store = Store::new(dir.path()).with_options(options());
    for mode in [Mode::Run, Mode::Look] {
        let source = store.source(fake.reference(":1"), mode);
        let error = Plugin::from_source(sandbox(), &source, &LoadOptions::default())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PluginLoad, "{error}");
        assert!(
            error
                .message()
                .starts_with("the layer is not what its digest names"),
            "{error}"
        );
    }
    assert!(store.cache().all().unwrap().is_empty() && store.lock().unwrap().plugins.is_empty());
}

#[tokio::test]
async fn a_file_that_is_not_what_the_lock_says_is_refused_at_start_at_a_swap_and_in_the_library() {
    let (files, [one, other]) = variants([vec![("version", "1.0.0")], vec![("version", "1.0.1")]]).await;
    let home = Home::new().await;
    let [one_path, other_path] = [&one, &other].map(|file| file.to_str().unwrap());
    home.works(&["accept", "--yes", one_path]).await;
    home.works(&["--plugin", one_path, "resolve", "hostile/a/fine"])
        .await;
    let said = home
        .refused(
            &["--plugin", other_path, "resolve", "hostile/a/fine"],
            "not-granted",
        )
        .await;
    assert!(
        said.contains("host-harness accept ") && said.contains(other_path),
        "{said}"
    );
    // In the library, with the lock that the program wrote.
    let store = Store::new(home.program.state());
    let run = LoadOptions::default().with_admission(store.admission(Mode::Run));
    let error = Plugin::load_with(sandbox(), &other, &run).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotGranted, "{error}");
    let plugin = Plugin::load_with(sandbox(), &one, &run).await.unwrap();
    let host = Harness::with().start_with(plugin).await.host;
    let error = host.swap(&other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotGranted, "{error}");
    assert!(error.hint().unwrap().contains("host-harness accept "), "{error}");
    assert_eq!(host.generation().number, 1);
    // Accepted, it loads; and denied, never again.
    home.works(&["accept", "--yes", other_path]).await;
    host.swap(&other).await.unwrap();
    let digest = host.plugin().digest().to_owned();
    home.works(&["deny", &digest]).await;
    let error = host.swap(&other).await.unwrap_err();
    assert!(error.message().contains("is denied"), "{error}");
    let error = Plugin::load_with(sandbox(), &other, &run).await.unwrap_err();
    assert!(error.message().contains("is denied"), "{error}");
    for command in [
        &["--plugin", other_path, "resolve", "hostile/a/fine"][..],
        &["accept", "--yes", other_path],
    ] {
        assert!(home.refused(command, "plugin-load").await.contains("is denied"));
    }
    let back = home.works(&["rollback"]).await;
    assert_eq!(back["version"], "1.0.0");
    home.works(&["resolve", "hostile/a/fine"]).await;
    drop(files);
}

#[tokio::test]
async fn a_file_that_is_not_signed_by_a_key_of_the_policy_is_not_loaded() {
    let (_files, [file]) = variants([vec![("version", "1.0.0")]]).await;
    let home = Home::new().await;
    // An unknown public key.
    let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    home.program.write(
        "plugin-policy.json",
        &json!({"require": "signature", "keys": [key]}).to_string(),
    );
    let path = file.to_str().unwrap();
    for command in [&["accept", "--yes", path][..], &["--plugin", path, "inspect"]] {
        assert!(home.refused(command, "plugin-load").await.contains("not signed"));
    }
    std::fs::write(format!("{path}.minisig"), "no signature").unwrap();
    let said = home.refused(&["--plugin", path, "inspect"], "plugin-load").await;
    assert!(said.contains("not valid for it by any key"), "{said}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_lock_or_a_policy_that_other_users_may_write_to_is_ignored() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_files, [file]) = variants([vec![("version", "1.0.0")]]).await;
    for name in ["plugins.lock", "plugin-policy.json"] {
        let home = Home::new().await;
        home.program.write(name, r#"{"version": 1}"#);
        let path = home.program.state().join(name);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        let line = ["--plugin", file.to_str().unwrap(), "resolve", "hostile/a/fine"];
        let said = home.refused(&line, "configuration").await;
        assert!(
            said.contains("is not trusted") && said.contains("chmod go-w"),
            "{said}"
        );
    }
}

/// A host of the library with the lock that the program wrote, and a plugin of the same id from elsewhere.
#[tokio::test]
async fn the_library_refuses_a_reference_to_what_the_lock_does_not_pin_at_start_and_at_a_swap() {
    let (_files, [one, other]) = variants([vec![("version", "1.0.0")], vec![("version", "1.0.1")]]).await;
    let (fake, elsewhere, home) = (Fake::start().await, Fake::start().await, Home::new().await);
    publish(&fake, ":1", &one).await;
    publish(&elsewhere, ":1", &other).await;
    home.works(&["accept", "--yes", &fake.reference(":1").to_string()])
        .await;
    let before = home.lock();
    let store = Store::new(home.program.state()).with_options(options());
    let run = LoadOptions::default().with_admission(store.admission(Mode::Run));
    let pinned = store.source(fake.reference(":1"), Mode::Run);
    let foreign = store.source(elsewhere.reference(":1"), Mode::Run);
    let plugin = Plugin::from_source(sandbox(), &pinned, &run).await.unwrap();
    let host = Harness::with().start_with(plugin).await.host;
    for error in [
        Plugin::from_source(sandbox(), &foreign, &run).await.unwrap_err(),
        host.swap(&foreign).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotGranted, "{error}");
        assert!(error.message().contains("the lock pins `hostile`"), "{error}");
        let command = format!("host-harness accept {}", elsewhere.reference(":1"));
        assert!(error.hint().unwrap().contains(&command), "{error}");
    }
    assert_eq!(host.generation().number, 1);
    host.swap(&pinned).await.unwrap();
    assert_eq!(home.lock(), before, "nothing else was pinned");
}

#[tokio::test]
async fn a_tag_that_moves_while_a_plugin_is_accepted_pins_what_was_shown() {
    let (_files, [shown, moved]) = variants([vec![("version", "1.0.0")], vec![("version", "6.6.6")]]).await;
    let (fake, home) = (Fake::start().await, Home::new().await);
    publish(&fake, ":2", &moved).await;
    let digest = publish(&fake, ":1", &shown).await;
    let manifests = [fake.manifest("1"), fake.manifest("2")];
    let asked = AtomicUsize::new(0);
    fake.lie(move |_, path| {
        path.ends_with("/manifests/1").then(|| {
            let time = asked.fetch_add(1, Ordering::SeqCst).min(1);
            let mut answer = full(200, manifests[time].clone());
            answer
                .headers_mut()
                .insert("content-type", MANIFEST_TYPE.parse().unwrap());
            answer
        })
    });
    let reference = fake.reference(":1").to_string();
    let accepted = home.works(&["accept", "--yes", &reference]).await;
    assert_eq!(
        (&accepted["version"], &accepted["digest"]),
        (&json!("1.0.0"), &json!(digest))
    );
    home.works(&["--plugin", &reference, "resolve", "hostile/a/fine"])
        .await;
    assert_eq!(home.lock()["plugins"]["hostile"]["digest"], digest.as_str());
}

#[tokio::test]
async fn a_namespace_of_the_policy_names_a_registry_and_the_lock_has_the_whole_reference() {
    let (_files, [file]) = variants([vec![("version", "1.0.0")]]).await;
    let (fake, home) = (Fake::start().await, Home::new().await);
    let policy = json!({
        "namespaces": {"lab": fake.address.to_string(), "elsewhere": "ghcr.io/openclaw"},
        "allow": [format!("{}/openclaw", fake.address)],
    });
    home.program.write("plugin-policy.json", &policy.to_string());
    home.works(&["publish", "oci://lab/openclaw/acme:1", file.to_str().unwrap()])
        .await;
    home.works(&["accept", "--yes", "oci://lab/openclaw/acme:1"])
        .await;
    assert_eq!(
        home.lock()["plugins"]["hostile"]["source"],
        fake.reference(":1").to_string()
    );
    home.works(&[
        "--plugin",
        "oci://lab/openclaw/acme:1",
        "resolve",
        "hostile/a/fine",
    ])
    .await;
    let unknown = ["--plugin", "oci://nobody/acme:1", "inspect"];
    let said = home.refused(&unknown, "configuration").await;
    assert!(said.contains("namespaces: elsewhere, lab"), "{said}");
    // What it stands for is judged, not its name.
    for beyond in ["oci://elsewhere/acme:1", "oci://lab/other/acme:1"] {
        let said = home
            .refused(&["--plugin", beyond, "inspect"], "plugin-load")
            .await;
        assert!(said.contains("does not allow"), "{said}");
    }
}

#[tokio::test]
async fn a_key_is_for_the_granted_file_whatever_other_file_has_its_id() {
    let (_files, [granted, other]) = variants([vec![("version", "1.0.0")], vec![("version", "2.0.0")]]).await;
    let home = Home::new().await;
    let [granted, other] = [&granted, &other].map(|file| file.to_str().unwrap());
    home.works(&["grant", "--yes", granted]).await;
    let line = |plugin, also| {
        let set_up = ["onboard", "--non-interactive", "--mode", "local", "--skip-health"];
        let key = [
            "--plugin",
            plugin,
            "--also",
            also,
            "--hostile-api-key",
            "a-key-for-one-file",
        ];
        [&set_up[..], &key[..]].concat()
    };
    home.refused(&line(other, granted), "not-granted").await;
    let kept = |home: &Home| {
        let files = home.program.files().into_iter();
        files
            .filter(|(_, bytes)| String::from_utf8_lossy(bytes).contains("a-key-for-one-file"))
            .count()
    };
    assert_eq!(kept(&home), 0, "nothing is stored for it");
    home.works(&line(granted, other)).await;
    assert_eq!(kept(&home), 1);
}
