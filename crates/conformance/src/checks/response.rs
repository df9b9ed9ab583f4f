//! Checks of a response: reasoning, tool calls, finish reason and usage.

use std::collections::HashSet;

use model_provider_host::contract::{ChatEvent, ChatRequest, Extra, FinishReason, Message, Summary};
use serde_json::Value;

use crate::{
    check::{Verdict, checks, expect, failed, not_tested},
    heard::Heard,
    session::{Bench, words},
};

checks! {
    "response/reasoning", "Reasoning content of the model." => reasoning;
    "response/tool-call", "A call of a tool by the model." => tool_call;
    "response/call-order", "A call begins. Calls may be interleaved." => call_order;
    "response/call-indices", "Identifies the call within this response: 0, 1, 2 in the order of the starts." => call_indices;
    "response/call-ends", "The call is complete: its fragments are one JSON value, and nothing more belongs to it. Once for each start." => call_ends;
    "response/two-calls", "A fragment of a call's arguments." => two_calls;
    "response/no-arguments", "In a response always one whole JSON value, `{}` where there are none." => no_arguments;
    "response/call-ids", "Identifies the call within the conversation. The plugin makes one up where the upstream sent none." => call_ids;
    "response/broken-arguments", "In a response always one whole JSON value, `{}` where there are none." => broken_arguments;
    "response/finish-stop", "The model was done." => finish_stop;
    "response/finish-length", "`max-output-tokens` or the context window was reached." => finish_length;
    "response/finish-tool-calls", "The model calls tools." => finish_tool_calls;
    "response/finish-content-filter", "The upstream withheld the rest." => finish_content_filter;
    "response/finish-other", "Another reason; see `raw-finish-reason`." => finish_other;
    "response/raw-finish-reason", "The upstream's own finish reason." => raw_finish_reason;
    "response/usage", "Token counts, as the upstream last reported them." => usage;
    "response/usage-details", "Those of the reasoning." => usage_details;
    "response/usage-unknown", "Unknown is `none` (or the empty list), never zero, false or \"\"." => usage_unknown;
    "response/model", "The `canonical` reference of the request." => model;
    "response/extras", "`-json` in a name is one JSON value as text, `-ms` is milliseconds." => extras;
    "response/warnings", "A stable code in kebab-case: `catalog-not-live`, `rows-skipped`. Open." => warnings;
    "response/request-id", "The upstream's request id, for its support desk." => request_id;
}

/// The text after the reasoning.
pub(crate) const SPOKEN: &str = "Then speak.";
const CALLS: [&str; 4] = [
    "tool-call",
    "two-tool-calls",
    "tool-call-without-arguments",
    "tool-call-without-id",
];

fn summary(heard: &Heard) -> Result<&Summary, Verdict> {
    heard
        .end
        .as_ref()
        .map_err(|error| failed("a response to its end", words(error)))
}

async fn reasoning(bench: &Bench) -> Result<(), Verdict> {
    let heard = bench.hear("reasoning").await?;
    summary(&heard)?;
    let is_so = heard.reasoning() == "First, think." && heard.text() == SPOKEN;
    expect(
        is_so,
        format!("the reasoning `First, think.`, then the text `{SPOKEN}`"),
        || format!("{:?}", heard.events),
    )?;
    let place = |is: fn(&ChatEvent) -> bool| heard.events.iter().position(is);
    let thinks = place(|event| matches!(event, ChatEvent::Reasoning(_)));
    let speaks = place(|event| matches!(event, ChatEvent::Text(_)));
    expect(thinks < speaks, "reasoning before text", || {
        format!("{:?}", heard.events)
    })
}

fn arguments(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}

async fn tool_call(bench: &Bench) -> Result<(), Verdict> {
    let heard = bench.hear("tool-call").await?;
    summary(&heard)?;
    let calls = heard.calls();
    let is_so = matches!(calls.as_slice(), [call] if call.name == "get_weather"
        && arguments(&call.arguments_json) == serde_json::json!({"city": "Lisbon"}) && call.id == "call_a");
    expect(
        is_so,
        r#"one call `call_a` of `get_weather` with {"city":"Lisbon"}"#,
        || format!("{calls:?}"),
    )
}

