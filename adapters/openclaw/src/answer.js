// From the contract's events to OpenClaw's: builds the assistant message, event by event.
//
// It knows the events and OpenClaw's message; not where they come from, nor how a failed call is classified.
import { kept } from "./request.js";

const REASONS = { stop: "stop", length: "length", "tool-calls": "toolUse", "content-filter": "error", other: "stop" };

/** An empty assistant message of a model. */
export function emptyMessage(model) {
  const cost = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, total: 0 };
  return {
    role: "assistant",
    content: [],
    api: model.api,
    provider: model.provider,
    model: model.id,
    usage: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, totalTokens: 0, cost },
    stopReason: "stop",
    timestamp: Date.now(),
  };
}

export class Answer {
  /**
   * @param {object} model
   * @param {(event: object) => void} push
   * @param {{ calculateCost: Function, parseStreamingJson: Function, createToolArgumentPreviewSchedule: Function }} sdk
   */
  constructor(model, push, sdk) {
    Object.assign(this, { model, push, sdk, message: emptyMessage(model), open: undefined, calls: new Map() });
    push({ type: "start", partial: this.message });
  }

  emit(type, contentIndex, rest) {
    this.push({ type, contentIndex, ...rest, partial: this.message });
  }

  /** Takes events of the contract, in their order. */
  take(events) {
    for (const { tag, val } of events) this[tag]?.(val);
  }

  begin(block, type) {
    this.close();
    const at = this.message.content.push(block) - 1;
    this.open = { at, block, type };
    this.emit(`${type}_start`, at);
  }

  /** Ends the block of text or reasoning that is open. */
  close() {
    const { open } = this;
    this.open = undefined;
    if (open) this.emit(`${open.type}_end`, open.at, { content: open.block.text ?? open.block.thinking });
  }

  text(delta) {
    if (this.open?.type !== "text") this.begin({ type: "text", text: "" }, "text");
    this.open.block.text += delta;
    this.emit("text_delta", this.open.at, { delta });
  }

  reasoning({ text: delta, signature, extras }) {
    if (this.open?.type !== "thinking") {
      this.begin({ type: "thinking", thinking: "", thinkingSignature: kept({ extras: [] }) }, "thinking");
    }
    this.open.block.thinking += delta;
    if (delta) this.emit("thinking_delta", this.open.at, { delta });
    if (signature === undefined && extras.length === 0) return;
    this.open.block.thinkingSignature = kept({ signature, extras });
    // A signature closes its part.
    if (signature !== undefined) this.close();
  }

  "tool-call-start"({ index, id, name }) {
    this.close();
    const block = { type: "toolCall", id, name, arguments: {} };
    const at = this.message.content.push(block) - 1;
    this.calls.set(index, { at, block, raw: "", isDue: this.sdk.createToolArgumentPreviewSchedule() });
    this.emit("toolcall_start", at);
  }

  "tool-call-delta"({ index, argumentsFragment: delta }) {
    const call = this.calls.get(index);
    if (!call) return;
    call.raw += delta;
    if (call.isDue(call.raw.length)) call.block.arguments = record(this.sdk.parseStreamingJson(call.raw));
    this.emit("toolcall_delta", call.at, { delta });
  }

  "tool-call-end"({ index, extras }) {
    const call = this.calls.get(index);
    if (!call) return;
    if (extras.length > 0) call.block.thoughtSignature = kept({ extras });
    call.block.arguments = record(JSON.parse(call.raw || "{}"));
    this.emit("toolcall_end", call.at, { toolCall: call.block });
  }

  media({ mimeType }) {
    // OpenClaw's messages hold no media of the model.
    this.text(`[The model returned ${mimeType}, which OpenClaw does not show.]`);
  }

  /** The end of a response; gives the error where the contract's end is one for OpenClaw. */
  finish(summary) {
    this.close();
    this.count(summary.usage);
    const { message } = this;
    if (summary.requestId) message.responseId = summary.requestId;
    if (summary.warnings.length > 0) {
      message.diagnostics = summary.warnings.map((details) => ({ type: "huggingface-warning", timestamp: Date.now(), details }));
    }
    if (summary.finishReason === "content-filter") {
      return { kind: "content-filtered", message: "the upstream held back the rest of the response", backend: summary.backend };
    }
    const reason = this.calls.size > 0 && summary.finishReason !== "length" ? "toolUse" : REASONS[summary.finishReason];
    message.stopReason = reason;
    this.push({ type: "done", reason, message });
    return undefined;
  }

  count({ inputTokens = 0, cachedInputTokens, outputTokens = 0 }) {
    const { usage } = this.message;
    usage.cacheRead = cachedInputTokens ?? 0;
    usage.input = Math.max(0, inputTokens - usage.cacheRead);
    usage.output = outputTokens;
    usage.totalTokens = usage.input + usage.cacheRead + usage.output;
    usage.cacheTelemetry = { state: cachedInputTokens === undefined ? "unavailable" : "available" };
    this.sdk.calculateCost(this.model, usage);
  }

  /** A failed or aborted call, with the partial response. */
  fail(text, code, aborted) {
    this.close();
    const reason = aborted ? "aborted" : "error";
    Object.assign(this.message, { stopReason: reason, errorMessage: text, errorCode: code });
    this.push({ type: "error", reason, error: this.message });
  }
}

function record(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}
