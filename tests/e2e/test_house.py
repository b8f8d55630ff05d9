"""The house around the mail: crowds, reloads, certificates, stops and starts, logs, commands (fault rows 11, 35 to 41)."""
import contextlib, json, os, re, resource, signal, smtplib, socket, ssl, subprocess, sys, threading, time

import pytest

from port26 import AS_ROOT, PASSWORD, USER, Port26, free_port, make_certificate, message, own, secret_file, wait_for
from sink import Sink

HOG = "127.0.0.2"


def relayed(sink, more="", delivery=""):
    return f"""
relay "sink" {{ host = "[127.0.0.1]" port = {sink.port} tls = none }}
route "far" {{ to = {{"far.test"}} via = "relay:sink" }}
delivery {{ allow-loopback = true retry = {{"1h"}} {delivery} }}
{more}
"""


def greeted(port, source="127.0.0.1", limit=1.0):
    """A new client: seconds until its greeting, after a whole EHLO as well."""
    t = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 10, (source, 0)) as s:
        line = s.recv(1000)
        assert line.startswith(b"220 "), line
        s.sendall(b"EHLO me.test\r\n")
        assert s.recv(4000).startswith(b"250")
    took = time.monotonic() - t
    assert took < limit, f"a new client waited {took:.2f} s"


# ---- crowds

@pytest.fixture
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 12000:
        pytest.skip(f"only {hard} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (12000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_five_thousand_idle_clients_and_slow_ones_do_not_matter(start, many_files):
    p = start(extra="limits { connections-per-address = 5000 }\nincoming { connections-per-minute = 1000000 }\nlog { level = notice }")
    port, stop = p.ports["exchange"], threading.Event()
    with contextlib.ExitStack() as held:
        for _ in range(5000):
            held.enter_context(socket.create_connection(("127.0.0.1", port), 20, (HOG, 0)))
        for _ in range(3):
            greeted(port)
        slow = [held.enter_context(socket.create_connection(("127.0.0.1", port), 20, (HOG, 0))) for _ in range(20)]

        def drip():
            for octet in (b"E", b"H", b"L", b"O", b" ", *[b"x"] * 100):
                for s in slow:
                    with contextlib.suppress(OSError):
                        s.sendall(octet)
                if stop.wait(0.05):
                    return
        t = threading.Thread(target=drip)
        t.start()
        try:
            for _ in range(5):
                greeted(port)
                time.sleep(0.1)
            with p.client(timeout=10) as c:
                c.sendmail(USER, [USER], message("through the crowd"))
        finally:
            stop.set()
            t.join()
    p.wait_inbox()


def test_one_address_can_not_take_all_places(start):
    """Full is full for the greedy one: its longest idle connection makes room."""
    p = start(extra="limits { connections = 50 connections-per-address = 50 }\nprocess { listeners = 1 }")
    port = p.ports["exchange"]
    with contextlib.ExitStack() as held:
        hogs = [held.enter_context(socket.create_connection(("127.0.0.1", port), 20, (HOG, 0))) for _ in range(50)]
        for s in hogs:
            assert s.recv(1000).startswith(b"220")
        for i in range(5):
            greeted(port, f"127.0.1.{i + 1}")


def test_too_many_of_one_address_are_told_421(start):
    p = start(extra="limits { connections-per-address = 5 }\nprocess { listeners = 1 }")
    port = p.ports["exchange"]
    with contextlib.ExitStack() as held:
        ok = [held.enter_context(socket.create_connection(("127.0.0.1", port), 20, (HOG, 0))) for _ in range(5)]
        for s in ok:
            assert s.recv(1000).startswith(b"220")
        more = held.enter_context(socket.create_connection(("127.0.0.1", port), 20, (HOG, 0)))
        assert more.recv(1000).startswith(b"421 4.7.0 ")
        assert more.recv(1) == b""
        greeted(port)
        ok.pop().close()
        wait_for(lambda: socket_greets(port, HOG), 5, message="a place that was left is not given again")


def socket_greets(port, source):
    with socket.create_connection(("127.0.0.1", port), 5, (source, 0)) as s:
        return s.recv(1000).startswith(b"220")


# ---- reload

class Sender(threading.Thread):
    def __init__(self, p, index, stop):
        super().__init__(daemon=True)
        self.p, self.index, self.stop_, self.accepted, self.failure = p, index, stop, [], None

    def run(self):
        try:
            n = 0
            while not self.stop_.is_set():
                with self.p.client(login=self.index % 2 == 0) if self.index % 2 == 0 else self.p.client("exchange", login=False) as c:
                    for _ in range(5):
                        subject = f"reload-{self.index}-{n}"
                        n += 1
                        c.sendmail(USER, [USER], message(subject))
                        self.accepted.append(subject)
        except Exception as e:  # noqa: BLE001 - shown by the test
            self.failure = e


def test_a_hundred_reloads_under_load(start):
    """Fault 36: no session is dropped, no 250 is lost."""
    p = start(extra="log { level = info }")
    stop = threading.Event()
    old = p.client()
    idle = p.client("exchange", login=False)
    senders = [Sender(p, i, stop) for i in range(4)]
    for s in senders:
        s.start()
    for i in range(100):
        p.process.send_signal(signal.SIGHUP)
        time.sleep(0.08)
    stop.set()
    for s in senders:
        s.join(30)
        assert not s.failure and not s.is_alive(), f"a session was dropped: {s.failure!r}"
    old.sendmail(USER, [USER], message("old session"))
    assert idle.noop()[0] == 250
    accepted = ["old session"] + [x for s in senders for x in s.accepted]
    assert len(accepted) > 100, "there was hardly any load"
    got = [re.search(rb"Subject: (.*)\n", raw)[1].decode() for raw in p.wait_inbox(len(accepted), seconds=60)]
    assert sorted(got) == sorted(accepted)
    assert p.log().count("config.loaded") > 50
    old.quit()
    idle.quit()
    # And nobody stays behind.
    wait_for(lambda: len(p.processes()) <= os.cpu_count() + 1, 30, 0.3, lambda: str(p.processes()))


def test_a_bad_configuration_changes_nothing(start):
    p = start()
    good = p.conf.read_text()
    before = p.children("listener")
    p.conf.write_text(good + "\nlimits { recipients = 3 }\n")
    line = good.count("\n") + 2
    r = p.command("config", "reload", check=False)
    assert r.returncode != 0
    assert f"{p.conf}:{line}:" in r.stdout + r.stderr, r.stdout + r.stderr
    p.process.send_signal(signal.SIGHUP)
    wait_for(lambda: p.log().count("config.refused") == 1, 10)
    p.client().quit()
    p.conf.write_text(good)
    assert p.children("listener") == before
    assert p.command("config", "reload").returncode == 0


def test_a_reload_opens_and_shuts_doors(start):
    p = start()
    old, port = p.ports["exchange"], free_port()
    staying = p.client("exchange", login=False)
    p.conf.write_text(p.conf.read_text().replace(f"port = {old} ", f"port = {port} "))
    p.command("config", "reload")
    wait_for(lambda: not refused(port), 10)
    greeted(port)
    wait_for(lambda: refused(old), 10, message="the old door stays open")
    assert staying.noop()[0] == 250
    staying.quit()


def refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), 2).close()
        return False
    except ConnectionRefusedError:
        return True


