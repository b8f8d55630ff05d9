"""Hostile commands, parameters and addresses (HOSTILE rows 42 to 62, 70 to 80, 97 to 99)."""
import re, struct

import pytest

from hostile import NEIGHBOUR, Wire, houses, plain, somewhere, token
from port26 import PASSWORD, USER, Port26, wait_for

BALANCER, CLIENT = "127.211.0.1", "192.0.2.77"


shared, house = houses(top="limits { line = 512 }", extra="delivery { port = SINK_PORT retry = {1h} }\n",
                         doors={**Port26.DOORS, "proxied": 'role = exchange tls = none proxy-from = {"127.211.0.0/16"}'})


def table(rows):
    """rows: name -> list of cases, each a tuple."""
    for name, cases in rows.items():
        for i, case in enumerate(cases):
            yield pytest.param(*case, id=f"{name}-{i}")


# ---- who is at the other end

@pytest.mark.parametrize("header", [b"PROXY TCP4 192.0.2.77 192.0.2.1 1234 25\r\n", b"PROXY UNKNOWN\r\n", b"PROXY\r\n",
                                    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12)],
                         ids=["row42_version1", "row42_unknown", "row42_alone", "row42_version2"])
@pytest.mark.parametrize("door", ["exchange", "submission", "proxied"])
def test_proxy_header_of_a_stranger(house, header, door):
    mark = house.mark()
    with house.wire(door, greet=False) as w:
        w.expect(220)
        w.send(header + b"EHLO x\r\n")
        replies = w.replies()
    assert replies and {r.code for r in replies} == {500}
    assert CLIENT not in house.log_since(mark)


def v2(family=0x11, length=None, version=0x21, body=bytes([192, 0, 2, 77, 192, 0, 2, 1, 4, 210, 0, 25])):
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack(">BBH", version, family, len(body) if length is None else length) + body


@pytest.mark.parametrize("header", [b"PROXY TCP4 192.0.2.77 192.0.2.1 1234 25\r\n", v2(),
                                    v2(body=v2()[16:] + b"\x04\x0f\xff" + bytes(4000))],
                         ids=["row43_control_version1", "row43_control_version2", "row43_control_tlv"])
def test_proxy_header_of_the_balancer(house, header):
    word = token()
    with house.wire("proxied", source=BALANCER, greet=False) as w:
        w.send(header)
        w.expect(220)
        w.ehlo()
        w.begin()
        w.send(f"Subject: {word}\r\n\r\n.\r\n")
        w.expect(250)
        w.quit()
    assert f"[{CLIENT}]" in house.arrived(word).decode()


MALFORMED = {
    "v1_short": b"PROXY TCP4 192.0.2.77\r\n",
    "v1_words": b"PROXY TCP4 a b c d\r\n",
    "v1_number": b"PROXY TCP4 999.0.2.77 192.0.2.1 1 2\r\n",
    "v1_port": b"PROXY TCP4 192.0.2.77 192.0.2.1 99999 25\r\n",
    "v1_family": b"PROXY TCP9 192.0.2.77 192.0.2.1 1 2\r\n",
    "v1_mixed": b"PROXY TCP4 ::1 ::1 1 2\r\n",
    "v1_long": b"PROXY TCP4 " + b"1" * 200 + b"\r\n",
    "v1_endless": b"PROXY TCP4 " + b"1" * 200,
    "v2_family": v2(family=0xF1),
    "v2_protocol": v2(family=0x1F),
    "v2_version": v2(version=0x31),
    "v2_command": v2(version=0x2F),
    "v2_too_short": v2(body=b"\x7f\0\0\1"),
    "v2_64k_tlv": v2(length=0xFFFF) + bytes(65536),
    "smtp": b"EHLO x\r\nQUIT\r\n",
    "tls": b"\x16\x03\x01\x00\x05hello",
}


@pytest.mark.parametrize("header", MALFORMED.values(), ids=["row43_" + k for k in MALFORMED])
def test_malformed_proxy_header(house, header):
    mark = house.mark()
    with house.wire("proxied", source=BALANCER, greet=False) as w:
        w.try_send(header)
        w.gone()
    assert "bad-proxy-header" in house.log_since(mark)


