"""Mail programs submit at every kind of door with every mechanism they know; the bytes that leave are the bytes they gave."""
import base64, hashlib, re, shutil, smtplib, uuid

import pytest

import clients
from clients import Submission, stuffed
from port26 import PASSWORD, USER, Port26, make_certificate, wait_for
from scram import Client as ScramClient, Refused
from sink import Sink

ELSEWHERE = 'relay "far" {{ host = "127.0.0.1" port = {port} tls = none }}\n' \
            'route "here" {{ to = {{"port26.test"}} via = inbox }}\nroute "out" {{ via = "relay:far" }}\n'


class House:
    """A port26 whose mail for others goes to a sink; shared by all tests of this file, which use addresses of their own."""

    def __init__(self, **kw):
        self.sink = Sink(**kw)
        doors = {**Port26.DOORS, "bound": "role = submission tls = starttls channel-binding = true",
                 "bounds": "role = submission tls = implicit channel-binding = true"}
        self.port26 = Port26(extra=ELSEWHERE.format(port=self.sink.port), doors=doors).start()

    def at_sink(self, recipient, seconds=30):
        """The message as it reached the far end, without the fields we add: (added, message)."""
        def look():
            return [m for m in self.sink.kept() if any(recipient.encode() in line for line in m["to"])]
        found = wait_for(look, seconds, message=lambda: f"nothing for {recipient}\n" + self.port26.log()[-3000:])
        assert len(found) == 1
        return found[0]

    def close(self):
        try:
            self.port26.close()
        finally:
            self.sink.close()


@pytest.fixture(scope="module")
def house():
    h = House()
    yield h
    h.close()


def anybody():
    return f"{uuid.uuid4().hex}@far.test"


def split_added(received, sent_start):
    """What we put on top, and the rest from where the sender's own bytes begin."""
    at = received.find(sent_start)
    assert at > 0, received[:1000]
    return received[:at], received[at:]


TRACE = re.compile(rb"\AReceived: (?:[^\r\n]|\r\n[ \t])+\r\n\Z")
MISSING = re.compile(rb"\AReceived: (?:[^\r\n]|\r\n[ \t])+\r\n"
                     rb"Date: [^\r\n]+\r\nMessage-ID: <[0-9a-z]{26}@mail\.port26\.test>\r\n\Z")

HEADER = f"""From: <{USER}>\r
To: <somebody@far.test>\r
Subject: =?utf-8?Q?=C3=BC?=\r
X-Odd:   folded\r
\t  and   spaced \r
Date: Thu, 01 Jan 1970 00:00:00 +0000\r
Message-ID: <kept@client.test>\r
MIME-Version: 1.0\r
Content-Type: text/plain; charset=utf-8\r
Content-Transfer-Encoding: 8bit\r
\r
""".encode()
BODY = ("Grüße, naïve façade: ☂\r\n.\r\n..\r\n.a dot at the start\r\n" + "x" * 900 + "\r\nFrom me to you\r\n  \t \r\n"
        "%F and $HOME and \\n stay\r\n" + "é" * 400 + "\r\nlast\r\n\r\n\r\n").encode()


def combinations():
    for program, mechanisms in clients.PROGRAMS.items():
        for mechanism in mechanisms:
            for door in ("submission", "submissions"):
                if door == "submission" or program not in clients.NO_IMPLICIT_TLS:
                    yield pytest.param(program, mechanism, door, id=f"{program.__name__}-{mechanism}-{door}")


@pytest.fixture
def submission(house):
    made = []

    def make(**kw):
        s = Submission(**{"house": house.port26, "door": "submission", "mechanism": "PLAIN", "sender": USER,
                          "recipient": anybody(), "message": HEADER + BODY, **kw})
        made.append(s)
        return s

    yield make
    for s in made:
        shutil.rmtree(s.folder, ignore_errors=True)


