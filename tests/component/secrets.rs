//! Text that contains the token is refused before a plugin sees it; and where compiled code may be cached.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use model_provider_host::{
    Error, ErrorKind, Sandbox, SandboxOptions, Settings,
    contract::{
        AssistantPart, ChatRequest, ContentPart, Extra, Media, MediaSource, Message, ProviderErrorKind,
        Reasoning, ResponseFormat, SystemMessage, Tool, ToolCall, ToolChoice,
        settings::{ConfiguredModel, ModelAlias},
        types::JsonSchema,
    },
    settings::ModelSettings,
};
use tempfile::TempDir;

use crate::{
    guests::Files,
    harness::{Harness, TOKEN, plugin, question, sandbox, weather_function},
};

fn extra(key: &str, value: &str) -> Extra {
    Extra {
        key: key.to_owned(),
        value_json: format!("\"{value}\""),
    }
}

/// A place in a request, and how a text gets there.
type Place = (&'static str, fn(&mut ChatRequest, String));

/// Every place in a request that can contain a text.
fn places() -> Vec<Place> {
    fn media(source: MediaSource) -> ContentPart {
        ContentPart::Media(Media::new("image/png", source))
    }
    fn call(arguments: &str, id: &str) -> Message {
        Message::assistant_parts(vec![AssistantPart::ToolCall(ToolCall::new(id, "f", arguments))])
    }
    vec![
        ("model", |r, s| r.model = format!("hostile/a/{s}")),
        ("system", |r, s| r.messages.push(Message::system(s))),
        ("user", |r, s| {
            r.messages.push(Message::user(s));
        }),
        ("picture", |r, s| {
            r.messages.push(Message::user_parts(vec![media(MediaSource::Data(
                s.into_bytes(),
            ))]));
        }),
        ("address", |r, s| {
            let url = MediaSource::Url(format!("https://example.com/?key={s}"));
            r.messages.push(Message::user_parts(vec![media(url)]));
        }),
        ("part", |r, s| {
            r.messages
                .push(Message::user_parts(vec![ContentPart::Other(extra("x", &s))]));
        }),
        ("assistant", |r, s| {
            r.messages.push(Message::assistant(s));
        }),
        ("thought", |r, s| {
            let mut thought = Reasoning::new("");
            thought.signature = Some(s);
            r.messages
                .push(Message::assistant_parts(vec![AssistantPart::Reasoning(thought)]));
        }),
        ("arguments", |r, s| {
            r.messages.push(call(&format!("{{\"a\":\"{s}\"}}"), "1"));
        }),
        ("id", |r, s| r.messages.push(call("{}", &s))),
        ("result", |r, s| {
            r.messages.push(Message::tool_result("1", s));
        }),
        ("tool", |r, s| {
            let mut tool = weather_function();
            tool.description = Some(s);
            r.tools.push(Tool::Function(tool));
        }),
        ("choice", |r, s| r.tool_choice = Some(ToolChoice::Named(s))),
        ("schema", |r, s| {
            r.response_format = Some(ResponseFormat::JsonSchema(JsonSchema {
                name: "n".to_owned(),
                description: None,
                schema_json: format!("{{\"title\":\"{s}\"}}"),
                strict: None,
                extras: vec![],
            }));
        }),
        ("member of a message", |r, s| {
            r.messages.push(Message::System(SystemMessage {
                content: vec![],
                extras: vec![extra("name", &s)],
            }));
        }),
        ("member of media", |r, s| {
            let mut media = Media::new("image/png", MediaSource::Data(vec![1]));
            media.extras.push(extra("detail", &s));
            r.messages
                .push(Message::user_parts(vec![ContentPart::Media(media)]));
        }),
        ("member of a call", |r, s| {
            let mut call = ToolCall::new("1", "f", "{}");
            call.extras.push(extra("extra_content", &s));
            r.messages
                .push(Message::assistant_parts(vec![AssistantPart::ToolCall(call)]));
        }),
        ("member of a tool", |r, s| {
            let mut tool = weather_function();
            tool.extras.push(extra("return", &s));
            r.tools.push(Tool::Function(tool));
        }),
        ("tool of another type", |r, s| {
            r.tools.push(Tool::Other(extra("x", &s)));
        }),
        ("format of another type", |r, s| {
            r.response_format = Some(ResponseFormat::Other(extra("regex", &s)));
        }),
        ("choice of another type", |r, s| {
            r.tool_choice = Some(ToolChoice::Other(extra("x", &s)));
        }),
        ("effort", |r, s| r.reasoning_effort = Some(s)),
        ("stop", |r, s| r.stop.push(s)),
        ("extra", |r, s| r.extras.push(extra("user", &s))),
    ]
}

fn refused(error: &Error, place: &str) {
    assert_eq!(
        error.kind(),
        ErrorKind::Provider(ProviderErrorKind::InvalidRequest),
        "{place}: {error}"
    );
    assert!(
        !format!("{error:?}").contains(TOKEN) && error.hint().is_some(),
        "{place}"
    );
    assert!(!error.details().request_sent);
}

/// The plugin would trap on any call; so it was not called.
#[tokio::test]
async fn a_request_that_holds_the_token_is_refused_before_the_plugin_sees_it() {
    let files = Files::new();
    let file = files.ordered("mine", [("chat", "trap")]);
    let trap = model_provider_host::Plugin::load(sandbox(), &file).await.unwrap();
    let harness = Harness::with().start_with(trap).await;
    for (place, put) in places() {
        for form in [
            TOKEN.to_owned(),
            format!("x{TOKEN}y"),
            STANDARD.encode(format!("Bearer {TOKEN}")),
        ] {
            let mut request = question("hostile/a/trap", "Hello!");
            put(&mut request, form);
            refused(&harness.host.chat(request.clone()).await.unwrap_err(), place);
            refused(&harness.host.complete(request).await.unwrap_err(), place);
        }
        let mut harmless = question("hostile/a/trap", "Hello!");
        put(&mut harmless, "harmless".to_owned());
        let error = harness.host.chat(harmless).await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::PluginTrap,
            "{place}: the plugin was called"
        );
    }
    let error = harness
        .host
        .resolve(&format!("hostile/a/{TOKEN}"))
        .await
        .unwrap_err();
    refused(&error, "a reference");
    assert!(harness.mock.requests().is_empty());
}

