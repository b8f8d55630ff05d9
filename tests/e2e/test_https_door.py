"""The door for networks that let only the web through: submission by POST over HTTPS, and SMTP by ALPN on the same port."""
import base64, concurrent.futures, http.client, json, random, smtplib, socket, ssl, subprocess, time

import pytest

from port26 import PASSWORD, USER, Port26, message, wait_for

DOORS = {"443": "tls = implicit https = true", "submissions": "role = submission tls = implicit"}


def basic(user=USER, password=PASSWORD):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def fields(sender=USER, to=USER, key=None, login=True, **more):
    h = {"Content-Type": "message/rfc822", "Mail-From": f"<{sender}>", "Rcpt-To": to if to.startswith("<") else f"<{to}>"}
    if login:
        h["Authorization"] = basic()
    if key:
        h["Idempotency-Key"] = key
    h.update({k.replace("_", "-"): v for k, v in more.items()})
    return h


class Web:
    """One HTTPS connection."""

    def __init__(self, port26, alpn=("http/1.1",)):
        context = port26.context()
        if alpn:
            context.set_alpn_protocols(list(alpn))
        self.c = http.client.HTTPSConnection("localhost", port26.ports["443"], context=context, timeout=60)

    def ask(self, method, path, body=None, headers=None, **kw):
        self.c.request(method, path, body, headers or {}, **kw)
        r = self.c.getresponse()
        return r, r.read()

    def post(self, body, **kw):
        r, text = self.ask("POST", "/submit", body, fields(**kw))
        return r, json.loads(text)


def raw(port26, alpn=("http/1.1",)):
    context = port26.context()
    if alpn:
        context.set_alpn_protocols(list(alpn))
    s = socket.create_connection(("localhost", port26.ports["443"]), 60)
    s.settimeout(60)
    return context.wrap_socket(s, server_hostname="localhost")


def read_all(s):
    out = b""
    while True:
        try:
            piece = s.recv(65536)
        except (ssl.SSLError, ConnectionError):
            break
        if not piece:
            break
        out += piece
    return out


@pytest.fixture
def own(start):
    """For tests that stop it, read its log or are slowed down by it."""
    return start(doors=DOORS)


@pytest.fixture(scope="module")
def shared():
    p = Port26(doors=DOORS)
    yield p.start()
    p.close()


@pytest.fixture
def door(shared):
    """The shared one with nothing in it."""
    wait_for(lambda: shared.queue() == [])
    for file in shared.inbox_files():
        file.unlink()
    return shared


def test_a_message(door):
    r, answer = Web(door).post(message("by post"))
    assert (r.status, answer["accepted"]) == (200, True)
    assert answer["recipients"] == [{"address": USER, "code": 250, "enhanced": "2.1.5", "text": "Recipient ok"}]
    mail, = door.wait_inbox()
    assert b"Subject: by post" in mail
    received = b" ".join(mail[mail.index(b"Received:"):].split(b"\nFrom:")[0].split())
    assert b"with HTTPS" in received and b"TLSv1.3" in received and answer["id"].encode() in received
    assert b"Message-ID:" in mail and b"Date:" in mail  # what a submission lacks is added, as by SMTP


def test_curl(door, tmp_path):
    """The line that docs/https.md shows."""
    file = tmp_path / "mail"
    file.write_bytes(message("by curl", "line\nline\n" * 20000).replace(b"\r\n", b"\n"))
    out = subprocess.run(
        ["curl", "-sS", "--cacert", str(door.cert), "-u", f"{USER}:{PASSWORD}", "-H", "Content-Type: message/rfc822", "-H",
         f"Mail-From: <{USER}>", "-H", f"Rcpt-To: <{USER}>", "-H", "Transfer-Encoding: chunked", "-H", "Expect: 100-continue",
         "--data-binary", f"@{file}", f"https://localhost:{door.ports['443']}/submit", "-w", "\n%{http_code}"],
        capture_output=True, text=True, timeout=60)
    assert out.stdout.endswith("\n200"), out.stdout + out.stderr
    mail, = door.wait_inbox()
    assert mail.count(b"line\n") == 40000  # a file of LF lines arrives whole


