//! References to variables in settings and headers: resolved or reported, never passed on.

use super::*;

#[test]
fn a_reference_in_a_setting_is_resolved_or_refused_and_never_handed_on() {
    let own = "{ 'bill-to': '${ORG}', 'base-url': '$BASE', 'connect-timeout-ms': '${MS}',
        providers: { acme: { nested: ['${ORG}', { a: 'secretref-env:ORG' }], models: { 'a/b': { x: '$ORG' } } } } }";
    let home = Home::new(&[("host-harness.json5", own), (".env", "ORG=ours\n")])
        .with("BASE", "https://own.test/v1")
        .with("MS", "7");
    let settings = home.load().settings(&acme()).unwrap();
    assert_eq!(settings.extras["bill-to"], "\"ours\"");
    assert_eq!(settings.extras["nested"], "[\"ours\",{\"a\":\"ours\"}]");
    assert_eq!(settings.base_url.unwrap().as_str(), "https://own.test/v1");
    assert_eq!(settings.connect_timeout, Duration::from_millis(7));
    for text in ["${ORG}", "$ORG", "${org}", "secretref-env:ORG", "a-${ORG:-b}"] {
        let own = format!("{{ providers: {{ acme: {{\n 'bill-to': '{text}' }} }} }}");
        let home = Home::new(&[("host-harness.json5", &own)]);
        let error = home.load().settings(&acme()).unwrap_err();
        assert!(error.message().contains("line 2, column 13"), "{text}: {error}");
        assert!(error.message().contains("cannot be used"), "{text}: {error}");
    }
}

#[test]
fn a_header_follows_the_same_rule_of_references_as_a_key() {
    let header = |text: &str| {
        let config = format!("{{ models: {{ providers: {{ acme: {{ headers: {{ A: '{text}' }} }} }} }} }}");
        let home = Home::new(&[("openclaw.json", &config)]).with("MY", "mine");
        let settings = home.load().settings(&acme()).unwrap();
        let value = settings
            .headers
            .first()
            .map(|(_, value)| value.expose().to_owned());
        let said = home.load().unresolved_settings(&acme()).unwrap().len();
        assert_eq!(said, usize::from(value.is_none()), "{text}");
        value
    };
    for (text, value) in [
        ("$MY", "mine"),
        ("${MY}", "mine"),
        ("secretref-env:MY", "mine"),
        ("MY", "MY"),
        ("a $MY", "a $MY"),
        ("$5", "$5"),
    ] {
        assert_eq!(header(text).as_deref(), Some(value), "{text}");
    }
    for text in [
        "$NOT_SET",
        "$my",
        "secretref:MY",
        "{\"source\":\"env\",\"id\":\"MY\"}",
        "$(id)",
    ] {
        assert_eq!(header(text), None, "{text}");
    }
}
