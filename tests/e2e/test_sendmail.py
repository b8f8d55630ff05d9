"""sendmail and send: what programs and people of this machine hand over."""
import email, email.policy, json, os, re, shutil, subprocess, threading, time

import pytest

from port26 import AS_ROOT, BINARY, PASSWORD, USER, Port26, wait_for
from sink import Sink

EX_OK, EX_USAGE, EX_DATAERR, EX_NOINPUT, EX_NOUSER, EX_UNAVAILABLE, EX_TEMPFAIL, EX_CONFIG = 0, 64, 65, 66, 67, 69, 75, 78
HI = b"Subject: hi\n\nHello\n"
AS_NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
AS_PORT26 = ["setpriv", "--reuid=port26", "--regid=port26", "--clear-groups"]
needs_root = pytest.mark.skipif(not AS_ROOT, reason="only root can become another user")


class House:
    """A running port26 whose only mailbox is you@port26.test, and the commands to fill it."""

    def __init__(self, start, **kw):
        self.p = Port26(accounts=False, **kw)
        self.p.account_add(USER, PASSWORD)
        self.binary = reachable(self.p)
        start and self.p.start()

    def run(self, *args, input=HI, user=None, name="sendmail", config=True, **kw):
        """argv[0] is `name`, as when the binary is linked under that name."""
        argv = [name, *(["-C", str(self.p.conf)] if config else []), *args]
        # argv[0] must be ours: the shell's exec -a gives it, also behind setpriv.
        shell = 'name=$1; shift; bin=$1; shift; exec -a "$name" "$bin" "$@"'
        command = ["bash", "-c", shell, "bash", argv[0], self.binary, *argv[1:]]
        if AS_ROOT and user:
            command = [*(AS_NOBODY if user == "nobody" else AS_PORT26), *command]
        kw.setdefault("env", self.p.environment)
        return subprocess.run(command, input=input, capture_output=True, timeout=120, **kw)

    def ok(self, *args, **kw):
        r = self.run(*args, **kw)
        assert (r.returncode, r.stderr) == (EX_OK, b""), r
        return r

    def refused(self, status, words, *args, **kw):
        r = self.run(*args, **kw)
        assert r.returncode == status and words in r.stderr.decode(), r
        assert self.files() == [] and self.p.queue() == []
        return r

    def files(self):
        return self.p.inbox_files(USER)

    def message(self, count=1):
        raw = self.p.wait_inbox(count)[-1]
        assert b"\r" not in raw  # a Maildir's lines end in LF
        raw = raw.replace(b"\n", b"\r\n")
        return raw, email.message_from_bytes(raw, policy=email.policy.default)

    def empty(self):
        for f in self.files():
            f.unlink()


def reachable(p):
    """The binary where every user can run it."""
    copy = p.dir / "port26"
    shutil.copy(BINARY, copy)
    os.chmod(copy, 0o755)
    return str(copy)


@pytest.fixture(scope="module")
def running():
    h = House(True)
    yield h
    h.p.close()


@pytest.fixture
def house(running):
    """The running house with an empty inbox and queue."""
    running.empty()
    yield running
    running.p.command("queue", "retry", "--all")


# ---- addresses and header fields


def test_the_simplest(house):
    house.ok(USER)
    raw, m = house.message()
    me = subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
    assert raw.startswith(f"Return-Path: <{me}@mail.port26.test>\r\n".encode())
    assert m["From"].addresses[0].addr_spec == f"{me}@mail.port26.test"
    assert "with local" in m["Received"] and "mail.port26.test" in m["Received"]
    assert m["Date"] and m["Message-ID"].endswith("@mail.port26.test>")
    assert m.get_content() == "Hello\r\n"


def test_what_is_there_is_kept(house):
    house.ok(USER, input=b"From: A <a@b.test>\nDate: Sat, 3 Jan 2026 00:00:00 +0000\nMessage-ID: <x@y>\n\nx\n")
    raw, m = house.message()
    assert m.get_all("From") == ["A <a@b.test>"] and m.get_all("Message-ID") == ["<x@y>"]
    assert len(m.get_all("Date")) == 1 and "2026" in m["Date"]


