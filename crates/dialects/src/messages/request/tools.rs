//! The tools of a request, as its messages change them, and the tool choice.
//!
//! A client tool is a function of the contract. A server tool, or one whose schema only the service knows, cannot
//! be offered: it is left out with a warning, and is an error only if the choice forces it.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use super::CACHE_CONTROL;
use crate::{ending::RequestNotes, json::Node};
use provider_contract::{
    Result,
    contract::{ChatRequest, Extra, FunctionTool, Tool, ToolChoice},
};

/// The longest tool name in the contract; the dialect allows twice as much.
const LONGEST_NAME: usize = 64;
/// Prefix of the service's tools that search declared tools which are not loaded.
const SEARCH: &str = "tool_search_tool_";

/// The tools so far.
#[derive(Debug, Default)]
pub(super) struct Toolbox {
    tools: Vec<Entry>,
    /// The index of each tool, by the client's name.
    places: HashMap<String, usize>,
    /// Tools that were left out, by the names that a choice may use for them.
    left_out: Vec<String>,
    /// Whether the service was to search tools, which is not supported here.
    has_search: bool,
    /// The client's names by the shortened ones, where they differ.
    long_names: HashMap<String, String>,
}

#[derive(Debug)]
struct Entry {
    tool: FunctionTool,
    /// Its path in the body.
    path: String,
    is_offered: bool,
}

impl Toolbox {
    /// Adds a tool of the request.
    pub(super) fn declare(&mut self, tool: &Node<'_>, notes: &mut RequestNotes) -> Result<()> {
        let kind = tool.optional_text("type")?;
        if let Some(kind) = kind.filter(|kind| kind != "custom") {
            self.has_search |= kind.starts_with(SEARCH);
            self.left_out.extend(tool.optional_text("name")?);
            notes.warn(
                "tool-left-out",
                format!(
                    "`{}` is not offered to the model: only tools with an `input_schema` of their own are, which the \
                     client runs",
                    tool.path()
                ),
            );
            return Ok(());
        }
        let known = [
            "type",
            "name",
            "description",
            "input_schema",
            "strict",
            "defer_loading",
            "eager_input_streaming",
            CACHE_CONTROL,
        ];
        notes.left_out.extend(tool.unknown_paths(&known));
        let name = tool.need("name")?.string()?;
        let function = FunctionTool {
            name: self.used(&name),
            description: tool.optional_text("description")?,
            parameters_json: tool.need("input_schema")?.object_json()?,
            strict: tool.optional_flag("strict")?,
            extras: Vec::new(),
        };
        let entry = Entry {
            tool: function,
            path: tool.path().to_owned(),
            is_offered: !tool.optional_flag("defer_loading")?.unwrap_or_default(),
        };
        match self.places.get(&name) {
            // Duplicates in the request are reported by the plugin; a later definition replaces an earlier one.
            Some(&at) if entry.is_offered && !self.tools[at].is_offered => self.tools[at] = entry,
            _ => {
                self.places.insert(name, self.tools.len());
                self.tools.push(entry);
            }
        }
        Ok(())
    }

    /// Offers a tool from here on; no effect if there is none of this name.
    pub(super) fn offer(&mut self, name: &str) -> bool {
        self.set(name, true)
    }

    fn set(&mut self, name: &str, is_offered: bool) -> bool {
        let entry = self.places.get(name).and_then(|&at| self.tools.get_mut(at));
        entry.map(|entry| entry.is_offered = is_offered).is_some()
    }

    /// The name under which a client's tool is sent.
    pub(super) fn used(&mut self, name: &str) -> String {
        if name.len() <= LONGEST_NAME {
            return name.to_owned();
        }
        let short = shortened(name);
        self.long_names.insert(short.clone(), name.to_owned());
        short
    }