def test_row43_proxy_header_cut_off(house):
    """With and without the end of the connection; all at once, because each may wait some seconds."""
    wires = []
    for i, header in enumerate([b"", b"PROXY TC", b"PROXY TC", v2()[:14], v2()[:20]]):
        w = house.wire("proxied", source=BALANCER, greet=False)
        w.send(header)
        if i != 2:
            w.socket.shutdown(1)
        wires.append(w)
    for w in wires:
        w.gone()
        w.close()


@pytest.mark.parametrize("command", ["XCLIENT ADDR=192.0.2.77 LOGIN=you@port26.test", "XFORWARD NAME=x ADDR=192.0.2.77",
                                     "XEXCH50 1000000000 2", "XSHADOW 1", "DEBUG", "WIZ", "ETRN x", "TURN", "ATRN x",
                                     "BURL imap://x/ LAST", "SEND FROM:<a@b.test>", "VERB ON"],
                         ids=lambda c: "row44_" + c.split()[0].lower())
def test_foreign_commands(house, command):
    with house.wire() as w:
        assert not re.search(r"(?m)^X|ETRN|TURN|BURL", w.ehlo().text)
        w.say(command, 500, 502, 503, 550)
        w.say(f"RCPT TO:<{USER}>", 503)
        w.quit()


# ---- names

def received(house, w, word):
    """Hands in a message and returns our Received field."""
    w.begin()
    w.send(f"Subject: {word}\r\n\r\n.\r\n")
    w.expect(250)
    field = re.search(rb"(?m)^Received: .*(\n[ \t].*)*", house.arrived(word)).group()
    assert re.fullmatch(rb"[\x20-\x7e\n\t]+", field), field
    return field.decode()


@pytest.mark.parametrize("line", [b"EHLO", b"EHLO ", b"EHLO    ", b"EHLO " + b"x" * 11000, b"EHLO a\0b",
                                  b"EHLO " + b"x" * 256, b"HELO",
                                  b"EHLO a b", b"EHLO a\tb", b"EHLO \x1b[31m", b"EHLO a\x7f", b"EHLO\ta.test"],
                         ids=lambda b: f"row45_{len(b)}_octets")
def test_no_name(house, line):
    with house.wire(greet=False) as w:
        w.expect(220)
        w.say(line, 500, 501)
        w.say("MAIL FROM:<a@b.test>", 503)
        w.quit()


def test_row45_absent(house):
    with house.wire(greet=False) as w:
        w.expect(220)
        w.say("MAIL FROM:<a@b.test>", 503)
        w.say(f"RCPT TO:<{USER}>", 503)
        w.say("DATA", 503)
        w.quit()


@pytest.mark.parametrize("name", [b"[::::]", b"\xff", b"[IPv6:]", b"[999.1.1.1]", b"-", b".", b"a..b", b"_x",
                                  "münchen.test".encode(),
                                  b"\xc2\x85x", b"%s%n", b"[" * 100, b"a" * 255, b"x.test;by=y", b"x(y", b"x)y",
                                  b"<script>alert(1)</script>",
                                  b"a.test\\", b'"a"', b"${jndi:ldap://x}", b"--help", b"/etc/passwd",
                                  b"a.test\xe2\x80\xae"],
                         ids=lambda n: f"row45_46_99_{n[:12]!r}".replace("\\x", ""))
def test_odd_name(house, name):
    """Welcome, but not repeated in Received unless it is a name of a host or an address."""
    with house.wire(greet=False) as w:
        w.expect(220)
        if w.ask(b"EHLO " + name).code != 250:
            return
        field = received(house, w, token())
    words = field.split()
    assert words[:2] == ["Received:", "from"] and words[3] == "([127.0.0.1])", field
    assert re.fullmatch(r"unknown|[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.IPv]+\]", words[2]), field
    assert words[2] == "unknown" or words[2].encode() == name


@pytest.mark.parametrize("text", ["x\tby y; (", "x by y; Thu, 1 Jan 1970", "x (HELO y)", "x;\tfrom=z"],
                         ids=lambda t: "row46_" + re.sub(r"\W+", "_", t))