@pytest.mark.parametrize("args, path, sender", [
    (["-f", "boss@port26.test"], "boss@port26.test", "boss@port26.test"),
    (["-fboss@port26.test", "-F", "The Boss"], "boss@port26.test", "The Boss <boss@port26.test>"),
    (["-r", "boss", "-FBöss, J."], "boss@mail.port26.test", '"Böss, J." <boss@mail.port26.test>'),
    (["-f", "Boss <boss@port26.test>"], "boss@port26.test", "boss@port26.test"),
    (["-f", ""], "", None),
    (["-f", "<>"], "", None),
])
def test_sender(house, args, path, sender):
    house.ok(*args, USER)
    raw, m = house.message()
    assert raw.startswith(f"Return-Path: <{path}>\r\n".encode())
    if sender:
        assert m["From"] == sender


def test_recipients_of_the_header(house):
    house.p.account_add("second@port26.test", PASSWORD)
    house.p.account_add("third@port26.test", PASSWORD)
    text = (b"To: \"You, there\" <you@port26.test>,\n  Friends: second@port26.test (a friend);\nCc: you@PORT26.test\n"
            b"Bcc: third@port26.test\nSubject: x\n\nTo: nobody@port26.test\n")
    house.ok("-t", input=text)
    raw, m = house.message()
    second = house.p.wait_inbox(1, "second@port26.test")
    third = house.p.wait_inbox(1, "third@port26.test")
    assert len(house.files()) == 1 and len(second) == 1
    for copy in (raw, second[0], third[0]):
        assert b"third@port26.test" not in re.sub(rb"^Delivered-To:.*\n", b"", copy, flags=re.M)
    house.empty()
    house.ok("-ti", USER, input=b"To: second@port26.test\n\nx\n")  # arguments are added
    house.message()
    house.p.wait_inbox(2, "second@port26.test")
    house.empty()
    house.ok("-t", input=b"To: nobody@port26.test\nResent-To: you@port26.test\n\nx\n")
    house.message()


@pytest.mark.parametrize("argument", ["you@port26.test, second@port26.test", "You <you@port26.test>", "you@port26.test",
                                      "you", "g: you@port26.test;"])
def test_forms_of_arguments(house, argument):
    if "second" in argument:
        house.p.account_add("second@port26.test", PASSWORD) if not (house.p.inbox / "second@port26.test").exists() else None
    house.ok(argument)
    house.message()


@pytest.mark.parametrize("bad", [
    "<>", "<@>", "<a@>", "<@b>", "<a@b@c>", "<a b@c>", "<a@b", "a@b>", "<\"a@b>", "<a@[1.2.3.4>", "$(id)@x.test", ":include:/etc/x",
    "a@b\nRCPT TO:<c@d>", "a@b\r\n", "' OR 1=1--", "../../x@",
])
def test_addresses_that_are_none(house, bad):
    """HOSTILE 56, 57, 58, 71."""
    status = EX_OK if bad == "a@b\r\n" else EX_DATAERR  # a line end behind it is only a blank
    if status:
        house.refused(status, "was not sent", "--", bad)
        house.refused(status, "was not sent", "-t", input=b"To: " + bad.replace("\r\n", "").replace("\n", " ").encode() + b"\n\nx\n")
    if bad != "<>":
        r = house.run("-f", bad + "@x y", "--", USER)
        assert r.returncode == EX_DATAERR


@pytest.mark.parametrize("inert", ["|touch /tmp/port26-was-here@port26.test", "/etc/passwd@port26.test", "`id`@port26.test",
                                   "%s%n@port26.test", "{{7*7}}@port26.test", "${run{id}}@port26.test"])
def test_addresses_that_look_like_orders(house, inert):
    r = house.run("--", inert)
    assert r.returncode in (EX_DATAERR, EX_NOUSER), r
    assert not os.path.exists("/tmp/port26-was-here")


def test_unknown_recipient(house):
    r = house.refused(EX_NOUSER, "no mailbox <wrong@port26.test>", USER, "wrong@port26.test")
    assert "was not sent" in r.stderr.decode()
    house.refused(EX_NOUSER, "no mailbox", "root")
    house.refused(EX_NOUSER, "no mailbox", "-t", input=b"To: you@port26.test\nBcc: wrong@port26.test\n\nx\n")


