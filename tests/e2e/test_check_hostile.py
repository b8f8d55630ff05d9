"""`port26 check` against servers that mean harm (HOSTILE 120): it ends in time, stays small, prints no raw bytes, and the
password never leaves for a server that did not prove its name."""
import base64, contextlib, json, os, pathlib, re, socket, ssl, struct, subprocess, sys, threading, time

import pytest

from port26 import BINARY, make_certificate
from sink import Taker

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from lab import lab as labs  # noqa: E402
from lab.case import Case  # noqa: E402

NAME, PASSWORD = "joe@hostile.test", "s3cret-Pa55word-of-joe"
TIMEOUT_S, ALLOWANCE_S = 2, 1
SLOW = 12  # what a loaded machine may add to the clock on the wall; the tool's own clock is held to the limit
ESC = b"\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b5n\x00\x08\x7f\xe2\x80\xae"


class Hostile(Taker):
    """Records all that comes, and plays `scene(connection, heard)`."""

    def __init__(self, scene, tls=None):
        self.scene, self.tls, self.heard = scene, tls, []
        self.ends = threading.Event()
        super().__init__()

    def serve(self, c):
        with contextlib.suppress(OSError, ValueError), c:
            c.settimeout(20)
            if self.tls:
                c = self.tls.wrap_socket(c, server_side=True)
            self.scene(self, c)

    def hear(self, c, seconds=15):
        """One piece of what it says, or b"" when it is gone; recorded."""
        try:
            c.settimeout(seconds)
            got = c.recv(65536)
        except OSError:
            got = b""
        self.heard.append(got)
        return got

    def close(self):
        self.ends.set()
        super().close()


def flood(make):
    """Sends what make() gives until the other hangs up, and hears all the while."""
    def scene(server, c):
        def listen():
            while server.hear(c):
                pass
        threading.Thread(target=listen, daemon=True).start()
        end = time.monotonic() + 20
        while time.monotonic() < end and not server.ends.is_set():
            c.sendall(make())
    return scene


def dialogue(*answers, after=None):
    """Greets with answers[0], then answers[1] to the first thing heard, and so on; then `after(server, c)`."""
    def scene(server, c):
        for i, a in enumerate(answers):
            if i and not server.hear(c):
                return
            c.sendall(a)
        if after:
            after(server, c)
        while server.hear(c):
            pass
    return scene


def drip(words, pause=1.0):
    def scene(server, c):
        for b in words:
            c.sendall(bytes([b]))
            if server.ends.wait(pause):
                return
    return scene


def hang_up(server, c):
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def silent(server, c):
    while server.hear(c):
        pass


def submission(offers=b"250-hostile.test\r\n250 AUTH PLAIN LOGIN\r\n"):
    """A server that would take any login it is offered; the proof that none comes."""
    def scene(server, c):
        c.sendall(b"220 hostile.test ESMTP\r\n")
        while got := server.hear(c):
            verb = got[:4].upper()
            c.sendall(offers if verb == b"EHLO" else b"334 \r\n" if verb == b"AUTH" else b"250 ok\r\n")
    return scene


def starttls(context, before=b"", offers=b"250-hostile.test\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n"):
    """STARTTLS with this certificate; `before` stands behind the 220, in the clear."""
    def scene(server, c):
        c.sendall(b"220 hostile.test ESMTP\r\n")
        while got := server.hear(c):
            verb = got[:4].upper()
            if verb == b"STAR":
                c.sendall(b"220 go on\r\n" + before)
                try:
                    c = context.wrap_socket(c, server_side=True)
                except (OSError, ssl.SSLError):
                    return
                continue
            c.sendall(offers if verb == b"EHLO" else b"334 \r\n" if verb == b"AUTH" else b"250 ok\r\n")
    return scene


