"""Reports about mail (RFC 3461, 3464): what the sender asked for is honoured, as Python's own parser of mail reads them."""
import email, email.policy, re, smtplib

import pytest

from port26 import PASSWORD, ROOT, USER, wait_for
from sink import Sink

FAR = "rfc822;first+2Btag@old.test"  # as it is written in RCPT; "+2B" is a plus
NO_DSN = ("PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "SIZE 100000000")


@pytest.fixture
def hop(start):
    """A port26 before one server that says what the test wants; mail for port26.test stays here."""
    sinks = []

    def make(replies=None, delivery='retry = {"1h"}', more="", **kw):
        s = Sink(replies, **kw)
        sinks.append(s)
        p = start(extra=f'relay "hop" {{ host = "127.0.0.1" port = {s.port} tls = none }}\n'
                        'route "here" { to = {"port26.test"} via = inbox }\nroute "rest" { via = "relay:hop" }\n'
                        f'delivery {{ {delivery} }}\n{more}')
        return s, p

    yield make
    for s in sinks:
        s.close()


def send(p, to, ret, notify, envid="QQ+2B3140+3D", orcpt=FAR):
    with p.client() as c:
        assert c.docmd("MAIL", f"FROM:<{USER}> RET={ret} ENVID={envid}")[0] == 250
        assert c.docmd("RCPT", f"TO:<{to}> NOTIFY={notify} ORCPT={orcpt}")[0] == 250
        assert c.data(f"From: <{USER}>\r\nTo: <{to}>\r\nSubject: about {to}\r\n\r\nthe body itself\r\n".encode())[0] == 250


ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
DATE = r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}"
FIELDS = {  # RFC 3464 2.2 and 2.3, RFC 6533 3
    "Reporting-MTA": rf"{ATOM}; ?[!-~]+", "Original-Envelope-Id": r"[ -~]+", "Arrival-Date": DATE,
    "Original-Recipient": rf"{ATOM}; ?[ -~]+", "Final-Recipient": rf"{ATOM}; ?[ -~]+",
    "Action": "failed|delayed|delivered|relayed|expanded", "Status": r"[245]\.\d{1,3}\.\d{1,3}",
    "Remote-MTA": rf"{ATOM}; ?[!-~]+( \([ -~]*\))?", "Diagnostic-Code": rf"{ATOM}; ?[ -~]+",
    "Last-Attempt-Date": DATE, "Will-Retry-Until": DATE}
CLASS = {"failed": "45", "delayed": "4", "delivered": "2", "relayed": "2", "expanded": "2"}


def strict(raw):
    """What Python's parser forgives: the grammar of a report, octet by octet."""
    text = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")  # a Maildir may keep lines as LF
    assert b"\0" not in text and b"\r" not in text.replace(b"\r\n", b"")
    assert max(map(len, text.split(b"\r\n"))) <= 998
    header, body = text.split(b"\r\n\r\n", 1)
    header = re.sub(rb"\r\n([ \t])", rb"\1", header).decode()
    names = [line.split(":", 1)[0].lower() for line in header.split("\r\n")]
    for one in ("from", "to", "subject", "date", "message-id", "mime-version", "content-type", "auto-submitted", "return-path"):
        assert names.count(one) == 1, f"{one}: {names.count(one)} times\n{header}"
    assert re.search(rf"^Date: {DATE}\r?$", header, re.M)
    boundary = re.search(r'boundary="([^"]+)"', header)[1].encode()
    parts = body.split(b"--" + boundary)
    assert len(parts) == 5 and parts[4].strip() == b"--" and all(p.startswith(b"\r\n") for p in parts[1:4])
    assert all(p.endswith(b"\r\n") for p in parts[:4])
    part_header, status = parts[2][2:].split(b"\r\n\r\n", 1)
    assert part_header == b"Content-Type: message/delivery-status" and max(status) < 127
    groups = [re.sub(r"\r\n([ \t])", r"\1", g) for g in status.decode().rstrip("\r\n").split("\r\n\r\n")]
    for n, group in enumerate(groups):
        fields = dict(line.split(": " if ": " in line else ":", 1) for line in group.split("\r\n"))
        assert len(fields) == len(group.split("\r\n")), f"a field twice:\n{group}"
        for name, value in fields.items():
            assert re.fullmatch(FIELDS[name], value), f"{name}: {value!r}"
        if n == 0:
            assert "Reporting-MTA" in fields
        else:
            assert {"Final-Recipient", "Action", "Status"} <= set(fields)
            assert fields["Status"][0] in CLASS[fields["Action"]]
    assert len(groups) > 1
    if "content-transfer-encoding" not in names:
        assert max(text) < 127 or b"Content-Transfer-Encoding: 8bit" in parts[3]