def test_looks_like_the_web(door):
    w = Web(door)
    r, body = w.ask("GET", "/")
    assert r.status == 200 and r.getheader("Content-Type").startswith("text/html") and b"<h1>" in body
    assert r.getheader("Strict-Transport-Security") and r.getheader("Date") and not r.getheader("Server")
    assert b"port26" not in body and b"mail" not in body
    r, body = w.ask("HEAD", "/")
    assert r.status == 200 and body == b"" and int(r.getheader("Content-Length")) > 0
    for path in ("/nothing", "/submit/", "/..%2f..%2fetc/passwd", "/../../etc/passwd", "/submit%00", "//submit"):
        assert w.ask("GET", path)[0].status == 404, path
    r, _ = w.ask("DELETE", "/")
    assert r.status == 405 and r.getheader("Allow") == "GET, HEAD"
    r, text = w.ask("PUT", "/submit")
    assert r.status == 405 and r.getheader("Allow") == "GET, HEAD, POST"
    # That mail is taken there is told to everybody, and whether a login is good without any mail.
    for login, status in ((None, 401), (basic(password="wrong"), 401), (basic(), 200)):
        r, text = Web(door).ask("GET", "/submit", headers={"Authorization": login} if login else {})
        assert (r.status, r.getheader("Accept-Post")) == (status, "message/rfc822, message/global")
        assert (r.getheader("WWW-Authenticate") or "").startswith("Basic") == (status == 401)


def test_status_tells_what_a_door_speaks(door):
    doors = {d["name"]: d for d in door.json("status")["doors"]}
    assert doors["443"]["speaks"] == ["smtp", "https"] and doors["submissions"]["speaks"] == ["smtp"]
    assert "submission, TLS implicit, smtp https" in door.command("status").stdout


def test_keep_alive(door):
    w = Web(door)
    ids = {w.post(message(f"number {i}"))[1]["id"] for i in range(3)}
    assert len(ids) == 3 and w.c.sock is not None
    door.wait_inbox(3)