def certificate_of(p, door="submissions"):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", p.ports[door]), 10) as s, context.wrap_socket(s) as t:
        return t.getpeercert(True)


def test_a_new_certificate_without_a_dropped_session(start):
    """Fault 37."""
    p = start()
    first = certificate_of(p)
    session = p.client()
    whole = p.cert.read_bytes()
    for bad in (whole[:len(whole) // 2], b"", make_certificate(p.dir, "another")[0].read_bytes()):  # half, none, of another key
        p.cert.write_bytes(bad)
        r = p.command("config", "reload", check=False)
        assert r.returncode != 0 and str(p.cert) in r.stdout + r.stderr, r.stdout + r.stderr
        assert certificate_of(p) == first
    make_certificate(p.dir)  # over the old one
    own(p.cert, p.key)
    p.command("config", "reload")
    wait_for(lambda: certificate_of(p) != first, 10, message="the new certificate is not shown")
    session.sendmail(USER, [USER], message("under the old certificate"))
    session.quit()
    p.wait_inbox()


# ---- stop and start

def test_a_stop_lets_a_transaction_finish(start):
    """Fault 38."""
    p = start()
    busy, idle = p.client(), p.client("exchange", login=False)
    busy.mail(USER)
    busy.rcpt(USER)
    busy.putcmd("data")
    assert busy.getreply()[0] == 354
    busy.sock.sendall(b"Subject: at the end\r\n\r\nfirst half\r\n")
    p.process.send_signal(signal.SIGTERM)
    wait_for(lambda: refused(p.ports["exchange"]), 5, message="it still takes connections")
    code, _ = idle.getreply()
    assert code == 421
    busy.sock.sendall(b"second half\r\n.\r\n")
    assert busy.getreply()[0] == 250
    assert p.process.wait(20) == 0
    p.process = None
    p.start()
    raw, = p.wait_inbox()
    assert b"first half\nsecond half\n" in raw


def test_a_stop_does_not_wait_for_ever(start):
    with Sink({"dot": None}) as sink:
        p = start(extra=relayed(sink))
        p.client().sendmail(USER, ["ann@far.test"], message("hangs"))
        wait_for(lambda: sink.messages, 20)
        t = time.monotonic()
        p.process.send_signal(signal.SIGTERM)
        assert p.process.wait(45) == 0
        assert time.monotonic() - t < 40
        p.process = None
        assert len(p.queue()) == 1, "asked of the store: the message waits for the next start"


def test_a_second_instance_is_refused(start):
    """Fault 35; and the first does not notice."""
    p = start()
    other = Port26(store=p.store, accounts=False)
    try:
        for twin, words in ((p, "another program listens there"), (other, "another port26 has the store")):
            r = subprocess.run([twin.binary, "serve", "-c", str(twin.conf)], capture_output=True, text=True, env=twin.environment, timeout=30)
            assert r.returncode != 0 and words in r.stderr, r.stderr
        p.client().sendmail(USER, [USER], message("still here"))
        p.wait_inbox()
        assert p.processes(), "commands still reach the first"
    finally:
        other.close()


LAUNCHER = """
import os, pwd, socket, sys
ports, argv = sys.argv[1:sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1:]
kept = []
for port in ports:
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        s = socket.socket(family, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, int(port)))
        s.listen(100)
        kept.append(s)
high = [os.dup(s.fileno()) for s in kept]
high = [os.dup2(fd, 50 + i) for i, fd in enumerate(high)]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i, inheritable=True)
if os.geteuid() == 0:
    who = pwd.getpwnam("port26")
    os.setgroups([]), os.setgid(who.pw_gid), os.setuid(who.pw_uid)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high)))
os.execv(argv[0], argv)
"""


def low_port():
    import random
    for port in random.sample(range(600, 1000), 300):
        with contextlib.suppress(OSError):
            for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                with socket.socket(family) as s:
                    s.bind((address, port))
            return port
    pytest.skip("no low port is free")


def test_sockets_from_systemd(tmp_path):
    """Doors below 1024 without root: the sockets are handed over, and stay open through a reload."""
    p = Port26()
    try:
        if AS_ROOT:
            p.ports["exchange"] = low_port()
            p.write_config()
        p.wrap = [sys.executable, "-c", LAUNCHER, *map(str, p.ports.values()), "--"]
        p.start()
        for _ in range(2):
            greeted(p.ports["exchange"])
            p.client("exchange", login=False).sendmail("a@far.test", [USER], message("by socket activation"))
            p.command("config", "reload")
        p.wait_inbox(2)
    finally:
        p.close()


# ---- PROXY

def v2(source, family=0x11, command=0x21):
    addresses = socket.inet_aton(source) + socket.inet_aton("198.51.100.1") + (40000).to_bytes(2, "big") + (25).to_bytes(2, "big")
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, family]) + len(addresses).to_bytes(2, "big") + addresses