class Report:
    def __init__(self, raw):
        strict(raw)
        m = email.message_from_bytes(raw, policy=email.policy.default)
        assert not m.defects and m["Return-Path"] == "<>" and m["Auto-Submitted"].startswith("auto-")
        assert m.get_content_type() == "multipart/report" and m.get_param("report-type") == "delivery-status"
        self.text, status, self.original = m.iter_parts()
        assert self.text.get_content_type() == "text/plain" and status.get_content_type() == "message/delivery-status"
        self.message, *self.recipients = status.get_payload()
        self.subject = m["Subject"]

    def about(self):
        """Subject of the mail it is about, and the text of it that came back (None: only its header did)."""
        if self.original.get_content_type() == "text/rfc822-headers":
            return email.message_from_string(self.original.get_content())["Subject"], None
        assert self.original.get_content_type() == "message/rfc822"
        m = self.original.get_payload(0)
        return m["Subject"], m.get_content()


def reports(p, count):
    return {r.about()[0]: r for r in map(Report, p.wait_inbox(count, seconds=60))}


def check(r, to, action, status, whole, orcpt="rfc822;first+tag@old.test"):
    assert r.message["Original-Envelope-Id"] == "QQ+3140=" and r.message["Reporting-MTA"] == "dns;mail.port26.test"
    assert r.message["Arrival-Date"]
    assert [x["Final-Recipient"] for x in r.recipients] == [f"rfc822;{to}"]
    one = r.recipients[0]
    assert one["Original-Recipient"] == orcpt and one["Action"] == action and one["Status"].startswith(status)
    assert (one["Will-Retry-Until"] is not None) == (action == "delayed")
    assert r.about() == (f"about {to}", "the body itself\n" if whole else None)


def test_what_the_sender_gave_comes_back(hop):
    """RET, ENVID and ORCPT in reports of every kind; a next server that knows no DSN makes "relayed"."""
    def rcpt(state):
        line = state["line"]
        return b"550 5.1.1 no such mailbox\r\n" if b"bad" in line else b"450 4.2.1 later\r\n" if b"slow" in line else b"250 ok\r\n"

    s, p = hop({"rcpt": rcpt}, 'retry = {"1s"} delay-notice = 1s', extensions=NO_DSN)
    every = "SUCCESS,FAILURE,DELAY"
    for to, ret in (("bad-full@x.test", "FULL"), ("bad-hdrs@x.test", "HDRS"), ("slow@x.test", "FULL"), ("good@x.test", "FULL")):
        send(p, to, ret, every)
    send(p, "quiet@x.test", "FULL", "FAILURE,DELAY")
    send(p, "bad-quiet@x.test", "FULL", "SUCCESS")
    got = reports(p, 4)
    check(got["about bad-full@x.test"], "bad-full@x.test", "failed", "5.1.1", True)
    check(got["about bad-hdrs@x.test"], "bad-hdrs@x.test", "failed", "5.1.1", False)
    check(got["about slow@x.test"], "slow@x.test", "delayed", "4.2.1", False)
    check(got["about good@x.test"], "good@x.test", "relayed", "2.", False)
    assert "no more is heard of this mail" in " ".join(got["about good@x.test"].text.get_content().split())
    wait_for(lambda: [r["to"] for m in p.queue() for r in m["recipients"]] == ["slow@x.test"], message=lambda: f"{p.queue()}")
    assert len(p.inbox_files()) == 4
    assert not any(b"ORCPT" in line or b"ENVID" in line or b"NOTIFY" in line for line in s.lines)


