"""What leaves is signed, and dkimpy, which is not ours, finds the signatures good."""
import re, smtplib, uuid

import pytest

import dkim
from peers import Dns, Postfix
from port26 import AS_ROOT, PASSWORD, USER, free_port, secret_file, wait_for
from sink import Sink

DOMAIN = USER.split("@")[1]
LONG = b"x" * 990 + b"\r\n"

BODIES = {
    "plain": b"Hello\r\n",
    "empty": b"",
    "blank lines only": b"\r\n \r\n\t\r\n",
    "no end": b"no end of line",
    "dots": b".\r\n..\r\n.dot\r\n",
    "blanks": b"  two  blanks \t and a tab\t\r\n \r\nend \t \r\n\r\n\r\n   \r\n\r\n",
    "long lines": LONG * 3,
    "8bit": "Grüße, 日本\r\n".encode() + bytes(range(0x80, 0x100)) + b"\r\n",
    "large": b"".join(b"%07d  some words to fill a line \r\n" % i for i in range(90_000)),  # 3 MB: a file
}
HEADERS = {
    "plain": b"",
    "folded": b"X-Other: 1\r\nReferences:\r\n <a@b>\r\n\t<c@d> \r\nCC:  \"a,\r\n b\" <c@d.test> ,\r\n\te@f.test\r\n",
    "twice": b"Reply-To: a@port26.test\r\nreply-to: b@port26.test\r\nList-Id: <l.test>\r\nList-Unsubscribe: <http://l.test/>\r\n",
    "odd": b"MIME-Version:1.0\r\nContent-Type:text/plain;\r\n charset=utf-8\r\nIn-Reply-To:\r\nX-Empty:\r\n",
}


@pytest.fixture(scope="module")
def sink():
    with Sink() as s:
        yield s


def relay_to(port):
    return f'relay "out" {{ host = "[127.0.0.1]" port = {port} tls = none }}\nroute "all" {{ to = {{"*.far.test", "far.test"}} via = "relay:out" }}\n' \
           'delivery { allow-loopback = true }\n'


def keys_of(p):
    return {row["name"]: row for row in p.json("domain", "keys", DOMAIN)["keys"]}


def make_keys(p):
    p.command("domain", "rotate", DOMAIN)
    return keys_of(p)


def send(p, header=b"", body=b"Hello\r\n", author=USER):
    token = uuid.uuid4().hex
    data = f"From: Somebody <{author}>\r\nTo: you@far.test\r\nSubject: {token}  twice \r\n".encode() + header + b"\r\n" + body
    with p.client("submissions") as c:
        c.sendmail(USER, ["you@far.test"], data, mail_options=["BODY=8BITMIME"])
    return token


def left(sink, token, p):
    def look():
        with sink.lock:
            return [m["body"] for m in sink.messages if token.encode() in m["body"]]
    return wait_for(look, 60, message=lambda: p.log()[-3000:])[0]


def signatures(raw):
    head = raw.split(b"\r\n\r\n")[0]
    return re.sub(rb"\r\n[ \t]+", b" ", head).count(b"DKIM-Signature:")


def verify(raw, keys, count=2):
    """Each signature is good by the records that we would publish, and none is left out."""
    asked = []

    def ask(name, timeout=5):
        asked.append(name.decode().rstrip("."))
        row = keys.get(asked[-1])
        return row and row["text"].encode()

    assert signatures(raw) == count
    d = dkim.DKIM(raw)
    for i in range(count):
        assert d.verify(idx=i, dnsfunc=ask), (i, raw[:3000])
    assert len(set(asked)) == count
    return d


