"""A submission client with SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 7677, 9266) that can also do it wrong on purpose."""
import base64, hashlib, hmac, os, socket

from OpenSSL import SSL


class Refused(Exception):
    """.code and .words of the reply that was not the expected one."""

    def __init__(self, code, words):
        super().__init__(code, words)
        self.code, self.words = code, words


class Client:
    """Plain lines over a socket or over TLS by pyOpenSSL, which can export keying material."""

    def __init__(self, port, cert, implicit=False, host="localhost"):
        self.socket = socket.create_connection((host, port), 20)
        self.cert, self.host, self.tls, self.buffer = cert, host, None, b""
        if implicit:
            self.start_tls()
        self.expect(220)
        self.ehlo()
        if not implicit:
            self.ask("STARTTLS", 220)
            assert not self.buffer
            self.start_tls()
            self.ehlo()

    def start_tls(self):
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.load_verify_locations(str(self.cert))
        context.set_verify(SSL.VERIFY_PEER, lambda c, x, e, d, ok: ok)
        self.socket.settimeout(None)  # pyOpenSSL wants a blocking socket
        self.tls = SSL.Connection(context, self.socket)
        self.tls.set_tlsext_host_name(self.host.encode())
        self.tls.set_connect_state()
        self.tls.do_handshake()

    def send(self, data):
        (self.tls or self.socket).sendall(data)

    def line(self):
        while b"\n" not in self.buffer:
            more = (self.tls or self.socket).recv(65536)
            if not more:
                raise ConnectionError(self.buffer)
            self.buffer += more
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.decode().rstrip("\r")

    def reply(self):
        words = []
        while True:
            line = self.line()
            words.append(line[4:])
            if line[3:4] != "-":
                return int(line[:3]), words

    def expect(self, code):
        got, words = self.reply()
        if got != code:
            raise Refused(got, " ".join(words))
        return words

    def ask(self, line, code):
        self.send(line.encode() + b"\r\n")
        return self.expect(code)

    def ehlo(self):
        self.features = self.ask("EHLO client.test", 250)

    def mechanisms(self):
        return next((f.split()[1:] for f in self.features if f.startswith("AUTH ")), [])

    def scram(self, user, password, plus=False, binding=None, gs2=None):
        """`binding`, `gs2`: instead of the right ones."""
        if plus and binding is None:
            binding = self.tls.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
        gs2 = gs2 if gs2 is not None else ("p=tls-exporter,," if plus else "n,,")
        nonce = base64.b64encode(os.urandom(18)).decode()
        first = f"n={user.replace('=', '=3D').replace(',', '=2C')},r={nonce}"
        b64 = lambda x: base64.b64encode(x if isinstance(x, bytes) else x.encode()).decode()
        name = "SCRAM-SHA-256-PLUS" if plus else "SCRAM-SHA-256"
        challenge = base64.b64decode(self.ask(f"AUTH {name} {b64(gs2 + first)}", 334)[0]).decode()
        told = dict(part.split("=", 1) for part in challenge.split(","))
        assert told["r"].startswith(nonce) and len(told["r"]) > len(nonce)
        final = f"c={b64(gs2.encode() + (binding or b''))},r={told['r']}"
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(told["s"]), int(told["i"]))
        mac = lambda key, text: hmac.digest(key, text if isinstance(text, bytes) else text.encode(), "sha256")
        key, everything = mac(salted, "Client Key"), ",".join((first, challenge, final))
        proof = bytes(a ^ b for a, b in zip(key, mac(hashlib.sha256(key).digest(), everything)))
        self.send(f"{b64(final + ',p=' + b64(proof))}\r\n".encode())
        code, words = self.reply()
        if code == 334:  # the server's own proof, when it does not come with 235
            assert base64.b64decode(words[0]).decode() == "v=" + b64(mac(mac(salted, "Server Key"), everything))
            self.send(b"\r\n")
            code, words = self.reply()
        if code != 235:
            raise Refused(code, " ".join(words))

    def mail(self, sender, recipients, wire):
        """`wire`: as it goes out, dot-stuffed and ended."""
        self.ask(f"MAIL FROM:<{sender}>", 250)
        for r in recipients:
            self.ask(f"RCPT TO:<{r}>", 250)
        self.ask("DATA", 354)
        self.send(wire)
        return self.expect(250)

    def quit(self):
        self.ask("QUIT", 221)
        self.close()

    def close(self):
        self.socket.close()