def fail(p, body, mail="", rcpt="NOTIFY=FAILURE", to="bad@x.test", sender=USER, seconds=30):
    """Sends mail that the next server refuses, and waits for the report."""
    before = len(p.inbox_files())
    with p.client() as c:
        def say(verb, path, more):
            c.send(f"{verb}:<{path}> {more}".rstrip().encode() + b"\r\n")
            code, words = c.getreply()
            assert code == 250, words
        say("MAIL FROM", sender, mail)
        say("RCPT TO", to, rcpt)
        code, words = c.data(body)
        assert code == 250, words
    wait_for(lambda: len(p.inbox_files()) > before, seconds, message=lambda: p.log()[-3000:])


def test_mail_of_every_kind_comes_back(hop):
    """RET=FULL bounded, 8 bits, SMTPUTF8, raw UTF-8 in ORCPT, a quoted sender; each report strict."""
    s, p = hop({"rcpt": b"550 5.1.1 no such mailbox\r\n", "mail": b"250 ok\r\n"})
    plain = f"From: <{USER}>\r\nSubject: plain\r\n\r\n"
    seen = []

    def report(*args, **kw):
        fail(p, *args, **kw)
        raw = [x for x in p.wait_inbox(len(p.inbox_files())) if x not in seen]
        seen.extend(raw)
        assert len(raw) == 1
        return Report(raw[0]), raw[0]

    r, raw = report((plain + "x" * 70 + "\r\n").encode() + (b"a line of it\r\n" * 2_500_000), "RET=FULL", seconds=60)  # 35 MB
    assert r.about() == ("plain", None) and len(raw) < 100_000
    assert "the header of your mail" in " ".join(r.text.get_content().split())
    r, raw = report(plain.encode() + "größer\r\n".encode(), "RET=FULL BODY=8BITMIME")
    assert "größer".encode() in raw and r.original.get_content_type() == "message/rfc822"
    assert "your mail." in " ".join(r.text.get_content().split())
    r, raw = report(plain.encode() + "größer\r\n".encode(), "RET=HDRS BODY=8BITMIME")
    assert r.about() == ("plain", None) and max(raw) < 128
    utf8 = f"From: <{USER}>\r\nSubject: Grüße\r\n\r\nkurz\r\n".encode()
    r, raw = report(utf8, "RET=FULL SMTPUTF8 BODY=8BITMIME", "NOTIFY=FAILURE ORCPT=utf-8;jörg@alt.test", to="jörg@x.test")
    one = r.recipients[0]
    assert one["Final-Recipient"] == r"utf-8;j\x{F6}rg@x.test" and one["Original-Recipient"] == r"utf-8;j\x{F6}rg@alt.test"
    assert r.original.get_content_type() == "message/global" and "Grüße".encode() in raw
    r, raw = report(utf8, "RET=HDRS SMTPUTF8 BODY=8BITMIME", to="jörg@x.test")
    assert "Subject: Grüße" in r.original.get_content() and max(raw) < 128
    said = b"".join(s.lines).decode("utf-8", "replace")
    assert r"ORCPT=utf-8;j\x{F6}rg@alt.test" in said and "ORCPT=utf-8;jörg" not in said