#[tokio::test]
async fn a_setting_that_holds_the_token_is_refused_when_the_host_starts() {
    let model = || ConfiguredModel {
        id: "a/b".to_owned(),
        display_name: None,
        reasoning: None,
        input: Vec::new(),
        context_window: None,
        max_output_tokens: None,
        price: None,
        extras: Vec::new(),
    };
    let configured = |change: &dyn Fn(&mut ConfiguredModel)| {
        let mut model = model();
        change(&mut model);
        Arc::new(ModelSettings::new(vec![model], Vec::new()))
    };
    let aliased = |alias: &str, reference: &str| {
        let alias = ModelAlias {
            alias: alias.to_owned(),
            reference: reference.to_owned(),
        };
        Arc::new(ModelSettings::new(Vec::new(), vec![alias]))
    };
    let encoded = STANDARD.encode(TOKEN);
    type Change<'a> = Box<dyn Fn(&mut Settings) + 'a>;
    let cases: Vec<(&str, Change<'_>)> = vec![
        ("`bill-to`", Box::new(|s| s.set("bill-to", TOKEN).unwrap())),
        (
            "`bill-to`",
            Box::new(move |s| s.set("bill-to", &encoded).unwrap()),
        ),
        ("name of a setting", Box::new(|s| s.set(TOKEN, "1").unwrap())),
        (
            "configured model",
            Box::new(|s| s.models = configured(&|m| m.extras = vec![extra("k", TOKEN)])),
        ),
        (
            "configured model",
            Box::new(|s| s.models = configured(&|m| m.display_name = Some(TOKEN.to_owned()))),
        ),
        ("alias", Box::new(|s| s.models = aliased(TOKEN, "a/b"))),
        (
            "alias",
            Box::new(|s| s.models = aliased("short", &format!("a/{TOKEN}"))),
        ),
    ];
    for (place, change) in cases {
        let started = Harness::with()
            .settings(&*change)
            .try_start_with(plugin().await)
            .await;
        let error = started.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.message().contains(place), "{place}: {error}");
        assert!(!format!("{error:?}").contains(TOKEN), "{error}");
    }
}

#[cfg(unix)]
mod compiled_code {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::{PermissionsExt as _, chown, symlink},
        path::Path,
    };

    use super::*;

    fn caching_in(dir: &Path) -> Result<Sandbox, Error> {
        Sandbox::new(
            &SandboxOptions::default()
                .with_cache_dir(dir.to_owned())
                .with_max_concurrent(2),
        )
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_directory_is_the_users_alone() {
        let dir = TempDir::new().unwrap();
        let cache = dir.path().join("state").join("cache");
        caching_in(&cache).unwrap();
        assert_eq!((mode(&cache), mode(cache.parent().unwrap())), (0o700, 0o700));
        // And may be used again.
        caching_in(&cache).unwrap();
    }

    #[test]
    fn a_directory_that_other_users_may_access_is_refused() {
        for open in [0o777, 0o770, 0o755, 0o702] {
            let dir = TempDir::new().unwrap();
            let cache = dir.path().join("cache");
            fs::create_dir(&cache).unwrap();
            fs::set_permissions(&cache, Permissions::from_mode(open)).unwrap();
            let error = caching_in(&cache).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.message().contains(&cache.display().to_string()), "{error}");
            assert!(
                error.message().contains(&format!("{open:03o}")) && error.hint().is_some(),
                "{error}"
            );
        }
    }

    #[test]
    fn a_link_and_a_file_are_refused() {
        let dir = TempDir::new().unwrap();
        let (mine, link, file) = (
            dir.path().join("mine"),
            dir.path().join("link"),
            dir.path().join("file"),
        );
        fs::create_dir(&mine).unwrap();
        fs::set_permissions(&mine, Permissions::from_mode(0o700)).unwrap();
        symlink(&mine, &link).unwrap();
        fs::write(&file, "").unwrap();
        for path in [link, file] {
            assert_eq!(
                caching_in(&path).unwrap_err().kind(),
                ErrorKind::Configuration,
                "{}",
                path.display()
            );
        }
    }

    #[test]
    fn a_directory_of_another_user_is_refused() {
        let dir = TempDir::new().unwrap();
        let cache = dir.path().join("cache");
        fs::create_dir(&cache).unwrap();
        fs::set_permissions(&cache, Permissions::from_mode(0o700)).unwrap();
        if chown(&cache, Some(12_345), None).is_err() {
            return eprintln!("skipped: only root can give a directory away");
        }
        let error = caching_in(&cache).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.message().contains("another user"), "{error}");
    }
}