LONG = b"250-" + b"x" * 500 + b"\r\n"
SCENES = {
    "endless-banner": flood(lambda: b"2" * 65536),
    "endless-220-continuation": flood(lambda: b"220-hello\r\n" * 4000),
    "banner-with-escapes": dialogue(b"220 " + ESC + b" ESMTP\r\n", b"250-" + ESC + b"\r\n250 AUTH " + ESC + b" PLAIN\r\n"),
    "refusal-with-escapes": dialogue(b"554 5.7.1 " + ESC + b"\r\n"),
    "reply-of-10-MiB": dialogue(b"220 hostile.test ESMTP\r\n", b"250-" + b"A" * (10 << 20) + b"\r\n250 ok\r\n"),
    "refusal-of-10-MiB": dialogue(b"220 hostile.test ESMTP\r\n", LONG.replace(b"250", b"554") * 20000 + b"554 no\r\n"),
    "ehlo-of-100000-lines": dialogue(b"220 hostile.test ESMTP\r\n", b"250-X-KEYWORD\r\n" * 100000 + b"250 AUTH PLAIN\r\n"),
    "slow-banner": drip(b"220 hostile.test ESMTP\r\n"),
    "slow-nothing": silent,
    "hangs-up": hang_up,
    "hangs-up-after-greeting": dialogue(b"220 hostile.test ESMTP\r\n", after=hang_up),
    "nul-bytes": dialogue(b"220 host\x00ile ESMTP\r\n", b"250-\x00\x00\x00\r\n250 AUTH PLAIN\r\n"),
    "only-line-feeds": dialogue(b"220 a\n250 b\n250 AUTH PLAIN\n"),
    "no-code": dialogue(b"hello there\r\n" * 1000),
    "answers-nobody-asked-for": dialogue(b"220 a\r\n250-b\r\n250 AUTH PLAIN\r\n235 welcome\r\n" * 100),
    "http-reply": dialogue(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100000),
    "takes-any-login-in-the-clear": submission(),
}


def contexts(folder):
    """name -> (server context, what it shows)."""
    def of(name, extra=("DNS:localhost", "IP:127.0.0.1"), days="30"):
        cert, key = make_certificate(folder, name, extra, days)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        return context, cert
    return of