/// The events of tool calls with their kinds.
fn call_events(heard: &Heard) -> Vec<(u32, &'static str)> {
    let of = |event: &ChatEvent| match event {
        ChatEvent::ToolCallStart(start) => Some((start.index, "start")),
        ChatEvent::ToolCallDelta(delta) => Some((delta.index, "delta")),
        ChatEvent::ToolCallEnd(end) => Some((end.index, "end")),
        _ => None,
    };
    heard.events.iter().filter_map(of).collect()
}

async fn call_order(bench: &Bench) -> Result<(), Verdict> {
    for situation in CALLS {
        let heard = bench.hear(situation).await?;
        let events = call_events(&heard);
        let (mut open, mut closed) = (HashSet::new(), HashSet::new());
        for (index, what) in &events {
            let is_in_order = match *what {
                "start" => open.insert(*index),
                "end" => open.contains(index) && closed.insert(*index),
                _ => open.contains(index) && !closed.contains(index),
            };
            expect(is_in_order, "start, deltas, end of each call", || {
                format!("`{situation}`: {events:?}")
            })?;
        }
        expect(!open.is_empty(), "a call", || {
            format!("`{situation}`: {:?}", heard.events)
        })?;
    }
    Ok(())
}

async fn call_indices(bench: &Bench) -> Result<(), Verdict> {
    for situation in CALLS {
        let heard = bench.hear(situation).await?;
        let starts = call_events(&heard)
            .into_iter()
            .filter(|(_, what)| *what == "start");
        let indices: Vec<u32> = starts.map(|(index, _)| index).collect();
        let is_so = indices.iter().zip(0..).all(|(index, at)| *index == at);
        expect(is_so, "0, 1, 2 in the order of the starts", || {
            format!("`{situation}`: {indices:?}")
        })?;
    }
    Ok(())
}

async fn call_ends(bench: &Bench) -> Result<(), Verdict> {
    for situation in CALLS {
        let heard = bench.hear(situation).await?;
        summary(&heard)?;
        let count = |of: &str| call_events(&heard).iter().filter(|(_, what)| *what == of).count();
        let (starts, ends) = (count("start"), count("end"));
        expect(starts == ends && starts > 0, "one end for each start", || {
            format!("`{situation}`: {starts} starts, {ends} ends")
        })?;
        for call in heard.calls() {
            let is_json = serde_json::from_str::<Value>(&call.arguments_json).is_ok();
            expect(is_json, "fragments that are one JSON value", || {
                format!("`{situation}`: {call:?}")
            })?;
        }
    }
    Ok(())
}

async fn two_calls(bench: &Bench) -> Result<(), Verdict> {
    let heard = bench.hear("two-tool-calls").await?;
    summary(&heard)?;
    let calls = heard.calls();
    let found: Vec<(&str, Value)> = calls
        .iter()
        .map(|call| (call.name.as_str(), arguments(&call.arguments_json)))
        .collect();
    let expected = [
        ("get_weather", serde_json::json!({"city": "Lisbon"})),
        ("get_time", serde_json::json!({"zone": "UTC"})),
    ];
    expect(found == expected, format!("{expected:?}"), || {
        format!("{found:?}")
    })
}

async fn no_arguments(bench: &Bench) -> Result<(), Verdict> {
    let heard = bench.hear("tool-call-without-arguments").await?;
    summary(&heard)?;
    let calls = heard.calls();
    let is_so = matches!(calls.as_slice(), [call] if call.arguments_json.trim() == "{}");
    expect(is_so, "`{}` as arguments", || format!("{calls:?}"))
}