def test_a_report_to_a_quoted_address(hop):
    """Somebody outside with a blank in the name writes to an alias that leads to nobody."""
    s, p = hop({"rcpt": lambda state: b"550 5.1.1 no such mailbox\r\n" if b"bad" in state["line"] else b"250 ok\r\n"})
    p.command("alias", "add", "out@port26.test", "bad@x.test")
    with smtplib.SMTP("localhost", p.ports["exchange"], timeout=60) as c:
        c.ehlo("far.test")
        assert c.docmd("MAIL", 'FROM:<"my \\"own\\" name"@far.test> RET=HDRS ENVID=+22+3D')[0] == 250
        assert c.docmd("RCPT", "TO:<out@port26.test>")[0] == 250
        assert c.data(b"Subject: quoted\r\n\r\nx\r\n")[0] == 250
    kept = wait_for(s.kept)[0]
    assert kept["from"].startswith(b"MAIL FROM:<> ") and [to.split(b" NOTIFY")[0] for to in kept["to"]] == \
        [b'RCPT TO:<"my \\"own\\" name"@far.test>'], kept
    r = Report(b"Return-Path: <>\r\n" + kept["body"])
    assert r.message["Original-Envelope-Id"] == '"=' and r.recipients[0]["Original-Recipient"] == "rfc822;out@port26.test"
    assert email.message_from_bytes(kept["body"], policy=email.policy.default)["To"].addresses[0].username == 'my "own" name'


def test_nobody_is_told_who_wants_nothing(hop):
    """NOTIFY=NEVER, and mail from <>: no report of any kind."""
    s, p = hop({"rcpt": b"550 5.1.1 no such mailbox\r\n"})
    with p.client() as c:
        for sender, notify in ((USER, "NEVER"), ("", "FAILURE,SUCCESS,DELAY"), ("", "")):
            assert c.docmd("MAIL", f"FROM:<{sender}> RET=FULL")[0] == 250
            assert c.docmd("RCPT", "TO:<bad@x.test>" + (f" NOTIFY={notify}" if notify else ""))[0] == 250
            assert c.data(b"Subject: quiet\r\n\r\nx\r\n")[0] == 250
    wait_for(lambda: p.log().count("report.none") == 3 and not p.queue(), message=lambda: p.log()[-3000:])
    assert "report.queued" not in p.log() and not p.inbox_files()


def test_delivered_here_and_passed_on(hop):
    """Delivered into an inbox: we tell. A next server that knows DSN: it is asked, and tells."""
    s, p = hop()
    p.account_add("friend@port26.test", "another horse")
    send(p, "friend@port26.test", "FULL", "SUCCESS")
    send(p, "far@x.test", "HDRS", "SUCCESS")
    got = reports(p, 1)
    check(got["about friend@port26.test"], "friend@port26.test", "delivered", "2.", False)
    wait_for(lambda: s.kept() and not p.queue())
    assert len(p.inbox_files()) == 1
    said = b"".join(s.lines).decode()
    assert "RET=HDRS ENVID=QQ+2B3140+3D" in said and f"NOTIFY=SUCCESS ORCPT={FAR}" in said


def test_expanded(hop):
    """An alias of several: one "expanded"; the targets report failures, and no success (RFC 3464 2.3.3)."""
    s, p = hop({"rcpt": lambda state: b"550 5.1.1 no such mailbox\r\n" if b"bad" in state["line"] else b"250 ok\r\n"}, extensions=NO_DSN)
    p.account_add("friend@port26.test", "another horse")
    p.command("alias", "add", "all@port26.test", "friend@port26.test", "good@x.test", "bad@x.test")
    p.command("alias", "add", "one@port26.test", "friend@port26.test")
    send(p, "all@port26.test", "FULL", "SUCCESS,FAILURE")
    send(p, "one@port26.test", "FULL", "SUCCESS")
    raw = p.wait_inbox(3, seconds=60)
    got = {(r.about()[0], r.recipients[0]["Action"]): r for r in map(Report, raw)}
    check(got["about all@port26.test", "expanded"], "all@port26.test", "expanded", "2.", False)
    assert "stands for several" in " ".join(got["about all@port26.test", "expanded"].text.get_content().split())
    failed = got["about all@port26.test", "failed"].recipients
    assert [(r["Final-Recipient"], r["Original-Recipient"]) for r in failed] == [("rfc822;bad@x.test", "rfc822;first+tag@old.test")]
    assert got["about one@port26.test", "delivered"].recipients[0]["Final-Recipient"] == "rfc822;friend@port26.test"
    wait_for(lambda: s.kept() and not p.queue())
    assert len(p.inbox_files()) == 3 and len(p.inbox_files("friend@port26.test")) == 2
    send(p, "all@port26.test", "FULL", "SUCCESS", orcpt="rfc822;second@old.test")  # failures were not asked for
    wait_for(lambda: len(p.inbox_files("friend@port26.test")) == 3 and not p.queue())
    assert len(p.inbox_files()) == 4


