"""The HTTPS door from the relay's side: by POST, by SMTP over ALPN, through a proxy; no password to strangers, no second copy."""
import contextlib, os, pathlib, re, shutil, socket, ssl, tempfile, threading, time
from datetime import datetime
from email.utils import formatdate
from types import SimpleNamespace

import pytest

from port26 import AS_ROOT, PASSWORD, USER, Port26, free_port, make_certificate, message, wait_for
from sink import Sink, Taker

DOORS = {"443": "tls = implicit https = true", "465": "tls = implicit"}
ROUTE = 'route "all" { to = "*" via = "relay:isp" }\n'


@pytest.fixture
def folder():
    """Like tmp_path, but port26's user can look into it."""
    f = pathlib.Path(tempfile.mkdtemp(prefix="port26-https-"))
    os.chmod(f, 0o755)
    yield f
    shutil.rmtree(f, ignore_errors=True)


class Provider(Port26):
    """All of far.test is its user's; nobody of gone.test is known."""

    def write_config(self):
        super().write_config()
        self.conf.write_text(self.conf.read_text().replace('{"port26.test"}', '{"port26.test", "far.test", "gone.test"}'))

    def account_add(self, name, password, *aliases):
        super().account_add(name, password, *aliases, "@far.test")


@pytest.fixture
def provider():
    p = Provider(doors=DOORS)
    try:
        yield p.start()
    finally:
        p.close()


@pytest.fixture
def relay(start, folder):
    """Starts a port26 that sends everything through one relay by these doors."""
    def make(ca, *doors, password=PASSWORD, host="127.0.0.1", environment=None, more="", delivery="", user=USER):
        secret = folder / "relay-secret"
        secret.touch(0o600)
        secret.write_text(password + "\n")
        if AS_ROOT:
            shutil.chown(secret, "port26", "port26")
        login = f'user = "{user}" password-file = "{secret}"' if user else ""
        clean = {k: "" for k in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")}
        return start(environment={**clean, **(environment or {})}, extra=f"""
relay "isp" {{ host = "{host}" doors = {{ {", ".join(f'"{d}"' for d in doors)} }} ca-file = "{ca}" {login} {more} }}
{ROUTE}
delivery {{ {"" if "retry" in delivery else 'retry = {"1s"}'} {delivery} }}
""")
    return make


def send(p, subject="over the web", to="ann@far.test", body="Hello\r\n"):
    with p.client("submissions") as c:
        c.sendmail(USER, [to], message(subject, body=body, to=to))


def gone(p, seconds=60):
    wait_for(lambda: not p.queue(), seconds, message=lambda: f"{p.queue()}\n{p.log()[-6000:]}")


def tries(p):
    m = p.queue()[0]
    return [t for e in p.json("queue", "show", m["id"])["messages"][0]["events"] for t in e.get("tries", [])]


def arrived(provider, p, count=1, seconds=60):
    wait_for(lambda: len(provider.inbox_files()) >= count, seconds,
             message=lambda: f"{len(provider.inbox_files())} of {count}\n{tries(p) if p.queue() else ''}\n{p.log()[-5000:]}")
    return provider.wait_inbox(count)


def waiting(p, seconds=60):
    """Until it was tried and waits; what was told of it."""
    wait_for(lambda: p.queue() and all(r["attempts"] for m in p.queue() for r in m["recipients"]), seconds,
             message=lambda: f"{p.queue()}\n{p.log()[-4000:]}")
    return tries(p)


class Web(Taker):
    """A TLS server that records every octet it gets; `answer(request text)` gives its answers, one for each head."""

    def __init__(self, cert, answer, alpn=("http/1.1",)):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*map(str, cert))
        if alpn:
            self.context.set_alpn_protocols(list(alpn))
        self.answer, self.heard, self.offers = answer, b"", []
        super().__init__()

    def serve(self, s):
        try:
            s.settimeout(60)
            with self.context.wrap_socket(s, server_side=True) as t:
                head = b""
                while True:
                    piece = t.recv(65536)
                    if not piece:
                        return
                    self.heard += piece
                    head += piece
                    while b"\r\n\r\n" in head:
                        one, head = head.split(b"\r\n\r\n", 1)
                        t.sendall(self.answer(one.decode(errors="replace")))
        except OSError:
            pass