def test_all_that_is_awkward(start, sink):
    p = start(extra=relay_to(sink.port))
    keys = make_keys(p)
    assert sorted(k["kind"] for k in keys.values()) == ["ed25519", "rsa"]
    assert {k["state"] for k in keys.values()} == {"active"}
    tokens = [(what, send(p, body=body)) for what, body in BODIES.items()]
    tokens += [(what, send(p, header=header)) for what, header in HEADERS.items()]
    for what, token in tokens:
        raw = left(sink, token, p)
        verify(raw, keys)
        assert raw.startswith(b"DKIM-Signature:"), what
        # A second From, or a Subject where there is one already, is no signed mail any more.
        with pytest.raises(AssertionError):
            verify(raw.replace(b"\r\nFrom:", b"\r\nFrom: evil@evil.test\r\nFrom:", 1), keys)
        with pytest.raises(AssertionError):
            verify(raw.replace(b"\r\nSubject:", b"\r\nReply-To: evil@evil.test\r\nSubject:", 1), keys)
    # What mailing lists do to a header leaves it good.
    verify(raw.replace(b"\r\nSubject:", b"\r\nList-Post: <x@l.test>\r\nSender: l@l.test\r\nX-List: y\r\nSubject:", 1), keys)
    assert "PRIVATE" not in p.log() and "PRIVATE" not in str(p.json("domain", "keys", DOMAIN))


@pytest.mark.skipif(not AS_ROOT, reason="Postfix starts only as root")
def test_through_postfix(start):
    postfix = Postfix("127.0.0.1", free_port())
    try:
        p = start(extra=relay_to(postfix.port))
        keys = make_keys(p)
        for header, body in [(b"", BODIES["blanks"]), (HEADERS["folded"], BODIES["8bit"]), (b"", BODIES["large"])]:
            token = send(p, header, body)
            raw = postfix.wait_mail(token, log=p.log).replace(b"\n", b"\r\n")
            verify(raw, keys)
    finally:
        postfix.close()


def test_whose_mail_is_signed(start, sink):
    """Only who may use the address: not a neighbour who writes it into From, and nobody without keys."""
    p = start(extra=relay_to(sink.port))
    token = send(p)
    assert signatures(left(sink, token, p)) == 0
    keys = make_keys(p)
    p.account_add("neighbour@port26.test", PASSWORD)
    token = uuid.uuid4().hex
    with p.client("submissions", login=False) as c:
        c.login("neighbour@port26.test", PASSWORD)
        c.sendmail("neighbour@port26.test", ["you@far.test"], f"From: {USER}\r\nSubject: {token}\r\n\r\nx\r\n")
    assert signatures(left(sink, token, p)) == 0
    verify(left(sink, send(p), p), keys)
    assert signatures(left(sink, send(p, author="somebody@elsewhere.test"), p)) == 0
    # A program of this machine.
    token = uuid.uuid4().hex
    p.command("send", "--raw", "--from", USER, "--to", "you@far.test",
              input=f"From: {USER}\nTo: you@far.test\nSubject: {token}\n\nx\n")
    verify(left(sink, token, p), keys)
    p.command("domain", "unsign", DOMAIN)
    assert signatures(left(sink, send(p), p)) == 0


def hand_over(p, door, author, sender=None, source="127.0.0.1"):
    """Without a login; the token of the message."""
    token = uuid.uuid4().hex
    with smtplib.SMTP(timeout=60, source_address=(source, 0)) as c:
        c.connect("127.0.0.1", p.ports[door])
        c.sendmail(author if sender is None else sender, ["you@far.test"],
                   f"From: {author}\r\nTo: you@far.test\r\nSubject: {token}\r\n\r\nHello\r\n")
    return token


# "trust" names 127.0.0.8: what comes from 127.0.0.1 is a stranger's.
TRUST = {"submissions": "role = submission tls = implicit", "office": 'role = submission tls = none trust = {"127.0.0.8/32"}',
         "exchange": 'role = exchange tls = none trust = {"127.0.0.8/32"}'}