def test_pipelined(door):
    """Answers come in order, and each body ends where its length says."""
    one = b"".join(request(body=message(f"pipe {i}")) for i in range(3))
    s = raw(door)
    s.sendall(one + b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answers = read_all(s)
    assert [x[:3] for x in answers.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"200", b"404"]
    door.wait_inbox(3)


def request(body=b"", extra="", length=True, **kw):
    lines = ["POST /submit HTTP/1.1", "Host: localhost", *(f"{k}: {v}" for k, v in fields(**kw).items())]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n" + extra + "\r\n").encode() + body


def test_wrong_password(own):
    """As AUTH: same words, same throttle. No mail, no password in the log (Port26.close looks)."""
    w = Web(own)
    r, answer = w.post(message(), Authorization=basic(password="wrong"))
    assert r.status == 401 and r.getheader("WWW-Authenticate").startswith("Basic")
    assert r.getheader("Connection") == "close"  # its body was not read
    assert answer["reply"]["code"] == 535 and answer["verdict"]["class"] == "auth_bad_credentials"
    assert answer["verdict"]["id"] == "A3" and answer["verdict"]["owner"] == "you" and answer["verdict"]["steps"]
    assert "login.refused" in own.log() and "mechanism=Basic" in own.log()
    tries = [w.ask("POST", "/submit", None, fields(Authorization=basic(password="wrong")))[0] for _ in range(5)]
    assert [r.status for r in tries] == [401] * 5
    assert [r.getheader("Connection") for r in tries] == ["keep-alive"] * 4 + ["close"]  # as in SMTP
    r, answer = w.post(message(), login=False)
    assert r.status == 401 and answer["reply"]["code"] == 530 and answer["verdict"]["class"] == "auth_required"
    for bad in ("Basic", "Basic !!!", "Bearer abc", "Basic " + base64.b64encode(b"no colon").decode()):
        assert Web(own).post(message(), Authorization=bad)[0].status == 401
    assert own.queue() == [] and own.inbox_files() == []


def test_policy(door):
    r, answer = Web(door).post(message(), sender="somebody@else.test")
    assert r.status == 403 and answer["reply"]["code"] == 553 and answer["verdict"]["class"] == "sender_not_owned"
    assert answer["verdict"]["owner"] == "you" and USER in answer["reply"]["text"]
    r, answer = Web(door).post(message(), to="broken@@port26.test")
    assert r.status == 400 and answer["recipients"][0]["code"] == 501


def test_some_recipients(start):
    door = start(doors=DOORS, accounts=False)
    door.account_add(USER, PASSWORD)
    r, answer = Web(door).post(message(), to=f"<{USER}> NOTIFY=NEVER, <nobody@port26.test>,<not an address>")
    assert r.status == 200 and answer["accepted"]
    assert [x["code"] for x in answer["recipients"]] == [250, 550, 501]
    assert answer["recipients"][1]["verdict"]["class"] == "recipient_unknown"
    door.wait_inbox()
    r, answer = Web(door).post(message(), to="<nobody@port26.test>")
    assert r.status == 422 and not answer["accepted"] and answer["verdict"]["class"] == "recipient_unknown"
    assert "id" not in answer


def test_as_many_recipients_as_by_smtp(start):
    door = start(doors=DOORS, extra="limits { recipients = 100 }\n")
    local, domain = USER.split("@")
    r, answer = Web(door).post(message(), to=", ".join(f"<{local}+{i}@{domain}>" for i in range(102)))
    assert r.status == 200 and answer["accepted"]
    assert [x["code"] for x in answer["recipients"]] == [250] * 100 + [452]


def test_refused_requests(door):
    for status, change in [(415, {"Content_Type": "text/plain"}), (400, {"Mail_From": USER}), (400, {"Mail_From": "<a b>"}),
                           (400, {"key": "a b"}), (400, {"key": "x" * 201}), (400, {"Mail_From": f"<{USER}> NONSENSE=1"})]:
        r, answer = Web(door).post(message(), **change)
        assert r.status == status, (change, answer)
        assert not answer["accepted"] and answer["verdict"]["sentence"]
    assert door.queue() == []


def test_size(start):
    door = start(doors=DOORS, extra="limits { message-size = 128K }\n")
    big = message("big", "x" * 70 + "\r\n") + b"y" * 78 * 3000
    r, answer = Web(door).post(big)
    assert r.status == 413 and answer["reply"]["code"] == 552 and answer["verdict"]["class"] == "message_too_large"
    s = raw(door)  # without a length: it is noticed on the way
    s.sendall(request(length=False, extra="Transfer-Encoding: chunked\r\n"))
    try:
        for _ in range(30):
            s.sendall(b"4e20\r\n" + b"z" * 20000 + b"\r\n")
        s.sendall(b"0\r\n\r\n")
    except OSError:
        pass
    assert read_all(s).startswith(b"HTTP/1.1 413 ")
    assert Web(door).post(message("small"))[0].status == 200
    door.wait_inbox()


def test_large_body_goes_to_a_file(door):
    body = message("large", "0123456789" * 7 + "\r\n") + b"abc\r\n" * 400_000
    assert Web(door).post(body)[0].status == 200
    mail, = door.wait_inbox()
    assert mail.replace(b"\r\n", b"\n").endswith(b"abc\n" * 400_000)


def test_line_ends(door):
    """LF is taken as files have it; a CR alone hides something (P11)."""
    lf = message("lf").replace(b"\r\n", b"\n") + b".\n..\nMAIL FROM:<x@y>\nlast"
    assert Web(door).post(lf)[0].status == 200
    mail, = door.wait_inbox()
    assert mail.replace(b"\r\n", b"\n").endswith(b".\n..\nMAIL FROM:<x@y>\nlast\n")
    for bad in (b"a\rb", b"a\r\r\n", b"a\r"):
        r, answer = Web(door).post(message("cr") + bad)
        assert r.status == 422 and answer["reply"]["enhanced"] == "5.6.11", bad
    assert len(door.inbox_files()) == 1 and door.queue() == []


def test_smuggling(door):
    """HOSTILE 41: whatever two servers might read differently is refused, and what follows is not obeyed."""
    second = request(body=message("smuggled"))
    for extra in ("Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
                  "X: y\r\n Z: folded\r\n", "X: a\nContent-Length: 0\r\n", "Transfer-Encoding : chunked\r\n",
                  "Host: other\r\n", "Transfer-Encoding:\x0bchunked\r\n"):
        s = raw(door)
        s.sendall(request(body=message("first"), extra=extra) + second)
        answers = read_all(s)
        assert answers.count(b"HTTP/1.1 ") == 1 and answers[9:12] in (b"400", b"501"), (extra, answers)
    assert door.queue() == [] and door.inbox_files() == []


def test_garbage(door):
    r = random.Random(26)
    for n in (1, 5, 200, 40000):
        s = raw(door)
        s.sendall(bytes(r.randrange(256) for _ in range(n)) + b"\r\n\r\n")
        s.shutdown(socket.SHUT_WR) if n == 1 else None
        read_all(s)
    s = raw(door)
    s.sendall(b"GET /" + b"a" * 40000)
    assert read_all(s).startswith(b"HTTP/1.1 414 ")
    s = raw(door)
    s.sendall(b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: y\r\n" % i for i in range(500)) + b"\r\n")
    assert read_all(s).startswith(b"HTTP/1.1 431 ")
    plain = socket.create_connection(("localhost", door.ports["443"]), 60)  # no TLS at all
    plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert b"HTTP" not in plain.recv(100)
    assert Web(door).ask("GET", "/")[0].status == 200


def test_slow_fields(start):
    """HOSTILE 100: a byte now and then does not buy time."""
    door = start(doors=DOORS, extra="limits { greeting-timeout = 2s }\n")
    s, began = raw(door), time.monotonic()
    s.settimeout(0.2)
    s.sendall(b"GET / HTTP/1.1\r\n")
    answer = b""
    while time.monotonic() - began < 30 and not answer:
        try:
            s.sendall(b"X")
            answer = s.recv(1000)
        except TimeoutError:
            continue
        except OSError:
            break
    assert time.monotonic() - began < 20
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")


def test_same_key(own):
    first = Web(own).post(message("once"), key="k-1")[1]
    again = Web(own).post(message("once"), key="k-1")[1]
    assert first["accepted"] and again == first
    r, other = Web(own).post(message("another"), key="k-1")  # never silently dropped
    assert r.status == 422 and other["reply"]["enhanced"] == "5.5.4"
    assert Web(own).post(message("once"), key="k-2")[1]["id"] != first["id"]
    own.wait_inbox(2)
    wait_for(lambda: own.queue() == [])
    assert Web(own).post(message("once"), key="k-1")[1] == first  # also after it left
    own.stop()
    own.start()
    assert Web(own).post(message("once"), key="k-1")[1] == first  # and after a restart
    assert len(own.inbox_files()) == 2


def test_same_key_at_once(door):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: Web(door).post(message("many"), key="same")[1], range(16)))
    assert len({a["id"] for a in answers}) == 1 and all(a["accepted"] for a in answers)
    door.wait_inbox()
    wait_for(lambda: door.queue() == [])
    assert len(door.inbox_files()) == 1


