"""Mail goes on to real servers: found by MX in a DNS of our own, or a provider's relay that demands login and TLS."""
import email, email.policy, os, re, time, uuid
from types import SimpleNamespace

import pytest

from peers import Dns, Dovecot, Exim, Postfix
from port26 import AS_ROOT, USER, free_port, make_certificate, pass_through, secret_file, wait_for
from sink import Sink

pytestmark = pytest.mark.skipif(not AS_ROOT, reason="Postfix, Dovecot and Exim start only as root")
RELAY_USER, RELAY_PASSWORD = "office@post.test", "pass phrase, ümlaut"

BODY = ("Grüße\r\n.\r\n..\r\n.dots\r\n" + "x" * 990 + "\r\n \t \r\nFrom here\r\n" + "é" * 300 + "\r\n\r\n\r\n").encode()


@pytest.fixture(scope="module")
def world():
    """One port for all mail hosts, as 25 is in the world; they differ by address. Nobody listens at 127.0.9.9."""
    port, closers = free_port(), []
    try:
        w = SimpleNamespace(port=port, closers=closers)
        w.postfix = Postfix("127.0.9.2", port)
        closers.append(w.postfix)
        w.exim = Exim("127.0.9.3", port)
        closers.append(w.exim)
        w.dns = Dns([
            "post.test. MX 10 mx.post.test.", "mx.post.test. A 127.0.9.2",
            "exim.test. MX 10 mx.exim.test.", "mx.exim.test. A 127.0.9.3",
            "dead-first.test. MX 10 dead.test.", "dead-first.test. MX 20 mx.exim.test.", "dead.test. A 127.0.9.9",
            "no-name-first.test. MX 5 gone.test.", "no-name-first.test. MX 10 mx.post.test.",
            "order.test. MX 20 mx.post.test.", "order.test. MX 10 mx.exim.test.", "order.test. MX 30 dead.test.",
            "implicit.test. A 127.0.9.3",
            "null.test. MX 0 .",
            "all-dead.test. MX 10 dead.test.",
            "relay.test. A 127.0.0.1",
        ], broken=["broken.test"])
        closers.append(w.dns)
        w.delivery = w.dns.settings + f'delivery {{ port = {port} allow-loopback = true retry = {{"1h"}} }}\n'
        yield w
    finally:
        for c in closers:
            c.close()


@pytest.fixture(scope="module")
def provider():
    """A relay that takes mail after a login only: Postfix, with Dovecot judging the logins."""
    dovecot = Dovecot({RELAY_USER: RELAY_PASSWORD})
    try:
        postfix = Postfix("127.0.0.1", free_port(), dovecot)
        yield postfix
        postfix.close()
    finally:
        dovecot.close()


def submit(p, *recipients, body=BODY, options=()):
    """Sends one message with a token of its own in the subject; returns (token, the message)."""
    token = uuid.uuid4().hex
    data = f"From: <{USER}>\r\nTo: <{recipients[0]}>\r\nSubject: {token}\r\nDate: x\r\nMessage-ID: <{token}@x>\r\n\r\n".encode() + body
    with p.client("submissions") as c:
        c.sendmail(USER, recipients, data, mail_options=["BODY=8BITMIME", *options])
    return token, data


def arrived_whole(server, token, data, p):
    got = server.wait_mail(token, log=p.log)
    assert got.endswith(data.replace(b"\r\n", b"\n")), got[-2000:]
    return got


def the_report(p, *recipients):
    """The one report in the sender's inbox: (text for people, status of each recipient by address)."""
    raw = p.wait_inbox(1)
    assert len(raw) == 1
    m = email.message_from_bytes(raw[0], policy=email.policy.default)
    assert m["Return-Path"] == "<>" and m["Auto-Submitted"].startswith("auto-")
    assert m.get_content_type() == "multipart/report" and m.get_param("report-type") == "delivery-status"
    text, status, original = m.iter_parts()
    assert text.get_content_type() == "text/plain" and status.get_content_type() == "message/delivery-status"
    assert original.get_content_type() in ("message/rfc822", "text/rfc822-headers")
    blocks = [b for b in status.get_payload() if b["Final-Recipient"]]
    found = {b["Final-Recipient"].split(";")[1].strip(): b for b in blocks}
    assert sorted(found) == sorted(recipients) and len(blocks) == len(recipients)
    return text.get_content(), found


def words_of(text):
    return " ".join(text.split())


def settled(p, seconds=30):
    wait_for(lambda: not p.queue(), seconds, message=lambda: f"{p.queue()}\n{p.log()[-3000:]}")