def test_header_text_in_helo(house, text):
    with house.wire(greet=False) as w:
        w.expect(220)
        w.say(f"HELO {text}", 501)
        w.say("HELO x;(", 250)
        field = received(house, w, token())
    assert field.split()[2] == "unknown" and "with SMTP " in field


def test_row99_longest_helo(house):
    name = ".".join(["a" * 62] * 4)
    assert len(name) == 251
    with house.wire(greet=False) as w:
        w.expect(220)
        w.say(f"HELO {name}", 250)
        assert received(house, w, token()).split()[2] == name


# ---- lines and their order

@pytest.mark.parametrize("size,code", [(512, 250), (513, 500), (2048, 500), (100 * 1024, 500)], ids=lambda x: f"row47_{x}")
def test_line_length(house, size, code):
    with house.wire() as w:
        w.say("NOOP " + "x" * (size - 7), code)
        w.say("NOOP", 250)
        w.quit()


@pytest.mark.parametrize("size,code", [(2048, 501), (2049, 500), (100 * 1024, 500)], ids=lambda x: f"row47_mail_{x}")
def test_mail_length(house, size, code):
    with house.wire() as w:
        w.say("MAIL FROM:<a@b.test> ENVID=" + "x" * (size - 29), code)
        w.quit()


def test_row49_unknown_commands(house):
    with house.wire() as w:
        w.try_send(b"WHAT\r\n" * 500)
        replies = w.replies()
    assert [r.code for r in replies[:-1]] == [500] * (len(replies) - 1) and len(replies) <= 21
    assert replies[-1].code == 421


def test_row50_before_the_greeting(house):
    with Wire(house.port26.ports["exchange"], greet=False) as w:
        w.send(b"EHLO early.test\r\nMAIL FROM:<a@b.test>\r\nQUIT\r\n")
        assert [r.code for r in w.replies()] in ([220, 250, 250, 221], [554])


@pytest.mark.parametrize("sent,codes", table({
    "row51_after_ehlo": [(b"EHLO a.test\r\nNOOP\r\nQUIT\r\n", [250, 250, 221])],
    "row51_after_quit": [(b"QUIT\r\nMAIL FROM:<evil@evil.test>\r\n", [221])],
    "row51_after_starttls": [(b"STARTTLS\r\nMAIL FROM:<evil@evil.test>\r\n", [503])],
    "row51_after_vrfy": [(b"VRFY a\r\nNOOP\r\nQUIT\r\n", [252, 250, 221])],
    "row51_after_refused_data": [(b"DATA\r\nSubject: x\r\n\r\nQUIT\r\n.\r\n", [503])],
    "row52_two_bad_recipients": [(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<no@port26.test>\r\nRCPT TO:<nor@port26.test>\r\nDATA\r\n"
                                  b"MAIL FROM:<evil@evil.test>\r\nRCPT TO:<you@port26.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n",
                                  [250, 550, 550, 554])],
}))
def test_pipelined(house, sent, codes):
    with house.wire() as w:
        w.send(sent)
        assert [r.code for r in w.replies()] == codes
    assert house.accepted("evil@evil.test") == 0


def test_row51_after_auth(house):
    with house.submission(login=False, source=somewhere()) as w:
        w.send(f"AUTH PLAIN {plain(USER, PASSWORD)}\r\nNOOP\r\nMAIL FROM:<{USER}>\r\nQUIT\r\n")
        assert [r.code for r in w.replies()] == [235, 250, 250, 221]


def test_row53_one_good_recipient(house):
    word = token()
    with house.wire() as w:
        w.send(f"MAIL FROM:<a@b.test>\r\nRCPT TO:<no@port26.test>\r\nRCPT TO:<{USER}>\r\nDATA\r\n"
               f"Subject: {word}\r\n\r\nRSET\r\nQUIT\r\n.\r\nNOOP\r\nQUIT\r\n")
        assert [r.code for r in w.replies()] == [250, 550, 250, 354, 250, 250, 221]
    assert house.arrived(word).endswith(b"\n\nRSET\nQUIT\n")


