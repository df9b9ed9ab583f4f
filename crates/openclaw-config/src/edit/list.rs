//! Text edits of a JSON5 list: removes and appends items. Knows neither files nor the meaning of any key.

use jsonc_parser::cst::{CstArray, CstNode};
use serde_json::Value;

/// Where a node begins in the text.
pub(super) fn offset(node: &CstNode) -> usize {
    let before: usize = node.previous_siblings().map(|node| node.to_string().len()).sum();
    before + node.parent().map_or(0, |parent| offset(&parent.into()))
}

/// The indentation of a file.
pub(super) struct Layout {
    /// The indentation of the line on which the list begins.
    pub(super) indent: String,
    /// One level of indentation.
    pub(super) step: String,
    pub(super) line_end: &'static str,
}

impl Layout {
    /// An item on lines of its own.
    fn item(&self, item: &Value) -> String {
        let mut text = String::new();
        for line in format!("{item:#}").lines() {
            let inner = line.trim_start_matches(' ');
            text += self.line_end;
            text += &self.indent;
            text += &self.step.repeat(1 + (line.len() - inner.len()) / 2);
            text += inner;
        }
        text
    }
}

/// The list without its stale items and with new ones at its end. Everything else but commas is unchanged, byte for
/// byte.
pub(super) fn renewed(list: &CstArray, layout: &Layout, stale: &[bool], new: &[Value]) -> String {
    let mut stale = stale.iter();
    let mut left = stale.clone().filter(|is_stale| !**is_stale).count() + new.len();
    let mut comma = || {
        left -= 1;
        if left > 0 { "," } else { "" }
    };
    let inner = list.children();
    let inner = inner.get(1..inner.len() - 1).unwrap_or_default();
    let mut kept: Vec<(&CstNode, &str)> = Vec::new();
    for node in inner {
        if node.is_comma() {
        } else if node.is_trivia() {
            kept.push((node, ""));
        } else if stale.next() == Some(&true) {
            // Also drops the space before it, but not the newline that ends a comment.
            drop_space(&mut kept, false);
        } else {
            kept.push((node, comma()));
        }
    }
    if !new.is_empty() {
        drop_space(&mut kept, true);
    }
    let mut text = "[".to_owned();
    for (node, comma) in kept {
        text += &node.to_string();
        text += comma;
    }
    for item in new {
        text += &layout.item(item);
        text += comma();
    }
    if !new.is_empty() {
        text += layout.line_end;
        text += &layout.indent;
    }
    text + "]"
}

/// Drops trailing space. A newline that ends a comment is dropped only if another one follows.
fn drop_space(kept: &mut Vec<(&CstNode, &str)>, is_line_ended: bool) {
    while let [before @ .., (last, _)] = kept.as_slice() {
        let is_comment_end = before.last().is_some_and(|(node, _)| node.is_comment());
        let goes = last.is_whitespace() || last.is_newline() && (is_line_ended || !is_comment_end);
        if !goes {
            break;
        }
        kept.pop();
    }
}