async fn call_ids(bench: &Bench) -> Result<(), Verdict> {
    for situation in ["two-tool-calls", "tool-call-without-id"] {
        let heard = bench.hear(situation).await?;
        summary(&heard)?;
        let calls = heard.calls();
        let ids: HashSet<&str> = calls.iter().map(|call| call.id.as_str()).collect();
        let is_so = ids.len() == calls.len() && calls.len() == 2 && !ids.contains("");
        expect(is_so, "two calls, each with an id of its own", || {
            format!("`{situation}`: {calls:?}")
        })?;
    }
    Ok(())
}

async fn broken_arguments(bench: &Bench) -> Result<(), Verdict> {
    let heard = bench.hear("tool-call-broken-arguments").await?;
    let calls = heard.calls();
    let are_json = calls
        .iter()
        .all(|call| serde_json::from_str::<Value>(&call.arguments_json).is_ok());
    expect(
        heard.end.is_err() || are_json,
        "an error, or arguments that are JSON",
        || format!("a good end, with {calls:?}"),
    )
}

async fn finish(bench: &Bench, situation: &str, reason: FinishReason) -> Result<(), Verdict> {
    let heard = bench.hear(situation).await?;
    let summary = summary(&heard)?;
    expect(
        summary.finish_reason == reason,
        format!("`{situation}`: {reason:?}"),
        || format!("{:?}", summary.finish_reason),
    )
}

async fn finish_stop(bench: &Bench) -> Result<(), Verdict> {
    finish(bench, "text", FinishReason::Stop).await
}

async fn finish_length(bench: &Bench) -> Result<(), Verdict> {
    finish(bench, "finish-length", FinishReason::Length).await
}

async fn finish_tool_calls(bench: &Bench) -> Result<(), Verdict> {
    finish(bench, "tool-call", FinishReason::ToolCalls).await
}

async fn finish_content_filter(bench: &Bench) -> Result<(), Verdict> {
    let heard = bench.hear("finish-content-filter").await?;
    match &heard.end {
        Ok(summary) => expect(
            summary.finish_reason == FinishReason::ContentFilter,
            "ContentFilter",
            || format!("{:?}", summary.finish_reason),
        ),
        Err(error) => Err(failed("the response as far as it came", words(error))),
    }
}

async fn finish_other(bench: &Bench) -> Result<(), Verdict> {
    finish(bench, "finish-other", FinishReason::Other).await
}

async fn raw_finish_reason(bench: &Bench) -> Result<(), Verdict> {
    for (situation, usual) in [("text", "stop"), ("finish-other", "pause_turn")] {
        let word = bench.finish_reason(situation, usual);
        let heard = bench.hear(situation).await?;
        let raw = summary(&heard)?.raw_finish_reason.clone();
        if raw.is_none() && situation == "text" {
            return Err(failed(format!("`{word}`"), "none"));
        }
        let is_own = raw.as_deref() == Some(word);
        expect(
            is_own,
            format!("`{situation}`: the upstream's own word, `{word}`"),
            || format!("{raw:?}"),
        )?;
    }
    Ok(())
}

async fn usage(bench: &Bench) -> Result<(), Verdict> {
    let heard = bench.hear("text").await?;
    let usage = summary(&heard)?.usage;
    let found = (usage.input_tokens, usage.output_tokens);
    expect(
        found == (Some(7), Some(4)),
        "7 input tokens, 4 output tokens",
        || format!("{usage:?}"),
    )
}

async fn usage_details(bench: &Bench) -> Result<(), Verdict> {
    let cached = summary(&bench.hear("text").await?)?.usage.cached_input_tokens;
    let reasoning = summary(&bench.hear("reasoning").await?)?.usage.reasoning_tokens;
    let is_so = |found: Option<u32>, expected: u32| found.is_none_or(|found| found == expected);
    expect(
        is_so(cached, 2) && is_so(reasoning, 5),
        "2 cached input tokens, 5 reasoning tokens",
        || format!("{cached:?} and {reasoning:?}"),
    )?;
    if cached.is_none() && reasoning.is_none() {
        return Err(not_tested("it gives no detail of the usage"));
    }
    Ok(())
}