def test_row54_order(house):
    with house.wire() as w:
        w.say(f"RCPT TO:<{USER}>", 503)
        w.say("DATA", 503)
        w.say("BDAT 0 LAST", 503)
        w.say("MAIL FROM:<a@b.test>", 250)
        w.say("MAIL FROM:<c@b.test>", 503)
        w.say("DATA", 503)
        w.say(f"RCPT TO:<{USER}>", 250)
        w.say("MAIL FROM:<c@b.test>", 503)
        w.say("DATA now", 501)
        w.say("RSET x", 501)
        w.say("QUIT x", 501)
        w.say("DATA", 354)
        w.say(".", 250)
        w.quit()


@pytest.mark.parametrize("command", ["RSET", "EHLO again.test", "HELO again.test"], ids=lambda c: "row55_" + c[:4].lower())
def test_forgotten(house, command):
    word = token()
    with house.wire() as w:
        w.begin("first@b.test", NEIGHBOUR, data=False)
        w.say(command, 250)
        w.say(f"RCPT TO:<{USER}>", 503)
        w.say("DATA", 503)
        w.begin("second@b.test", USER)
        w.send(f"Subject: {word}\r\n\r\n.\r\n")
        w.expect(250)
        w.quit()
    assert house.arrived(word).startswith(b"Return-Path: <second@b.test>\n")
    assert not house.inbox(word, NEIGHBOUR)


# ---- addresses that want to be more than that

def inert(house, address):
    """As sender and as recipient, there and here: refused, or carried without being looked into."""
    word = token()
    with house.wire() as w:
        w.say("MAIL FROM:<a@b.test>", 250)
        w.say(f"RCPT TO:<{address}>", 501, 550)
        w.say("RSET", 250)
        if w.say(f"MAIL FROM:<{address}>", 250, 501).code != 250:
            return w.quit()
        w.say(f"RCPT TO:<{USER}>", 250)
        w.say("DATA", 354)
        w.send(f"Subject: {word}\r\n\r\n.\r\n")
        w.expect(250)
        w.quit()
    assert house.arrived(word).startswith(b"Return-Path: <" + address.encode() + b">\n")


SHELL = [";id;", "$(touch FILE)", "`touch FILE`", "|touch FILE", "/etc/passwd", ":include:/etc/passwd",
         "`touch${IFS}FILE`@b.test", "|touch@b.test", "/FILE@b.test", "$HOME@b.test", "x&touch${IFS}FILE&@b.test",
         '"|touch FILE"@b.test', '"; touch FILE ;"@b.test', "-oX@b.test", "--@b.test", '"$(touch FILE)"@b.test',
         "(){:;};touch", '"() { :;}; touch FILE"@b.test', "~root@b.test"]
TEMPLATES = ["${run{touch FILE}}@b.test", "${run{x}}@b.test", "%s%n%x@b.test", "{{7*7}}@b.test", "../../x@b.test",
             '"../../FILE"@b.test', "'OR'1'='1'--@b.test", '"x\'; DROP TABLE message; --"@b.test', "#{7*7}@b.test",
             "x%00@b.test", '"\\"; x"@b.test', "a@{{7*7}}.test", "a@${x}.test", "a@%s.test", "a@b'.test", "a@-b.test", "a@b_c.test"]


@pytest.mark.parametrize("address", SHELL, ids=lambda a: "row56_" + re.sub(r"\W+", "_", a))
def test_shell(house, address):
    mine = house.port26.dir / token()[:6]
    inert(house, address.replace("FILE", str(mine)))
    assert not mine.exists()


@pytest.mark.parametrize("address", TEMPLATES, ids=lambda a: "row57_" + re.sub(r"\W+", "_", a))
def test_templates(house, address):
    mine = house.port26.dir / token()[:6]
    inert(house, address.replace("FILE", str(mine)))
    assert not mine.exists()