def test_no_recipients(house):
    house.refused(EX_USAGE, "no recipients")
    house.refused(EX_DATAERR, "no recipients", "-t", input=b"Subject: x\n\nTo: you@port26.test\n")
    house.refused(EX_DATAERR, "no recipients", "-t", input=b"To: undisclosed-recipients:;\n\nx\n")


def test_bounds_of_headers(house):
    long = b"To: you@port26.test\n" + b"".join(b"X-%d: %s\n" % (i, b"x" * 900) for i in range(1200)) + b"\nx\n"
    house.refused(EX_DATAERR, "over 1 MiB", "-t", input=long)
    many = b"To: " + b",\n ".join(b"u%d@example.test" % i for i in range(10001)) + b"\n\nx\n"
    house.refused(EX_DATAERR, "more than 10000", "-t", input=many)
    house.ok(USER, input=long)  # nobody looks for recipients in it
    house.message()


# ---- the text


@pytest.mark.parametrize("args, text, content", [
    ([], b"Subject: x\n\na\n.\nb\n", "a\r\n"),
    (["-i"], b"Subject: x\n\na\n.\nb\n", "a\r\n.\r\nb\r\n"),
    (["-oi"], b"Subject: x\n\na\n.\nb\n", "a\r\n.\r\nb\r\n"),
    ([], b"Subject: x\r\n\r\na\r\n.\r\nb\r\n", "a\r\n"),
    ([], b"Subject: x\n\n..a\n. \n", "..a\r\n. \r\n"),
    ([], b"no header\n\nat all", "no header\r\n\r\nat all\r\n"),
    ([], b"From joe Sat Jan  3 00:00:00 2026\nSubject: x\n\nx\n", "x\r\n"),
    ([], b"", ""),
])
def test_text(house, args, text, content):
    house.ok(*args, USER, input=text)
    raw, m = house.message()
    assert raw.partition(b"\r\n\r\n")[2].decode() == content


def relay(sink):
    return f'relay "r" {{ host = "127.0.0.1" port = {sink.port} tls = none }}\nroute "x" {{ to = {{"elsewhere.test"}} via = "relay:r" }}\n'


def test_nothing_is_smuggled():
    """P11, HOSTILE 1 to 18: what another server could take for the end of the message is only text."""
    ends = [b"\n.\n", b"\r.\r", b"\r.\r\n", b"\n.\r\n", b"\n.\r", b"\r\n.\r", b"\r\n.\n", b"\n.\n.\r\n", b"\r\r\n.\r\r\n"]
    with Sink() as sink:
        h = House(True, extra=relay(sink))
        try:
            for n, end in enumerate(ends):
                h.ok("-i", "-f", USER, "a@elsewhere.test",
                     input=b"Subject: x\n\na" + end + b"MAIL FROM:<evil@x.test>\r\nRCPT TO:<b@elsewhere.test>\r\nDATA\r\nevil\r\n.\r\n")
                wait_for(lambda: len(sink.messages) > n, message=h.p.log)
            time.sleep(0.3)
            assert len(sink.messages) == len(ends)
            commands = [x for x in map(as_bytes, sink.lines) if x.upper().startswith(b"MAIL")]
            assert len(commands) == len(ends) and not any(b"evil" in x for x in commands)
        finally:
            h.p.close()


def as_bytes(line):
    return line if isinstance(line, bytes) else str(line).encode()


def test_large(house):
    """30 MB and no more memory than for a small one."""
    line = b"x" * 99 + b"\n"
    text = b"Subject: large\n\n" + line * 300000
    script = "import resource, subprocess, sys\n" \
             "r = subprocess.run(sys.argv[1:], stdin=sys.stdin)\n" \
             "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n" \
             "sys.exit(r.returncode)"

    def run(input):
        return subprocess.run(["/usr/bin/python3", "-c", script, house.binary, "sendmail", "-C", str(house.p.conf), USER], input=input,
                              capture_output=True, env=house.p.environment, timeout=300)
    small = run(b"Subject: x\n\nx\n")
    assert small.returncode == 0, small
    house.message()
    house.empty()
    large = run(text)
    assert large.returncode == 0, large
    raw, m = house.message()
    assert len(raw) > 300000 * 101 and raw.endswith(b"x\r\n")
    assert int(large.stdout) - int(small.stdout) < 8 * 1024, (small.stdout, large.stdout)  # KiB