def expired(folder):
    """An authority of our own, and a certificate of it that ended yesterday."""
    make_certificate(folder, "authority", ("DNS:authority.test",))
    run = lambda *a: subprocess.run(["openssl", *a], check=True, capture_output=True, cwd=folder)  # noqa: E731
    run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=old", "-keyout", "old.key",
        "-out", "old.csr")
    (folder / "old.ext").write_text("subjectAltName=IP:127.0.0.1\n")
    run("x509", "-req", "-in", "old.csr", "-CA", "authority.pem", "-CAkey", "authority.key", "-set_serial", "1", "-days", "-1",
        "-extfile", "old.ext", "-out", "old.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "old.pem", folder / "old.key")
    return context, folder / "authority.pem"


@pytest.fixture
def hostile():
    running = []

    def start(scene, tls=None):
        running.append(Hostile(scene, tls))
        return running[-1]

    yield start
    for h in running:
        h.close()


def check(tmp_path, port, *options, ca=None, login=True):
    """Runs it twice at once; for "json" and "text" each: what it printed, its complaints, the seconds it took, its status."""
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    argv = [BINARY, "check", "127.0.0.1", "--port", str(port), "--offline-controls", "--timeout", str(TIMEOUT_S), *options]
    argv += ["--user", NAME, "--password-file", str(secret)] if login else []
    argv += ["--cafile", str(ca)] if ca else []
    environment = {**os.environ, "PORT26_STATE": str(tmp_path / "state"), "TERM": "dumb"}
    began, both, outputs = time.monotonic(), {}, {}
    for kind, more in (("json", ["--json"]), ("text", ["--explain"])):
        both[kind] = subprocess.Popen(argv + more, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    for kind, p in both.items():
        out, err = p.communicate(timeout=60)
        outputs[kind] = out, err, time.monotonic() - began, p.returncode
    return outputs


def judge(outputs, server):
    """What must hold whatever the server does."""
    for kind, (out, err, seconds, status) in outputs.items():
        assert status in (0, 10, 11, 12, 13, 14), err
        assert b"AddressSanitizer" not in err and b"runtime error" not in err, err.decode(errors="replace")
        assert seconds < TIMEOUT_S + ALLOWANCE_S + SLOW
        text = out + err
        assert len(text) < 300_000
        assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", text), f"raw control bytes in {kind}"
        text.decode()  # whole characters only
        assert "\u202e" not in text.decode() and "\x9b" not in text.decode()
        assert PASSWORD.encode() not in text
    answer = json.loads(outputs["json"][0])
    assert answer["elapsed_ms"] <= (TIMEOUT_S + ALLOWANCE_S) * 1000
    assert answer["verdict"]["sentence"]
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\x80-\x9f\u202e]", json.dumps(answer, ensure_ascii=False))
    no_password(server)
    return answer


def no_password(server):
    heard = b"\n".join(server.heard)
    assert PASSWORD.encode() not in heard
    for word in re.findall(rb"[A-Za-z0-9+/=]{8,}", heard):
        with contextlib.suppress(ValueError):
            assert PASSWORD.encode() not in base64.b64decode(word + b"=" * (-len(word) % 4))
    assert not re.search(rb"(?im)^AUTH\b", heard), "a login was begun"
    assert not re.search(rb"(?im)^(MAIL|RCPT|DATA)\b", heard)


@pytest.mark.parametrize("scene", SCENES)
def test_ends_and_tells(tmp_path, hostile, scene):
    server = hostile(SCENES[scene])
    judge(check(tmp_path, server.port), server)
    assert server.connections


@pytest.mark.parametrize("how", ["wrong-name", "self-signed", "expired", "other-authority"])
@pytest.mark.parametrize("begin", ["implicit", "starttls"])
def test_fake_certificate_gets_no_login(tmp_path, hostile, how, begin):
    of = contexts(tmp_path)
    context, cert = of("mail.hostile.test", ("DNS:elsewhere.test",) if how == "wrong-name" else ("IP:127.0.0.1",))
    if how == "expired":
        context, cert = expired(tmp_path)
    trusted = cert if how in ("wrong-name", "expired") else None if how == "self-signed" else of("another.test")[1]
    server = hostile(submission() if begin == "implicit" else starttls(context), context if begin == "implicit" else None)
    answer = judge(check(tmp_path, server.port, "--tls", begin, ca=trusted), server)
    assert answer["verdict"]["id"] != "OK"
    assert all(d.get("certificate") != "verified" for d in answer["doors"])


def test_a_good_certificate_gets_the_login_once(tmp_path, hostile):
    """The counter-proof: the scenes above would see a login if there was one."""
    context, cert = contexts(tmp_path)("mail.hostile.test", ("IP:127.0.0.1",))
    server = hostile(submission(), context)
    outputs = check(tmp_path, server.port, "--tls", "implicit", ca=cert)
    heard = b"\n".join(server.heard)
    assert len(re.findall(rb"(?m)^AUTH\b", heard)) == 2, outputs  # two runs, one login each
    assert json.loads(outputs["json"][0])["verdict"]["id"] != "A3"


@pytest.mark.parametrize("injected", [b"250-fake.test\r\n250 AUTH PLAIN LOGIN\r\n", b"235 welcome\r\n" * 1000],
                         ids=["offers", "welcomes"])
def test_words_put_before_tls_are_not_believed(tmp_path, hostile, injected):
    context, _ = contexts(tmp_path)("mail.hostile.test", ("IP:127.0.0.1",))
    server = hostile(starttls(context, before=injected))
    answer = judge(check(tmp_path, server.port, "--tls", "starttls"), server)
    assert "fake.test" not in json.dumps(answer)


GARBAGE = {"endless-record": b"\x16\x03\x01\xff\xff" + b"\xff" * 65536, "alert": b"\x15\x03\x01\x00\x02\x02\x28",
           "no-record": bytes(range(256)) * 16}


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("begin", ["implicit", "starttls"])
def test_garbage_instead_of_tls(tmp_path, hostile, garbage, begin):
    bytes_ = GARBAGE[garbage]
    scene = dialogue(bytes_) if begin == "implicit" else dialogue(
        b"220 hostile.test ESMTP\r\n", b"250-hostile.test\r\n250 STARTTLS\r\n", b"220 go on\r\n", bytes_)
    server = hostile(scene)
    answer = judge(check(tmp_path, server.port, "--tls", begin), server)
    assert answer["verdict"]["id"] != "OK"


def test_a_huge_certificate_chain(tmp_path, hostile):
    context, cert = contexts(tmp_path)("mail.hostile.test", ("IP:127.0.0.1",))
    chain, key = tmp_path / "chain.pem", tmp_path / "mail.hostile.test.key"
    chain.write_bytes(cert.read_bytes() * 400)
    big = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    big.load_cert_chain(chain, key)
    server = hostile(submission(), big)
    judge(check(tmp_path, server.port, "--tls", "implicit"), server)


def peak_memory(tmp_path, port):
    """Kilobytes that one run needed at most, by /usr/bin/python3's own count of its child."""
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    code = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL); "
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    argv = [BINARY, "check", "127.0.0.1", "--port", str(port), "--offline-controls", "--timeout", str(TIMEOUT_S), "--json",
            "--user", NAME, "--password-file", str(secret)]
    return int(subprocess.run(["/usr/bin/python3", "-c", code, *argv], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "PORT26_STATE": str(tmp_path / "state")}).stdout)