def tried(p, seconds=30):
    """The only message that waits, once it was tried."""
    def look():
        q = p.queue()
        return q and all(r["attempts"] > 0 and not m["leased"] for m in q for r in m["recipients"]) and q
    q = wait_for(look, seconds, message=lambda: f"{p.queue()}\n{p.log()[-3000:]}")
    assert len(q) == 1
    return q[0]


# ---- by MX

@pytest.mark.parametrize("kind", ["postfix", "exim"])
def test_arrives_unchanged(world, start, kind):
    server, domain = (world.postfix, "post.test") if kind == "postfix" else (world.exim, "exim.test")
    p = start(extra=world.delivery)
    token, data = submit(p, f"somebody@{domain}")
    got = arrived_whole(server, token, data, p)
    settled(p)
    head = words_of(got.split(b"\n\n")[0].decode())
    assert head.count("Received:") == 2  # theirs, then ours
    # Encrypted, though nobody can vouch for the certificate of a stranger.
    assert re.search(r"mail\.port26\.test.*TLS", head), head
    assert "tls=\"TLSv1.3" in p.log()


def test_large_message_and_many_recipients(world, start):
    p = start(extra=world.delivery)
    body = b"".join(b"%07d some words to fill a line\r\n" % i for i in range(150_000))  # 5 MB
    token, data = submit(p, "a@post.test", "b@exim.test", body=body)
    arrived_whole(world.postfix, token, data, p)
    arrived_whole(world.exim, token, data, p)
    many = [f"r{i}@exim.test" for i in range(150)]
    token, data = submit(p, *many)
    wait_for(lambda: not p.queue())
    copies = world.exim.mails(token)
    assert copies and all(c.endswith(data.replace(b"\r\n", b"\n")) for c in copies)


def test_utf8_address(world, start):
    p = start(extra=world.delivery)
    token, data = submit(p, "grüße@post.test", options=["SMTPUTF8"])
    arrived_whole(world.postfix, token, data, p)
    settled(p)


@pytest.mark.parametrize("domain,server", [
    ("order.test", "exim"),             # the lowest preference
    ("dead-first.test", "exim"),        # the first does not answer
    ("no-name-first.test", "postfix"),  # the first has no address
    ("implicit.test", "exim"),          # no MX: the domain's own address
])
def test_way_by_dns(world, start, domain, server):
    p = start(extra=world.delivery)
    token, data = submit(p, f"x@{domain}")
    arrived_whole(getattr(world, server), token, data, p)
    settled(p)
    assert p.inbox_files() == []


def test_second_mx_takes_over_when_the_first_says_later(world, start):
    with Sink({"rcpt": b"451 4.3.0 not now\r\n"}, address="127.0.9.5", port=world.port) as first:
        dns = Dns(["two.test. MX 10 first.two.test.", "two.test. MX 20 mx.two.test.", "first.two.test. A 127.0.9.5",
                   "mx.two.test. A 127.0.9.2"])
        try:
            p = start(extra=world.delivery.replace(world.dns.settings, dns.settings))
            token, data = submit(p, "x@two.test")
            arrived_whole(world.postfix, token, data, p)
            assert any(line.startswith(b"RCPT") for line in first.lines)
        finally:
            dns.close()


@pytest.mark.parametrize("domain,status,words", [
    ("null.test", "5.1.10", "The domain null.test says in DNS that it takes no mail at all"),
    ("nowhere-at-all.test", "5.1.2", "There is no domain nowhere-at-all.test in DNS"),
])
def test_domain_that_takes_no_mail(world, start, domain, status, words):
    p = start(extra=world.delivery)
    submit(p, f"x@{domain}", "fine@post.test")
    text, found = the_report(p, f"x@{domain}")
    settled(p)
    assert found[f"x@{domain}"]["Status"] == status and found[f"x@{domain}"]["Action"] == "failed"
    assert words in words_of(text)
    assert text.startswith("Your mail could not be delivered")  # words for people first
    time.sleep(0.3)
    assert len(p.inbox_files()) == 1


@pytest.mark.parametrize("domain,words", [
    ("broken.test", "DNS could not tell the way to broken.test"),
    ("all-dead.test", "dead.test"),
])
def test_trouble_on_the_way_waits(world, start, domain, words):
    p = start(extra=world.delivery)
    submit(p, f"x@{domain}")
    m = tried(p)
    assert m["recipients"][0]["status"].startswith("4.") and words in m["recipients"][0]["words"]
    shown = words_of(p.command("queue", "show", m["id"]).stdout)
    assert words in shown
    assert p.inbox_files() == []


# ---- by a relay

