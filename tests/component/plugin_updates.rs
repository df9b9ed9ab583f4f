//! Newer and older versions of a pinned plugin: shown, asked for, taken and brought back.

use serde_json::{Value, json};

use crate::{
    fake_registry::Fake,
    registry_home::{Home, publish, variants},
};

#[tokio::test]
async fn an_update_shows_what_it_widens_needs_confirmation_and_can_be_rolled_back() {
    let (_files, [one, two, wider]) = variants([
        vec![("version", "1.0.0")],
        vec![("version", "1.1.0")],
        vec![("version", "1.2.0"), ("env", "OTHER_KEY")],
    ])
    .await;
    let (fake, home) = (Fake::start().await, Home::new().await);
    let reference = fake.reference(":1").to_string();
    let mut digests = vec![publish(&fake, ":1", &one).await];
    home.works(&["accept", "--yes", &reference]).await;
    assert_eq!(home.works(&["update"]).await["updated"], false);

    digests.push(publish(&fake, ":1", &two).await);
    // The tag has moved, and the pinned version runs.
    home.works(&["--plugin", &reference, "resolve", "hostile/a/fine"])
        .await;
    assert_eq!(home.lock()["plugins"]["hostile"]["digest"], digests[0].as_str());
    let said = home.refused(&["update"], "not-granted").await;
    assert!(said.contains("`--yes`"), "{said}");
    let updated = home.works(&["update", "--yes"]).await;
    assert_eq!(updated["digest"], digests[1].as_str());
    let widens = |updated: &Value, what: &str| {
        let changes = updated["changes"].as_array().unwrap().clone();
        changes
            .iter()
            .find(|change| change["what"] == what)
            .map(|change| change["widens"].clone())
    };
    assert_eq!(widens(&updated, "version"), Some(json!(false)));

    digests.push(publish(&fake, ":1", &wider).await);
    let ended = home.run(&["update", "--yes"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    // Old and new side by side; each part of the comparison is there, changed or not.
    for words in [
        "1.1.0 → 1.2.0",
        "HOSTILE_KEY → OTHER_KEY (wants more)",
        "contract, size, memory, origin, base path, header, prefix, imports, requests",
    ] {
        assert!(ended.err.contains(words), "{words}: {ended:?}");
    }
    assert!(ended.out.contains("`--yes --widen`"), "{ended:?}");
    let updated = home.works(&["update", "--yes", "--widen"]).await;
    assert_eq!(widens(&updated, "variables"), Some(json!(true)));
    assert_eq!(
        home.lock()["plugins"]["hostile"]["granted"]["envVars"],
        json!(["OTHER_KEY"])
    );

    let back = home.works(&["rollback", "hostile"]).await;
    assert_eq!(
        (&back["digest"], &back["left"]),
        (&json!(digests[1]), &json!(digests[2]))
    );
    drop(fake);
    home.works(&["--plugin", &reference, "resolve", "hostile/a/fine"])
        .await;
    home.works(&["rollback"]).await;
    assert_eq!(home.lock()["plugins"]["hostile"]["digest"], digests[0].as_str());
}

#[tokio::test]
async fn a_downgrade_needs_its_flag() {
    let (_files, [newer, older]) = variants([vec![("version", "1.1.0")], vec![("version", "1.0.9")]]).await;
    let (fake, home) = (Fake::start().await, Home::new().await);
    publish(&fake, ":1", &newer).await;
    home.works(&["accept", "--yes", &fake.reference(":1").to_string()])
        .await;
    let digest = publish(&fake, ":1", &older).await;
    let said = home.refused(&["update", "--yes"], "not-granted").await;
    assert!(said.contains("1.0.9") && said.contains("--downgrade"), "{said}");
    assert_eq!(
        home.works(&["update", "--yes", "--downgrade"]).await["digest"],
        digest.as_str()
    );
}
