"""A next hop that does as the test tells it: trouble at every stage of the dialogue, and hostile answers.

One port26 serves all tests of this file. Each case has a domain, a route, and a sink of its own, so that no case can help or
harm another; whatever they do, mail to the good neighbour arrives."""
import re, time, uuid
from dataclasses import dataclass, field

import pytest

from port26 import USER, Port26, make_certificate, wait_for
from sink import Sink

DELIVERED, WAITS, REPORTED, BUSY = "delivered", "waits", "reported", "busy"


@dataclass
class Case:
    name: str
    replies: dict
    outcome: str
    words: str = ""    # in what people are told
    status: str = ""   # begins with this
    tls: str = "none"
    sink: dict = field(default_factory=dict)
    lines: list = field(default_factory=list)      # the sink has heard these beginnings
    never: list = field(default_factory=list)      # and none of these

    @property
    def domain(self):
        return re.sub("[^a-z0-9]+", "-", self.name.lower()) + ".test"


def stages():
    """4xx, 5xx, 421, silence, FIN and RST at each stage, and what must come of it (src/deliver/judge.c)."""
    for stage in ("connect", "ehlo", "starttls", "mail", "rcpt", "data", "dot"):
        tls = {"tls": "opportunistic", "sink": {"extensions": ["PIPELINING", "STARTTLS"]}} if stage == "starttls" else {}
        opening = stage in ("connect", "ehlo")
        later, never = b"451 4.3.0 xyzzy later\r\n", b"554 5.7.1 xyzzy never\r\n"
        if stage == "starttls":  # encryption was only wished for: the mail goes without
            for name, reply in (("4xx", later), ("5xx", never), ("421", b"421 4.3.2 leaving\r\n"), ("close", "close"), ("reset", "reset")):
                yield Case(f"{stage} {name}", {stage: reply}, WAITS if name == "421" else DELIVERED, **tls)
        else:
            yield Case(f"{stage} 4xx", {stage: later}, WAITS, "xyzzy later", "4.")
            if stage == "ehlo":  # an old server: HELO
                yield Case("ehlo 5xx", {stage: never}, DELIVERED, lines=[b"EHLO", b"HELO"])
                yield Case("ehlo and helo 5xx", {stage: never, "helo": never}, WAITS, "xyzzy never", "4.")
            else:
                yield Case(f"{stage} 5xx", {stage: never}, WAITS if opening else REPORTED, "xyzzy never", "4." if opening else "5.7.1")
            yield Case(f"{stage} 421", {stage: b"421 4.3.2 leaving now\r\n"}, WAITS, "leaving now", "4.")
            yield Case(f"{stage} close", {stage: "close"}, WAITS, "It may arrive twice" if stage == "dot" else "", "4.")
            yield Case(f"{stage} reset", {stage: "reset"}, WAITS, "It may arrive twice" if stage == "dot" else "", "4.")
        yield Case(f"{stage} stall", {stage: None}, BUSY, **tls)


LONG = b"250 " + b"x" * (10 << 20) + b"\r\n"
LINES = b"250-more\r\n" * 100_000 + b"250 end\r\n"


