// Masks secrets in the events of one response, before they are handed on.
//
// Text, reasoning and the arguments of each call are searched across events. What is held back is given before the part
// that it belongs to ends, so that the order of text, reasoning and calls stays as it is.
import { TextRedactor } from "./text.js";

export class EventRedactor {
  constructor(finder) {
    this.finder = finder;
    this.text = new TextRedactor(finder);
    this.reasoning = new TextRedactor(finder);
    /** @type {Map<number, TextRedactor>} */
    this.calls = new Map();
  }

  /** Takes events; gives those that may be handed on. */
  take(events) {
    const out = [];
    for (const event of events) this.one(event, out);
    return out;
  }

  one({ tag, val }, out) {
    const { finder } = this;
    if (tag === "text") {
      if (val === "") return;
      this.endReasoning(out);
      const text = this.text.push(val);
      if (text) out.push({ tag, val: text });
    } else if (tag === "reasoning") {
      // A piece that says nothing ends no text.
      if (val.text !== "" || val.signature !== undefined) this.endText(out);
      let text = this.reasoning.push(val.text);
      // A signature closes its part.
      if (val.signature !== undefined) text += this.reasoning.flush();
      const rest = finder.cleanAll({ ...val, text: "" });
      if (text || rest.signature !== undefined || rest.extras?.length > 0) out.push({ tag, val: { ...rest, text } });
    } else if (tag === "tool-call-delta") {
      if (!this.calls.has(val.index)) this.calls.set(val.index, new TextRedactor(finder));
      delta(val.index, this.calls.get(val.index).push(val.argumentsFragment), out);
    } else if (tag === "tool-call-end") {
      const call = this.calls.get(val.index);
      this.calls.delete(val.index);
      if (call) delta(val.index, call.flush(), out);
      out.push({ tag, val: finder.cleanAll(val) });
    } else {
      // Log probabilities and the like stand between pieces of text.
      if (tag !== "other") {
        this.endText(out);
        this.endReasoning(out);
      }
      out.push({ tag, val: finder.cleanAll(val) });
    }
  }

  /** What is still held, at the end of a response, good or bad. */
  finish() {
    const out = [];
    this.endText(out);
    this.endReasoning(out);
    for (const [index, call] of this.calls) delta(index, call.flush(), out);
    this.calls.clear();
    return out;
  }

  endText(out) {
    if (this.text.holds) out.push({ tag: "text", val: this.text.flush() });
  }

  endReasoning(out) {
    if (this.reasoning.holds) out.push({ tag: "reasoning", val: { text: this.reasoning.flush(), extras: [] } });
  }
}

function delta(index, argumentsFragment, out) {
  if (argumentsFragment) out.push({ tag: "tool-call-delta", val: { index, argumentsFragment } });
}