def test_too_large(house):
    text = b"Subject: x\n\n" + (b"x" * 99 + b"\n") * 600000
    house.refused(EX_UNAVAILABLE, "message-size", USER, input=text)


# ---- options


def test_ignored_options(house):
    house.ok("-bm", "-G", "-n", "-v", "-U", "-m", "-em", "-h", "3", "-O", "Timeout=1", "-oem", "-odi", "-o7", "-L", "x", "-X", "/x", "--", USER)
    house.message()


@pytest.mark.parametrize("args, words", [
    (["-z"], "no option -z"), (["-f"], "wants a value"), (["-bd"], "port26 serve"), (["-bt"], "not known"),
    (["-N", "x", USER], "success,failure,delay"), (["-R", "x", USER], "full or hdrs"), (["-B", "x", USER], "8BITMIME"),
    ([USER, "-f", "x"], "options come first"),
])
def test_usage(house, args, words):
    house.refused(EX_USAGE, words, *args)


def test_dsn_options(start):
    with Sink(replies={"rcpt": b"450 4.2.0 later\r\n"}) as sink:
        h = House(True, extra=relay(sink))
        try:
            h.ok("-N", "success,delay", "-R", "hdrs", "-V", "order 7+x", "-B", "8BITMIME", "a@elsewhere.test")
            wait_for(lambda: any(b"RCPT" in as_bytes(x) for x in sink.lines), message=h.p.log)
            said = b"\n".join(map(as_bytes, sink.lines))
            assert b"NOTIFY=SUCCESS,DELAY" in said
            assert b"RET=HDRS" in said and b"ENVID=order+207+2Bx" in said
        finally:
            h.p.close()


def test_queue_commands(house):
    r = house.ok("-bp")
    assert b"The queue is empty" in r.stdout
    assert b"The queue is empty" in house.run("-c", str(house.p.conf), name="mailq", config=False).stdout
    house.ok("-q")
    assert b"no table of aliases" in house.ok("-bi").stdout
    r = house.run(name="/usr/bin/newaliases", config=False)
    assert r.returncode == 0 and b"no table of aliases" in r.stdout


@needs_root
def test_queue_commands_need_rights(house):
    for args in (["-q"], ["-bp"]):
        r = house.run(*args, user="nobody")
        assert r.returncode != 0 and "only root" in r.stderr.decode(), r


def test_help(house):
    r = house.run("--help", config=False)
    assert r.returncode == 0 and b"Usage: port26 sendmail" in r.stdout and b"-t " in r.stdout


def test_configuration(house):
    env = dict(house.p.environment, PORT26_CONFIG=str(house.p.conf))
    house.ok(USER, config=False, env=env)
    house.message()
    r = house.run("-C", "/nonexistent", USER, config=False)
    assert r.returncode == EX_CONFIG, r
    r = house.run("-C", str(house.p.conf), USER, config=False, env=dict(env, PORT26_CONFIG="/nonexistent"))
    assert r.returncode == EX_OK, r


def test_port26_sendmail(house):
    r = subprocess.run([house.binary, "sendmail", "-C", str(house.p.conf), USER], input=HI, capture_output=True, env=house.p.environment)
    assert r.returncode == 0, r
    house.message()


# ---- who, and whether anybody listens


@needs_root
def test_ordinary_user(house):
    house.ok(USER, user="nobody")
    raw, m = house.message()
    assert m["From"].addresses[0].addr_spec == "nobody@mail.port26.test"
    house.empty()
    house.ok(USER, user="nobody", input=b"Subject: x\n\n" + b"y" * 70 + b"\n" + (b"x" * 70 + b"\n") * 20000)
    raw, m = house.message()
    assert len(raw) > 1400000