def hostile():
    """HOSTILE 105 to 107."""
    for stage in ("connect", "ehlo", "mail", "rcpt", "dot"):
        code = b"220" if stage == "connect" else b"250"
        for name, reply in (("10 MiB line", LONG.replace(b"250", code, 1)), ("100000 lines", LINES.replace(b"250", code)),
                            ("no code", b"hello there\r\n"), ("code 999", b"999 what\r\n"), ("code 150", b"150 wait\r\n"),
                            ("NUL", code + b" o\0k\r\n"), ("bare CR", code + b" o\rk\r\n"), ("empty line", b"\r\n"),
                            ("code changes", code + b"-one\r\n550 two\r\n"), ("wrong class", b"354 go\r\n")):
            yield Case(f"{stage} {name}", {stage: reply}, WAITS, "", "4.")
        yield Case(f"{stage} without text", {stage: code + b"\r\n"}, DELIVERED)
        yield Case(f"{stage} escapes", {stage: b"451 4.3.0 \x1b[2J\x07\xff\r\n"}, WAITS, "", "4.")
    good = ["PIPELINING", "8BITMIME"]
    yield Case("10000 keywords", {}, WAITS, "", "4.", sink={"extensions": [f"X{i}" for i in range(10_000)]})
    yield Case("absurd SIZE", {}, DELIVERED, sink={"extensions": [*good, "SIZE 99999999999999999999999999"]})
    yield Case("negative SIZE", {}, DELIVERED, sink={"extensions": [*good, "SIZE -1"]})
    yield Case("small SIZE", {}, REPORTED, "", "5.3.4", sink={"extensions": [*good, "SIZE 20"]}, never=[b"DATA"])
    yield Case("offers AUTH to steal", {}, DELIVERED, sink={"extensions": [*good, "AUTH PLAIN LOGIN CRAM-MD5"]}, never=[b"AUTH"])
    yield Case("bytes after STARTTLS", {"starttls": b"220 go\r\n250 evil\r\n250 evil\r\n250 evil\r\n"}, DELIVERED,
               tls="opportunistic", sink={"extensions": [*good, "STARTTLS"]})
    yield Case("demanded STARTTLS stripped", {}, WAITS, "STARTTLS", "4.7", tls="starttls", sink={"extensions": good}, never=[b"MAIL"])
    yield Case("demanded STARTTLS refused", {"starttls": b"502 5.5.1 no\r\n"}, WAITS, "could not be made", "4.", tls="starttls",
               sink={"extensions": [*good, "STARTTLS"]}, never=[b"MAIL"])
    yield Case("354 then nothing", {"dot": None}, BUSY)
    yield Case("250 to the dot twice", {"dot": b"250 one\r\n250 two\r\n"}, DELIVERED)
    yield Case("550 behind the 250", {"dot": b"250 one\r\n550 two\r\n"}, DELIVERED)
    yield Case("250 to DATA", {"data": b"250 yes\r\n"}, WAITS, "", "4.")
    yield Case("greeting of many lines", {"connect": b"220-a\r\n220-b\r\n220 c\r\n"}, DELIVERED)
    yield Case("speaks HTTP", {"connect": b"HTTP/1.1 400 Bad Request\r\n\r\n"}, WAITS, "", "4.")
    yield Case("5.1.1 at RCPT", {"rcpt": b"550 5.1.1 nobody of that name\r\n"}, REPORTED, "nobody of that name", "5.1.1")
    yield Case("full mailbox", {"rcpt": b"552 5.2.2 mailbox full\r\n"}, REPORTED, "mailbox full", "5.2.2")
    yield Case("lying class", {"rcpt": b"550 4.7.0 odd\r\n"}, REPORTED, "odd", "5.")
    yield Case("lying class 4", {"rcpt": b"450 5.7.1 odd\r\n"}, WAITS, "odd", "4.")


CASES = list(stages()) + list(hostile())


class World:
    def __init__(self, folder):
        self.cert = make_certificate(folder)
        self.sinks, text = {}, ""
        for i, c in enumerate(CASES):
            kw = dict(c.sink)
            if c.tls != "none":
                kw["cert"] = self.cert
            s = self.sinks[c.name] = Sink(c.replies, **kw)
            text += f'relay "case{i}" {{ host = "127.0.0.1" port = {s.port} tls = {c.tls} }}\n' \
                    f'route "case{i}" {{ to = {{"{c.domain}"}} via = "relay:case{i}" }}\n'
        self.neighbour = Sink()
        text += f'relay "neighbour" {{ host = "127.0.0.1" port = {self.neighbour.port} tls = none }}\n' \
                'route "here" { to = {"port26.test"} via = inbox }\nroute "rest" { via = "relay:neighbour" }\n' \
                'delivery { retry = {"1h"} concurrency = 200 }\n'
        self.port26 = Port26(extra=text).start()
        self.couriers = self.port26.children("courier")

    def send(self, *recipients, body=b"x\r\n", **kw):
        data = f"From: <{USER}>\r\nTo: <{recipients[0]}>\r\nSubject: s\r\nDate: x\r\nMessage-ID: <x@x>\r\n\r\n".encode() + body
        with self.port26.client() as c:
            c.sendmail(USER, recipients, data, **kw)

    def reports(self, address):
        """Those that name this address as a recipient that failed."""
        line = f"Final-Recipient: rfc822;{address}".encode()
        found = []
        for f in self.port26.inbox_files():
            raw = f.read_bytes()
            if re.search(re.escape(line) + rb"\s", raw, re.IGNORECASE):
                found.append(raw.decode(errors="replace"))
        return found

    def waiting(self, address):
        for m in self.port26.queue():
            for r in m["recipients"]:
                if r["to"] == address and r["state"] == "waiting":
                    return m, r
        return None

    def log(self):
        return "\n".join(line for line in self.port26.log().splitlines() if " debug " not in line)[-3000:]

    def close(self):
        try:
            assert self.port26.children("courier") == self.couriers, "a courier died"
            status = self.port26.json("status")
            assert all(not p.get("restarts") for p in status["processes"])
            for s in self.sinks.values():  # lets go of what stalls
                s.close()
            self.port26.close()
        finally:
            for s in (*self.sinks.values(), self.neighbour):
                s.close()
            self.port26.kill()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    w = World(tmp_path_factory.mktemp("hop"))
    yield w
    w.close()