@pytest.mark.parametrize("door", ["office", "exchange"])
def test_trusted_networks(start, sink, door):
    """Mail of a network that needs no login is signed when its From is ours, whoever it says it is; nobody else's is."""
    p = start(doors=TRUST, extra=relay_to(sink.port))
    keys = make_keys(p)
    p.account_add("neighbour@port26.test", PASSWORD)
    for author, sender, signed in [(USER, None, 2), ("printer@port26.test", None, 2), ("printer@PORT26.test", "", 2),
                                   ("x@elsewhere.test", USER, 0), ("a@port26.test, x@elsewhere.test", USER, 0),
                                   ("x@sub.port26.test", USER, 0)]:
        raw = left(sink, hand_over(p, door, author, sender, "127.0.0.8"), p)
        verify(raw, keys, signed) if signed else None
        assert signatures(raw) == signed, author
    # Who logs in there is held to what the login may use.
    token = uuid.uuid4().hex
    with smtplib.SMTP_SSL("localhost", p.ports["submissions"], timeout=60, context=p.context()) as c:
        c.login("neighbour@port26.test", PASSWORD)
        c.sendmail("neighbour@port26.test", ["you@far.test"], f"From: {USER}\r\nSubject: {token}\r\n\r\nx\r\n")
    assert signatures(left(sink, token, p)) == 0
    with pytest.raises(smtplib.SMTPException):  # from elsewhere nothing goes to far.test at all
        hand_over(p, door, USER)


def test_strangers_get_no_signature(start, sink):
    """Mail from outside that an alias sends on keeps what it came with; trusted mail is not signed where the settings say so."""
    p = start(doors=TRUST, extra=relay_to(sink.port) + "dkim { trusted = false }\n")
    make_keys(p)
    p.command("alias", "add", "out@port26.test", "you@far.test")
    token = uuid.uuid4().hex
    with smtplib.SMTP("127.0.0.1", p.ports["exchange"], timeout=60) as c:
        c.sendmail("x@elsewhere.test", ["out@port26.test"], f"From: {USER}\r\nSubject: {token}\r\n\r\nx\r\n")
    assert signatures(left(sink, token, p)) == 0
    assert signatures(left(sink, hand_over(p, "office", USER, source="127.0.0.8"), p)) == 0
    assert signatures(left(sink, send(p), p)) == 2


@pytest.mark.skipif(not AS_ROOT, reason="Postfix starts only as root")
def test_by_mx(start):
    """A login's mail and that of a trusted network, as the recipient's own server has it."""
    port = free_port()
    postfix, dns = Postfix("127.0.9.2", port), None
    try:
        dns = Dns(["far.test. MX 10 mx.far.test.", "mx.far.test. A 127.0.9.2"])
        p = start(doors=TRUST, extra=dns.settings + f'delivery {{ port = {port} allow-loopback = true }}\n')
        keys = make_keys(p)
        for token in (send(p, HEADERS["folded"], BODIES["8bit"]), hand_over(p, "office", "printer@port26.test", source="127.0.0.8")):
            verify(postfix.wait_mail(token, log=p.log).replace(b"\n", b"\r\n"), keys)
    finally:
        if dns:
            dns.close()
        postfix.close()


def test_own_reports(start):
    """A report about a failure comes from this host, which the domain above it vouches for."""
    with Sink({"rcpt": b"550 5.1.1 nobody\r\n"}) as far:
        p = start(extra=relay_to(far.port))
        keys = make_keys(p)
        send(p)
        raw = p.wait_inbox(1)[0]
        at = raw.index(b"DKIM-Signature:")
        verify(raw[at:].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), keys)


def test_rotation(start, sink):
    """New keys wait until they are seen; old ones stay published. Damaged ones stop no mail."""
    p = start(extra=relay_to(sink.port))
    old = make_keys(p)
    both = make_keys(p)
    fresh = {n: k for n, k in both.items() if n not in old}
    assert {k["state"] for k in fresh.values()} == {"new"} and len(both) == 4
    assert p.command("domain", "rotate", DOMAIN, check=False).returncode != 0  # one waits already
    verify(left(sink, send(p), p), old)
    p.stop()
    p.start()
    verify(left(sink, send(p), p), old)