def plain_answer(status, body="<html>It works</html>", more=""):
    return f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n{more}\r\n{body}".encode()


@pytest.fixture
def web(folder):
    made = []
    cert = make_certificate(folder, "web")

    def make(answer, alpn=("http/1.1",), cert=cert):
        made.append(Web(cert, answer, alpn))
        return made[-1]
    make.cert = cert
    yield make
    for w in made:
        w.close()


def test_by_post(provider, relay):
    shut = free_port()
    p = relay(provider.cert, f"{shut} starttls", f"{provider.ports['443']} https")
    for i in range(5):
        send(p, f"number {i}")
    send(p, "with ümläuts", body="Grüße\r\n")
    got = arrived(provider, p, 6)
    gone(p)
    assert len(provider.inbox_files()) == 6
    assert all(b"with HTTPS" in b" ".join(m.split()) for m in got)
    assert any("Grüße".encode() in m for m in got)
    assert PASSWORD not in p.log()


def test_by_smtp_where_alpn_says_so(relay, folder):
    cert = make_certificate(folder, "smtps")
    with Sink({"auth": b"235 2.7.0 welcome\r\n"}, cert=cert, implicit=True, alpn=("smtp",),
              extensions=("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "AUTH PLAIN")) as sink:
        p = relay(cert[0], f"{sink.port} https")
        send(p)
        gone(p)
        assert len(sink.kept()) == 1


def test_by_smtp_where_a_greeting_says_so(relay, folder):
    cert = make_certificate(folder, "smtps")
    with Sink({"auth": b"235 2.7.0 welcome\r\n"}, cert=cert, implicit=True,
              extensions=("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "AUTH PLAIN")) as sink:
        p = relay(cert[0], f"{sink.port} https")
        send(p)
        gone(p)
        assert len(sink.kept()) == 1


def test_recipients_one_by_one(provider, relay):
    p = relay(provider.cert, f"{provider.ports['443']} https")
    with p.client("submissions") as c:
        c.sendmail(USER, ["ann@far.test", "nobody@gone.test", "bob@far.test"], message("two", to="ann@far.test"))
    arrived(provider, p)
    report, = p.wait_inbox(seconds=60)  # to the sender, who lives here
    gone(p)
    assert b"5.1.1" in report and b"nobody@gone.test" in report


def test_a_wrong_password_is_not_taken_elsewhere(provider, relay, folder):
    cert = make_certificate(folder, "other")
    with Sink({"auth": b"235 2.7.0 welcome\r\n"}, cert=cert, extensions=("STARTTLS", "AUTH PLAIN")) as other:
        both = folder / "both.pem"
        both.write_bytes(provider.cert.read_bytes() + cert[0].read_bytes())
        os.chmod(both, 0o644)
        p = relay(both, f"{provider.ports['443']} https", f"{other.port} starttls", password="wrong one",
                  delivery="")
        send(p)
        story = waiting(p)
        assert story[0]["stage"] == "auth" and story[0]["code"] == 535, story
        assert not any(line.upper().startswith(b"AUTH") for line in other.lines)
        assert not provider.inbox_files() and "wrong one" not in p.log()
        m = p.json("queue", "show", p.queue()[0]["id"])["messages"][0]
        assert "password" in str(m["recipients"]).lower()
    p.command("queue", "rm", p.queue()[0]["id"], check=False)


@pytest.mark.parametrize("status", ["404 Not Found", "200 OK", "401 Unauthorized", "302 Found", "405 Method Not Allowed"])
def test_a_web_server_is_told_no_password(provider, relay, web, folder, status):
    more = 'WWW-Authenticate: Basic realm="x"\r\n' if status[0] == "4" else "Location: https://localhost/login\r\n"
    stranger = web(lambda head: plain_answer(status, more=more))
    both = folder / "both.pem"
    both.write_bytes(provider.cert.read_bytes() + web.cert[0].read_bytes())
    os.chmod(both, 0o644)
    p = relay(both, f"{stranger.port} https", f"{provider.ports['443']} https")
    send(p)
    arrived(provider, p)
    gone(p)
    assert stranger.heard.startswith(b"GET /submit HTTP/1.1\r\n") and b"uthorization" not in stranger.heard
    assert b"POST" not in stranger.heard


def test_the_only_web_server_takes_no_mail(relay, web):
    stranger = web(lambda head: plain_answer("404 Not Found"), alpn=())
    shut = free_port()
    p = relay(web.cert[0], f"{shut} starttls", f"{stranger.port} https")
    send(p)
    story = waiting(p)
    assert any("takes no mail" in t["words"] and "password" in t["words"] for t in story), story
    assert b"uthorization" not in stranger.heard
    # Told is what keeps the mail: the door that should be open and is not.
    status = p.json("status")
    assert "refused" in status["waiting"][0]["words"], status["waiting"]
    doors = {d["door"].split(":")[1]: d for r in status["relays"] for d in r["doors"]}
    if status["place"]["key"]:
        assert doors[f"{stranger.port} https"]["result"] == "shut", doors


def test_a_strange_certificate_is_refused_and_named(provider, relay, web):
    stranger = web(lambda head: plain_answer("200 OK"))
    p = relay(provider.cert, f"{stranger.port} https")
    send(p)
    story = waiting(p)
    assert story[0]["stage"] == "tls", story
    assert not stranger.heard
    m = p.json("queue", "show", p.queue()[0]["id"])["messages"][0]
    assert "certificate" in str(m["recipients"]).lower()


def taking(post):
    """A web server that takes mail, and answers each POST so."""
    more = 'Accept-Post: message/rfc822\r\nWWW-Authenticate: Basic realm="x"\r\n'

    def answer(head):
        if head.startswith("GET"):
            return plain_answer("200 OK" if "uthorization" in head else "401 Unauthorized", more=more)
        return post(head)
    return answer


@pytest.mark.parametrize("status, value, least, most", [
    ("503 Service Unavailable", lambda: "600", 540, 600),
    ("429 Too Many Requests", lambda: formatdate(time.time() + 1200, usegmt=True), 1080, 1200),
    ("503 Service Unavailable", lambda: "1000000", 3540, 3600),
    ("503 Service Unavailable", lambda: "at noon", -60, 5)])
def test_a_server_that_says_when_to_come_again(relay, web, status, value, least, most):
    busy = web(taking(lambda head: plain_answer(status, more=f"Retry-After: {value()}\r\nConnection: close\r\n")))
    p = relay(web.cert[0], f"{busy.port} https", delivery='retry = {"2s"}')
    send(p)
    wait_for(lambda: p.queue() and p.queue()[0]["recipients"][0]["attempts"] >= (1 if most > 60 else 2), 60,
             message=lambda: p.log()[-4000:])
    assert b"POST /submit" in busy.heard
    to = p.json("queue", "show", p.queue()[0]["id"])["messages"][0]["recipients"][0]
    wait = datetime.fromisoformat(to["next_try"]).timestamp() - time.time()
    assert least < wait < most + 3, (to, time.time())


TAKEN = ('{"accepted": true, "id": "1", "reply": {"code": 250, "enhanced": "2.0.0", "text": "ok"}, '
         '"recipients": [{"address": "ann@far.test", "code": 250, "enhanced": "2.1.5", "text": "ok"}]}')


def test_an_access_token(relay, web):
    challenge = 'Accept-Post: message/rfc822\r\nWWW-Authenticate: Bearer\r\n'

    def answer(head):
        if head.startswith("POST") and "Authorization: Bearer t0k.en-\r\n" in head + "\r\n":
            return b"HTTP/1.1 100 Continue\r\n\r\n"
        if "Subject:" in head:  # the message itself
            return (f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(TAKEN)}\r\n\r\n{TAKEN}").encode()
        return plain_answer("200 OK" if "Authorization: Bearer t0k.en-" in head else "401 Unauthorized", more=challenge)
    server = web(answer)
    p = relay(web.cert[0], f"{server.port} https", user="", more=f'user = "{USER}" token-command = "echo t0k.en-"')
    send(p)
    gone(p)
    assert b"Bearer t0k.en-" in server.heard and b"Basic" not in server.heard and "t0k.en" not in p.log()


def test_a_token_is_not_told_to_who_wants_a_password(relay, web):
    server = web(taking(lambda head: plain_answer("503 Service Unavailable")))
    p = relay(web.cert[0], f"{server.port} https", user="", more=f'user = "{USER}" token-command = "echo t0k.en-"')
    send(p)
    story = waiting(p)
    assert "Bearer" in story[0]["words"], story
    assert server.heard and b"t0k.en" not in server.heard and "t0k.en" not in p.log()


def pump(a, b):
    """Octets from a to b until one of them ends, and then both do."""
    with contextlib.suppress(OSError):
        while data := a.recv(65536):
            b.sendall(data)
    for x in (a, b):
        with contextlib.suppress(OSError):
            x.shutdown(socket.SHUT_RDWR)


class Cutter(Taker):
    """A relay of octets in between. After `count` octets from the client of a connection nothing more comes back from the
    server, and once the server has had its time the connection ends: the answer to what was handed over is lost."""

    def __init__(self, to, count, times=1):
        self.to, self.count, self.times, self.cuts = to, count, times, 0
        super().__init__()

    def serve(self, s):
        far = socket.create_connection(("127.0.0.1", self.to))
        state = SimpleNamespace(seen=0, mute=False)

        def back():
            try:
                while data := far.recv(65536):
                    if not state.mute:
                        s.sendall(data)
            except OSError:
                pass
            s.close()
        threading.Thread(target=back, daemon=True).start()
        try:
            while data := s.recv(65536):
                state.seen += len(data)
                if state.seen > self.count and self.cuts < self.times:
                    self.cuts += 1
                    state.mute = True
                    self.muted = time.monotonic()
                far.sendall(data)
                if state.mute:
                    self.drain(s, far)
        except OSError:
            pass
        far.close()

    def drain(self, s, far):
        s.settimeout(2)
        try:
            while data := s.recv(65536):
                far.sendall(data)
        except OSError:
            pass
        self.wait()
        s.shutdown(socket.SHUT_RDWR)

    def wait(self):
        pass


def test_an_answer_that_was_lost(provider, relay):
    cutter = Cutter(provider.ports["443"], 100_000)
    cutter.wait = lambda: wait_for(provider.inbox_files, 60)
    p = relay(provider.cert, f"{cutter.port} https")
    send(p, body="A line that fills the message.\r\n" * 8000)
    arrived(provider, p)
    gone(p)
    assert cutter.cuts == 1
    time.sleep(0.5)
    assert len(provider.inbox_files()) == 1, "a second copy"
    cutter.close()


class Late:
    """A door that is shut until it is opened; then it leads to a port."""

    def __init__(self, to):
        self.to, self.connections = to, 0
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def open(self):
        self.socket.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            far = socket.create_connection(("127.0.0.1", self.to))
            for a, b in ((s, far), (far, s)):
                threading.Thread(target=pump, args=(a, b), daemon=True).start()

    def close(self):
        self.socket.close()


def lose_an_answer(provider, relay, cutter, late):
    """The provider has the message, the relay does not know; now SMTP is open as well."""
    cutter.wait = lambda: (wait_for(provider.inbox_files, 60), late.open())
    p = relay(provider.cert, f"{late.port} implicit", f"{cutter.port} https")
    send(p, body="A line that fills the message.\r\n" * 8000)
    return p


@pytest.mark.parametrize("times", [1, 2])
def test_after_a_lost_answer_no_other_door_is_asked(provider, relay, times):
    cutter, late = Cutter(provider.ports["443"], 100_000, times), Late(provider.ports["465"])
    try:
        p = lose_an_answer(provider, relay, cutter, late)
        gone(p, 90)
        assert cutter.cuts == times and late.connections == 0
        time.sleep(0.5)
        assert len(provider.inbox_files()) == 1, "a second copy"
        send(p, "the next one")  # goes wherever it is open
        arrived(provider, p, 2)
    finally:
        cutter.close()
        late.close()


def test_after_a_lost_answer_a_door_that_is_shut_keeps_nothing(provider, relay):
    cutter, late = Cutter(provider.ports["443"], 100_000), Late(provider.ports["465"])
    try:
        cutter.shut = lambda: cutter.listener.shutdown(socket.SHUT_RDWR)
        p = lose_an_answer(provider, relay, cutter, late)
        wait_for(provider.inbox_files, 60)
        cutter.shut()
        gone(p, 90)
        assert late.connections
    finally:
        cutter.close()
        late.close()


class Proxy(Taker):
    """Knows CONNECT only; `login`: the Basic credentials it wants."""

    def __init__(self, login=None, answer=None):
        self.login, self.answer, self.asked = login, answer, []
        super().__init__()

    def serve(self, s):
        head = b""
        while b"\r\n\r\n" not in head:
            data = s.recv(4096)
            if not data:
                return
            head += data
        self.asked.append(head.decode())
        if self.answer or (self.login and f"Proxy-Authorization: Basic {self.login}" not in head.decode()):
            s.sendall(self.answer or b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"p\"\r\n"
                      b"Content-Length: 0\r\n\r\n")
            s.close()
            return
        host, port = head.split()[1].decode().rsplit(":", 1)
        far = socket.create_connection(("127.0.0.1" if host == "mail.inside.test" else host, int(port)))
        s.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=pump, args=(far, s), daemon=True).start()
        pump(s, far)


def test_through_the_proxy_of_the_environment(provider, relay):
    proxy = Proxy(login="d2U6czNjcmV0IQ==")  # we:s3cret!
    p = relay(provider.cert, f"{provider.ports['443']} https",
              environment={"https_proxy": f"http://we:s3cret%21@127.0.0.1:{proxy.port}"})
    send(p)
    arrived(provider, p)
    gone(p)
    assert proxy.asked[0].startswith(f"CONNECT 127.0.0.1:{provider.ports['443']} HTTP/1.1\r\n")
    assert "s3cret" not in p.log() and "d2U6" not in p.log()
    proxy.close()


def test_through_the_proxy_of_the_configuration(provider, relay):
    """The proxy finds the host: DNS here need not know it."""
    proxy = Proxy()
    p = relay(provider.cert, f"{provider.ports['443']} https", delivery=f'proxy = "http://127.0.0.1:{proxy.port}"',
              environment={"https_proxy": "http://127.0.0.1:1"})
    send(p)
    arrived(provider, p)
    gone(p)
    assert len(proxy.asked) == 1
    proxy.close()


@pytest.mark.parametrize("answer, words", [
    (None, "wants a login of its own (407)"), (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "it answered 403"),
    (b"no HTTP at all\r\n\r\n", "gave no answer")])
def test_a_proxy_that_refuses(provider, relay, answer, words):
    proxy = Proxy(login="x", answer=answer)
    p = relay(provider.cert, f"{provider.ports['443']} https", delivery=f'proxy = "http://127.0.0.1:{proxy.port}"')
    send(p)
    story = waiting(p)
    assert words in story[0]["words"], story
    assert all(PASSWORD not in a and "uthorization" not in a for a in proxy.asked)
    proxy.close()


def test_a_large_message(provider, relay):
    # What was freed shall not count, as it does where a sanitizer keeps it back.
    p = relay(provider.cert, f"{provider.ports['443']} https",
              environment={"ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:quarantine_size_mb=0:thread_local_quarantine_size_kb=0"})

    def peak():
        return max(int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])
                   for pid in p.children("courier")) / 1024

    send(p, "small")
    arrived(provider, p)
    before = peak()
    send(p, body="A line of a large message, seventy-two octets long without its end.....\r\n" * (30 * 1024 * 1024 // 73))
    got = arrived(provider, p, 2, 120)
    gone(p, 120)
    assert max(map(len, got)) > 29 * 1024 * 1024
    assert peak() - before < 10, "the courier holds the message in memory"