def test_too_many_wait_to_become_one(hop):
    """Beyond `per-hour` reports rest; who asks for a retry gets them alone. (The mail they become: tests/unit/queue/test_bundle.c)"""
    s, p = hop({"rcpt": b"550 5.1.1 no such mailbox\r\n"}, more="reports { per-hour = 2 }\n")
    for n in range(4):
        send(p, f"bad{n}@x.test", "HDRS", "FAILURE")
    assert len(p.wait_inbox(2)) == 2
    wait_for(lambda: len(p.queue()) == 2 and not any(m["leased"] for m in p.queue()), message=lambda: f"{p.queue()}")
    for m in p.queue():
        assert m["from"] == "" and [r["to"] for r in m["recipients"]] == [USER] and m["recipients"][0]["attempts"] == 0
        assert "many reports to this sender" in p.command("queue", "show", m["id"]).stdout
    p.kill()  # gives nobody a fresh hour
    p.start()
    send(p, "bad4@x.test", "HDRS", "FAILURE")
    wait_for(lambda: len(p.queue()) == 3 and not any(m["leased"] for m in p.queue()), message=lambda: f"{p.queue()}")
    assert len(p.inbox_files()) == 2
    p.command("queue", "retry", "--all")
    assert set(reports(p, 5)) == {f"about bad{n}@x.test" for n in range(5)}
    wait_for(lambda: not p.queue())


def test_bait(start):
    """HOSTILE 97: mail to nobody with a victim as its sender is refused in the dialogue; nobody gets a bounce."""
    with Sink() as s:
        p = start(extra=f'relay "hop" {{ host = "127.0.0.1" port = {s.port} tls = none }}\n'
                        'route "here" { to = {"port26.test"} via = inbox }\nroute "rest" { via = "relay:hop" }\n',
                  accounts=False)
        p.account_add(USER, PASSWORD)
        with smtplib.SMTP("localhost", p.ports["exchange"], timeout=60) as c:
            c.ehlo("far.test")
            assert c.docmd("MAIL", "FROM:<victim@elsewhere.test>")[0] == 250
            assert c.docmd("RCPT", "TO:<nobody@port26.test>")[0] == 550
            assert c.docmd("RCPT", f"TO:<{USER}>")[0] == 250  # beside a good one: still no bounce
            assert c.data(b"Subject: bait\r\n\r\nx\r\n")[0] == 250
        p.wait_inbox()
        wait_for(lambda: not p.queue())
        assert "report.queued" not in p.log() and s.connections == 0


