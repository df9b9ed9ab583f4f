"""A proxy on loopback that adds the credential: the edge of a host whose wasi:http has no place to do it."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


def start(base_url, token):
    """Starts it before one origin; gives the base URL that takes its place."""
    target = urlsplit(base_url)

    class Edge(BaseHTTPRequestHandler):
        def forward(self):
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            upstream = http.client.HTTPConnection(target.netloc)
            upstream.request(self.command, self.path, body, {**headers, "authorization": f"Bearer {token}"})
            answer = upstream.getresponse()
            body = self.begin(answer)
            try:
                while piece := answer.read1():
                    body(piece)
                body(b"")
            except (http.client.HTTPException, OSError):
                self.close_connection = True  # Cut there is cut here: the last chunk is missing.

        def begin(self, answer):
            """Passes the head on; returns the function that writes a chunk of the body."""
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            return lambda piece: self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

        do_GET = do_POST = forward
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Edge)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}{target.path}"
