"""POP3 for the tests: a client that can misbehave, one with SCRAM, and inboxes filled by hand."""
import itertools, os, pathlib

from hostile import Ended, Wire
from port26 import own
from scram import Client as ScramClient

DOORS = {
    "exchange": "role = exchange tls = starttls",
    "submission": "role = submission tls = starttls",
    "pop": "role = pop3",
    "pops": "role = pop3 tls = implicit",
}
_names = itertools.count(1)


class Refused(Exception):
    """-ERR; the words are its text."""


class Pop(Wire):
    """One connection, byte by byte; the greeting was read. `login`: (name, password)."""

    def __init__(self, p, door="pop", login=None, tls=True, **kw):
        context = p.context()
        super().__init__(p.ports[door], greet=False, context=context if "implicit" in p.doors[door] else None, **kw)
        assert self.ok().startswith("+OK mail.port26.test POP3")
        if tls and "implicit" not in p.doors[door]:
            self.stls(context)
        if login:
            self.login(*login)

    def stls(self, context):
        self.ok("STLS")
        self.silent(0.01)
        self.start_tls(context)

    def login(self, name, password):
        self.ok(f"USER {name}")
        return self.ok(f"PASS {password}")

    def answer(self, command=None):
        if command is not None:
            self.send(command if isinstance(command, bytes) else command.encode("utf-8", "surrogateescape"))
            self.send(b"\r\n")
        line = self.line()
        assert line.startswith(("+OK", "-ERR ")) and len(line) <= 510, line
        return line

    def answer_line(self, command):
        """The answer to AUTH, which may be a challenge."""
        self.send(command.encode() + b"\r\n")
        return self.line()

    def ok(self, command=None):
        line = self.answer(command)
        if not line.startswith("+OK"):
            raise Refused(line)
        return line

    def err(self, command=None):
        line = self.answer(command)
        assert line.startswith("-ERR"), f"{command!r}: {line}"
        return line

    def raw(self):
        """What follows a +OK up to the final dot, dots taken away."""
        got, seen = bytearray(b"\r\n" + self.buffer), 0
        while (end := got.find(b"\r\n.\r\n", seen)) < 0:
            seen = max(0, len(got) - 5)
            self.buffer = b""
            self.more()
            got += self.buffer
        self.buffer = bytes(got[end + 5:])
        return bytes(got[:end]).replace(b"\r\n.", b"\r\n")[2:] + b"\r\n" if end else b""

    def multi(self, command):
        self.ok(command)
        return [line.decode() for line in self.raw().split(b"\r\n")[:-1]]

    def message(self, number):
        """The octets, which are as many as LIST and RETR said."""
        told = int(self.ok(f"LIST {number}").split()[2])
        assert int(self.ok(f"RETR {number}").split()[1]) == told
        data = self.raw()
        assert len(data) == told
        return data

    def stat(self):
        _, count, octets = self.ok("STAT").split()
        return int(count), int(octets)

    def uids(self):
        return [line.split()[1] for line in self.multi("UIDL")]

    def quit(self):
        line = self.ok("QUIT")
        self.gone()
        return line


class ScramPop(ScramClient):
    """SCRAM's lines are the same in SMTP and POP3; only the answers look different."""

    def __init__(self, port, cert, implicit=False):
        self.implicit = implicit
        super().__init__(port, cert, implicit)

    def ehlo(self):
        pass

    def ask(self, line, code):
        return super().ask("STLS" if line == "STARTTLS" else line, code)

    def reply(self):
        line = self.line()
        for start, code in (("+OK", 235), ("+", 334), ("-ERR", 535)):
            if line.startswith(start):
                return code, [line[len(start):].lstrip()]
        raise AssertionError(line)

    def expect(self, code):
        return super().expect({220: 235}.get(code, code))


def inbox(p, account):
    """The account's Maildir, made when it is missing."""
    folder = p.inbox / account
    for part in (p.inbox, folder, *(folder / name for name in ("tmp", "new", "cur"))):
        if not part.is_dir():
            part.mkdir(mode=0o700)
            own(part)
    return folder


def drop(p, account, *messages):
    """Puts these messages into the inbox as another program would; their order stays."""
    folder = inbox(p, account)
    for data in messages:
        number = next(_names)
        path = pathlib.Path(folder / "new" / f"{1700000000 + number}.M{number}P{os.getpid()}.test")
        path.write_bytes(data)
        path.chmod(0o600)
        own(path)


def sent_as(data):
    """Octets as POP3 sends them."""
    data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return data if not data or data.endswith(b"\n") else data + b"\r\n"


__all__ = ["DOORS", "Ended", "Pop", "Refused", "ScramPop", "drop", "inbox", "sent_as"]