@pytest.mark.parametrize("header,seen", [
    (b"PROXY TCP4 192.0.2.77 198.51.100.1 40000 25\r\n", "192.0.2.77"),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 40000 25\r\n", "2001:db8::7"),
    (v2("192.0.2.78"), "192.0.2.78"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.9"),
    (v2("192.0.2.79", command=0x20), "127.0.0.9"),
], ids=["v1", "v1 IPv6", "v2", "v1 unknown", "v2 local"])
def test_a_listed_proxy_tells_the_client(start, header, seen):
    p = start(doors={"exchange": 'role = exchange tls = none proxy-from = {"127.0.0.9"} trust = {"127.0.0.9"}'})
    with socket.create_connection(("127.0.0.1", p.ports["exchange"]), 10, ("127.0.0.9", 0)) as s:
        s.sendall(header[:7])  # in two pieces, and the first command with the second
        time.sleep(0.05)
        s.sendall(header[7:] + b"EHLO me.test\r\n")
        f = s.makefile("rb")
        assert f.readline().startswith(b"220")
        while f.readline()[3:4] == b"-":
            pass
        replies = []
        for line in (b"MAIL FROM:<a@far.test>\r\n", f"RCPT TO:<{USER}>\r\n".encode(), b"DATA\r\n", b"Subject: x\r\n\r\nx\r\n.\r\n"):
            s.sendall(line)
            replies.append(f.readline()[:3])
        assert replies == [b"250", b"250", b"354", b"250"]
        s.sendall(b"RSET\r\nMAIL FROM:<a@far.test>\r\nRCPT TO:<b@elsewhere.test>\r\n")
        replies = [f.readline() for _ in range(3)]
        trusted = replies[2].startswith(b"250")
        assert trusted == (seen == "127.0.0.9"), "trust is for the client, not for its proxy"
    raw, = p.wait_inbox()
    assert f"[{'IPv6:' if ':' in seen else ''}{seen}]".encode() in raw.split(b"\n", 4)[2], raw


@pytest.mark.parametrize("header", [b"PROXY TCP4 999.0.2.77 198.51.100.1 40000 25\r\n", b"EHLO me.test\r\n", b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c" + b"x" * 12])
def test_a_listed_proxy_must_say_it_well(start, header):
    p = start(doors={"exchange": 'role = exchange tls = none proxy-from = {"127.0.0.9"}'})
    with socket.create_connection(("127.0.0.1", p.ports["exchange"]), 10, ("127.0.0.9", 0)) as s:
        s.sendall(header)
        got = b""
        with contextlib.suppress(ConnectionError):
            got = s.recv(1000)
        assert b"220" not in got


def test_others_are_not_believed(start):
    p = start(doors={"exchange": 'role = exchange tls = none proxy-from = {"127.0.0.9"}'})
    with socket.create_connection(("127.0.0.1", p.ports["exchange"]), 10) as s:
        f = s.makefile("rb")
        assert f.readline().startswith(b"220")
        s.sendall(b"PROXY TCP4 192.0.2.77 198.51.100.1 40000 25\r\n")
        assert f.readline()[:1] == b"5"
    with p.client("exchange", login=False) as c:
        c.sendmail("a@far.test", [USER], message("no proxy"))
    raw, = p.wait_inbox()
    assert b"192.0.2.77" not in raw and b"[127.0.0.1]" in raw


# ---- the log

@pytest.mark.parametrize("form", ["keyvalue", "json"])
def test_log_lines(start, form):
    with Sink() as sink:
        p = start(extra=relayed(sink, f"log {{ form = {form} level = debug }}"))
        with pytest.raises(smtplib.SMTPAuthenticationError):
            c = p.client(login=False)
            c.starttls(context=p.context())
            c.login(USER, "my secret mistake")
        with p.client() as c:
            c.sendmail(USER, ["ann@far.test", USER, "bob@far.test"], message('quotes " and = signs\u00e9'.encode().decode("latin1")))
        wait_for(lambda: not p.queue(), 20)
        assert p.stop() == 0
    log = p.log()
    assert "my secret mistake" not in log and PASSWORD not in log  # P8
    lines = log.splitlines()
    if form == "json":
        rows = [json.loads(line) for line in lines]
        assert all({"time", "level", "process", "event"} <= set(r) for r in rows)
    else:
        rows = []
        for line in lines:
            m = re.fullmatch(r'(\S+Z) (error|warning|notice|info|debug) (keeper|listener|courier) (\S+)((?: [a-z_.-]+=(?:"(?:[^"\\]|\\.)*"|[^\s"=\\]+))*)', line)
            assert m, f"no log line: {line!r}"
            rows.append({"event": m[4], **{k: v.strip('"') for k, v in re.findall(r' ([a-z_.-]+)=("(?:[^"\\]|\\.)*"|[^\s"]+)', m[5])}})
    about = [r for r in rows if r["event"].startswith(("delivery.", "recipient.", "inbox.", "message.", "report."))]
    assert {"delivery.tried", "recipient.ended", "inbox.tried", "message.accepted"} <= {r["event"] for r in about}
    assert all(re.fullmatch("[0-9a-z]{26}", r.get("id", "")) for r in about), about
    assert len({r["id"] for r in about}) == 1


def test_a_log_that_nobody_reads_does_not_stop_mail(start):
    """Fault 41."""
    read, write = os.pipe()
    p = Port26()
    try:
        os.set_blocking(write, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(write, b"." * 4096)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(write, b".")
        os.set_blocking(write, True)
        p.process = subprocess.Popen([p.binary, "serve", "-c", str(p.conf)], stdin=subprocess.DEVNULL, stdout=write, stderr=write,
                                     env=p.environment, cwd="/")
        os.close(write)
        p.wait_ready()
        for i in range(5):
            with p.client() as c:
                c.sendmail(USER, [USER], message(f"unheard {i}"))
        p.wait_inbox(5)
        os.set_blocking(read, False)
        wait_for(lambda: drained(read))
        with p.client() as c:  # now it is read again: the next lines tell what is missing
            c.sendmail(USER, [USER], message("heard"))
        p.wait_inbox(6)
        said = wait_for(lambda: drained(read))
        assert b"message.accepted" in said
        assert b"log.dropped" in said, said[:2000]
        assert p.stop() == 0
    finally:
        os.close(read)
        p.close()


def drained(fd):
    out = b""
    with contextlib.suppress(BlockingIOError):
        while True:
            more = os.read(fd, 65536)
            if not more:
                break
            out += more
    return out


# ---- commands

def test_queue_commands(start):
    gate = []
    with Sink({"mail": lambda state: b"250 2.1.0 ok\r\n" if gate else b"451 4.7.1 not yet\r\n"}) as sink:
        p = start(extra=relayed(sink))
        with p.client() as c:
            for i in range(3):
                c.sendmail(USER, ["ann@far.test", "bob@far.test"], message(f"mail {i}"))
        wait_for(lambda: [r for m in p.queue() for r in m["recipients"] if "not yet" in r["words"]] and len(p.queue()) == 3, 20)
        held, removed, retried = (m["id"] for m in p.queue())
        people = p.command("queue", "ls").stdout
        assert held in people and "ann@far.test" in people
        wait_for(lambda: p.json("queue", "show", held)["messages"][0]["events"], 20)
        shown, = p.json("queue", "show", held)["messages"]
        assert shown["id"] == held and shown["account"] == USER
        assert shown["events"][0]["tries"][0]["code"] == 451
        assert "451" in p.command("queue", "show", held).stdout
        p.command("queue", "hold", held, "--reason", "asking the sender")
        assert "asking the sender" in p.json("queue", "show", held)["messages"][0]["state_words"]
        p.command("queue", "rm", removed, "--reason", "nobody wants it")
        assert removed not in [m["id"] for m in p.queue()]
        assert re.search(rf'person=\S+ reason="nobody wants it" id={removed}', p.log()), "who dropped it, and why, is told"
        gate.append(True)
        p.command("queue", "retry", retried)
        wait_for(lambda: len(p.queue()) == 1, 20, message=lambda: str(p.queue()))
        p.command("queue", "retry", "--all")
        time.sleep(0.5)
        assert [m["state"] for m in p.queue()] == ["held"], "what is held stays"
        p.command("queue", "release", held)
        p.command("queue", "retry", "--all")
        wait_for(lambda: not p.queue(), 20, message=lambda: str(p.queue()))
        for id in (removed, "no-id", "01m82a9z2zdw24hvfh81p4n5d7"):
            r = p.command("queue", "show", id, check=False)
            assert r.returncode != 0 and id in r.stderr
        got = sorted(re.search(rb"Subject: (.*)\r", m["body"])[1] for m in sink.kept())
        assert got == [b"mail 0", b"mail 2"]


def logs_in(p, password):
    try:
        c = p.client(login=False)
        c.starttls(context=p.context())
        c.login(USER, password)
        c.quit()
        return True
    except smtplib.SMTPAuthenticationError as e:
        assert e.smtp_code == 535
        return False


def test_account_changes_are_effective_at_once(start):
    p = start()
    assert logs_in(p, PASSWORD)
    for new in ("another good password", PASSWORD):
        secret = secret_file(p.dir / "new", new)
        p.command("account", "passwd", USER, "--password-file", str(secret))
        secret.unlink()
        assert logs_in(p, new)
    assert not logs_in(p, "another good password")
    session = p.client()
    p.command("account", "rm", USER)
    assert p.json("account", "ls")["accounts"] == []
    assert not logs_in(p, PASSWORD)
    with pytest.raises((smtplib.SMTPSenderRefused, smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError)):
        session.sendmail(USER, ["ann@far.test"], message("from nobody"))


def test_the_queue_keeps_its_order(start):
    """First come, first carried: also after a restart."""
    gate = []
    with Sink({"rcpt": lambda state: b"250 2.1.5 ok\r\n" if gate else b"450 4.2.1 not yet\r\n"}) as sink:
        p = start(extra=relayed(sink, delivery="per-destination = 1"))
        with p.client() as c:
            for i in range(20):
                c.sendmail(USER, ["ann@far.test"], message(f"number {i:02}"))
        wait_for(lambda: sum(m["recipients"][0]["attempts"] == 1 for m in p.queue()) == 20, 30)
        order = [m["id"] for m in p.queue()]
        assert order == sorted(order)
        p.stop()
        gate.append(True)
        p.start()
        assert [m["id"] for m in p.queue()] == order
        p.command("queue", "retry", "--all")
        wait_for(lambda: not p.queue(), 30, message=lambda: str(p.queue()[:2]))
        got = [re.search(rb"Subject: number (\d+)\r", m["body"])[1].decode() for m in sink.kept()]
        assert got == [f"{i:02}" for i in range(20)]
