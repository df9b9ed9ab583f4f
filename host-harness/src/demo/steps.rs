//! The steps of the tour, all on one host and router.

use std::time::Instant;

use tokio::sync::mpsc;

use super::{Data, Failure, MockRouter, Outcome, Reference, output::Scene, request};
use crate::{
    chat::{cost_of, summary_line},
    format,
    models::models_table,
    output::chat::Gathered,
    session::next_component,
};
use model_provider_host::{
    Error, ErrorKind, Host, Plugin, Sandbox,
    contract::{
        AssistantPart, ChatEvent, ChatRequest, DiscoveryMode, FinishReason, Message, ModelSource, Summary,
        ToolCall,
    },
    sanitize,
};

/// Rows of the list that are shown.
const ROWS: usize = 12;

/// What the steps work with.
pub(super) struct Stage<'a> {
    pub(super) data: &'a Data,
    pub(super) router: &'a MockRouter,
    pub(super) host: &'a Host,
    pub(super) sandbox: &'a Sandbox,
}

impl Stage<'_> {
    /// What the component can reach at all.
    pub(super) fn sandbox(&self, scene: &mut Scene) -> Outcome {
        scene.next("A component's imports are all that it can reach")?;
        let plugin = self.host.plugin();
        let timings = plugin.load_timings();
        scene.say(&format!(
            "{} {}, {}, {}",
            plugin.info().id,
            plugin.info().version,
            format::bytes(plugin.size()),
            plugin.digest()
        ))?;
        for import in plugin.imports() {
            scene.say(&format!("imports {import}"))?;
        }
        let closed = ["wasi:filesystem", "wasi:sockets", "wasi:cli", "wasi:random"];
        let is_closed = |name: &String| !closed.iter().any(|prefix| name.starts_with(prefix));
        scene.check(
            plugin.imports().iter().all(is_closed),
            "no file system, no sockets, no environment, no standard streams: it cannot even import them",
            None,
        )?;
        scene.done("compiled", Some(timings.compile))?;
        scene.done("checked against the contract", Some(timings.check))?;
        scene.done(
            "`describe` called, in an instance of its own",
            Some(timings.describe),
        )?;
        Ok(())
    }

    pub(super) async fn models(&self, scene: &mut Scene) -> Outcome {
        scene.next("The models that the service lists now")?;
        let began = Instant::now();
        let catalog = self.host.list_models(DiscoveryMode::Authenticated).await?;
        let took = began.elapsed();
        let shown = catalog.models.get(..ROWS).unwrap_or(&catalog.models);
        scene.block(&models_table(scene.paint, &self.host.info(), shown))?;
        let text = format!(
            "{} with their routes, prices and windows: one request, one instance",
            format::counted(catalog.models.len(), "model")
        );
        scene.check(catalog.source == ModelSource::Live, &text, Some(took))
    }

    pub(super) async fn references(&self, scene: &mut Scene) -> Outcome {
        scene.next("Model references, and what they resolve to")?;
        for reference in &self.data.references {
            let began = Instant::now();
            let resolved = self.host.resolve(&reference.write).await;
            let took = Some(began.elapsed());
            scene.say(&format!("{:?}: {}", reference.write, reference.why))?;
            let Reference {
                becomes,
                error,
                suggests,
                ..
            } = reference;
            match resolved {
                Ok(resolved) => {
                    let locked = if resolved.provider_locked {
                        ", provider-locked"
                    } else {
                        ""
                    };
                    let text = format!("{} ({}{locked})", resolved.canonical, resolved.display_name);
                    scene.check(becomes.as_ref() == Some(&resolved.canonical), &text, took)?;
                }
                Err(refused) => {
                    let meant = &refused.details().suggestions;
                    let suggested = suggests.as_ref().is_none_or(|wanted| meant.contains(wanted));
                    let hint = match meant.first() {
                        Some(best) => format!(" Did you mean {best}?"),
                        None => String::new(),
                    };
                    let text = format!("{}: {}{hint}", refused.kind(), refused.message());
                    let expected = error.as_deref() == Some(refused.kind().as_str());
                    scene.check(expected && suggested, &text, took)?;
                }
            }
        }
        Ok(())
    }

    /// A prompt, a tool call, its result, and the response.
    pub(super) async fn conversation(&self, scene: &mut Scene) -> Outcome {
        scene.next("A streaming response with a tool call")?;
        let mut request = request(&self.data.conversation)?;
        let (gathered, summary) = self.watch(scene, request.clone()).await?;
        let call = gathered.calls.first().cloned();
        let called = summary.finish_reason == FinishReason::ToolCalls;
        let Some(call) = call.filter(|_| called) else {
            return scene.check(false, "the model calls a tool", None);
        };
        scene.check(
            serde_json::from_str::<serde_json::Value>(&call.arguments).is_ok(),
            "the fragments of its arguments are one JSON value",
            None,
        )?;
        scene.say(&format!("the tool result: {}", self.data.tool_result))?;
        let wanted = AssistantPart::ToolCall(ToolCall::new(&call.id, call.name, call.arguments));
        request.messages.push(Message::assistant_parts(vec![wanted]));
        request
            .messages
            .push(Message::tool_result(call.id, &self.data.tool_result));
        let (gathered, summary) = self.watch(scene, request).await?;
        let answered = gathered.text.contains(&self.data.tool_result);
        scene.check(
            answered && summary.finish_reason == FinishReason::Stop,
            "the response uses the tool result",
            None,
        )
    }

    /// Where the token appeared.
    pub(super) fn credential(&self, scene: &mut Scene) -> Outcome {
        scene.next("The token never enters the sandbox")?;
        let requests = self.router.requests();
        let carried = requests
            .iter()
            .filter(|request| {
                let mut values = request.headers.values().filter_map(|value| value.to_str().ok());
                values.any(|value| value.contains(&self.data.token))
            })
            .count();
        scene.say(
            "The component knows only that the host attaches a credential. The host added it on egress.",
        )?;
        let text = format!(
            "{carried} of {} requests reached the service with it, over {}",
            requests.len(),
            format::counted(self.router.connections(), "connection")
        );
        scene.check(carried > 0 && carried == requests.len(), &text, None)
    }

    pub(super) async fn failure(&self, scene: &mut Scene) -> Outcome {
        scene.next("An error says how to fix it")?;
        let failure = &self.data.failure;
        let scenario =
            |error: mock_router::MockError| Error::new(ErrorKind::Configuration, error.to_string());
        self.router.set_scenario(&failure.scenario).map_err(scenario)?;
        let began = Instant::now();
        let ended = self.host.complete(request(&failure.request)?).await;
        let took = Some(began.elapsed());
        self.router.clear_scenario();
        let Err(error) = ended else {
            return scene.check(false, "the service refuses the request", took);
        };
        scene.block(&crate::output::error::for_a_person(scene.paint, &error))?;
        let text = format!("a typed error, `{}`, not a guess from its message", error.kind());
        scene.check(error.kind().as_str() == failure.kind, &text, took)
    }

    /// A hot swap while a response is streaming.
    pub(super) async fn swap(&self, scene: &mut Scene) -> Outcome {
        scene.next("A hot swap in the middle of a response")?;
        let next = next_component(scene.terminal).await?;
        let compiling = scene.terminal.spinner("compiling the next version");
        let staged = Plugin::load(self.sandbox, &next).await?;
        drop(compiling);
        scene.done(
            &format!(
                "the next version, {}, is compiled beside the live one",
                staged.info().version
            ),
            Some(staged.load_timings().compile),
        )?;
        let mut old = self.host.chat(request(&self.data.before_swap)?).await?;
        let from = old.generation();
        scene
            .terminal
            .write(&format!("  {} ", scene.paint.cyan("old ▏")))?;
        // Some deltas of the old generation first, so that its response is well under way.
        let mut words = 0;
        while words < 8 {
            match old.next().await? {
                Some(ChatEvent::Text(text)) => {
                    words += 1;
                    scene.terminal.write(&sanitize::flat(&text))?;
                }
                Some(_) => {}
                None => break,
            }
        }
        scene.terminal.line(" …")?;
        let report = self.host.swap(&next).await?;
        let text = format!(
            "generation {} ({}) is live; generation {} finishes {}",
            report.to.number,
            report.to.version,
            report.from.number,
            format::counted(report.draining, "response")
        );
        scene.check(report.draining == 1, &text, None)?;
        scene.say(&format!(
            "code from the cache {} · checks {} · self-test {} · the switch {}",
            format::duration(report.compile),
            format::duration(report.check),
            format::duration(report.self_test),
            format::duration(report.switch)
        ))?;
        let mut new = self.host.chat(request(&self.data.after_swap)?).await?;
        // Both are read at the same time; the old generation's deltas are queued until the new response is shown.
        let (said, mut waiting) = mpsc::unbounded_channel();
        let reading = async {
            while let Some(event) = old.next().await? {
                if let ChatEvent::Text(text) = event {
                    // The receiver outlives this future.
                    let _ = said.send(text);
                }
            }
            drop(said);
            Outcome::Ok(())
        };
        let showing = async {
            scene
                .terminal
                .write(&format!("  {} ", scene.paint.cyan("new ▏")))?;
            while let Some(event) = new.next().await? {
                if let ChatEvent::Text(text) = event {
                    scene.terminal.write(&sanitize::flat(&text))?;
                }
            }
            scene
                .terminal
                .write(&format!("\n  {} …", scene.paint.cyan("old ▏")))?;
            while let Some(text) = waiting.recv().await {
                scene.terminal.write(&sanitize::flat(&text))?;
            }
            Ok(scene.terminal.line("")?)
        };
        tokio::try_join!(reading, showing)?;
        let after = new.generation();
        let text = format!(
            "the first response is generation {}'s ({}) to its last token, the second generation {}'s ({})",
            from.number, from.version, after.number, after.version
        );
        let stayed = old.generation() == from && after == report.to && from != after;
        scene.check(
            stayed && old.summary().is_some() && new.summary().is_some(),
            &text,
            None,
        )
    }

    /// Shows a streaming response.
    async fn watch(&self, scene: &Scene, request: ChatRequest) -> Result<(Gathered, Summary), Failure> {
        let began = Instant::now();
        let mut completion = self.host.chat(request).await?;
        let mut gathered = Gathered::default();
        let mut first = None;
        let mut thinking = false;
        let mut open = false;
        while let Some(event) = completion.next().await? {
            first.get_or_insert_with(|| began.elapsed());
            gathered.take(&event);
            match &event {
                ChatEvent::Reasoning(thought) => {
                    if !std::mem::replace(&mut open, true) {
                        scene.terminal.write("  ")?;
                    }
                    thinking = true;
                    let thought = sanitize::flat(&thought.text);
                    scene.terminal.write(&scene.paint.dim(&thought))?;
                }
                ChatEvent::Text(text) => {
                    if std::mem::take(&mut thinking) {
                        scene.terminal.line("")?;
                        open = false;
                    }
                    if !std::mem::replace(&mut open, true) {
                        scene.terminal.write("  ")?;
                    }
                    scene.terminal.write(&sanitize::flat(text))?;
                }
                ChatEvent::ToolCallEnd(end) => {
                    if std::mem::take(&mut open) {
                        scene.terminal.line("")?;
                    }
                    if let Some(call) = gathered.calls.iter().find(|call| call.index == end.index) {
                        let name = scene.paint.bold(&sanitize::name(&call.name));
                        scene.terminal.line(&format!(
                            "  {} {name} {}",
                            scene.paint.cyan("tool call"),
                            sanitize::flat(&call.arguments)
                        ))?;
                    }
                }
                _ => {}
            }
        }
        if open {
            scene.terminal.line("")?;
        }
        let summary = completion.summary().cloned().ok_or_else(|| {
            Error::new(
                ErrorKind::PluginTrap,
                "the plugin ended the response without a summary",
            )
        })?;
        let cost = cost_of(self.host, &summary).await;
        let line = summary_line(
            &summary,
            &completion.generation(),
            cost.as_deref(),
            began.elapsed(),
        );
        scene.block(&scene.paint.dim(&sanitize::line(&line)))?;
        scene.done("first token", first)?;
        Ok((gathered, summary))
    }
}