def test_killed_before_the_answer(own):
    """P1 with a key: the commit was made, the answer was never heard; asked again, there is one copy."""
    s = raw(own)
    s.sendall(request(body=message("lost answer"), key="k"))
    wait_for(lambda: "message.accepted" in own.log())
    own.kill()
    s.close()
    own.start()
    r, answer = Web(own).post(message("lost answer"), key="k")
    assert r.status == 200 and f"id={answer['id']}" in own.log()
    own.wait_inbox()
    wait_for(lambda: own.queue() == [])
    assert len(own.inbox_files()) == 1


def test_killed_at_any_time(own):
    r = random.Random(4)
    for i in range(4):
        s = raw(own)
        s.sendall(request(body=message(f"kill {i}", "x" * 60 + "\r\n" * 3000), key=f"k{i}"))
        time.sleep(r.random() * 0.05)
        own.kill()
        s.close()
        own.start()
        assert Web(own).post(message(f"kill {i}", "x" * 60 + "\r\n" * 3000), key=f"k{i}")[0].status == 200
        own.wait_inbox(i + 1)
        wait_for(lambda: own.queue() == [])
        assert len(own.inbox_files()) == i + 1


class SmtpOnWeb(smtplib.SMTP_SSL):
    def __init__(self, door, alpn):
        self.alpn = alpn
        super().__init__("localhost", door.ports["443"], timeout=60, context=door.context())

    def _get_socket(self, host, port, timeout):
        if self.alpn:
            self.context.set_alpn_protocols(self.alpn)
        return super()._get_socket(host, port, timeout)


@pytest.mark.parametrize("alpn", [["smtp"], ["h2", "smtp"], None])
def test_smtp_on_the_same_port(door, alpn):
    """Chosen by ALPN; a client that offers nothing and waits is greeted."""
    c = SmtpOnWeb(door, alpn)
    assert c.sock.selected_alpn_protocol() == ("smtp" if alpn else None)
    c.login(USER, PASSWORD)
    assert not c.has_extn("starttls")
    c.sendmail(USER, [USER], message("smtp on 443"))
    c.quit()
    mail, = door.wait_inbox()
    assert b"ESMTPSA" in mail


def test_without_alpn_http_speaks_first(door):
    for piece in (100, 1):
        s = raw(door, alpn=None)
        ask = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        for i in range(0, len(ask), piece):
            s.sendall(ask[i:i + piece])
        assert read_all(s).startswith(b"HTTP/1.1 200 ")


def test_other_protocols(door):
    """HOSTILE 37: what we do not speak is refused in the handshake; ports for mail do not speak HTTP."""
    with pytest.raises(ssl.SSLError):
        raw(door, alpn=("h2",))
    context = door.context()
    context.set_alpn_protocols(["http/1.1"])
    with pytest.raises(ssl.SSLError):
        with socket.create_connection(("localhost", door.ports["submissions"]), 60) as s:
            context.wrap_socket(s, server_hostname="localhost")


def test_stop_ends_idle_connections(own):
    w = Web(own)
    assert w.ask("GET", "/")[0].status == 200
    began = time.monotonic()
    assert own.stop() == 0
    assert time.monotonic() - began < 8  # nobody waits for a connection that waits
