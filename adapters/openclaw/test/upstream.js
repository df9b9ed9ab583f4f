// A router in a few lines, for tests of the adapter alone: streams what a test sets, and records its requests.
import http from "node:http";

/** Starts it; `respond(request, response)` gets `request.body`. */
export async function upstream(respond) {
  const requests = [];
  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const seen = { method: request.method, url: request.url, headers: request.headers, rawHeaders: request.rawHeaders, body: body ? JSON.parse(body) : undefined };
    requests.push(seen);
    try {
      await respond(seen, response);
    } catch {
      response.destroy();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    requests,
    baseUrl: `http://127.0.0.1:${server.address().port}/v1`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** One chunk of a streaming response. */
export const chunk = (delta, rest = {}) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", model: "m", choices: [{ index: 0, delta, finish_reason: null, ...rest }] })}\n\n`;

/** Streams deltas and ends well. */
export function streamed(response, deltas, finish = "stop", usage = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 }) {
  response.writeHead(200, { "content-type": "text/event-stream", "x-request-id": "req-1" });
  for (const delta of deltas) response.write(chunk(delta));
  response.write(chunk({}, { finish_reason: finish }));
  response.write(`data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", model: "m", choices: [], usage })}\n\n`);
  response.end("data: [DONE]\n\n");
}
