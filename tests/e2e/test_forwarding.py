"""Mail from outside that an alias sends on to another host: the reverse-path it leaves with (SRS), and the reports that come back to it."""
import re, smtplib

import pytest

from port26 import USER, message, wait_for
from sink import Sink

HOST = "mail.port26.test"


def srs0(local, domain):
    return rf"SRS0=[A-Za-z0-9+/]{{6}}=[A-Z2-7]{{2}}={re.escape(domain)}={re.escape(local)}@{re.escape(HOST)}"


@pytest.fixture
def house(start):
    """Its aliases: away@ leads to another host, both@ there and here; all other hosts are one sink."""
    sinks = []

    def make(settings="", replies=None):
        s = Sink(replies)
        sinks.append(s)
        p = start(extra=f'relay "hop" {{ host = "127.0.0.1" port = {s.port} tls = none }}\n'
                        'route "here" { to = {"port26.test", "kept.test"} via = inbox }\nroute "rest" { via = "relay:hop" }\n' + settings)
        p.command("alias", "add", "away@port26.test", "me@away.test")
        p.command("alias", "add", "both@port26.test", "me@away.test", USER)
        return s, p

    yield make
    for s in sinks:
        s.close()


def stranger(p):
    c = smtplib.SMTP("127.0.0.1", p.ports["exchange"], timeout=60)
    c.ehlo("far.test")
    return c


def post(p, sender, to, body=None):
    with stranger(p) as c:
        c.sendmail(sender, [to], body or message(sender=sender or "x@far.test", to=to), mail_options=["SMTPUTF8"] if not sender.isascii() else [])


def path(line):
    return re.match(rb"(?:MAIL FROM|RCPT TO):<([^>]*)>", line)[1].decode()


def left(s, count):
    """(reverse-path, recipients) of the last of so many messages."""
    wait_for(lambda: len(s.kept()) >= count)
    last = s.kept()[-1]
    return path(last["from"]), [path(line) for line in last["to"]]


def ask(p, to, sender=""):
    with stranger(p) as c:
        assert c.docmd("MAIL", f"FROM:<{sender}>")[0] == 250
        code, words = c.docmd("RCPT", f"TO:<{to}>")
        return code, words.decode()


def test_there_and_back(house):
    """A stranger's mail leaves with an address of ours; the report comes back to it, leaves from <> and reaches the stranger."""
    s, p = house()
    post(p, "Ann.B@far.test", "away@port26.test")
    sender, to = left(s, 1)
    assert re.fullmatch(srs0("Ann.B", "far.test"), sender) and to == ["me@away.test"]
    body = s.kept()[-1]["body"]
    assert b"SRS0" not in body  # nothing of the message itself is changed
    for n, address in enumerate((sender, sender.lower(), sender.upper().replace("@MAIL.PORT26.TEST", "@" + HOST)), 2):
        post(p, "", address, b"Subject: undeliverable\r\n\r\nx\r\n")
        back, to = left(s, n)
        assert back == "" and to[0].lower() == "ann.b@far.test"
    # Our own report about a refusal of the next hop goes to the stranger himself.
    s.replies["rcpt"] = lambda state: b"550 5.1.1 nobody\r\n" if b"away" in state["line"] else b"250 ok\r\n"
    post(p, "carl@far.test", "away@port26.test")
    back, to = left(s, 5)
    assert back == "" and to == ["carl@far.test"]