@pytest.mark.parametrize("program,mechanism,door", combinations())
def test_program(house, submission, program, mechanism, door):
    body_only = program in clients.OWN_HEADER
    s = submission(door=door, mechanism=mechanism, message=BODY if body_only else HEADER + BODY)
    program(s)
    there = house.at_sink(s.recipient)
    assert there["from"].startswith(f"MAIL FROM:<{USER}>".encode())
    if body_only:
        head, _, body = there["body"].partition(b"\r\n\r\n")
        assert body == BODY and head.startswith(b"Received: ")
        assert b"\r\nSubject: From %s" % program.__name__.replace("_", "-").encode() in head
    else:
        added, rest = split_added(there["body"], HEADER[:30])
        assert rest == HEADER + BODY
        assert TRACE.match(added), added
    assert b"with ESMTPSA" in there["body"].split(b"\r\n\r\n")[0]


@pytest.mark.parametrize("program", clients.BINDING, ids=lambda p: p.__name__)
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256-PLUS", clients.ANY])
def test_program_binds(house, submission, program, mechanism):
    if program is clients.python_scram and mechanism == clients.ANY:
        mechanism = "SCRAM-SHA-256"  # "n": it has no -PLUS, and is let in without
    s = submission(door="bound", mechanism=mechanism)
    program(s)
    assert split_added(house.at_sink(s.recipient)["body"], HEADER[:30])[1] == HEADER + BODY


def test_mutt_takes_plus_where_it_is(house, submission):
    """Why channel-binding is off: docs/why/login.md. When this fails mutt has learned it, and the default may change."""
    with pytest.raises(clients.Failed):
        clients.mutt(submission(door="bound", mechanism=clients.ANY, message=BODY))


@pytest.mark.parametrize("mechanism", ["CRAM-MD5", "DIGEST-MD5"])
def test_swaks_hears_what_there_is_not(house, submission, mechanism):
    with pytest.raises(clients.Failed) as e:
        clients.swaks(submission(mechanism=mechanism))
    assert "235" not in str(e.value) and "not available" in str(e.value)


VERIFYING = [clients.swaks, clients.msmtp, clients.curl, clients.python, clients.nodemailer, clients.s_nail]


@pytest.mark.parametrize("program", VERIFYING, ids=lambda p: p.__name__)
@pytest.mark.parametrize("door", ["submission", "submissions"])
def test_program_verifies_certificate(house, submission, program, door, tmp_path):
    """The tests above are worth something only if the programs would notice another certificate."""
    other, _ = make_certificate(tmp_path)
    s = submission(door=door, ca=str(other))
    with pytest.raises(clients.Failed):
        program(s)


@pytest.mark.parametrize("program", [*VERIFYING, clients.gsasl], ids=lambda p: p.__name__)
def test_program_hears_of_wrong_password(house, submission, program):
    s = submission(password="wrong " + PASSWORD[:5])
    with pytest.raises(clients.Failed) as e:
        program(s)
    assert re.search("535|[Ll]ogin denied|[Aa]uthentication", str(e.value))


def login(house, door="submissions", **kw):
    c = ScramClient(house.port26.ports[door], house.port26.cert, implicit=door == "submissions", **kw)
    c.scram(USER, PASSWORD)
    return c


# name: (message as given, with the end of line that DATA demands)
MESSAGES = {
    "8-bit": b"Subject: \xc3\xbc raw\r\n\r\n" + bytes(b for b in range(1, 256) if b not in (10, 13)) + b"\r\n",
    "line of 998": b"Subject: l\r\n\r\n" + b"y" * 998 + b"\r\nz\r\n",
    "dots": b"Subject: d\r\n\r\n.\r\n..\r\n...\r\n.x\r\n. \r\n.",
    "only a dot": b".",
    "blank lines at the end": b"Subject: e\r\n\r\nx\r\n\r\n\r\n\r\n",
    "no newline at the end": b"Subject: n\r\n\r\nthe end",
    "no body": b"Subject: h\r\n",
    "no header": b"just words, no field\r\nmore\r\n",
    "blank first line": b"\r\nbody\r\n",
    "empty": b"",
    "folded and odd fields": b"Subject: a\r\n b\r\n\tc\r\nX-:\r\nX--Y : spaced\r\nKeywords:x\r\n\r\nb\r\n",
    "looks like a trace": b"Received: from x by y; Thu, 01 Jan 1970 00:00:00 +0000\r\nSubject: r\r\n\r\nr\r\n",
}