async fn usage_unknown(bench: &Bench) -> Result<(), Verdict> {
    let heard = bench.hear("usage-missing").await?;
    let usage = summary(&heard)?.usage;
    let counts = [
        usage.input_tokens,
        usage.cached_input_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
    ];
    expect(
        counts.iter().all(Option::is_none),
        "no counts where the upstream reports none",
        || format!("{usage:?}"),
    )
}

async fn model(bench: &Bench) -> Result<(), Verdict> {
    let known = bench.resolved().await?;
    let mut session = bench.with().chat("text")?.start().await?;
    let mut request = bench.question();
    request.model = format!(" {} ", known.canonical);
    let heard = session.hear(&request).await?;
    let found = &summary(&heard)?.model;
    expect(
        *found == known.canonical,
        format!("`{}`", known.canonical),
        || format!("`{found}`"),
    )
}

async fn request_id(bench: &Bench) -> Result<(), Verdict> {
    let heard = bench.hear("text").await?;
    match summary(&heard)?.request_id.as_deref() {
        Some(found) => expect(found == "req-conformance-1", "`req-conformance-1`", || {
            format!("`{found}`")
        }),
        None => Err(not_tested("it gives no request id")),
    }
}

/// Those of the summary and of all events.
fn all_extras(heard: &Heard) -> Vec<Extra> {
    let of = |event: &ChatEvent| match event {
        ChatEvent::Reasoning(reasoning) => reasoning.extras.clone(),
        ChatEvent::ToolCallEnd(end) => end.extras.clone(),
        ChatEvent::Media(media) => media.extras.clone(),
        ChatEvent::Other(extra) => vec![extra.clone()],
        _ => Vec::new(),
    };
    let of_the_end = heard.end.iter().flat_map(|summary| summary.extras.clone());
    heard.events.iter().flat_map(of).chain(of_the_end).collect()
}

async fn extras(bench: &Bench) -> Result<(), Verdict> {
    let mut found = 0;
    for situation in ["text", "reasoning", "tool-call"] {
        for extra in all_extras(&bench.hear(situation).await?) {
            found += 1;
            let is_json = serde_json::from_str::<Value>(&extra.value_json).is_ok();
            expect(
                is_json,
                format!("`{situation}`: one JSON value in `{}`", extra.key),
                || extra.value_json.clone(),
            )?;
        }
    }
    if found == 0 {
        Err(not_tested("its responses have no extras"))
    } else {
        Ok(())
    }
}

/// Of requests about which there may be something to say.
async fn warnings(bench: &Bench) -> Result<(), Verdict> {
    let mut odd = bench.request(vec![Message::user("Hello!")]);
    odd.reasoning_effort = Some("kit-effort".to_owned());
    if let Some(Message::User(message)) = odd.messages.first_mut() {
        message.extras.push(Extra {
            key: "kit_member".to_owned(),
            value_json: "true".to_owned(),
        });
    }
    let unknown = ChatRequest {
        model: format!("{}-unlisted", bench.resolved().await?.canonical),
        ..bench.question()
    };
    let mut found = 0;
    for request in [bench.question(), odd, unknown] {
        let mut session = bench.with().chat("text")?.start().await?;
        let Ok(summary) = session.hear(&request).await?.end else {
            continue;
        };
        for warning in &summary.warnings {
            found += 1;
            let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
            let is_code = !warning.code.is_empty() && warning.code.bytes().all(plain);
            expect(
                is_code && !warning.message.trim().is_empty(),
                "a code in kebab-case, and a message",
                || format!("{warning:?}"),
            )?;
        }
    }
    if found == 0 {
        Err(not_tested(
            "it warns neither of an unlisted model, nor of a message's extra with an unknown reasoning effort",
        ))
    } else {
        Ok(())
    }
}