def test_whose_mail_keeps_its_sender(house):
    """Ours, <>, and what is put into an inbox here or sent on after a login."""
    s, p = house()
    post(p, "eve@far.test", "both@port26.test")
    assert left(s, 1)[0].startswith("SRS0=")
    assert b"Return-Path: <eve@far.test>\n" in p.wait_inbox(1)[0]
    post(p, "", "away@port26.test", b"Subject: a report\r\n\r\nx\r\n")
    assert left(s, 2)[0] == ""
    with p.client() as c:  # one message, by an alias and without
        c.sendmail(USER, ["away@port26.test", "other@away.test"], message())
    assert left(s, 3)[0] == USER
    p.account_add("guest@far.test", "a third horse")
    with p.client(login=False) as c:
        c.starttls(context=p.context())
        c.login("guest@far.test", "a third horse")
        c.sendmail("guest@far.test", ["away@port26.test", "other@away.test"], message(sender="guest@far.test"))
    wait_for(lambda: len(s.kept()) >= 5)
    paths = {path(m["to"][0]): path(m["from"]) for m in s.kept()[3:]}
    assert paths["other@away.test"] == "guest@far.test" and re.fullmatch(srs0("guest", "far.test"), paths["me@away.test"])


def test_a_chain(house):
    """Who forwarded before us is remembered by SRS1, whatever the length of the chain."""
    s, p = house()
    for n, sender in enumerate(("SRS0=abcd=KX=a.test=bob@first.test", "SRS1=wxyz=first.test==abcd=KX=a.test=bob@second.test"), 1):
        post(p, sender, "away@port26.test")
        address, _ = left(s, 2 * n - 1)
        assert re.fullmatch(rf"SRS1=[A-Za-z0-9+/]{{6}}=first\.test==abcd=KX=a\.test=bob@{HOST}", address)
        post(p, "", address, b"Subject: undeliverable\r\n\r\nx\r\n")
        assert left(s, 2 * n) == ("", ["SRS0=abcd=KX=a.test=bob@first.test"])


LONG = "bounces+1234567-abcd-reader=port26.test=newsletter@em1234.sender.test"


def test_what_does_not_fit(house):
    """An address that does not fit into 64 octets, or can not stand in a local part, is kept here, also over a restart."""
    s, p = house()
    senders = (LONG, "ann@[192.0.2.1]", '"a b"@' + "long." * 10 + "test")
    addresses = []
    for n, sender in enumerate(senders, 1):
        post(p, sender, "away@port26.test")
        addresses.append(left(s, n)[0])
        assert re.fullmatch(rf"SRS0=[A-Za-z0-9+/]{{6}}=[A-Z2-7]{{2}}=kept\.invalid=[a-z2-7]{{16}}@{HOST}", addresses[-1])
    assert len(set(addresses)) == 3
    post(p, LONG, "away@port26.test")
    assert left(s, 4)[0] == addresses[0]  # the same again
    p.stop()
    p.start()
    for n, (sender, address) in enumerate(zip(senders, addresses), 5):
        post(p, "", address.lower(), b"Subject: undeliverable\r\n\r\nx\r\n")
        assert left(s, n) == ("", [sender])


def test_refused(house):
    """Forged, old and foreign ones are refused in the dialogue; nobody is relayed by them."""
    s, p = house()
    post(p, "ann@far.test", "away@port26.test")
    good, _ = left(s, 1)
    forged = good.replace("=far.test=ann@", "=far.test=victim@")
    for address in (forged, good.replace("SRS0=", "SRS0=x"), f"SRS0=abcdef=AA=far.test=ann@{HOST}", f"SRS0=@{HOST}", f"SRS1=abcdef=a.test==x@{HOST}",
                    good.replace("SRS0=", "SRS1=")):
        code, words = ask(p, address)
        assert code == 550 and words.startswith("5.1.1 ") and "not made by this server" in words and address in words, address
    assert ask(p, good)[0] == 250
    assert ask(p, good, "somebody@else.test")[0] == 250  # who only asks whether a sender exists
    with stranger(p) as c, pytest.raises(smtplib.SMTPDataError) as e:
        c.sendmail("somebody@else.test", [good], message(sender="somebody@else.test"))
    assert e.value.smtp_code == 550 and b"reports" in e.value.smtp_error
    plain = good.replace("/", "x")  # the hash may have one, and no mailbox has
    assert ask(p, plain.replace(HOST, "port26.test"))[0] == 250  # not where they are made: an address like any other (all of it is the account's)
    code, words = ask(p, good.replace(HOST, "far.test"))
    assert code == 550 and "after a login" in words
    assert len(s.messages) == 1