def flat(text):
    return " ".join(text.split())


def check_waits(world, case, who):
    def look():
        found = world.waiting(who)
        return found and found[1]["attempts"] and not found[0]["leased"] and found
    m, r = wait_for(look, message=lambda: f"{world.waiting(who)}\n{world.log()}")
    assert r["status"].startswith(case.status or "4."), r
    assert case.words in r["words"], r["words"]
    assert r["words"].strip() and all(ord(ch) >= 32 and ord(ch) != 127 for ch in r["words"])
    shown = world.port26.command("queue", "show", m["id"]).stdout
    assert case.words in flat(shown) and "\x1b" not in shown
    assert world.reports(who) == []


def check_reported(world, case, who):
    wait_for(lambda: world.reports(who), message=lambda: f"no report for {who}\n{world.log()}")
    time.sleep(0.2)
    reports = world.reports(who)
    assert len(reports) == 1 and world.waiting(who) is None
    assert re.search(rf"(?m)^Status: {re.escape(case.status)}", reports[0]) and case.words in flat(reports[0])
    text = reports[0].split("\n\n", 3)[3]
    assert text.startswith("Your mail could not be delivered as told below"), text[:300]  # words for people first


def check_delivered(world, case, who):
    def look():
        return [m for m in world.sinks[case.name].kept() if who.encode() in b"".join(m["to"])]
    wait_for(look, message=lambda: f"{who} did not arrive\n{world.sinks[case.name].lines}\n{world.log()}")
    wait_for(lambda: world.waiting(who) is None)
    assert len(look()) == 1 and world.reports(who) == []


def check_busy(world, case, who):
    """The far side says nothing: that is waited for, and costs nobody else anything."""
    def look():
        found = world.waiting(who)
        return found and found[0]["leased"] and world.sinks[case.name].connections and found
    wait_for(look, message=lambda: f"{world.waiting(who)}\n{world.log()}")
    time.sleep(0.2)
    assert look() and world.reports(who) == []


CHECKS = {WAITS: check_waits, REPORTED: check_reported, DELIVERED: check_delivered, BUSY: check_busy}


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name.replace(" ", "-"))
def test_hop(world, case):
    token = uuid.uuid4().hex
    who, neighbour = f"{token}@{case.domain}", f"{token}@neighbour.example"
    world.send(who, neighbour)
    CHECKS[case.outcome](world, case, who)
    wait_for(lambda: any(neighbour.encode() in b"".join(m["to"]) for m in world.neighbour.kept()), 10)
    heard = world.sinks[case.name].lines
    for line in case.lines:
        assert any(h.startswith(line) for h in heard), heard
    for line in case.never:
        assert not any(h.startswith(line) for h in heard), heard
    assert world.port26.children("courier") == world.couriers


def test_answers_out_of_turn_are_not_the_next_messages(world):
    """After "250, 550" to a dot the connection is not used again: the 550 would answer for another message."""
    case = next(c for c in CASES if c.name == "550 behind the 250")
    for _ in range(3):
        who = f"{uuid.uuid4().hex}@{case.domain}"
        world.send(who)
        check_delivered(world, case, who)


# ---- several recipients

@pytest.fixture
def hop(start):
    """A port26 of its own before one sink."""
    sinks = []

    def make(replies=None, retry="1h", **kw):
        s = Sink(replies, **kw)
        sinks.append(s)
        p = start(extra=f'relay "hop" {{ host = "127.0.0.1" port = {s.port} tls = none }}\n'
                        'route "here" { to = {"port26.test"} via = inbox }\nroute "rest" { via = "relay:hop" }\n'
                        f'delivery {{ retry = {{"{retry}"}} }}\n')
        return s, p

    yield make
    for s in sinks:
        s.close()


