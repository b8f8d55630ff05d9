"""What the tests of hostile input share: a house that must survive them all, and a client that can misbehave."""
import base64, os, random, re, secrets, socket, ssl, struct, time

import pytest

from port26 import PASSWORD, USER, Port26, wait_for
from sink import Sink

# Freed memory is kept apart by the sanitizer for a while; little of it, so that tests can look at a process's size.
SANITIZER = "detect_leaks=0:abort_on_error=1:quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
NEIGHBOUR = "neighbour@port26.test"

RELAY = """relay "far" {{ host = "127.0.0.1" port = {port} tls = none }}
route "here" {{ to = {{"port26.test"}} via = inbox }}
route "out" {{ to = {{"far.test"}} via = "relay:far" }}
dns {{ resolver = {{"127.0.0.1@9"}} timeout = 500ms }}
"""


def token():
    return secrets.token_hex(8)


def somewhere():
    """A source address of its own on this machine: limits by address then concern one test only."""
    return f"127.{random.randint(1, 200)}.{random.randint(0, 255)}.{random.randint(1, 254)}"


def b64(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def plain(name, password):
    return b64(f"\0{name}\0{password}")


class Ended(Exception):
    """The server has closed the connection."""


class Wire:
    """One connection, byte by byte. `greet`: take the 220 and say EHLO."""

    def __init__(self, port, source=None, context=None, greet=True, timeout=20):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout, (source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        if context:
            self.start_tls(context)
        if greet:
            self.expect(220)
            self.ehlo()

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def start_tls(self, context):
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    # ---- out

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def try_send(self, data):
        """The server may have hung up already."""
        try:
            self.send(data)
        except OSError:
            pass

    def segments(self, parts, pause=0.02):
        for part in parts:
            self.send(part)
            time.sleep(pause)

    # ---- in

    def more(self):
        try:
            got = self.socket.recv(65536)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
            got = b""
        if not got:
            raise Ended(self.buffer)
        self.buffer += got

    def line(self):
        while b"\n" not in self.buffer:
            self.more()
        line, _, self.buffer = self.buffer.partition(b"\n")
        assert line.endswith(b"\r") and not re.search(rb"[\x00-\x1f\x7f]", line[:-1]), line
        return line[:-1].decode("utf-8")

    def reply(self):
        lines = []
        while True:
            line = self.line()
            assert re.match(r"[2-5]\d\d[ -]", line), line
            lines.append(line)
            if line[3] == " ":
                return Reply(lines)

    def rest(self):
        """All up to the end of the connection."""
        try:
            while True:
                self.more()
        except Ended:
            rest, self.buffer = self.buffer, b""
            return rest

    def replies(self):
        """All replies up to the end of the connection."""
        found = []
        try:
            while True:
                found.append(self.reply())
        except Ended:
            assert not self.buffer, self.buffer
            return found

    def gone(self):
        rest = self.rest()
        assert not rest, f"instead of the end came {rest[:300]}"

    def silent(self, seconds=0.3):
        """Nothing was said that nobody asked for."""
        assert not self.buffer, self.buffer
        before = self.socket.gettimeout()
        self.socket.settimeout(seconds)
        try:
            got = self.socket.recv(4096)
        except (TimeoutError, ssl.SSLWantReadError):
            return
        finally:
            self.socket.settimeout(before)
        raise AssertionError(f"unasked: {got}")

    # ---- both

    def expect(self, *codes):
        reply = self.reply()
        assert reply.code in codes, f"{reply.lines} instead of {codes}"
        return reply

    def ask(self, command):
        self.send(command if isinstance(command, bytes) else command.encode("utf-8", "surrogateescape"))
        self.send(b"\r\n")
        return self.reply()

    def say(self, command, *codes):
        reply = self.ask(command)
        assert reply.code in codes, f"{command[:200]!r}: {reply.lines} instead of {codes}"
        return reply

    def ehlo(self):
        return self.say("EHLO client.test", 250)

    def starttls(self, context):
        self.say("STARTTLS", 220)
        self.silent(0.01)
        self.start_tls(context)
        return self.ehlo()

    def login(self, name=USER, password=PASSWORD):
        return self.say(f"AUTH PLAIN {plain(name, password)}", 235)

    def begin(self, sender="a@elsewhere.test", recipient=USER, data=True):
        self.say(f"MAIL FROM:<{sender}>", 250)
        self.say(f"RCPT TO:<{recipient}>", 250)
        if data:
            self.say("DATA", 354)

    def quit(self):
        self.say("QUIT", 221)
        self.gone()


class Reply:
    def __init__(self, lines):
        self.lines, self.code = lines, int(lines[0][:3])
        self.text = "\n".join(line[4:] for line in lines)

    def __repr__(self):
        return repr(self.lines)


# Whole files of tests share one house and one address.
STRANGERS = "incoming { connections-per-minute = 1000000 unknown-delay = 10ms }\n"


class House:
    """A running port26, the far end its mail for far.test goes to, and the question whether it still lives.
    `extra`: more configuration, where SINK_PORT stands for the far end's port."""

    def __init__(self, top="", listeners=2, doors=None, extra=""):
        self.sink = Sink()
        self.port26 = Port26(top=f"process {{ listeners = {listeners} }}\n{STRANGERS}{top}", accounts=False, doors=doors,
                             extra=RELAY.format(port=self.sink.port) + extra.replace("SINK_PORT", str(self.sink.port)))
        self.port26.environment["ASAN_OPTIONS"] = SANITIZER
        self.port26.account_add(USER, PASSWORD)
        self.port26.account_add(NEIGHBOUR, "another horse")
        self.context = self.port26.context()
        self.port26.start()
        self.pids = sorted(self.port26.pids())
        self.read = 0

    def close(self):
        try:
            self.port26.close()
        finally:
            self.sink.close()

    # ---- connections

    def wire(self, door="exchange", **kw):
        if "implicit" in self.port26.doors[door]:
            kw.setdefault("context", self.context)
        return Wire(self.port26.ports[door], **kw)

    def submission(self, login=True, **kw):
        w = self.wire("submission", **kw)
        w.starttls(self.context)
        if login:
            w.login()
        return w

    # ---- what came of it

    def alive(self):
        """An ordinary session works, the same processes live, and none of them has complained."""
        with self.wire() as w:
            w.begin(recipient=NEIGHBOUR)
            w.send(b"Subject: alive\r\n\r\nYes.\r\n.\r\n")
            w.expect(250)
            w.quit()
        assert sorted(self.port26.pids()) == self.pids, "a process has died\n" + self.port26.log()[-3000:]
        self.port26.check_log()

    def log_since(self, mark):
        return self.port26.logfile.read_bytes()[mark:].decode(errors="replace")

    def mark(self):
        return self.port26.logfile.stat().st_size

    def inbox(self, word, account=USER):
        """The messages that hold `word`."""
        found = []
        for f in self.port26.inbox_files(account):
            data = f.read_bytes()
            if word.encode() in data:
                found.append(data)
        return found

    def arrived(self, word, account=USER, seconds=20):
        wait_for(lambda: self.inbox(word, account), seconds,
                 message=lambda: f"{word} does not arrive\n" + self.port26.log()[-3000:])
        found = self.inbox(word, account)
        assert len(found) == 1, found
        return found[0]

    def accepted(self, sender):
        """How many messages of this sender the queue took."""
        return len(re.findall(rf"message\.accepted .*sender=\"?{re.escape(sender)}\"? ", self.port26.log()))

    def at_sink(self, recipient, seconds=20):
        def look():
            return [m for m in self.sink.kept() if any(recipient.encode() in line for line in m["to"])]
        wait_for(look, seconds, message=lambda: f"nothing for {recipient}\n" + self.port26.log()[-3000:])
        found = look()
        assert len(found) == 1
        return found[0]["body"]

    def nothing_queued_for(self, word):
        assert word not in self.port26.command("queue", "ls", "--json").stdout

    # ---- the processes from outside

    def listener(self):
        (pid,) = self.port26.children("listener")
        return pid


def memory_of(pid):
    """Resident octets."""
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors_of(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def houses(**settings):
    """The two fixtures of a test file, `shared, house = houses(...)`: one house for all its tests, which must be alive
    after each."""
    @pytest.fixture(scope="module")
    def shared():
        h = House(**settings)
        yield h
        h.close()

    @pytest.fixture
    def house(shared):
        yield shared
        shared.alive()

    return shared, house
