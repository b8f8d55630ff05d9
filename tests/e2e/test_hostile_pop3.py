"""Hostile input at the POP3 doors (HOSTILE rows 32, 100 to 102, 108 to 115, R9)."""
import base64, os, re, smtplib, socket, statistics, time

import pytest

from hostile import SANITIZER, Wire, b64, memory_of, plain, somewhere
from pop import DOORS, Pop, Refused, drop, inbox
from port26 import Port26, own, secret_file, wait_for

NAME, SECRET = "you@port26.test", "a secret with blanks "
OTHER, OTHERS = "other@port26.test", "another horse"

QUICK = """limits { greeting-timeout = 1s command-timeout = 2s login-timeout = 2s pop3-timeout = 2s connections-per-address = 12
    message-time = 4s }
process { listeners = 1 }"""


class House(Port26):
    def __init__(self, top):
        super().__init__(doors=DOORS, top=top, accounts=False)
        self.environment["ASAN_OPTIONS"] = SANITIZER
        for name, secret in ((NAME, SECRET), (OTHER, OTHERS)):
            path = secret_file(self.dir / "secret", "")
            path.write_bytes(secret.encode() + b"\n")
            self.command("account", "add", name, "--password-file", str(path))
            path.unlink()
        drop(self, OTHER, b"Subject: private\n\nNobody else's\n")
        self.start()
        self.first = sorted(self.pids())

    def pop(self, **kw):
        return Pop(self, source=somewhere(), **kw)

    def mine(self, *messages):
        """My inbox holds exactly these."""
        for f in (inbox(self, NAME) / "new").iterdir():
            f.unlink()
        drop(self, NAME, *messages)

    def inside(self, **kw):
        return self.pop(login=(NAME, SECRET), **kw)

    def log_since(self, mark):
        return self.logfile.read_bytes()[mark:].decode(errors="replace")

    def alive(self):
        with self.pop(login=(OTHER, OTHERS)) as c:
            assert c.stat()[0] == 1 and b"Nobody else's" in c.message(1)
            c.quit()
        assert sorted(self.pids()) == self.first, "a process has died\n" + self.log()[-3000:]
        self.check_log()


def houses(top):
    @pytest.fixture(scope="module")
    def shared():
        h = House(top)
        try:
            yield h
        finally:
            h.close()
    return shared


def alive(shared_name):
    @pytest.fixture
    def one(request):
        h = request.getfixturevalue(shared_name)
        yield h
        h.alive()
    return one


shared_house, shared_quick = houses("process { listeners = 1 }"), houses(QUICK)
house, quick = alive("shared_house"), alive("shared_quick")


# ---- row 32: what was said before TLS is nobody's after it

@pytest.mark.parametrize("behind", [b"CAPA\r\n", b"CA", b"USER you@port26.test\r\nPASS x\r\n", b"QUIT\r\n"])
def test_row32_injected(house, behind):
    with house.pop(tls=False) as c:
        c.send(b"STLS\r\n" + behind)
        assert "closing" in c.err()
        c.gone()


def test_row32_user_forgotten(house):
    with house.pop(tls=False) as c:
        assert "switch on SSL/TLS or STARTTLS" in c.err(f"USER {NAME}")
        assert "switch on SSL/TLS or STARTTLS" in c.err(f"PASS {SECRET}")
        assert "switch on SSL/TLS or STARTTLS" in c.err(f"AUTH PLAIN {plain(NAME, SECRET)}")
        c.stls(house.context())
        assert "USER comes first" in c.err(f"PASS {SECRET}")
        c.login(NAME, SECRET)
        c.quit()


def test_row32_plaintext_instead_of_tls(house):
    with house.pop(tls=False) as c:
        c.ok("STLS")
        c.send(b"CAPA\r\n")
        assert b"+OK" not in c.rest()


# ---- row 108

def test_row108_before_login(house):
    with house.pop() as c:
        for command in ("STAT", "LIST", "LIST 1", "RETR 1", "DELE 1", "NOOP", "RSET", "TOP 1 0", "UIDL", "PASS x"):
            c.err(command)
        c.ok(f"USER {NAME}")
        for command in ("STAT", "RETR 1"):
            c.err(command)
        assert c.err("PASS").startswith("-ERR [AUTH]")
        c.login(NAME, SECRET)
        c.quit()