def test_memory_is_bounded(tmp_path, hostile):
    """No more for a flood than for a server that says three words."""
    calm = peak_memory(tmp_path, hostile(dialogue(b"220 a ESMTP\r\n", b"250 a\r\n")).port)
    for scene in ("endless-banner", "endless-220-continuation", "reply-of-10-MiB", "ehlo-of-100000-lines"):
        assert peak_memory(tmp_path, hostile(SCENES[scene]).port) < calm + 24 * 1024, scene


# ---- DNS and the login page ----

class Dns:
    """A resolver that answers everything with bytes of its own making."""

    def __init__(self, answer):
        self.answer = answer
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                query, peer = self.socket.recvfrom(4096)
                for part in self.answer(query):
                    self.socket.sendto(part, peer)


def header(query, code=0, answers=0):
    return query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, answers, 0, 0)


DNS = {
    "garbage": lambda q: [os.urandom(512)],
    "wrong-id": lambda q: [b"\x00\x00" + header(q)[2:] + q[12:]],
    "thousand-answers": lambda q: [header(q, answers=1000) + q[12:] + b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x01" * 60],
    "name-that-points-to-itself": lambda q: [header(q, answers=1) + b"\xc0\x0c\x00\x01\x00\x01" + b"\xc0\x0c" * 50],
    "cut-short": lambda q: [header(q, answers=3) + q[12:] + b"\xc0\x0c\x00\x01"],
    "silence": lambda q: [],
    "many-for-one": lambda q: [header(q) + q[12:]] * 50,
}


@pytest.mark.parametrize("how", DNS)
def test_a_hostile_resolver(tmp_path, hostile, how):
    server, dns = hostile(submission()), Dns(DNS[how])
    try:
        judge(check(tmp_path, server.port, "--control", "smtp.other.test", "--resolver", f"127.0.0.1@{dns.port}"), server)
    finally:
        dns.socket.close()


PORTAL = {
    "endless-line": "b'HTTP/1.1 200 ' + b'x' * (1 << 24)",
    "endless-header": "b'HTTP/1.1 302 Found\\r\\n' + b'X-Y: z\\r\\n' * (1 << 20)",
    "escapes": "b'HTTP/1.1 302 Found\\r\\nLocation: http://\\x1b]0;owned\\x07\\xe2\\x80\\xae/\\r\\n\\r\\n'",
    "huge-place": "b'HTTP/1.1 302 Found\\r\\nLocation: http://' + b'a' * 100000 + b'\\r\\n\\r\\n'",
    "no-http": "bytes(range(256)) * 1000",
    "number-of-no-meaning": "b'HTTP/9.9 99999999999999999999\\r\\n\\r\\n'",
    "nothing": "b''",
}
PAGE = """
import socket, threading
def one(c):
    try:
        c.recv(65536)
        c.sendall({words})
        c.settimeout(10)
        while c.recv(65536): pass
    except OSError: pass
s = socket.create_server(("203.0.113.54", 80))
while True: threading.Thread(target=one, args=(s.accept()[0],), daemon=True).start()
"""


@pytest.mark.skipif(bool(labs.missing()), reason=labs.missing() or "")
def test_a_hostile_web_page(tmp_path):
    """The page that tells of a login comes from anybody."""
    os.environ.setdefault("PORT26", BINARY)
    case = Case(check=["mail.you.test", "--portal", "page.test", "--timeout", "3"])
    case.names["page.test"] = "203.0.113.54"
    case.servers = {"you": ("scripted", ["465", "587"]), "other": ("scripted", ["25", "465", "587"]), "isp": ("none", [])}
    with labs.Lab(case) as lab:
        for how, words in PORTAL.items():
            page = lab.popen("world", ["/usr/bin/python3", "-c", PAGE.replace("{words}", words)])
            until = time.monotonic() + 30
            while lab.run("laptop", ["bash", "-c", "exec 3<>/dev/tcp/203.0.113.54/80"]).returncode:
                assert time.monotonic() < until and page.poll() is None, how
            done = lab.run("laptop", lab.check_argv(["--json", "--no-history"]), text=False)
            page.kill()
            page.wait()
            answer = json.loads(done.stdout)
            assert b"AddressSanitizer" not in done.stderr and b"runtime error" not in done.stderr, (how, done.stderr)
            assert len(done.stdout) < 300_000 and not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", done.stdout), how
            assert "\u202e" not in done.stdout.decode(), how
            assert answer["verdict"]["id"] == "OK", (how, answer)  # a door with a good certificate opens
            assert answer["elapsed_ms"] <= (3 + ALLOWANCE_S) * 1000, how