def test_two_servers_at_each_other(start):
    """HOSTILE 95: each believes that the other keeps circle.test. The mail goes round until there are too many Received fields;
    its report, whose way home is the same circle, does the same; then it is over and nobody made a second report."""
    circle = 'relay "other" {{ host = "127.0.0.1" port = {} tls = none }}\nroute "circle" {{ to = {{"circle.test"}} via = "relay:other" }}\n'
    one, two = (start(doors={"exchange": "role = exchange tls = starttls"}, accounts=False) for _ in range(2))
    for p, other in ((one, two), (two, one)):
        p.command("domain", "add", "circle.test")
        p.stop()
        p.extra = circle.format(other.ports["exchange"])
        p.write_config()
        p.start()
    with smtplib.SMTP("localhost", one.ports["exchange"], timeout=60) as c:
        c.sendmail("b@circle.test", ["a@circle.test"], b"From: <b@circle.test>\r\nSubject: round\r\n\r\nx\r\n")

    def over():
        return (one.log() + two.log()).count("report.none") and not one.queue() and not two.queue()
    wait_for(over, 120, message=lambda: f"{one.queue()} {two.queue()}\n{one.log()[-2000:]}{two.log()[-2000:]}")
    log = one.log() + two.log()
    assert log.count("report.queued") == 1 and log.count("report.none") == 1
    assert 190 < log.count("message.accepted") < 260  # about a hundred rounds each


def test_german(hop):
    """The sentences are in the report's language, what programs read is the same."""
    def rcpt(state):
        return b"550 5.1.1 no such mailbox\r\n" if b"bad" in state["line"] else b"450 4.2.2 mailbox full\r\n"

    s, p = hop({"rcpt": rcpt}, 'retry = {"1s"} delay-notice = 1s', more="reports { language = de }\n")
    send(p, "bad@x.test", "HDRS", "FAILURE")
    send(p, "slow@x.test", "HDRS", "DELAY")
    got = reports(p, 2)
    check(got["about bad@x.test"], "bad@x.test", "failed", "5.1.1", False)
    check(got["about slow@x.test"], "slow@x.test", "delayed", "4.2.2", False)
    bad, slow = (" ".join(got[f"about {who}@x.test"].text.get_content().split()) for who in ("bad", "slow"))
    assert "kennt kein Postfach mit dieser Adresse. Prüfen Sie, ob Sie sich verschrieben haben" in bad
    assert "Was geschah: Das Postfach des Empfängers ist voll." in slow
    assert "mailbox" not in bad.replace("no such mailbox", "") and "no such mailbox" in bad


def test_another_language_by_reload(hop):
    s, p = hop({"rcpt": b"550 5.1.1 no such mailbox\r\n"})
    send(p, "one@x.test", "HDRS", "FAILURE")
    p.wait_inbox(1)
    p.extra += "reports { language = de }\n"
    p.write_config()
    p.command("config", "reload")
    send(p, "two@x.test", "HDRS", "FAILURE")
    got = reports(p, 2)
    assert got["about one@x.test"].subject.startswith("Not delivered")
    assert got["about two@x.test"].subject.startswith("Nicht zugestellt")


def test_findings_are_known_by_the_words_they_are_made_with():
    """Each row of finding_texts.c names words that the source still says, piece by piece between its stars."""
    def literals(text):
        """String literals of C, those that stand beside each other as one."""
        text = re.sub(r'" SUBMISSION_PATH\s*"', "", text)
        return re.sub(r'"\s*\n\s*"', "", text)

    sources = [literals(f.read_text()) for folder in ("queue", "deliver", "route", "smtp", "tls", "maildir", "account", "serve")
               for f in (ROOT / "src" / folder).glob("*.c")]
    table = literals((ROOT / "src/mail/finding_texts.c").read_text())
    table = table[:table.index("/* the system's own words */")]
    rows = [re.sub(r'\\(["\\])', r"\1", row) for row in re.findall(r'^    \{"((?:[^"\\]|\\.)*)"', table, re.M)]
    assert len(rows) > 40
    for row in rows:
        pieces = [p.strip(": ") for p in re.split("[*#]", row.replace('"', '\\"')) if len(p) > 3]  # error_sys adds the last ": "
        if "issued by" in row:  # put together from more than one file
            pieces = ["The certificate of", "was not accepted:"]
        assert any(all(p in s for p in pieces) for s in sources), f"nobody says: {row}"