def test_row108_passwords(house):
    with house.pop() as c:
        for password in (SECRET.strip(), " " + SECRET, SECRET + " ", SECRET.upper()):
            c.ok(f"USER {NAME}")
            assert c.err(f"PASS {password}").startswith("-ERR [AUTH]")
        c.ok(f"USER {NAME}")
        c.err("PASS " + "x" * 10240)
        c.err("PASS " + "x" * 40000)
        c.login(NAME, SECRET)
        c.quit()


STATES = {  # what of it works before TLS, over TLS, after USER, and in the mailbox
    "CAPA": "cuam", "LANG": "cuam", "LANG *": "cuam", "LANG xx": "", "UTF8": "cuam", "USER x": "ua", "AUTH": "ua", "APOP x y": "",
    "NOOP": "m", "STAT": "m", "LIST": "m", "LIST 1": "m", "UIDL": "m", "UIDL 1": "m", "RETR 1": "m", "TOP 1 0": "m", "RSET": "m",
    "DELE 1": "m", "STLS": "c", "EXPN": "", "STAT 1": "", "": "", " ": "",
}


@pytest.mark.parametrize("state", "cuam")
def test_row108_every_command_in_every_state(house, state):
    house.mine(b"Subject: x\n\n")
    for command, where in STATES.items():
        with house.pop(tls=state != "c") as c:
            if state == "a":
                c.ok(f"USER {NAME}")
            if state == "m":
                c.login(NAME, SECRET)
            for form in (command.lower(), command + "  "):
                line = c.answer(form)
                assert line.startswith("+OK" if state in where else "-ERR"), f"{form!r}: {line}"
                if state in where and command in ("CAPA", "LANG", "AUTH", "LIST", "UIDL", "RETR 1", "TOP 1 0"):
                    c.raw()
                if state in where and command == "DELE 1":
                    c.ok("RSET")
                if state in where and command == "STLS":
                    break
            else:
                c.quit()


# ---- row 109

@pytest.mark.parametrize("number", ["0", "-1", "99999999999999999999", "1.5", "1 1", "3", "2", "x", "+1", "0x1", "\u0661"])
def test_row109_numbers(house, number):
    house.mine(b"Subject: a\n\n1\n", b"Subject: b\n\n2\n")
    with house.inside() as c:
        c.ok("DELE 2")
        for command in ("RETR {}", "DELE {}", "LIST {}", "UIDL {}", "TOP {} 1"):
            c.err(command.format(number))
        for command in ("TOP", "TOP 1", "TOP 1 x", "TOP 1 -1", "TOP 1 1 1", "TOP 1 99999999999999999999", "RETR"):
            c.err(command)
        c.ok("TOP 1 9999999999")
        assert c.raw() == b"Subject: a\r\n\r\n1\r\n"
        c.ok("RSET")
        c.quit()


# ---- row 110

@pytest.mark.parametrize("end", ["close", "reset", "half"])
def test_row110_dropped(house, end):
    house.mine(b"one\n", b"two\n", b"three\n")
    c = house.inside()
    for n in (1, 2, 3):
        c.ok(f"DELE {n}")
    if end == "half":
        c.send(b"QUIT")
        c.close()
    else:
        getattr(c, end)()
    with house.inside() as c:
        assert c.stat()[0] == 3
        c.ok("DELE 1")
        c.ok("RSET")
        c.quit()
    with house.inside() as c:
        assert c.stat()[0] == 3
        c.quit()


# ---- row 112

def test_row112_lines(house):
    with house.inside() as c:
        c.err("NOOP " + "x" * 300)
        c.err("X" * 255)
        c.err("LIST " + "1" * 20000)
        c.err("n\u00f6\u00f6p")
        c.err(b"NO\xffP")
        c.ok("NOOP")
        c.err(b"NO\0OP")
        c.ok("NOOP")
        c.err(b"NO\rOP")
        c.quit()