def submit(p, *recipients, body=b"x\r\n", **kw):
    with p.client() as c:
        c.sendmail(USER, recipients, b"From: <you@port26.test>\r\nSubject: s\r\n\r\n" + body, **kw)


def test_each_recipient_has_its_own_end(hop):
    def rcpt(state):
        line = state["line"]
        return b"550 5.1.1 no such mailbox\r\n" if b"bad" in line else b"451 4.2.1 later\r\n" if b"slow" in line else b"250 ok\r\n"

    s, p = hop({"rcpt": rcpt})
    submit(p, "good1@x.test", "bad1@x.test", "slow@x.test", "bad2@x.test", "good2@x.test")
    report = p.wait_inbox(1)[0].decode()
    wait_for(lambda: [r["to"] for m in p.queue() for r in m["recipients"] if r["state"] == "waiting" and r["attempts"]] == ["slow@x.test"])
    assert len(s.kept()) == 1 and len(s.kept()[0]["to"]) == 2
    time.sleep(0.5)
    assert len(p.inbox_files()) == 1
    assert re.findall(r"(?m)^Final-Recipient: rfc822;(\S+)", report) == ["bad1@x.test", "bad2@x.test"]


def test_no_report_about_a_report(hop):
    """P3: what comes from <> never makes a report; and postmaster's bounce does not circle."""
    s, p = hop({"rcpt": b"550 5.1.1 nobody\r\n"})
    with p.client() as c:
        c.docmd("MAIL", "FROM:<>")
        assert c.docmd("RCPT", "TO:<gone@x.test>")[0] == 250
        c.data(b"Subject: from nobody\r\n\r\nx\r\n")
    wait_for(lambda: s.connections and not p.queue())
    time.sleep(0.5)
    assert p.inbox_files() == []


def test_notify_never_is_silent(hop):
    s, p = hop({"rcpt": b"550 5.1.1 nobody\r\n"})
    with p.client() as c:
        c.docmd("MAIL", f"FROM:<{USER}>")
        c.docmd("RCPT", "TO:<gone@x.test> NOTIFY=NEVER")
        c.data(b"Subject: s\r\n\r\nx\r\n")
    wait_for(lambda: s.connections and not p.queue())
    time.sleep(0.5)
    assert p.inbox_files() == []


def test_tries_again_until_it_works(hop):
    seen = []

    def rcpt(state):
        seen.append(state["line"])
        return b"450 4.2.0 greylisted\r\n" if len(seen) < 3 else b"250 ok\r\n"

    s, p = hop({"rcpt": rcpt}, retry="1s")
    submit(p, "a@x.test")
    wait_for(s.kept, 20, message=lambda: p.log()[-2000:])
    wait_for(lambda: not p.queue())
    assert len(seen) == 3 and p.inbox_files() == []


@pytest.mark.parametrize("extensions,utf8,status", [
    (["PIPELINING"], False, "5.6.3"),
    (["PIPELINING", "8BITMIME"], True, "5.6.7"),
])
def test_what_the_hop_cannot_take_is_not_sent(hop, extensions, utf8, status):
    """HOSTILE 65 and 67: never raw 8-bit or an address beyond ASCII to who did not offer to take it."""
    s, p = hop(extensions=extensions)
    who = "grüße@x.test" if utf8 else "a@x.test"
    submit(p, who, body="ü\r\n".encode(), mail_options=["SMTPUTF8", "BODY=8BITMIME"] if utf8 else ["BODY=8BITMIME"])
    report = p.wait_inbox(1)[0].decode()
    assert f"Status: {status}" in report
    wait_for(lambda: not p.queue())
    assert s.messages == [] and not any(line.startswith(b"DATA") for line in s.lines)


def test_stalled_hop_does_not_hold_up_the_end(hop):
    """Told to stop while the far side keeps silent, port26 ends in time; the mail is still there, and leaves at the next start."""
    s, p = hop({"dot": None})
    submit(p, "a@x.test")
    wait_for(lambda: s.messages)
    began = time.monotonic()
    p.stop(40)
    assert time.monotonic() - began < 30
    s.replies["dot"] = b"250 ok\r\n"
    p.start()
    m = wait_for(p.queue)[0]
    p.command("queue", "retry", m["id"])
    wait_for(s.kept, 20, message=lambda: p.log()[-2000:])
    wait_for(lambda: not p.queue())
    assert p.inbox_files() == []
