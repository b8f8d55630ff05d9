"""Servers that do what a case says, also what no real one does: mail, web and DNS. Each runs in threads of the lab's process."""
import contextlib
import re
import socket
import ssl
import struct
import threading
import warnings

LINE_MAX = 65536
HEARD_MAX = 1 << 22
HEARD = bytearray()  # all that was said to servers and boxes that nobody should trust


def heard(data):
    HEARD.extend(data[:HEARD_MAX - len(HEARD)])
    return data


def listen(machine, address, port, serve, backlog=64):
    """Calls serve(socket) in a thread for each that connects to address:port on that machine."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = machine.socket(family)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((address, port))
    s.listen(backlog)

    def one(client):
        with contextlib.suppress(OSError, ValueError, EOFError):
            client.settimeout(20)
            with client:
                serve(client)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                client, _ = s.accept()
                machine.thread(one, client)
    threading.Thread(target=accept, daemon=True).start()


def tls_context(certificate, old=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if old:
        with warnings.catch_warnings():  # that it is old is the point
            warnings.simplefilter("ignore")
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(certificate)
    return context


class Mail:
    """One door. `options`: no-starttls, no-auth, plain-auth (before TLS too), auth=NTLM+GSSAPI, implicit,
    name=HOST (in the greeting), cert=NAME, old-tls;
    `says`: {stage: reply}, stages as in SMTP: connect ehlo starttls auth mail rcpt data end."""

    def __init__(self, name, context, options, says):
        self.name, self.context, self.options, self.says = name, context, options, says

    def __call__(self, sock):
        self_ = Talk(self, sock)
        self_.run()


class Talk:
    def __init__(self, door, sock):
        self.door, self.sock, self.sealed = door, sock, False
        self.file = sock.makefile("rb")

    def line(self, words):
        self.sock.sendall(words.replace("\\n", "\r\n").encode() + b"\r\n")

    def hear(self):
        return heard(self.file.readline(LINE_MAX)).decode("latin-1").strip()

    def seal(self):
        self.sock = self.door.context.wrap_socket(self.sock, server_side=True)
        self.file, self.sealed = self.sock.makefile("rb"), True

    def said(self, stage, otherwise):
        """Gives the answer of this stage; True when it was the usual one."""
        words = self.door.says.get(stage)
        self.line(words or otherwise)
        return not words

    def run(self):
        if "implicit" in self.door.options:
            self.seal()
        if not self.said("connect", f"220 {self.door.name} ESMTP"):
            return
        for words in iter(self.hear, ""):
            verb = words.split(" ")[0].upper()
            if verb == "QUIT":
                self.line("221 bye")
                return
            getattr(self, "on_" + verb.lower(), self.on_other)(words)

    def on_other(self, words):
        self.line("250 ok")

    def on_ehlo(self, words):
        options = self.door.options
        offers = [self.door.name, "SIZE " + options.get("size", "10000000")]
        if not self.sealed and "no-starttls" not in options:
            offers.append("STARTTLS")
        if (self.sealed or "plain-auth" in options) and "no-auth" not in options:
            offers.append("AUTH " + options.get("auth", "PLAIN LOGIN").replace("+", " "))
        self.said("ehlo", "\r\n".join(f"250{'-' if o is not offers[-1] else ' '}{o}" for o in offers))

    def on_starttls(self, words):
        if self.sealed or "no-starttls" in self.door.options:
            self.line("503 5.5.1 not now")
        elif self.said("starttls", "220 go on"):
            self.seal()

    def on_auth(self, words):
        kind, _, first = words[5:].partition(" ")
        for prompt in {"PLAIN": ["" if not first else None], "LOGIN": ["VXNlcm5hbWU6" if not first else None, "UGFzc3dvcmQ6"]}.get(
                kind.upper(), []):
            if prompt is not None:
                self.line(f"334 {prompt}")
                self.hear()
        self.said("auth", "235 2.7.0 welcome")

    def on_mail(self, words):
        self.said("mail", "250 2.1.0 ok")

    def on_rcpt(self, words):
        self.said("rcpt", "250 2.1.5 ok")

    def on_data(self, words):
        if self.said("data", "354 go on"):
            for line in iter(self.hear, "."):
                if not line and self.sock.fileno() < 0:
                    return
            self.said("end", "250 2.0.0 taken")


def web(status):
    """A web server that answers each request with this status line (and what follows it, as header lines)."""
    def serve(sock):
        with sock.makefile("rb") as f:
            while f.readline(LINE_MAX).strip():
                pass
        sock.sendall(status.replace("\\n", "\r\n").encode() + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    return serve


def sealed(context, serve):
    def inside(sock):
        with context.wrap_socket(sock, server_side=True) as s:
            serve(s)
    return inside


def dns(machine, address, answer):
    """answer(name) is a list of addresses, [] (no such name), or None (SERVFAIL)."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = machine.socket(family, socket.SOCK_DGRAM)
    s.bind((address, 53))

    def one(query):
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1"))
            at += query[at] + 1
        end = at + 5
        found = answer(".".join(labels).lower())
        kind = struct.unpack(">H", query[end - 4:end - 2])[0]
        family_of = {1: socket.AF_INET, 28: socket.AF_INET6}.get(kind)
        packed = [socket.inet_pton(family_of, a) for a in found or () if family_of and (":" in a) == (kind == 28)]
        code = 2 if found is None else 0 if found else 3
        head = query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(packed), 0, 0)
        return head + query[12:end] + b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(p)) + p for p in packed)

    def run():
        while True:
            query, peer = s.recvfrom(4096)
            with contextlib.suppress(IndexError, struct.error, OSError):
                s.sendto(one(query), peer)
    threading.Thread(target=run, daemon=True).start()


def options_of(words):
    """"587:no-auth:auth=NTLM+GSSAPI" -> 587, {"no-auth": "", "auth": "NTLM+GSSAPI"}"""
    port, *options = re.split(":", words)
    return int(port), dict((o.split("=", 1) + [""])[:2] for o in options)
