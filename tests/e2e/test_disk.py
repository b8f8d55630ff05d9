"""A disk that is full, and a disk that fails (P2, P6; fault rows 14 to 18)."""
import errno, mmap, os, pathlib, struct, subprocess, time

import pytest

from port26 import AS_ROOT, PASSWORD, ROOT, USER, message, pass_through, wait_for
from sink import Sink

SMALL, LARGE = 1000, 300_000  # inside the database, and a file beside it (inline-max is 16K here)


def relayed(sink, more="", retry="1s"):
    return f"""
relay "sink" {{ host = "[127.0.0.1]" port = {sink.port} tls = none }}
route "far" {{ to = {{"far.test"}} via = "relay:sink" }}
delivery {{ allow-loopback = true retry = {{"{retry}"}} }}
{more}
"""


def body(size):
    return ("x" * 70 + "\r\n") * (size // 72 + 1)


def send(c, subject, size=SMALL, to="ann@far.test"):
    """The reply to the first command that is refused, or to the message."""
    for command in (f"MAIL FROM:<{USER}>", f"RCPT TO:<{to}>"):
        code, text = c.docmd(command)
        if code != 250:
            c.rset()
            return code, text.decode()
    code, text = c.data(message(subject, body(size)))
    return code, text.decode()


def subjects(sink):
    return sorted(line[9:].strip().decode() for m in sink.kept() for line in m["body"].split(b"\n") if line.startswith(b"Subject: "))


def wait_works(c, subject, seconds=15, **kw):
    """Until a message is taken again; returns nothing but the good news."""
    answers = []

    def taken():
        answers.append(send(c, subject, **kw))
        return answers[-1][0] == 250
    wait_for(taken, seconds, 0.3, lambda: f"it does not take mail again: {answers[-1]}")


# ---- full

class SmallDisk:
    """A tmpfs that only its own mount namespace sees; `enter` is the command that starts a program in there."""

    def __init__(self, folder, megabytes, name="disk"):
        self.path = pathlib.Path(folder) / name
        self.path.mkdir()
        self.holder = subprocess.Popen(["unshare", "--mount", "sh", "-c", f"mount -t tmpfs -o size={megabytes}M,mode=0755 tmpfs '{self.path}' "
                                        f"&& chown port26: '{self.path}' && echo good && exec sleep 600"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if self.holder.stdout.readline() != b"good\n":
            self.holder.wait()
            pytest.skip("no tmpfs can be mounted here (needs root and CAP_SYS_ADMIN)")
        self.enter = ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "--"]
        self.inside = pathlib.Path(f"/proc/{self.holder.pid}/root{self.path}")

    def free(self):
        v = os.statvfs(self.inside)
        return v.f_bavail * v.f_frsize

    def leave(self, octets):
        """Fills it until only so much is free."""
        with open(self.inside / "ballast", "ab") as f:
            while self.free() > octets:
                try:
                    f.write(b"\0" * min(1 << 20, max(4096, self.free() - octets)))
                    f.flush()
                except OSError:
                    break

    def empty(self):
        (self.inside / "ballast").unlink()

    def close(self):
        self.holder.kill()
        self.holder.wait()


@pytest.fixture
def disk(tmp_path):
    if not AS_ROOT:
        pytest.skip("a small disk needs root")
    pass_through(tmp_path)
    d = SmallDisk(tmp_path, 48)
    yield d
    d.close()


@pytest.fixture
def full(start, disk):
    """(server, sink, disk): the store is on the small disk, with 8 MB as its low-water mark."""
    with Sink() as sink:
        p = start(accounts=False, store=disk.path / "store", wrap=disk.enter,
                  extra=relayed(sink, 'store { inline-max = 16K free-min = 8M }\nlimits { buffer-max = 16K }'))
        p.account_add(USER, PASSWORD, "@port26.test")
        yield p, sink, disk


def test_nearly_full_refuses_at_mail_and_recovers(full):
    p, sink, disk = full
    gate = []
    sink.replies["mail"] = lambda state: b"250 2.1.0 ok\r\n" if gate else b"451 4.3.2 not yet\r\n"
    c = p.client()
    assert send(c, "before")[0] == 250
    disk.leave(4 << 20)
    wait_for(lambda: c.docmd(f"MAIL FROM:<{USER}>")[0] == 452 or c.rset() is None, 5, 0.2, "the full disk is not noticed")
    code, text = c.docmd(f"MAIL FROM:<{USER}>")
    assert (code, text[:5]) == (452, b"4.3.1")
    # What is here goes out meanwhile, and nothing bounces (P6).
    gate.append(True)
    wait_for(lambda: subjects(sink) == ["before"], 20, 0.1, lambda: p.log()[-2000:])
    wait_for(lambda: not p.queue(), 10)
    disk.empty()
    wait_works(c, "after", 5)
    wait_for(lambda: subjects(sink) == ["after", "before"], 20)


def test_a_size_that_does_not_fit_is_refused_at_mail(full):
    p, sink, disk = full
    c = p.client()
    disk.leave(16 << 20)
    time.sleep(1.2)  # the free space is asked once a second
    code, text = c.docmd(f"MAIL FROM:<{USER}> SIZE=20000000")
    assert (code, text[:5]) == (452, b"4.3.1")
    assert c.docmd(f"MAIL FROM:<{USER}> SIZE=20000")[0] == 250


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_full_in_the_middle_of_a_message(full, size):
    p, sink, disk = full
    c = p.client()
    assert send(c, "first")[0] == 250
    wait_for(lambda: subjects(sink) == ["first"] and not p.queue(), 20)
    assert c.docmd(f"MAIL FROM:<{USER}>")[0] == 250
    assert c.docmd("RCPT TO:<ann@far.test>")[0] == 250
    disk.leave(0)
    code, text = c.data(message("refused", body(size)))
    assert code == 452 and text.startswith(b"4.3.1"), text
    assert c.noop()[0] == 250, "the session goes on"
    disk.empty()
    wait_works(c, "last", size=size)
    wait_for(lambda: not p.queue(), 20)
    assert set(subjects(sink)) == {"first", "last"}, "what was refused is nowhere (P2)"
    p.kill()
    p.start()
    assert not p.queue() and "refused" not in subjects(sink)


def test_an_end_that_can_not_be_stored_waits_for_room(full):
    """P4: the far side has it, our disk is full: it is stored when there is room, and not sent again."""
    p, sink, disk = full

    def fill(state):
        disk.leave(0)
        return b"250 2.0.0 kept\r\n"
    sink.replies["dot"] = fill
    assert send(p.client(), "once", LARGE)[0] == 250
    wait_for(lambda: "settle.failed" in p.log(), 20, message=lambda: p.log()[-2000:])
    time.sleep(3)
    assert len(p.queue()) == 1 and subjects(sink) == ["once"]
    disk.empty()
    wait_for(lambda: not p.queue(), 20, message=lambda: p.log()[-2000:])
    assert subjects(sink) == ["once"]


def test_a_start_with_a_full_disk_keeps_the_queue(full):
    p, sink, disk = full
    gate = []
    sink.replies["mail"] = lambda state: b"250 2.1.0 ok\r\n" if gate else b"451 4.3.2 not yet\r\n"
    c = p.client()
    for i in range(5):
        assert send(c, f"kept {i}", LARGE if i % 2 else SMALL)[0] == 250
    disk.leave(0)
    p.kill()
    try:  # it may refuse to start, with words; what it must not do is to lose or damage anything
        p.start()
        c = p.client()
        assert c.docmd(f"MAIL FROM:<{USER}>")[0] == 452
    except AssertionError as e:
        assert "no space" in str(e).lower() or "full" in str(e).lower(), e
        p.kill()
    disk.empty()
    gate.append(True)
    if not p.process:
        p.start()
    wait_for(lambda: not p.queue(), 30, message=lambda: p.log()[-2000:])
    assert sorted(set(subjects(sink))) == [f"kept {i}" for i in range(5)]


def test_full_inboxes_wait(start, disk):
    p = start(accounts=False, wrap=disk.enter, extra=f'inboxes {{ path = "{disk.path}/inbox" }}\ndelivery {{ retry = {{"1s"}} }}')
    p.account_add(USER, PASSWORD, "@port26.test")
    disk.leave(0)
    assert send(p.client(), "to the inbox", to=USER, size=LARGE)[0] == 250
    show = wait_for(lambda: [m for m in p.queue() if "full" in str(m)], 20, message=lambda: p.log()[-2000:])
    assert "4.3.1" in str(show), show
    disk.empty()
    new = disk.inside / "inbox" / USER / "new"
    wait_for(lambda: new.is_dir() and len(list(new.iterdir())) == 1, 20)
    wait_for(lambda: not p.queue(), 10)
    assert not list((disk.inside / "inbox" / USER / "tmp").iterdir())


# ---- failing

SYNC, WRITE, READ, TRUNCATE = 1, 2, 4, 8


class Faults:
    def __init__(self, folder):
        self.library, self.file = folder / "faults.so", folder / "orders"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", self.library, ROOT / "tests/e2e/faults.c", "-ldl"], check=True)
        self.file.write_bytes(b"\0" * 4096)
        pass_through(folder)
        self.library.chmod(0o755)
        self.file.chmod(0o666)
        self.handle = open(self.file, "r+b")
        self.map = mmap.mmap(self.handle.fileno(), 4096)
        # The sanitizer wants to be the first library; it works as the second just as well.
        self.environment = {"LD_PRELOAD": str(self.library), "FAULTS": str(self.file),
                            "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:verify_asan_link_order=0"}

    def order(self, server, calls, file, times=1, skip=0, error=errno.EIO):
        self.map[0:4] = struct.pack("i", 0)
        self.map[4:128] = struct.pack("iiiii104s", calls, skip, times, error, 0, file.encode())
        self.map[0:4] = struct.pack("i", server.process.pid)

    def stop(self):
        self.map[0:4] = struct.pack("i", 0)

    def failed(self):
        return struct.unpack("i", self.map[20:24])[0]

    def close(self):
        self.map.close()
        self.handle.close()


@pytest.fixture
def failing(start, tmp_path, request):
    """(server, sink, faults); the parameter, if any: how long a message waits for its next try"""
    f = Faults(tmp_path)
    with Sink() as sink:
        p = start(environment=f.environment, extra=relayed(sink, 'store { inline-max = 16K }\nlimits { buffer-max = 16K }',
                                                           getattr(request, "param", "1s")))
        yield p, sink, f
    f.close()


BAD_WRITES = {
    "sync of the log": (SYNC, "port26.db-wal", SMALL),
    "write to the log": (WRITE, "port26.db-wal", SMALL),
    "second write to the log": (WRITE, "port26.db-wal", SMALL),
    "sync of a body": (SYNC, "(deleted)", LARGE),
    "sync of a body's folder": (SYNC, "/store/body/", LARGE),
}


@pytest.mark.parametrize("what", BAD_WRITES)
def test_a_write_that_fails_is_451_and_leaves_nothing(failing, what):
    p, sink, faults = failing
    calls, file, size = BAD_WRITES[what]
    c = p.client()
    assert send(c, "before", size)[0] == 250
    wait_for(lambda: subjects(sink) == ["before"] and not p.queue(), 20)
    faults.order(p, calls, file, skip=1 if what.startswith("second") else 0)
    code, text = send(c, "refused", size)
    assert faults.failed() == 1, "the fault did not come"
    assert (code, text[:5]) == (451, "4.3.0"), text
    wait_works(c, "after", size=size)
    wait_for(lambda: not p.queue(), 20)
    assert set(subjects(sink)) == {"after", "before"}
    p.kill()  # nor does it come back from the disk
    p.start()
    assert not p.queue() and "refused" not in subjects(sink)


def test_nothing_is_taken_until_the_store_was_opened_again(failing):
    """R2: a failed sync is not tried again and called good. As long as the disk fails, 451 for all."""
    p, sink, faults = failing
    gate = []
    sink.replies["mail"] = lambda state: b"250 2.1.0 ok\r\n" if gate else b"451 4.3.2 not yet\r\n"
    c = p.client()
    assert send(c, "before", LARGE)[0] == 250
    assert send(c, "before too")[0] == 250
    faults.order(p, SYNC, "port26.db", times=-1)
    answers = [send(c, "refused") for _ in range(3)]
    assert all(code == 451 for code, _ in answers), answers
    time.sleep(4)  # it has tried to open it again by now
    assert send(c, "refused")[0] == 451
    assert p.log().count("store.failed") == 1, "it is told once"
    faults.stop()
    wait_works(c, "after")
    assert "store.works" in p.log()
    gate.append(True)
    wait_for(lambda: not p.queue(), 30, message=lambda: p.log()[-2000:])
    assert sorted(set(subjects(sink))) == ["after", "before", "before too"]


def test_any_call_may_fail(failing):
    """The n-th write or sync of anything in the store fails, for one n after the other: who got a 250 has it delivered, who
    got none has not, and no fault ends the service."""
    p, sink, faults = failing
    good, bad, n = set(), set(), 0
    c = p.client()
    for n in range(10):
        size = LARGE if n % 2 else SMALL
        name = f"mail {n}"
        faults.order(p, SYNC | WRITE | TRUNCATE, "/store/", skip=n)
        code, text = send(c, name, size)
        (good if code == 250 else bad).add(name)
        assert code in (250, 451), text
        time.sleep(0.2)  # a fault that did not hit the accept hits the settle
        faults.stop()
        wait_works(c, "between")
    assert bad and good, (bad, good)
    wait_for(lambda: not p.queue(), 60, message=lambda: str(p.queue()) + p.log()[-2000:])
    p.kill()
    p.start()
    assert not p.queue()
    got = set(subjects(sink)) - {"between"}
    assert got == good, f"lost: {good - got}, came without a 250: {got - good}"


@pytest.mark.parametrize("failing", ["1h"], indirect=True)  # a slow start must not try, and so read, before the fault is there
@pytest.mark.parametrize("file,size", [("/store/body/", LARGE), ("port26.db", LARGE)])
def test_a_read_that_fails_is_only_a_delay(failing, file, size):
    """Fault 17: deferred, visible, not damaged; another message is not affected."""
    p, sink, faults = failing
    gate = []
    sink.replies["mail"] = lambda state: b"250 2.1.0 ok\r\n" if gate else b"451 4.3.2 not yet\r\n"
    c = p.client()
    assert send(c, "unreadable", size)[0] == 250
    wait_for(lambda: "recipient.later" in p.log(), 20)  # on disk: else it would be due, and read, at the next start
    p.kill()  # what SQLite has in its memory it would not read
    p.start()
    faults.order(p, READ, file, times=-1)
    gate.append(True)
    p.command("queue", "retry", "--all", check=False)
    wait_for(lambda: faults.failed(), 20, message=lambda: "nothing was read: " + p.log()[-2000:])
    time.sleep(1)
    if file != "port26.db":
        assert send(p.client(), "other")[0] == 250
        wait_for(lambda: subjects(sink) == ["other"], 20, message=lambda: p.log()[-2000:])
    faults.stop()
    entry = [m for m in p.queue() if m["state"] == "live"]
    assert len(entry) == 1, p.queue()
    p.command("queue", "retry", "--all")
    wait_for(lambda: "unreadable" in subjects(sink), 20, message=lambda: p.log()[-2000:])
    assert subjects(sink).count("unreadable") == 1