def test_so_many_reports(house):
    """One address of ours is no way to send somebody a flood."""
    s, p = house("limits { errors = 1000 }\n")
    post(p, "ann@far.test", "away@port26.test")
    good, _ = left(s, 1)
    with stranger(p) as c:
        assert c.docmd("MAIL", "FROM:<>")[0] == 250
        codes = [c.docmd("RCPT", f"TO:<{good}>") for _ in range(103)]
    assert [code for code, _ in codes[:99]] == [250] * 99 and codes[-1][0] == 451 and b"reports an hour" in codes[-1][1]


def test_switched_off(house):
    """Then nothing is changed; addresses that were made before are still taken back."""
    s, p = house()
    post(p, "ann@far.test", "away@port26.test")
    good, _ = left(s, 1)
    p.extra += "incoming { srs = false }\n"
    p.write_config()
    p.stop()
    p.start()
    post(p, "ann@far.test", "away@port26.test")
    assert left(s, 2)[0] == "ann@far.test"
    post(p, "", good, b"Subject: undeliverable\r\n\r\nx\r\n")
    assert left(s, 3) == ("", ["ann@far.test"])


def test_a_domain_of_its_own(house):
    s, p = house('incoming { srs-domain = "srs.test" }\n')
    post(p, "ann@far.test", "away@port26.test")
    address, _ = left(s, 1)
    assert address.endswith("=far.test=ann@srs.test")
    for way in (address, address.replace("@srs.test", "@" + HOST)):
        assert ask(p, way)[0] == 250
    assert ask(p, "ann@srs.test")[0] == 550


def test_a_circle(house):
    """HOSTILE 94: what left by an alias and comes back to it is refused; what ends in an inbox is no circle, however often it comes."""
    s, p = house()
    post(p, "ann@far.test", "away@port26.test")
    left(s, 1)
    body = s.kept()[0]["body"]
    assert body.startswith(b"Delivered-To: away@port26.test\r\nReceived: ")
    with stranger(p) as c, pytest.raises(smtplib.SMTPDataError) as e:
        c.sendmail("ann@far.test", ["Away@port26.test"], body)
    assert e.value.smtp_code == 554 and b"5.4.6" in e.value.smtp_error and b"<Away@port26.test>" in e.value.smtp_error
    post(p, "ann@far.test", USER, body)
    copy = p.wait_inbox(1)[0]
    assert copy.startswith(b"Return-Path: <ann@far.test>\nDelivered-To: " + USER.encode())
    for count in (2, 3):  # fetched, and handed over again
        post(p, "ann@far.test", USER, copy.replace(b"\n", b"\r\n"))
        p.wait_inbox(count)
    post(p, "ann@far.test", "both@port26.test", body)  # another alias
    left(s, 2)
    p.wait_inbox(4)
    assert s.kept()[1]["body"].count(b"Delivered-To: ") == 2


def test_pysrs(house):
    """Before us and behind us another program forwards."""
    srs = pytest.importorskip("SRS").new(secret="a secret of its own")
    s, p = house()
    first = srs.forward("ann@far.test", "first.test")
    post(p, first, "away@port26.test")
    ours, _ = left(s, 1)
    post(p, "", ours, b"Subject: undeliverable\r\n\r\nx\r\n")
    assert srs.reverse(left(s, 2)[1][0]) == "ann@far.test"
    post(p, "bob@far.test", "away@port26.test")
    theirs = srs.forward(left(s, 3)[0], "last.test")
    post(p, "", srs.reverse(theirs), b"Subject: undeliverable\r\n\r\nx\r\n")
    assert left(s, 4) == ("", ["bob@far.test"])