def test_row57_leaves_as_it_came(house):
    word = token()
    recipients = [f"${{run{{x}}}}{word}@far.test", f"'OR'1'='1'--{word}@far.test", f"`id`|x{word}@far.test",
                  f"%n%s{word}@far.test"]
    with house.submission() as w:
        w.say(f"MAIL FROM:<{USER}>", 250)
        for r in recipients:
            w.say(f"RCPT TO:<{r}> ORCPT=rfc822;{r.replace('=', '+3D')}", 250)
        w.say("DATA", 354)
        w.send(f"Subject: {word}\r\n\r\n.\r\n")
        w.expect(250)
        w.quit()
    house.at_sink(word)
    with house.sink.lock:
        told = b"".join(line for m in house.sink.messages for line in m["to"] if word.encode() in line)
    for r in recipients:
        assert f"RCPT TO:<{r}> ".encode() in told


# ---- parameters

PARAMETERS = {
    "row58_newline_in_xtext": [
        ("MAIL FROM:<a@b.test> AUTH=x+0D+0A", 501), ("MAIL FROM:<a@b.test> AUTH=x+0AReceived:+20y", 501),
        ("MAIL FROM:<a@b.test> ENVID=a+0D+0AX:", 501), ("MAIL FROM:<a@b.test> ENVID=a+00", 501),
        ("RCPT TO:<{user}> ORCPT=rfc822;a+0D+0AX:", 501), ("RCPT TO:<{user}> ORCPT=rfc822;+7F", 501),
        ("RCPT TO:<{user}> ORCPT=rfc822+0A;a", 250)],  # an atom, and never decoded
    "row59_bad_xtext": [
        (f"{command}{value}", 501)
        for command in ("MAIL FROM:<a@b.test> ENVID=", "MAIL FROM:<a@b.test> AUTH=", "RCPT TO:<{user}> ORCPT=rfc822;")
        for value in ("+", "a+4", "+ZZ", "a+4x", "+0d", "\xe4", "x" * 501, "+41" * 167)
    ] + [("MAIL FROM:<a@b.test> ENVID=" + "x" * 101, 501), ("RCPT TO:<{user}> ORCPT=rfc822", 501),
         ("RCPT TO:<{user}> ORCPT=;a", 501),
         ("MAIL FROM:<a@b.test> ENVID=" + "x" * 100, 250), ("RCPT TO:<{user}> ORCPT=rfc822;" + "x" * 493, 250)],
    "row60_dsn": [
        ("MAIL FROM:<a@b.test> RET=", 501), ("MAIL FROM:<a@b.test> RET=HALF", 501), ("MAIL FROM:<a@b.test> RET", 501),
        ("RCPT TO:<{user}> NOTIFY=NEVER,SUCCESS", 501), ("RCPT TO:<{user}> NOTIFY=SUCCESS,NEVER", 501),
        ("RCPT TO:<{user}> NOTIFY=", 501), ("RCPT TO:<{user}> NOTIFY=,", 501), ("RCPT TO:<{user}> NOTIFY=ALWAYS", 501),
        ("RCPT TO:<{user}> NOTIFY=NEVER NOTIFY=NEVER", 501), ("RCPT TO:<{user}> NOTIFY=SUCCESS,FAILURE,DELAY", 250)],
    "row61_unknown_or_twice": [
        ("MAIL FROM:<a@b.test> FOO", 555), ("MAIL FROM:<a@b.test> FOO=BAR", 555), ("MAIL FROM:<a@b.test> NOTIFY=NEVER", 555),
        ("RCPT TO:<{user}> SIZE=1", 555), ("RCPT TO:<{user}> FOO", 555), ("MAIL FROM:<a@b.test> SIZE=1 SIZE=1", 501),
        ("MAIL FROM:<a@b.test> SIZE", 501), ("MAIL FROM:<a@b.test> SIZE=", 501), ("MAIL FROM:<a@b.test> =1", 501),
        ("MAIL FROM:<a@b.test> SIZE=1=1", 501), ("MAIL FROM:<a@b.test> \"=", 501), ("MAIL FROM:<a@b.test>SIZE=1", 501),
        ("MAIL FROM:<a@b.test> SMTPUTF8=1", 501), ("MAIL FROM:<a@b.test>\tSIZE=1", 501),
        ("MAIL FROM:<a@b.test>" + "".join(f" P{i}={i}" for i in range(100)), 555),
        ("MAIL FROM:<a@b.test>" + " SIZE=1" * 100, 501)],
    "row62_size": [
        ("MAIL FROM:<a@b.test> SIZE=-1", 501), ("MAIL FROM:<a@b.test> SIZE=abc", 501), ("MAIL FROM:<a@b.test> SIZE=+1", 501),
        ("MAIL FROM:<a@b.test> SIZE=0x10", 501), ("MAIL FROM:<a@b.test> SIZE=1e9", 501),
        ("MAIL FROM:<a@b.test> SIZE=18446744073709551616", 501), ("MAIL FROM:<a@b.test> SIZE=18446744073709551615", 552),
        ("MAIL FROM:<a@b.test> SIZE=52428801", 552), ("MAIL FROM:<a@b.test> SIZE=52428800", 250)],
}


