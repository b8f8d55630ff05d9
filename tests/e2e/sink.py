"""A scripted SMTP server: the next hop that says what the test tells it to. Threads, one per connection, on loopback."""
import contextlib, socket, ssl, threading


class Taker:
    """Takes every connection on a port of loopback, each in a thread of its own, and gives it to `serve(socket)`. Set up what serve needs
    before this: the first connection may come at once."""

    def __init__(self, address="127.0.0.1", port=0):
        self.connections, self.lock = 0, threading.Lock()
        self.listener = socket.create_server((address, port), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.close()


class Sink(Taker):
    """`replies`: stage -> bytes, or a callable(state) -> bytes | None (None: say nothing and hang; "close": hang up;
    "reset": RST). Stages: connect, ehlo, helo, mail, rcpt, data, dot, quit, rset, starttls. Default: everything works."""

    OK = {
        "connect": b"220 sink.test ESMTP\r\n", "ehlo": None, "helo": b"250 sink.test\r\n", "mail": b"250 2.1.0 ok\r\n",
        "rcpt": b"250 2.1.5 ok\r\n", "data": b"354 go\r\n", "dot": b"250 2.0.0 kept\r\n", "quit": b"221 2.0.0 bye\r\n",
        "rset": b"250 2.0.0 ok\r\n", "starttls": b"220 2.0.0 go\r\n", "noop": b"250 2.0.0 ok\r\n",
    }

    def __init__(self, replies=None, extensions=("PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "SIZE 100000000"),
                 cert=None, implicit=False, address="127.0.0.1", port=0, alpn=()):
        self.replies, self.extensions = dict(replies or {}), list(extensions)
        self.messages, self.lines, self.open = [], [], []
        self.context = None
        if cert:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*map(str, cert))
            if alpn:
                self.context.set_alpn_protocols(list(alpn))
        self.implicit = implicit
        self.hang = threading.Event()
        super().__init__(address, port)

    def close(self):
        self.hang.set()
        super().close()
        for s in self.open:
            with contextlib.suppress(OSError):
                s.close()

    def _say(self, s, stage, state):
        reply = self.replies.get(stage, self.OK.get(stage, b"502 5.5.1 what\r\n"))
        if callable(reply):
            reply = reply(state)
        if reply == "close":
            raise ConnectionError
        if reply == "reset":
            import struct
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise ConnectionError
        if reply is None:
            self.hang.wait(600)
            raise ConnectionError
        s.sendall(reply)
        return reply

    def _ehlo(self, tls):
        words = [e for e in self.extensions if not (tls and e == "STARTTLS")]
        lines = ["sink.test", *words]
        return "".join(f"250{'-' if i + 1 < len(lines) else ' '}{w}\r\n" for i, w in enumerate(lines)).encode()

    def serve(self, s):
        with self.lock:
            self.open.append(s)
        try:
            self._dialogue(s)
        except (OSError, ConnectionError, ValueError):
            pass
        finally:
            s.close()

    def _dialogue(self, s):
        tls = False
        if self.implicit:
            s, tls = self.context.wrap_socket(s, server_side=True), True
        state = {"sender": None, "rcpt": [], "line": b"", "connection": self.connections}
        self._say(s, "connect", state)
        f = s.makefile("rb")
        while True:
            line = f.readline(65536)
            if not line:
                return
            with self.lock:
                self.lines.append(line)
            state["line"] = line
            verb = line.split()[0].lower().decode("latin1") if line.split() else ""
            if verb == "ehlo" and "ehlo" not in self.replies:
                s.sendall(self._ehlo(tls))
            elif verb == "starttls":
                if self._say(s, "starttls", state)[:1] == b"2":
                    s, tls = self.context.wrap_socket(s, server_side=True), True
                    f = s.makefile("rb")
            elif verb == "auth":
                self._say(s, "auth", state)
            elif verb == "mail":
                if self._say(s, "mail", state)[:1] == b"2":
                    state["sender"], state["rcpt"] = line, []
            elif verb == "rcpt":
                if self._say(s, "rcpt", state)[:1] == b"2":
                    state["rcpt"].append(line)
            elif verb == "data":
                if self._say(s, "data", state)[:1] == b"3":
                    self._data(s, f, state)
            elif verb == "quit":
                self._say(s, "quit", state)
                return
            else:
                self._say(s, verb, state)

    def _data(self, s, f, state):
        body = bytearray()
        while True:
            line = f.readline(1 << 20)
            if not line:
                raise ConnectionError
            if line == b".\r\n":
                break
            body += line[1:] if line.startswith(b".") else line
        if not state["rcpt"]:
            s.sendall(b"554 5.5.1 no valid recipients\r\n")
            return
        with self.lock:
            entry = {"from": state["sender"], "to": list(state["rcpt"]), "body": bytes(body), "kept": False}
            self.messages.append(entry)
            state["entry"] = entry
        if self._say(s, "dot", state)[:1] == b"2":
            entry["kept"] = True

    def kept(self):
        with self.lock:
            return [m for m in self.messages if m["kept"]]