def test_row112_bare_lf_with_more_behind(house):
    house.mine(b"one\n")
    with house.inside() as c:
        c.send(b"NOOP\nDELE 1\r\nQUIT\r\n")
        c.err()
        c.gone()
    with house.inside() as c:
        assert c.stat()[0] == 1
        c.quit()


def test_row112_ten_thousand_noops(house):
    """All are answered, or the session ends with a word."""
    with house.inside() as c:
        c.try_send(b"NOOP\r\n" * 10000 + b"QUIT\r\n")
        rest = c.rest()
        assert rest.count(b"+OK Still here") == 10000 and rest.endswith(b"+OK Good-bye\r\n") or rest.count(b"-ERR") == 1


def test_row112_unknown_verbs(house):
    with house.pop() as c:
        c.try_send(b"".join(b"XYZZ%d\r\n" % i for i in range(500)))
        assert 0 < c.rest().count(b"-ERR") < 50


def test_browser_and_smtp_client(house):
    with house.pop(tls=False) as c:
        c.try_send(f"POST / HTTP/1.1\r\nHost: x\r\n\r\nUSER {NAME}\r\nQUIT\r\n")
        assert c.rest().count(b"\r\n") == 1
    with house.pop(tls=False) as c:
        assert "587" in c.err("EHLO client")
        c.quit()
    with house.pop(tls=False) as c:
        c.try_send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert b"-ERR" in c.rest()


# ---- row 113

ODD = {
    "dots": b"Subject: x\n\n.\n..\n...\n.x\n.",
    "no end": b"Subject: x\n\nabc",
    "bare LF": b"Subject: x\r\n\r\na\nb\r\nc\n",
    "bare CR": b"Subject: x\n\na\rb\r\n\rc\r\n.\r.\n",
    "10 MB line": b"Subject: x\n\n" + b"." * (10 << 20),
    "NUL": b"Subject: x\n\n\0\0.\0\n.\0\n",
    "empty": b"",
    "only a dot": b".",
    "only a line end": b"\n",
    "8 bit": bytes(range(256)) * 4,
    "no body": b"Subject: x\n",
    "header without end": b"Subject: x",
    "body without header": b"\nonly\nthis\n",
    "blank in the header": b"A: b\n \n c\n\nbody\n",
    "CR alone in a line": b"Subject: x\n\n\r\r\n\r\n.\r\n",
    "dot at a piece's end": b"Subject: x\n\n" + b"x" * 16370 + b"\r\n.y\n" + (b"." * 16383 + b"\n") * 3,
    "CR at a piece's end": b"Subject: x\n\n" + b"x" * 16371 + b"\r\ny",
}


def on_the_wire(data):
    data = re.sub(rb"(?<!\r)\n", b"\r\n", data)
    return data if not data or data.endswith(b"\n") else data + b"\r\n"


def top_of(wire, count):
    """Header, empty line, and so many lines."""
    lines, body = [], False
    for line in wire.split(b"\n")[:-1]:
        if body and len(lines) - body == count:
            break
        lines.append(line + b"\n")
        if not body and line in (b"\r", b""):
            body = len(lines)
    return b"".join(lines)


@pytest.mark.parametrize("odd", ODD)
def test_row113_content(house, odd):
    house.mine(ODD[odd], b"Subject: next\n\n")
    with house.inside(timeout=60) as c:
        told = int(c.ok("LIST 1").split()[2])
        wire = on_the_wire(ODD[odd])
        assert told == len(wire) and c.stat()[1] == told + 17
        assert int(c.ok("RETR 1").split()[1]) == told
        assert c.raw() == wire
        for lines in (0, 1, 2, 1000000, (1 << 64) - 1):
            c.ok(f"TOP 1 {lines}")
            assert c.raw() == top_of(wire, lines), lines
        assert c.message(2) == b"Subject: next\r\n\r\n"
        c.quit()


# ---- row 114

def test_row114_cancelled_and_replayed(house):
    with house.pop() as c:
        for _ in range(3):
            assert c.answer_line("AUTH PLAIN") == "+ "
            c.err("*")
        c.err("STAT")
        assert "APOP" in c.err(f"APOP {NAME} {'0' * 32}")
        assert "SPA" in c.err("AUTH NTLM")
        c.err("AUTH CRAM-MD5")
        c.err("AUTH PLAIN ====")
        c.err("AUTH X" + "=" * 3000)
        c.login(NAME, SECRET)
        c.quit()


