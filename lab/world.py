#!/usr/bin/python3
"""The far side of the lab: mail servers, DNS and web, in one process, until it is killed.
world.py ROLE ARGUMENT... [-- ROLE ARGUMENT...]: provider ADDRESS NAME CERT PORTS | dns ADDRESS ANSWERS | web ADDRESS PORT STATUS"""
import socket
import socketserver
import ssl
import struct
import sys
import threading


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    address_family = socket.AF_INET


class Smtp(socketserver.BaseRequestHandler):
    def line(self, words):
        self.sock.sendall(words.encode() + b"\r\n")

    def seal(self):
        self.sock = self.server.tls.wrap_socket(self.sock, server_side=True)
        self.file = self.sock.makefile("rb")
        self.sealed = True

    def handle(self):
        self.sock, self.sealed = self.request, False
        self.file = self.sock.makefile("rb")
        self.sock.settimeout(20)
        try:
            if self.server.implicit:
                self.seal()
            if self.server.speaks:
                self.talk()
            else:
                self.file.readline()
                self.sock.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        except (OSError, ValueError):
            pass

    def talk(self):
        options = self.server.options
        self.line(("220 " + "*" * 30) if "mask" in options else f"220 {self.server.name} ESMTP")
        while True:
            words = self.file.readline(4096).decode("latin-1").strip()
            verb = words.upper().split(" ")[0] if words else ""
            if not verb:
                return
            if verb == "EHLO":
                offers = [self.server.name, "SIZE 10000000"]
                if not self.sealed and "no-starttls" not in options:
                    offers.append("XXXXXXXA" if "mask" in options else "STARTTLS")
                if (self.sealed or "plain-auth" in options) and "no-auth" not in options:
                    offers.append("AUTH " + options.get("auth", "PLAIN LOGIN").replace("+", " "))
                for i, o in enumerate(offers):
                    self.line(f"250{'-' if i + 1 < len(offers) else ' '}{o}")
            elif verb == "STARTTLS" and not self.sealed and "no-starttls" not in options:
                self.line("220 go on")
                self.seal()
            elif verb == "QUIT":
                self.line("221 bye")
                return
            elif verb == "AUTH":
                self.line("535 5.7.8 Authentication credentials invalid")
            elif verb == "RCPT" and "rcpt" in options:
                self.line(options["rcpt"].replace("+", " "))
            else:
                self.line("250 ok")


def provider(address, name, cert, ports):
    """ports: "25,465,587:no-starttls:auth=NTLM"; 465 and 443 begin with TLS, 443 does not speak SMTP."""
    for spec in ports.split(","):
        number, *options = spec.split(":")
        s = Server((address, int(number)), Smtp)
        s.name, s.options = name, dict((o.split("=", 1) + [""])[:2] for o in options)
        s.implicit = number in ("465", "443")
        s.speaks = number != "443"
        s.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        s.tls.load_cert_chain(cert)
        threading.Thread(target=s.serve_forever, daemon=True).start()


class Web(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.readline(4096).strip():
            pass
        self.wfile.write(self.server.status.encode() + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def web(address, port, status):
    s = Server((address, int(port)), Web)
    s.status = status
    threading.Thread(target=s.serve_forever, daemon=True).start()


def dns(address, answers):
    """answers: "mail.you.test=10.26.3.2,other=..." A records; other names do not exist; "!" answers SERVFAIL."""
    table = dict(a.split("=", 1) for a in answers.split(",") if "=" in a)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, 53))

    def name_of(query):
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1"))
            at += query[at] + 1
        return ".".join(labels).lower(), at + 5

    def run():
        while True:
            query, peer = sock.recvfrom(2048)
            try:
                name, end = name_of(query)
                kind = struct.unpack(">H", query[end - 4:end - 2])[0]
            except (IndexError, struct.error):
                continue
            code = 2 if answers == "!" else 0 if name in table else 3
            body, count = b"", 0
            if code == 0 and kind == 1:
                count = 1
                body = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04" + socket.inet_aton(table[name])
            head = query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, count, 0, 0)
            sock.sendto(head + query[12:end] + body, peer)

    threading.Thread(target=run, daemon=True).start()


ROLES = {"provider": provider, "web": web, "dns": dns}

if __name__ == "__main__":
    part = []
    for word in sys.argv[1:] + ["--"]:
        if word == "--":
            ROLES[part[0]](*part[1:])
            part = []
        else:
            part.append(word)
    print("ready", flush=True)
    threading.Event().wait()