CROWD = """
import socket, sys
held = []
for _ in range(300):
    held.append(socket.socket(socket.AF_UNIX))
    held[-1].connect(sys.argv[1])
held[-1].settimeout(30)
print("in" if held[-1].recv(1) else "out", flush=True)  # who is not let in is told so by the end
sys.stdin.read()
"""


@needs_root
def test_a_crowd_of_one_user(house):
    """One user of this machine who comes again and again, and stays, takes nobody else's place."""
    crowd = subprocess.Popen([*AS_NOBODY, "/usr/bin/python3", "-c", CROWD, str(house.p.dir / "control")],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert crowd.stdout.readline() == "out\n"
        assert house.p.command("status").returncode == 0
        assert house.run("-f", USER, USER, user="nobody").returncode == EX_TEMPFAIL
        house.ok("-f", USER, USER, user="port26")
    finally:
        crowd.stdin.close()
        crowd.wait(60)
    house.ok("-f", USER, USER, user="nobody")
    house.empty()


def test_no_daemon(tmp_path):
    h = House(False)
    try:
        if AS_ROOT:
            r = h.run(USER, user="nobody")
            assert r.returncode == EX_TEMPFAIL and "no daemon answers" in r.stderr.decode(), r
        h.ok(USER, user="port26")  # whose store it is: straight into the queue
        assert [m["recipients"][0]["to"] for m in h.p.queue()] == [USER]
        r = h.run("wrong@port26.test", user="port26")
        assert r.returncode == EX_NOUSER, r
        assert len(h.p.queue()) == 1
        h.ok(USER, user="port26", input=b"Subject: x\n\n" + b"x\n" * 500000)
        assert len(h.p.queue()) == 2
        h.p.start()
        h.message(2)
    finally:
        h.p.close()


def test_closed_input(house):
    r = subprocess.run(["bash", "-c", 'exec "$@" <&-', "bash", house.binary, "sendmail", "-C", str(house.p.conf), USER],
                       capture_output=True, env=house.p.environment)
    assert r.returncode == EX_NOINPUT and b"closed" in r.stderr, r
    r = subprocess.run(["bash", "-c", 'exec "$@" >&- 2>&-', "bash", house.binary, "sendmail", "-C", str(house.p.conf), USER],
                       input=HI, env=house.p.environment)
    assert r.returncode == 0
    house.message()
    r = subprocess.run([house.binary, "sendmail", "-C", str(house.p.conf), USER], stdin=os.open("/", os.O_RDONLY),
                       capture_output=True, env=house.p.environment)
    assert r.returncode == EX_NOINPUT, r


def test_killed_while_typing(house):
    """Nothing remains of a message whose end never came."""
    p = subprocess.Popen([house.binary, "sendmail", "-C", str(house.p.conf), USER], stdin=subprocess.PIPE, env=house.p.environment)
    p.stdin.write(b"Subject: x\n\n" + b"x\n" * 1000000)
    p.stdin.flush()
    p.kill()
    p.wait()
    time.sleep(0.3)
    assert house.files() == [] and house.p.queue() == []


def test_daemon_stops_meanwhile(start):
    h = House(True)
    try:
        p = subprocess.Popen([h.binary, "sendmail", "-C", str(h.p.conf), USER], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                             env=h.p.environment, **({"user": "nobody", "group": "nogroup", "extra_groups": []} if AS_ROOT else {}))
        p.stdin.write(b"Subject: x\n\n" + b"x\n" * 1000000)
        p.stdin.flush()
        h.p.stop()
        _, words = p.communicate(b"end\n", timeout=60)
        assert p.returncode == EX_TEMPFAIL, words
        h.p.start()
        assert h.files() == []
    finally:
        h.p.close()


# ---- -bs


class Dialogue:
    def __init__(self, house, **kw):
        self.p = subprocess.Popen([house.binary, "sendmail", "-C", str(house.p.conf), "-bs"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, env=house.p.environment, **kw)

    def say(self, text, expect):
        if text:
            self.p.stdin.write(text)
            self.p.stdin.flush()
        lines = []
        while not lines or lines[-1][3:4] == b"-":
            lines.append(self.p.stdout.readline())
            assert lines[-1], lines
        assert lines[-1].startswith(expect), lines
        return lines

    def end(self):
        self.p.stdin.close()
        return self.p.wait(30)


def test_bs(house):
    d = Dialogue(house)
    d.say(b"", b"220 mail.port26.test")
    hello = b"".join(d.say(b"EHLO client\r\n", b"250"))
    assert b"AUTH" not in hello and b"STARTTLS" not in hello and b"SIZE" in hello
    d.say(b"MAIL FROM:<a@b.test>\r\n", b"250")
    d.say(b"RCPT TO:<wrong@port26.test>\r\n", b"550")
    d.say(b"RCPT TO:<a@b@c>\r\n", b"501")
    d.say(b"RCPT TO:<you@port26.test>\r\n", b"250")
    d.say(b"DATA\r\n", b"354")
    d.say(b"Subject: x\r\nBcc: secret@x.test\r\n\r\n..Hello\r\n.\r\n", b"250")
    d.say(b"MAIL FROM:<>\r\n", b"250")
    d.say(b"RSET\r\n", b"250")
    d.say(b"MAIL FROM:<> BODY=8BITMIME\r\n", b"250")
    d.say(b"RCPT TO:<you@port26.test>\r\n", b"250")
    d.say(b"BDAT 16 LAST\r\nSubject: y\r\n\r\nHi", b"250")
    d.say(b"QUIT\r\n", b"221")
    assert d.end() == 0
    house.message(2)
    first, second = sorted((f.read_bytes() for f in house.files()), key=lambda raw: b"Hello" not in raw)
    assert b"\n\n.Hello\n" in first and b"secret" not in first and b"with local" in first
    assert second.startswith(b"Return-Path: <>\n") and second.endswith(b"\n\nHi\n")


def test_bs_large_and_pipelined(house):
    d = Dialogue(house)
    d.say(b"", b"220")
    text = b"Subject: large\r\n\r\n" + (b"x" * 98 + b"\r\n") * 20000
    writer = threading.Thread(target=lambda: (d.p.stdin.write(
        b"EHLO c\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<you@port26.test>\r\nDATA\r\n" + text + b".\r\nQUIT\r\n"), d.p.stdin.flush()))
    writer.start()
    for expect in (b"250", b"250", b"250", b"354", b"250", b"221"):
        d.say(b"", expect)
    writer.join()
    assert d.end() == 0
    assert len(house.message()[0]) > len(text)


def test_bs_client_gone(house):
    d = Dialogue(house)
    d.say(b"", b"220")
    d.say(b"EHLO c\r\n", b"250")
    d.say(b"MAIL FROM:<a@b.test>\r\n", b"250")
    assert d.end() == 0
    d = Dialogue(house)
    d.say(b"", b"220")
    d.p.stdout.close()
    d.p.stdin.write(b"NOOP\r\n" * 10)
    assert d.end() in (0, 74)  # and not a signal
    assert house.files() == []


@needs_root
def test_bs_no_daemon():
    h = House(False)
    try:
        d = Dialogue(h, user="nobody", group="nogroup", extra_groups=[])
        d.say(b"", b"421")
        assert d.end() == EX_TEMPFAIL
    finally:
        h.p.close()


# ---- programs


def test_s_nail(house, tmp_path):
    mta = tmp_path / "sendmail"
    mta.symlink_to(house.binary)
    env = dict(house.p.environment, PORT26_CONFIG=str(house.p.conf), MAILRC="/dev/null", HOME=str(tmp_path))
    r = subprocess.run(["s-nail", "-:/", "-S", f"mta={mta}", "-S", "v15-compat", "-S", "from=me@port26.test", "-s", "Grüße", "-r", "me@port26.test",
                        USER], input="Hello\n".encode(), capture_output=True, env=env, timeout=60)
    assert r.returncode == 0, r
    raw, m = house.message()
    assert m["Subject"] == "Grüße" and "Hello" in m.get_content()
    assert raw.startswith(b"Return-Path: <me@port26.test>")


def test_python_program(house, tmp_path):
    """As cron and many others do it: popen, write, close."""
    mta = tmp_path / "sendmail"
    mta.symlink_to(house.binary)
    env = dict(house.p.environment, PORT26_CONFIG=str(house.p.conf))
    p = subprocess.Popen([mta, "-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "root"], stdin=subprocess.PIPE, env=env)
    p.stdin.write(b'From: "(Cron Daemon)" <root>\nTo: you\nSubject: Cron <root@x> true\nAuto-Submitted: auto-generated\n\n.\nout\n')
    p.stdin.close()
    assert p.wait(30) == 0
    raw, m = house.message()
    assert raw.endswith(b"\r\n\r\n.\r\nout\r\n")


# ---- send


def send(house, *args, input=b"", user=None):
    argv = [house.binary, "send", "-c", str(house.p.conf), *args]
    if user and AS_ROOT:
        argv = [*AS_NOBODY, *argv]
    return subprocess.run(argv, input=input, capture_output=True, env=house.p.environment, timeout=60)


def test_send_text(house, tmp_path):
    text = "From here it is\n.\nGrüße  \n" + "ö" * 70000 + "\n" + "x" * 200 + "\nend"
    r = send(house, "--from", "Me <me@port26.test>", "--to", USER, "--subject", "Grüße " * 20, input=text.encode())
    assert r.returncode == 0, r
    id = re.fullmatch(r"Accepted as (\w{26})\.\nWatch it: port26 queue show \1\n", r.stdout.decode())[1]
    raw, m = house.message()
    assert id.encode() in raw
    assert m["Subject"].strip() == ("Grüße " * 20).strip() and m["To"] == USER and m["From"] == "me@port26.test"
    assert m.get_content().replace("\r\n", "\n") == text + "\n"
    assert max(map(len, raw.split(b"\r\n"))) <= 78
    house.empty()
    (tmp_path / "letter.txt").write_text("Hello\n")
    r = send(house, "--to", USER, str(tmp_path / "letter.txt"), "--json")
    answer = json.loads(r.stdout)
    assert answer["accepted"] and answer["code"] == 250 and answer["recipients"] == 1 and len(answer["id"]) == 26
    assert "Hello" in house.message()[1].get_content()


def test_send_raw(house, tmp_path):
    eml = tmp_path / "m.eml"
    eml.write_bytes(b"To: you@port26.test\nBcc: you@port26.test\nSubject: raw\n\n\xe4\n")
    r = send(house, "--raw", str(eml))
    assert r.returncode == 0, r
    raw, m = house.message()
    assert m["Subject"] == "raw" and b"Bcc" not in raw and raw.endswith(b"\r\n\r\n\xe4\r\n") and b"MIME-Version" not in raw
    house.empty()
    eml.write_bytes(b"To: someone@elsewhere.test\n\nx\n")
    assert send(house, "--raw", str(eml), "--to", USER).returncode == 0  # --to counts alone
    house.message()


@needs_root
def test_send_ordinary_user(house):
    assert send(house, "--to", USER, input=b"x\n", user="nobody").returncode == 0
    assert house.message()[1]["From"].addresses[0].addr_spec == "nobody@mail.port26.test"


@pytest.mark.parametrize("args, status, words", [
    ([], EX_USAGE, "to whom"), (["--raw", "--subject", "x"], EX_USAGE, "--subject"), (["--to", "a@b@c"], EX_DATAERR, "a@b@c"),
    (["--to", "wrong@port26.test"], EX_NOUSER, "no mailbox"), (["--to", USER, "/nonexistent"], EX_NOINPUT, "/nonexistent"),
    (["--to", USER, "/"], EX_NOINPUT, "directory"), (["--to", USER, "--from", "<>"], EX_DATAERR, "sender"),
    (["--raw"], EX_DATAERR, "no To, Cc or Bcc"), (["--to", USER, "--from", "a b"], EX_DATAERR, "--from"),
    (["--to", USER, "a", "b"], EX_USAGE, "did not expect"),
])
def test_send_refusals(house, args, status, words):
    r = send(house, *args)
    assert r.returncode == status and words in r.stderr.decode(), r
    assert house.files() == []


def test_send_json_refusal(house):
    r = send(house, "--to", "wrong@port26.test", "--json")
    answer = json.loads(r.stdout)
    assert r.returncode == EX_NOUSER and not answer["accepted"] and answer["code"] == 550 and answer["status"] == "5.1.1"
