"""Ways to log in to a relay that take no plain password: access tokens made by a command, and NTLM."""
import base64, ssl, struct

import pytest

from port26 import PASSWORD, USER, make_certificate, message, own, pass_through, secret_file, wait_for
from sink import Sink

LOGIN, TOKEN = "roamer@isp.test", "ya29.a-token-of-several-words_4711"


@pytest.fixture
def relay(start, tmp_path):
    """A port26 that sends everything to this sink."""
    open_sinks = []
    cert = make_certificate(tmp_path, "relay")
    pass_through(tmp_path)

    def make(settings, extensions, kind=Sink, **replies):
        sink = kind({"auth": b"235 2.7.0 welcome\r\n", **replies}, extensions=("STARTTLS", extensions), cert=cert)
        open_sinks.append(sink)
        p = start(extra=f'relay "isp" {{ host = "127.0.0.1" port = {sink.port} tls = starttls ca-file = "{cert[0]}"\n'
                        f'  user = "{LOGIN}" {settings} }}\nroute "all" {{ to = "*" via = "relay:isp" }}\n')
        return p, sink
    yield make
    for sink in open_sinks:
        sink.close()


def send(p, count=1):
    with p.client("submissions") as c:
        for i in range(count):
            c.sendmail(USER, ["somebody@far.test"], message(f"number {i}"))


def arrived(p, sink, count):
    wait_for(lambda: len(sink.kept()) >= count and not p.queue(), 60, message=lambda: f"{p.queue()}\n{p.log()[-4000:]}")
    assert len(sink.kept()) == count


def logins(sink):
    with sink.lock:
        return [line.split() for line in sink.lines if line.upper().startswith(b"AUTH")]


@pytest.mark.parametrize("offer, mechanism, wanted", [
    ("AUTH PLAIN LOGIN XOAUTH2", b"XOAUTH2", f"user={LOGIN}\1auth=Bearer {TOKEN}\1\1"),
    ("AUTH XOAUTH2 OAUTHBEARER", b"OAUTHBEARER", f"n,a={LOGIN},\1host=127.0.0.1\1port=PORT\1auth=Bearer {TOKEN}\1\1"),
])
def test_a_token_of_a_command(relay, tmp_path, offer, mechanism, wanted):
    counted = tmp_path / "counted"
    counted.mkdir()
    own(counted)
    p, sink = relay(f'token-command = "echo run >> {counted}/runs; echo {TOKEN}; echo more >&2"', offer)
    send(p, 3)
    arrived(p, sink, 3)
    for line in logins(sink):
        assert line[1] == mechanism
        assert base64.b64decode(line[2]).decode() == wanted.replace("PORT", str(sink.port))
    assert (counted / "runs").read_text() == "run\n"  # the token was used again while it was fresh
    assert TOKEN not in p.log()


def test_a_command_that_fails(relay):
    p, sink = relay('token-command = "exit 3"', "AUTH XOAUTH2")
    send(p)
    wait_for(lambda: p.queue() and all(r["attempts"] for r in p.queue()[0]["recipients"]), 60, message=p.log)
    assert "token.failed" in p.log() and not logins(sink) and not sink.kept()


def test_a_refused_token_waits(relay):
    p, sink = relay(f'token-command = "echo {TOKEN}"', "AUTH XOAUTH2", auth=b"535 5.7.8 token expired\r\n")
    send(p)
    wait_for(lambda: p.queue() and all(r["attempts"] for r in p.queue()[0]["recipients"]), 60, message=p.log)
    assert len(logins(sink)) == 1 and not sink.kept()


class Ntlm(Sink):
    """Challenges as Exchange does, and keeps the answer."""

    def _say(self, s, stage, state):
        if stage == "auth":
            name = "FAR".encode("utf-16-le")
            info = struct.pack("<HH", 2, len(name)) + name + struct.pack("<HH", 0, 0)
            flags = 0x00000001 | 0x00000200 | 0x00010000 | 0x00080000 | 0x00800000
            head = struct.pack("<8sIHHIIQQHHI", b"NTLMSSP\0", 2, len(name), len(name), 48, flags, 0x1122334455667788, 0,
                               len(info), len(info), 48 + len(name))
            s.sendall(b"334 " + base64.b64encode(head + name + info) + b"\r\n")
            return b"334"
        if stage.startswith("tlrmtvntuaad"):
            self.answer = base64.b64decode(state["line"].strip())
            s.sendall(b"235 2.7.0 welcome\r\n")
            return b"235"
        return super()._say(s, stage, state)


def test_ntlm(relay, tmp_path):
    secret = secret_file(tmp_path / "secret", "tell nobody")
    p, sink = relay(f'password-file = "{secret}"', "AUTH NTLM", kind=Ntlm)
    send(p)
    arrived(p, sink, 1)
    assert base64.b64decode(logins(sink)[0][2]).startswith(b"NTLMSSP\0\1")
    assert sink.answer.startswith(b"NTLMSSP\0\3") and "roamer".encode("utf-16-le") in sink.answer
    assert b"tell nobody" not in b"".join(sink.lines)


@pytest.mark.parametrize("binding, mechanism", [("true", "SCRAM-SHA-256-PLUS"), ("false", "SCRAM-SHA-256")])
def test_port26_logs_in_to_port26(start, tmp_path, binding, mechanism):
    """The login is tied to its TLS session wherever the other side has it switched on."""
    provider = start(doors={"in": f"role = submission tls = starttls channel-binding = {binding}"})
    pass_through(tmp_path)
    secret = secret_file(tmp_path / "secret", PASSWORD)
    p = start(extra=f'relay "up" {{ host = "localhost" port = {provider.ports["in"]} tls = starttls ca-file = "{provider.cert}"\n'
                    f'  user = "{USER}" password-file = "{secret}" }}\nroute "all" {{ to = "*" via = "relay:up" }}\n')
    send(p)
    wait_for(lambda: "message.accepted" in provider.log() and not p.queue(), 30, message=lambda: p.log()[-3000:])
    assert f"mechanism={mechanism}\n" in provider.log()


class OldTls(Sink):
    """Speaks nothing newer than TLS 1.2, where -PLUS may mean a binding that we do not have."""

    def __init__(self, *args, **kw):
        super().__init__(*args, **kw)
        self.context.maximum_version = ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("kind, mechanism", [(OldTls, b"SCRAM-SHA-256"), (Sink, b"SCRAM-SHA-256-PLUS")])
def test_binding_over_tls_1_3_only(relay, tmp_path, kind, mechanism):
    pass_through(tmp_path)
    secret = secret_file(tmp_path / "secret", PASSWORD)
    p, sink = relay(f'password-file = "{secret}"', "AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256", kind, auth=b"454 4.7.0 not now\r\n")
    send(p)
    wait_for(lambda: logins(sink), 60, message=p.log)
    assert logins(sink)[0][1] == mechanism
    assert base64.b64decode(logins(sink)[0][2]).startswith(b"p=tls-exporter,," if kind is Sink else b"n,,")