@pytest.mark.parametrize("name", MESSAGES)
def test_bytes_arrive_unchanged(house, name):
    """At the next hop every octet, in the inbox every octet but that CR LF is LF as Maildir has it."""
    message, who, mine = MESSAGES[name], anybody(), f"{uuid.uuid4().hex}@port26.test"
    house.port26.account_add(mine, PASSWORD)
    sent = message if message.endswith(b"\r\n") or not message else message + b"\r\n"  # DATA knows no other end
    c = login(house)
    c.mail(USER, [who], stuffed(message) if message else b".\r\n")
    c.mail(USER, [mine], stuffed(message) if message else b".\r\n")
    c.quit()
    there = house.at_sink(who)["body"]
    added, rest = cut_added(there)
    assert rest in (sent, b"\r\n" + sent)
    if rest != sent:  # the blank line is put in where the header never ended
        assert name in ("no header", "only a dot", "empty", "no body")
    stored = house.port26.wait_inbox(1, mine)[0]
    assert stored.startswith(f"Return-Path: <{USER}>\nDelivered-To: {mine}\nReceived: ".encode())
    _, rest_stored = cut_added(stored.split(b"\n", 2)[2].replace(b"\n", b"\r\n"))
    assert rest_stored == rest


def cut_added(received):
    """Takes our fields off the top."""
    m = re.match(rb"Received: (?:[^\r\n]|\r\n[ \t])+\r\n(?:Date: [^\r\n]+\r\n)?"
                 rb"(?:Message-ID: <[0-9a-z]{26}@mail\.port26\.test>\r\n)?", received)
    assert m, received[:500]
    return m.group(), received[m.end():]


def test_missing_fields_are_added_and_bcc_goes(house):
    who = anybody()
    c = login(house)
    c.mail(USER, [who], b"From: <you@port26.test>\r\nBcc: secret@far.test,\r\n\tmore@far.test\r\nSubject: s\r\n"
                        b"bcc: again@far.test\r\nX-Bcc: stays\r\n\r\nBcc: in the body stays\r\n.\r\n")
    there = house.at_sink(who)["body"]
    added, rest = split_added(there, b"From: ")
    assert MISSING.match(added), added
    assert rest == b"From: <you@port26.test>\r\nSubject: s\r\nX-Bcc: stays\r\n\r\nBcc: in the body stays\r\n"


