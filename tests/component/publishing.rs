//! `publish` of components that are no plugins: the composed gateway, and what is refused.

use serde_json::{Value, json};

use crate::{
    fake_registry::Fake,
    guests::{Files, member},
    registry_home::Home,
};

/// As engines take it: exports a handler of requests, imports WASI, says who made it.
const GATEWAY: &str = r#"(component
    (import "wasi:clocks/monotonic-clock@0.2.0" (instance))
    (import "wasi:config/store@0.2.0-rc.1" (instance))
    (instance $handler)
    (export "wasi:http/incoming-handler@0.2.6" (instance $handler))
    (@custom "component-name" "\00\09\08gateway1")
    (@custom "version" "1.2.3")
    (@custom "licenses" "Apache-2.0"))"#;

#[tokio::test]
async fn a_composed_gateway_is_published_with_its_interfaces_and_is_no_plugin() {
    let (fake, home, files) = (Fake::start().await, Home::new().await, Files::new());
    let file = files.write("gateway", &wat::parse_str(GATEWAY).unwrap());
    let bill = files.path().join("bill.json");
    std::fs::write(&bill, "{}").unwrap();
    let (reference, file) = (fake.reference(":1").to_string(), file.to_str().unwrap());
    let published = home
        .works(&["publish", &reference, file, "--sbom", bill.to_str().unwrap()])
        .await;
    assert_eq!(
        published["referrers"][0]["artifactType"],
        "application/vnd.cyclonedx+json"
    );

    let manifest: Value = serde_json::from_slice(&fake.manifest("1")).unwrap();
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(manifest["layers"][0]["digest"], published["digest"]);
    let told = |name: &str| manifest["annotations"][format!("org.opencontainers.image.{name}")].clone();
    assert_eq!(
        ["title", "version", "licenses"].map(told),
        ["gateway1", "1.2.3", "Apache-2.0"]
    );
    let config = fake.blob(manifest["config"]["digest"].as_str().unwrap());
    let config: Value = serde_json::from_slice(&config).unwrap();
    assert_eq!(
        config["component"],
        json!({
            "exports": ["wasi:http/incoming-handler@0.2.6"],
            "imports": ["wasi:clocks/monotonic-clock@0.2.0", "wasi:config/store@0.2.0-rc.1"],
            "target": null,
        })
    );
    // Engines pull it; this host runs plugins.
    home.works(&["pull", &reference]).await;
    home.refused(&["accept", "--yes", &reference], "contract-mismatch")
        .await;
}

#[tokio::test]
async fn a_gateway_that_is_not_composed_is_not_published() {
    let (fake, home) = (Fake::start().await, Home::new().await);
    let file = tokio::task::spawn_blocking(|| member("gateway-component"))
        .await
        .unwrap();
    let reference = fake.reference(":1").to_string();
    let said = home
        .refused(
            &["publish", &reference, file.to_str().unwrap()],
            "contract-mismatch",
        )
        .await;
    assert!(
        said.contains("not composed") && said.contains("openclaw:model-provider/provider@"),
        "{said}"
    );
    assert!(said.contains("cargo dist"), "{said}");
}

#[tokio::test]
async fn a_component_that_is_neither_is_not_published() {
    let (fake, home, files) = (Fake::start().await, Home::new().await, Files::new());
    let file = files.write("other", &wat::parse_str("(component)").unwrap());
    let reference = fake.reference(":1").to_string();
    let said = home
        .refused(
            &["publish", &reference, file.to_str().unwrap()],
            "contract-mismatch",
        )
        .await;
    assert!(said.contains("it exports nothing"), "{said}");
}