def relay(p_port, secret, ca, tls="starttls", user=RELAY_USER, host="localhost", more=""):
    return f"""relay "provider" {{
  host = "{host}" port = {p_port} tls = {tls} user = "{user}" password-file = "{secret}" ca-file = "{ca}" {more}
}}
route "here" {{ to = {{"port26.test"}} via = inbox }}
route "out" {{ via = "relay:provider" }}
delivery {{ retry = {{"1h"}} }}
"""


@pytest.fixture
def secret(tmp_path):
    """A password file as the configuration wants it: readable by us only."""
    def make(password=RELAY_PASSWORD):
        pass_through(tmp_path)
        return secret_file(tmp_path / "relay-password", password)
    return make


def readable(cert):
    os.chmod(cert, 0o644)
    return cert


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("mechanisms", ["", 'mechanisms = {"PLAIN"}', 'mechanisms = {"LOGIN"}', 'mechanisms = {"SCRAM-SHA-256"}'],
                         ids=["best", "PLAIN", "LOGIN", "SCRAM-SHA-256"])
def test_relay_with_login(provider, start, secret, tls, mechanisms):
    port = provider.tls_port if tls == "implicit" else provider.port
    p = start(extra=relay(port, secret(), readable(provider.cert), tls, more=mechanisms))
    token, data = submit(p, "customer@elsewhere.test")
    got = arrived_whole(provider, token, data, p)
    settled(p)
    assert "TLSv1.3" in got.decode(errors="replace")
    used = re.findall(r"sasl_method=(\S+?),", provider.words())[-1]
    assert used == (re.search('"(.*)"', mechanisms).group(1) if mechanisms else "SCRAM-SHA-256")
    assert f"sasl_username={RELAY_USER}" in provider.words()
    assert RELAY_PASSWORD not in p.log()


def test_relay_refuses_the_password(provider, start, secret):
    p = start(extra=relay(provider.port, secret("not the password"), readable(provider.cert)))
    submit(p, "customer@elsewhere.test")
    m = tried(p)
    words = m["recipients"][0]["words"]
    assert m["recipients"][0]["status"] == "4.7.8"
    assert "localhost refused the login: user name or password is wrong" in words
    shown = p.command("queue", "show", m["id"]).stdout
    assert "refused the login" in words_of(shown) and "535" in shown
    assert "not the password" not in shown + p.log() and p.inbox_files() == []


@pytest.mark.parametrize("case,words", [
    ("unknown certificate", "certificate"),
    ("other name", "certificate"),
    ("implicit, unknown certificate", "certificate"),
    ("no STARTTLS", "STARTTLS"),
    ("STARTTLS refused", "The encrypted connection to 127.0.0.1 could not be made"),
    ("no AUTH", "offers no login"),
    ("AUTH before TLS only", "offers no login"),
])
def test_password_stays_here(start, secret, tmp_path, case, words):
    """P7: nothing of a login is on the wire unless the certificate is good, and no mail goes without the login."""
    other = tmp_path / "other"
    other.mkdir()
    trusted = make_certificate(tmp_path, extra=("DNS:localhost", "IP:127.0.0.1"))
    shown = make_certificate(other, extra=("DNS:elsewhere.test",) if case == "other name" else ("DNS:localhost", "IP:127.0.0.1"))
    ca = shown[0] if case == "other name" else trusted[0]
    good = case not in ("unknown certificate", "other name", "implicit, unknown certificate")
    extensions, replies = ["PIPELINING", "8BITMIME", "SIZE 100000000"], {}
    if case != "no AUTH" and case != "AUTH before TLS only":
        extensions.append("AUTH PLAIN LOGIN")
    if case != "no STARTTLS":
        extensions.append("STARTTLS")
    if case == "STARTTLS refused":
        replies["starttls"] = b"454 4.7.0 TLS not available\r\n"
    pass_through(tmp_path)
    other.chmod(0o755)
    with Sink(replies, extensions, cert=trusted if good else shown, implicit=case.startswith("implicit")) as sink:
        p = start(extra=relay(sink.port, secret(), readable(ca), "implicit" if case.startswith("implicit") else "starttls",
                              host="127.0.0.1"))
        submit(p, "customer@elsewhere.test")
        m = tried(p)
        assert words in m["recipients"][0]["words"], m["recipients"][0]["words"]
        assert m["recipients"][0]["status"].startswith("4.")
        assert words in words_of(p.command("queue", "show", m["id"]).stdout)
        verbs = {line.split()[0].upper() for line in sink.lines if line.split()}
        assert verbs <= {b"EHLO", b"STARTTLS", b"QUIT"}, sink.lines
        assert sink.messages == [] and p.inbox_files() == []
        assert RELAY_PASSWORD not in p.log()