def test_received_tells_the_way(house):
    who = anybody()
    c = login(house)
    reply = c.mail(USER, [who], b"Subject: s\r\n\r\nx\r\n.\r\n")
    name = re.search(r"[0-9a-z]{26}", reply[0]).group()
    trace = re.sub(rb"\r\n[ \t]+", b" ", house.at_sink(who)["body"]).split(b"\r\n")[0].decode()
    assert re.fullmatch(r"Received: from client\.test \(\[(127\.0\.0\.1|IPv6:::1)\]\) by mail\.port26\.test "
                        rf"\(port26 door submissions\) with ESMTPSA \(TLSv1\.3 [A-Z0-9_]+\) id {name} "
                        rf"for <{who}>; "
                        r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000", trace), trace


@pytest.mark.parametrize("wire", [b"Subject: x\r\n\r\nbare\nline\r\n.\r\n", b"Subject: x\r\n\r\nbare\rcr\r\n.\r\n",
                                  b"Subject: x\r\n\r\n\n.\r\nMAIL FROM:<you@port26.test>\r\n.\r\n",
                                  b"Subject: x\r\n\r\n\r\n.\nMAIL FROM:<you@port26.test>\r\n.\r\n"])
def test_bare_line_ends_are_refused(house, wire):
    """P11: what another server might read as the end of the message is never taken in, and nothing of it is sent."""
    who = anybody()
    c = login(house)
    with pytest.raises(Refused) as e:
        c.mail(USER, [who], wire)
    assert e.value.code == 550 and "CR LF" in e.value.words
    c.ask("NOOP", 250)
    c.quit()
    assert not any(who.encode() in b"".join(m["to"]) for m in house.sink.messages)


# ---- BDAT (RFC 3030)

@pytest.mark.parametrize("cuts", [[], [1], [5, 6, 7, 40], list(range(1, 60)), [0], [10_000]],
                         ids=["one", "first octet", "cr-lf split", "one octet each", "empty chunk", "large"])
def test_bdat(house, cuts):
    message = b"Subject: chunks\r\n\r\n.\r\n..dots are not stuffed here\r\n.\r\nQUIT\r\n" + b"z" * 20_000 + b"\r\n"
    who = anybody()
    c = login(house)
    c.ask(f"MAIL FROM:<{USER}> BODY=8BITMIME SIZE={len(message)}", 250)
    c.ask(f"RCPT TO:<{who}>", 250)
    at = 0
    for cut in cuts:
        c.send(f"BDAT {cut - at}\r\n".encode() + message[at:cut])
        c.expect(250)
        at = cut
    c.send(f"BDAT {len(message) - at} LAST\r\n".encode() + message[at:])
    c.expect(250)
    c.quit()
    assert cut_added(house.at_sink(who)["body"])[1] == message


def test_bdat_last_of_nothing_and_pipelined(house):
    who = anybody()
    c = login(house)
    message = b"Subject: all\r\n\r\nat once\r\n"
    c.send(f"MAIL FROM:<{USER}>\r\nRCPT TO:<{who}>\r\nBDAT {len(message)}\r\n".encode() + message
           + b"BDAT 0 LAST\r\nNOOP\r\n")
    assert [c.reply()[0] for _ in range(5)] == [250] * 5
    assert cut_added(house.at_sink(who)["body"])[1] == message


# ---- PIPELINING (RFC 2920)

def test_pipelining(house):
    """Two whole transactions in one segment, as far as DATA allows it, and QUIT behind the second."""
    one, two = anybody(), anybody()
    c = login(house)
    c.send(f"RSET\r\nMAIL FROM:<{USER}>\r\nRCPT TO:<{one}>\r\nRCPT TO:<>\r\nRCPT TO:<{two}>\r\nDATA\r\n".encode())
    codes = [c.reply()[0] for _ in range(6)]
    assert codes[:3] == [250] * 3 and codes[3] in (501, 553) and codes[4:] == [250, 354]
    c.send(f"Subject: p1\r\n\r\none\r\n.\r\nMAIL FROM:<{USER}>\r\nRCPT TO:<{one}x>\r\nDATA\r\n".encode())
    assert [c.reply()[0] for _ in range(4)] == [250, 250, 250, 354]
    c.send(b"Subject: p2\r\n\r\ntwo\r\n.\r\nQUIT\r\n")
    assert [c.reply()[0] for _ in range(2)] == [250, 221]
    wait_for(lambda: any((one + "x").encode() in b"".join(m["to"]) for m in house.sink.kept()))
    first = next(m for m in house.sink.kept() if any(two.encode() in line for line in m["to"]))
    assert len(first["to"]) == 2 and cut_added(first["body"])[1] == b"Subject: p1\r\n\r\none\r\n"
    assert cut_added(house.at_sink(one + "x")["body"])[1] == b"Subject: p2\r\n\r\ntwo\r\n"


# ---- what goes on with the message

def test_dsn_parameters_go_on(house):
    who = anybody()
    c = login(house)
    c.ask(f"MAIL FROM:<{USER}> RET=HDRS ENVID=a+2Bb", 250)
    c.ask(f"RCPT TO:<{who}> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;old+2Bname@far.test", 250)
    c.ask(f"RCPT TO:<never.{who}> NOTIFY=NEVER", 250)
    c.ask("DATA", 354)
    c.send(b"Subject: s\r\n\r\nx\r\n.\r\n")
    c.expect(250)
    there = house.at_sink("<" + who)
    assert b" RET=HDRS" in there["from"] and b" ENVID=a+2Bb" in there["from"]
    plain, never = sorted(there["to"], key=lambda line: b"never." in line)
    assert set(plain.split()[2:]) == {b"NOTIFY=SUCCESS,DELAY", b"ORCPT=rfc822;old+2Bname@far.test"}
    assert b"NOTIFY=NEVER" in never


def test_8bitmime_goes_on(house):
    who = anybody()
    c = login(house)
    c.ask(f"MAIL FROM:<{USER}> BODY=8BITMIME", 250)
    c.ask(f"RCPT TO:<{who}>", 250)
    c.ask("DATA", 354)
    c.send("Subject: s\r\n\r\nü\r\n.\r\n".encode())
    c.expect(250)
    assert b" BODY=8BITMIME" in house.at_sink(who)["from"]


def test_smtputf8(house):
    """RFC 6531: the address and the header arrive as they were, and the next hop is told."""
    who = f"grüße.{uuid.uuid4().hex}@weit.far.test"
    message = f"From: <{USER}>\r\nTo: <{who}>\r\nSubject: ünverändert\r\nDate: x\r\nMessage-ID: <x@y>\r\n\r\nß\r\n".encode()
    with house.port26.client() as c:
        c.sendmail(USER, [who], message, mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    there = house.at_sink(who)
    assert b" SMTPUTF8" in there["from"] and cut_added(there["body"])[1] == message
    assert b"UTF8SMTPSA" in there["body"]


def test_smtputf8_address_needs_the_parameter(house):
    c = login(house)
    c.ask(f"MAIL FROM:<{USER}>", 250)
    with pytest.raises(Refused) as e:
        c.ask("RCPT TO:<grüße@far.test>", 250)
    assert e.value.code in (550, 553)


def test_30_megabytes(house):
    line = b"0123456789abcdef" * 4 + b"\r\n"
    message = b"Subject: big\r\nDate: x\r\nMessage-ID: <big@y>\r\n\r\n" + line * ((30 << 20) // len(line)) + b".end\r\n"
    who = anybody()
    with house.port26.client("submissions") as c:
        c.sendmail(USER, [who, USER], message)
    assert hashlib.sha256(cut_added(house.at_sink(who, 60)["body"])[1]).digest() == hashlib.sha256(message).digest()
    big = wait_for(lambda: [f for f in house.port26.inbox_files() if f.stat().st_size > 20 << 20], 60)
    stored = big[0].read_bytes().split(b"\n", 2)[2].replace(b"\n", b"\r\n")
    assert hashlib.sha256(cut_added(stored)[1]).digest() == hashlib.sha256(message).digest()


# ---- SCRAM done wrong on purpose

def test_mechanisms_by_door(house):
    with smtplib.SMTP("localhost", house.port26.ports["submission"]) as c:
        c.ehlo()
        assert "auth" not in c.esmtp_features  # not before TLS
        assert c.docmd("AUTH", "PLAIN AHlvdQB4")[0] in (503, 530, 538)
    c = ScramClient(house.port26.ports["submission"], house.port26.cert)
    assert c.mechanisms() == ["SCRAM-SHA-256", "PLAIN", "LOGIN"]
    c.close()
    c = ScramClient(house.port26.ports["bound"], house.port26.cert)
    assert c.mechanisms() == ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"]
    c.close()


@pytest.mark.parametrize("wrong", [
    dict(plus=True, binding=b"\0" * 32),              # somebody in the middle: other TLS keys here than there
    dict(plus=False, gs2="y,,"),                       # "you offer no binding": a downgrade, for we do
    dict(plus=True, gs2="p=tls-unique,,"),             # a binding that TLS 1.3 does not have
    dict(plus=False, gs2="n,a=other@port26.test,"),    # somebody else's account
], ids=["other binding", "downgrade", "unknown binding", "other authzid"])
def test_scram_tricks_are_refused(house, wrong):
    c = ScramClient(house.port26.ports["bounds"], house.port26.cert, implicit=True)
    with pytest.raises(Refused) as e:
        c.scram(USER, PASSWORD, **wrong)
    assert e.value.code in (501, 535)
    c.close()


def test_who_would_bind_is_let_in_where_nobody_binds(house):
    """"y" says truly that no -PLUS is offered here."""
    c = ScramClient(house.port26.ports["submissions"], house.port26.cert, implicit=True)
    c.scram(USER, PASSWORD, gs2="y,,")
    c.close()


def test_wrong_password_and_unknown_user_look_alike(house):
    answers = set()
    for user in (USER, "nobody-at-all@port26.test"):
        for scram in (True, False):
            c = ScramClient(house.port26.ports["submissions"], house.port26.cert, implicit=True)
            with pytest.raises(Refused) as e:
                if scram:
                    c.scram(user, "not it")
                else:
                    c.ask("AUTH PLAIN " + base64.b64encode(f"\0{user}\0not it".encode()).decode(), 235)
            answers.add((e.value.code, e.value.words))
            c.close()
    assert len(answers) == 1 and answers.pop()[0] == 535
