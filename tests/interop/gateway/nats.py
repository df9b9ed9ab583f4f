"""As much of a NATS client as the control of hosts needs: requests with an answer, and the first messages of a subject."""

import json
import socket
import time


class Nats:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.buffer, self.inboxes = b"", 0
        assert self.line().startswith("INFO ")
        self.send('CONNECT {"verbose":false,"pedantic":false}')

    def send(self, head, payload=None):
        self.socket.sendall(head.encode() + b"\r\n" + (b"" if payload is None else payload + b"\r\n"))

    def fill(self):
        more = self.socket.recv(65536)
        assert more, "the server is gone"
        self.buffer += more

    def line(self):
        while b"\r\n" not in self.buffer:
            self.fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode()

    def message(self):
        """The next message: its subject and what it holds."""
        while True:
            line = self.line()
            if line == "PING":
                self.send("PONG")
            elif line.startswith("-ERR"):
                raise AssertionError(line)
            elif line.startswith("MSG "):
                fields = line.split(" ")
                size = int(fields[-1])
                while len(self.buffer) < size + 2:
                    self.fill()
                payload, self.buffer = self.buffer[:size], self.buffer[size + 2 :]
                return fields[1], json.loads(payload or b"null")

    def request(self, subject, value):
        """Asks, and gives the answer."""
        self.inboxes += 1
        inbox, number = f"inbox.{time.monotonic_ns()}", f"r{self.inboxes}"
        payload = json.dumps(value).encode()
        self.send(f"SUB {inbox} {number}")
        self.send(f"PUB {subject} {inbox} {len(payload)}", payload)
        while True:
            found, answer = self.message()
            if found == inbox:
                self.send(f"UNSUB {number}")
                return answer

    def first(self, subject, count, key):
        """Waits until so many different values of `key` came on a subject; gives them."""
        self.send(f"SUB {subject} first")
        found = {}
        while len(found) < count:
            _, value = self.message()
            found[value[key]] = value
        self.send("UNSUB first")
        return found