    /// `tool_addition`: the name of a declared tool, or a definition.
    pub(super) fn add(&mut self, block: &Node<'_>, notes: &mut RequestNotes) -> Result<()> {
        let tool = block.need("tool")?;
        match &*tool.need("type")?.text()? {
            "tool_reference" => {
                let name = tool.need("name")?.string()?;
                if !self.offer(&name) {
                    notes.left_out.push(tool.path().to_owned());
                }
            }
            "tool_definition" => {
                let definition = tool.need("definition")?;
                if let Some(name) = definition.optional_text("name")? {
                    // It may be loaded later, or redefined.
                    self.set(&name, false);
                    self.declare(&definition, notes)?;
                    self.offer(&name);
                } else {
                    self.declare(&definition, notes)?;
                }
            }
            _ => notes.left_out.push(tool.path().to_owned()),
        }
        Ok(())
    }

    /// `tool_removal`.
    pub(super) fn remove(&mut self, block: &Node<'_>, notes: &mut RequestNotes) -> Result<()> {
        let tool = block.need("tool")?;
        let is_removed = match &*tool.need("type")?.text()? {
            "tool_reference" => {
                let name = tool.need("name")?.string()?;
                self.set(&name, false)
            }
            _ => false,
        };
        if !is_removed {
            notes.left_out.push(tool.path().to_owned());
        }
        Ok(())
    }

    /// Writes the finally offered tools and the choice to the request. Returns the client's names of those whose
    /// names were shortened, and the path of each tool in the body.
    pub(super) fn finish(
        mut self,
        choice: Option<&Node<'_>>,
        request: &mut ChatRequest,
        notes: &mut RequestNotes,
    ) -> Result<(HashMap<String, String>, Vec<String>)> {
        let choice = choice
            .map(|choice| self.choice(choice, request, notes))
            .transpose()?;
        let has_search = self.has_search;
        let offered = self
            .tools
            .into_iter()
            .filter(|entry| entry.is_offered || has_search);
        let paths;
        (request.tools, paths) = offered
            .map(|entry| (Tool::Function(entry.tool), entry.path))
            .unzip();
        if request.tools.is_empty() {
            // Parallel calls need tools.
            request.extras.retain(|extra| extra.key != PARALLEL);
        } else {
            request.tool_choice = choice;
        }
        Ok((self.long_names, paths))
    }

    fn choice(
        &mut self,
        choice: &Node<'_>,
        request: &mut ChatRequest,
        notes: &mut RequestNotes,
    ) -> Result<ToolChoice> {
        notes
            .left_out
            .extend(choice.unknown_paths(&["type", "name", SERIAL]));
        if choice.optional_flag(SERIAL)?.unwrap_or_default() {
            request.extras.push(Extra {
                key: PARALLEL.to_owned(),
                value_json: "false".to_owned(),
            });
        }
        let kind = choice.need("type")?;
        match &*kind.text()? {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::None),
            "any" if self.has_search || self.tools.iter().any(|entry| entry.is_offered) => {
                Ok(ToolChoice::Required)
            }
            "any" if self.left_out.is_empty() => Err(choice.invalid("forces a tool, but `tools` has none")),
            "any" => Err(choice.unsupported(FORCES_LEFT_OUT)),
            "tool" => {
                let named = choice.need("name")?;
                let name = named.string()?;
                if self.offer(&name) {
                    Ok(ToolChoice::Named(self.used(&name)))
                } else if self.left_out.contains(&name) {
                    Err(named.unsupported(FORCES_LEFT_OUT))
                } else {
                    Err(named.invalid("names none of `tools`"))
                }
            }
            _ => Err(kind.wrong("`auto`, `any`, `tool` or `none`")),
        }
    }
}

/// The dialect's negation of upstreams' `parallel_tool_calls`.
const SERIAL: &str = "disable_parallel_tool_use";
const PARALLEL: &str = "parallel_tool_calls";
const FORCES_LEFT_OUT: &str = "forces a tool that this server cannot offer to a model: only tools with an `input_schema` \
                               of their own are, which the client runs; define such a tool, or leave the choice open";

/// A name within the contract's length; different names stay different.
fn shortened(name: &str) -> String {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let end = (0..=LONGEST_NAME - 17)
        .rev()
        .find(|&end| name.is_char_boundary(end));
    let start = name.get(..end.unwrap_or_default()).unwrap_or_default();
    format!("{start}_{:016x}", hasher.finish())
}