def test_row114_replayed_scram(house):
    """The same words of a client twice: the server's nonce differs, so the proof is worth nothing."""
    first = b64(f"n,,n={NAME},r=fixednonce")
    told = []
    with house.pop() as c:
        for _ in range(2):
            line = c.answer_line(f"AUTH SCRAM-SHA-256 {first}")
            told.append(dict(x.split("=", 1) for x in base64.b64decode(line[2:]).decode().split(",")))
            c.err("*")
    assert told[0]["r"] != told[1]["r"] and told[0]["s"] == told[1]["s"]


@pytest.mark.parametrize("name", ["you/../other@port26.test", "../other@port26.test", "you@port26.test/../other@port26.test",
                                  "./other@port26.test", "other@port26.test\0x", "you@port26.test\0other@port26.test",
                                  ".", "..", "/", "*", "%", "other@port26.test/", "\u202eother@port26.test"])
def test_row114_another_mailbox(house, name):
    with house.pop() as c:
        for password in (SECRET, OTHERS):
            try:
                c.ok(f"USER {name}")
                c.err(f"PASS {password}")
            except Refused:
                pass
            c.err("STAT")
        if "\0" in name:
            return
        with house.pop() as d:
            assert d.err(f"AUTH PLAIN {b64(f'{OTHER}{chr(0)}{NAME}{chr(0)}{SECRET}')}").startswith("-ERR [AUTH]")
            assert d.err(f"AUTH PLAIN {plain(name, SECRET)}").startswith("-ERR")


def test_unknown_name_looks_the_same(house):
    answers = set()
    for name in (NAME, "nobody@port26.test"):
        with house.pop() as c:
            answers.add((c.ok(f"USER {name}"), c.err("PASS moonshine")))
    assert len(answers) == 1
    assert "moonshine" not in house.log() and SECRET not in house.log()


# ---- rows 81 and 82: as at the doors of SMTP, and together with them

def test_row81_unknown_name_takes_as_long(house):
    """Each time from elsewhere, or the answer would be delayed for another reason; the name has logged in just before."""
    times, told = {True: [], False: []}, set()
    for i in range(15):
        for known in (True, False):
            with house.pop() as c:
                c.ok(f"USER {OTHER if known else f'nobody{i}@port26.test'}")
                begin = time.monotonic()
                told.add(c.err(f"PASS wrong{i}"))
                times[known].append(time.monotonic() - begin)
    assert len(told) == 1 and told.pop().startswith("-ERR [AUTH] ")
    a, b = (statistics.median(t) for t in times.values())
    assert max(a, b) < 3 * min(a, b), (a, b)  # an answer without a hash would come ten times as fast


def smtp_login(house, source, door):
    with smtplib.SMTP("127.0.0.1", house.ports[door], timeout=60, source_address=(source, 0)) as c:
        c.starttls(context=house.context())
        c.ehlo()
        return c.docmd("AUTH", f"PLAIN {plain(NAME, SECRET)}")


def pop_login(house, source):
    with Pop(house, source=source) as c:
        c.ok(f"USER {NAME}")
        return c.answer(f"PASS {SECRET}")


@pytest.mark.parametrize("guessed_at", ["pop", "submission"])
def test_row82_one_throttle_for_all_doors(house, guessed_at):
    """Who guessed at one is not heard at the other either; and no mail program is told to forget a password that is right."""
    source, wires = somewhere(), []
    try:
        for i in range(30):
            login = plain(f"guess{i}@port26.test", "x")
            if guessed_at == "pop":
                wires.append(Pop(house, source=source))
            else:
                w = Wire(house.ports["submission"], source=source)
                w.starttls(house.context())
                wires.append(w)
            wires[-1].send(f"AUTH PLAIN {login}\r\n".encode())
        wait_for(lambda: smtp_login(house, source, "submission")[0] == 454, 20, step=0.1)
        assert pop_login(house, source).startswith("-ERR [SYS/TEMP] ")
        assert smtp_login(house, source, "submission")[0] == 454
        assert pop_login(house, somewhere()).startswith("+OK") and smtp_login(house, somewhere(), "submission")[0] == 235
    finally:
        for w in wires:
            w.reset()