@pytest.mark.parametrize("command,code", table(PARAMETERS))
def test_parameters(house, command, code):
    with house.wire() as w:
        if command.startswith("RCPT"):
            w.say("MAIL FROM:<a@b.test>", 250)
        w.say(command.replace("{user}", USER).encode("latin-1"), code)
        w.say("NOOP", 250)
        w.quit()


def domain(octets):
    """A domain of that length with labels as long as can be."""
    labels = ["x" * 63] * (octets // 64) + ["x" * (octets % 64)]
    if not labels[-1]:
        labels[-2:] = ["x" * 61, "y"]
    return ".".join(labels)


ADDRESSES = {
    "row70_lengths": [
        ("a" * 64 + "@b.test", 250), ("a" * 65 + "@b.test", 501), ("a" * 1900 + "@b.test", 501),
        ("a" * 4000 + "@b.test", 500), ('"' + "a" * 62 + '"@b.test', 250), ('"' + "a" * 63 + '"@b.test', 501),
        ("a@" + "x" * 63 + ".test", 250), ("a@" + "x" * 64 + ".test", 501), ("a@" + domain(252), 250),
        ("a@" + domain(253), 501), ("a@" + domain(255), 501), ("a@" + domain(256), 501),
        ("a" * 64 + "@" + domain(189), 250), ("a" * 64 + "@" + domain(190), 501)],
}


@pytest.mark.parametrize("address,code", table(ADDRESSES))
def test_lengths(house, address, code):
    with house.wire() as w:
        w.say(f"MAIL FROM:<{address}>", code)
        w.quit()


RECIPIENTS = {
    "row71_no_address": [(x, (501, 553)) for x in (
        "<>", "<@>", "<a@>", "<@b>", "<a@b@c>", "<a b@c>", "<a@b", "a@b>", '<"a@b>', "<a@[1.2.3>", "", "<", ">",
        "<<a@b>>", "a@b", "<a@b>x", "<a@b.test> <c@d.test>", "<a.@b.test>", "<.a@b.test>", "<a..b@b.test>",
        "<a@b..test>", "<a@.test>", "<a\\@b.test>", "<a@b\\.test>", "<a@-b.test>", "<a@b-.test>", "<a,b@c.test>",
        "<a;b@c.test>", "<you>", "<a@[127.1]>", "<a@[::1]>", "<a@[]>")],
    "row72_quoted": [(x, (550,)) for x in (
        '<""@port26.test>', '<"a\\"b"@port26.test>', '<"a b"@port26.test>', '<"a@b"@port26.test>',
        '<"you@port26.test"@port26.test>', '<"you@port26.test"@evil.test>', '<"you\\@port26.test"@evil.test>',
        '<"you@port26.test> "@evil.test>')],
    "row73_postmaster": [(x, (250,)) for x in (
        "<postmaster>", "<Postmaster>", "<POSTMASTER@port26.test>", "<postmaster@PORT26.TEST>")],
    "row75_trailing_dot": [
        ("<you@port26.test.>", (250, 501)), ("<x@evil.test.>", (550, 501)), ("<no@port26.test.>", (550, 501)),
        ("<you@port26.test..>", (501,)), ("<you@.port26.test>", (501,)), ("<postmaster@evil.test.>", (550, 501))],
    "row76_relay_tricks": [(x, (550, 501, 553)) for x in (
        "<user%evil.test@port26.test>", "<evil.test!user@port26.test>", "<@port26.test:user@evil.test>",
        '<"user@evil.test"@port26.test>', "<user@evil.test@port26.test>", "<@a.test,@b.test:u@x.test>",
        "<user%evil.test>", "<evil.test!user>", "<@port26.test:@evil.test:u@x.test>",
        '<"user%evil.test"@port26.test>', "<user%evil.test@[127.0.0.1]>", "<user@[127.0.0.1]>", "<user@localhost>",
        "<user@mail.port26.test>", "<you@xport26.test>", "<you@port26.test.evil.test>", "<you@port26.tes>",
        "<port26.test@evil.test>", "<user@evil.test,port26.test>")],
}


@pytest.mark.parametrize("path,codes", table(RECIPIENTS))
def test_recipients(house, path, codes):
    with house.wire() as w:
        w.say("MAIL FROM:<a@b.test>", 250)
        w.say(f"RCPT TO:{path}", *codes)
        w.say("NOOP", 250)
        w.quit()


@pytest.mark.parametrize("domain_", ["[127.0.0.1]", "[IPv6:::1]", "[IPv6:::ffff:127.0.0.1]", "[0.0.0.0]",
                                     "[127.255.0.9]", "[IPv6:::]",
                                     "[169.254.0.1]", "[IPv6:fe80::1]", "[0x7f.1]", "[127.1]", "[2130706433]",
                                     "[017700000001]"],
                         ids=lambda d: "row74_" + re.sub(r"\W+", "_", d))
def test_literals_of_this_machine(house, domain_):
    """Refused at once, or given up with a report; the far end on loopback at the very port is never called."""
    word = token()
    before = house.sink.connections
    with house.submission() as w:
        w.say(f"MAIL FROM:<{USER}> ENVID={word}", 250)
        if w.ask(f"RCPT TO:<{word}@{domain_}>").code == 250:
            w.say("DATA", 354)
            w.send(f"Subject: {word}\r\n\r\n.\r\n")
            w.expect(250)
            assert b"auto-replied" in house.arrived(word)
        w.quit()
    assert house.sink.connections == before


def test_row77_forged_sender(house):
    with house.wire() as w:
        w.say(f"MAIL FROM:<{USER}>", 250)
        w.say("RCPT TO:<x@far.test>", 550)
        w.say(f"RCPT TO:<{NEIGHBOUR}>", 250)
        w.say("QUIT", 221)
    with house.wire("submission") as w:
        w.starttls(house.context)
        w.say(f"MAIL FROM:<{USER}>", 530)


def test_row78_other_sender(house):
    sender = f"{USER.split('@')[0]}@port26.test"
    with house.submission() as w:
        w.say(f"MAIL FROM:<{NEIGHBOUR}>", 553)
        w.say(f"MAIL FROM:<{NEIGHBOUR}> AUTH={NEIGHBOUR}", 553)
        w.say("MAIL FROM:<ceo@far.test>", 553)
        mark = house.mark()
        w.say(f"MAIL FROM:<{sender}> AUTH={NEIGHBOUR}", 250)
        w.say(f"RCPT TO:<{NEIGHBOUR}>", 250)
        w.say("DATA", 354)
        w.send(f"From: <{NEIGHBOUR}>\r\nSubject: x\r\n\r\n.\r\n")
        w.expect(250)
        w.quit()
    assert re.search(rf"message\.accepted .* account={USER} ", house.log_since(mark))


def test_row79_vrfy_tells_nothing(house):
    with house.wire() as w:
        for command in ("VRFY", "EXPN"):
            told = {(r.code, r.text) for r in (w.ask(f"{command} {name}") for name in (USER, "you", "no@port26.test",
                                                                                       "root", "<you@port26.test>"))}
            assert len(told) == 1
        w.quit()


def test_row80_harvest(house):
    with house.wire(source=somewhere()) as w:
        w.say("MAIL FROM:<a@b.test>", 250)
        w.try_send("".join(f"RCPT TO:<guess{i}@port26.test>\r\n" for i in range(1000)))
        codes = [r.code for r in w.replies()]
    assert codes[-1] == 421 and set(codes[:-1]) == {550} and len(codes) <= 51


def test_row97_bait(house):
    """Mail for nobody is refused in the dialogue; the forged sender hears nothing of it."""
    victim = f"victim-{token()}@far.test"
    with house.wire() as w:
        w.say(f"MAIL FROM:<{victim}>", 250)
        w.say("RCPT TO:<nobody@port26.test>", 550)
        w.say("DATA", 554)
        w.quit()
    house.nothing_queued_for(victim)
    assert not any(victim.encode() in line for m in house.sink.messages for line in m["to"])


# ---- what the log is made to say

def clean_lines(text):
    for line in text.split("\n"):
        assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", line), repr(line)
        assert not line or re.match(r"\d{4}-\d\d-\d\dT\S+ (error|warning|notice|info|debug) \S+ \S", line), repr(line)


FORGED = "message.accepted id=forged"


@pytest.mark.parametrize("line", [f"EHLO x\x1b[2J{FORGED}", f"EHLO x\r{FORGED}", f'EHLO "{FORGED}"',
                                  f"EHLO x\u2028{FORGED}", f"EHLO x\x85{FORGED}",
                                  f'MAIL FROM:<"\n{FORGED}"@b.test>', f'MAIL FROM:<"\\\r{FORGED}"@b.test>',
                                  f'MAIL FROM:<" {FORGED}"@b.test>',
                                  'MAIL FROM:<"%s%n%p"@b.test>', "MAIL FROM:<a\u202eb@b.test> SMTPUTF8",
                                  "MAIL FROM:<a\x1b[31m@b.test>",
                                  'MAIL FROM:<"=\\" x="@b.test>', f"MAIL FROM:<a@b.test> X={FORGED}\x1b",
                                  f"RCPT TO:<a@b.test> {FORGED}"],
                         ids=lambda t: "row98_" + re.sub(r"[^A-Za-z0-9]+", "_", t))
def test_log_lines(house, line):
    mark = house.mark()
    with house.wire() as w:
        if not line.startswith("EHLO"):
            w.ehlo()
        if line.startswith("RCPT"):
            w.say("MAIL FROM:<a@b.test>", 250)
        if w.ask(line).code == 250 and line.startswith("MAIL"):
            w.say(f"RCPT TO:<{USER}>", 250)
            w.say("DATA", 354)
            w.say(".", 250)
        w.try_send(b"QUIT\r\n")
        w.replies()
    text = house.log_since(mark)
    clean_lines(text)
    assert not re.search(rf"(?m)^\S+ \S+ \S+ {re.escape(FORGED)}", text)


def test_row98_login_name(house):
    mark = house.mark()
    for name in (f"x\n{FORGED}", "x\x1b[31mred", "x\u2028y", "x\u202ey", f"x\r\n{FORGED}", "%s%n"):
        with house.submission(login=False, source=somewhere()) as w:
            w.say(f"AUTH PLAIN {plain(name, 'guess')}", 501, 535)
    clean_lines(house.log_since(mark))


def test_row98_far_reply(house):
    """What the far end says is escaped in the log, in the queue's list and in the report."""
    word = token()
    mark = house.mark()
    hostile = b"550-5.1.1 \x1b[2J\x07%n\xff\r\n550 5.1.1 " + FORGED.encode() + b"\x9b\r\n"
    house.sink.replies["rcpt"] = lambda state: hostile if word.encode() in state["line"] else b"250 2.1.5 ok\r\n"
    try:
        with house.submission() as w:
            w.begin(USER, f"{word}@far.test")
            w.send(f"Subject: {word}\r\n\r\n.\r\n")
            w.expect(250)
            w.quit()
        report = house.arrived(word)
    finally:
        del house.sink.replies["rcpt"]
    assert FORGED.encode() in report and not re.search(rb"[\x00-\x08\x0b-\x1f\x7f-\x9f\xff]",
                                                       report.split(b"\nReceived: ", 1)[0])
    wait_for(lambda: FORGED in house.log_since(mark))
    clean_lines(house.log_since(mark))