# ---- row 115

@pytest.mark.parametrize("kind", ["link", "fifo", "open"])
def test_row115_not_our_maildir(house, kind):
    """What is not a folder of ours is not read, and the password is not blamed."""
    folder = inbox(house, NAME)
    new, aside = folder / "new", folder / "aside"
    new.rename(aside)
    if kind == "link":
        new.symlink_to(inbox(house, OTHER) / "new")
    elif kind == "fifo":
        os.mkfifo(new)
    else:
        new.mkdir()
        new.chmod(0o777)
        own(new)
    try:
        with house.pop() as c:
            c.ok(f"USER {NAME}")
            assert c.err(f"PASS {SECRET}").startswith("-ERR [SYS/TEMP]")
            c.err("STAT")
    finally:
        new.rmdir() if kind == "open" else new.unlink()
        aside.rename(new)


def test_row115_link_as_message(house):
    """A link in the inbox to another's mail shows none of it."""
    house.mine(b"Subject: mine\n\n")
    secret = next((inbox(house, OTHER) / "new").iterdir())
    (inbox(house, NAME) / "new" / "1700000099.M1P1.test").symlink_to(secret)
    with house.inside() as c:
        for n in range(1, c.stat()[0] + 1):
            if c.answer(f"RETR {n}").startswith("+OK"):
                assert b"Nobody else's" not in c.raw()
        c.quit()
    house.mine()


# ---- rows 100 to 102

def test_row100_slow(quick):
    """One octet now and then buys no time, before and after the login; nothing is deleted by it."""
    quick.mine(b"one\n")
    inside, before = quick.inside(), quick.pop()
    inside.ok("DELE 1")
    for c in (inside, before):
        c.send(b"N")
    begin = time.monotonic()
    for octet in b"OOPOOPOOPOOP":
        time.sleep(0.4)
        for c in (inside, before):
            c.try_send(bytes([octet]))
    for c in (inside, before):
        assert c.rest().startswith(b"-ERR Waited too long")
        c.close()
    assert time.monotonic() - begin < 40
    with quick.inside() as c:
        assert c.stat()[0] == 1
        c.quit()


def test_row100_slow_handshake_and_login(quick):
    with quick.pop(tls=False) as a, quick.pop() as b:
        a.ok("STLS")
        a.send(b"\x16\x03")
        assert b.answer_line("AUTH LOGIN").startswith("+ ")
        assert b"+OK" not in a.rest()
        assert b.rest().startswith(b"-ERR Waited too long")


def test_row101_never_reads(quick):
    """30 MB for a client that takes none: the buffer is bounded, and the session ends."""
    quick.mine(*[b"Subject: big\n\n" + b"x" * 70 * 15000] * 3)
    (pid,) = quick.children("listener")
    before = memory_of(pid)
    c = quick.inside(timeout=60)
    mark = quick.logfile.stat().st_size
    c.send(b"".join(b"RETR %d\r\n" % n for n in (1, 2, 3)) * 10)
    wait_for(lambda: "what=timeout" in quick.log_since(mark), 60)
    assert memory_of(pid) < before + (8 << 20)
    c.close()


def test_row102_many_from_one_address(quick):
    """The cap for one address; another one still gets in."""
    here = somewhere()
    crowd = []
    try:
        for _ in range(40):
            s = socket.create_connection(("127.0.0.1", quick.ports["pop"]), 10, (here, 0))
            s.settimeout(20)
            crowd.append(s)
        told = [s.recv(200) for s in crowd[-5:]]
        assert any(b"Too many connections from your address" in t for t in told), told
        assert all(t.startswith((b"-ERR [SYS/TEMP]", b"+OK")) for t in told)
        with quick.pop(login=(OTHER, OTHERS)) as c:
            c.quit()
    finally:
        for s in crowd:
            s.close()
