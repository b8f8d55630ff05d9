"""POP3: real mail programs fetch what was delivered, at both kinds of door, and one session at a time has a mailbox."""
import os, pathlib, poplib, pty, signal, smtplib, subprocess, threading, time

import pytest

from hostile import SANITIZER, memory_of
from pop import DOORS, Ended, Pop, ScramPop, drop, sent_as
from port26 import Port26, USER, message, own, pass_through, wait_for
from scram import Refused as ScramRefused

SECRET = "sesame street 1"


class House(Port26):
    def __init__(self):
        super().__init__(doors=DOORS, top="process { listeners = 2 }", accounts=False)
        self.environment["ASAN_OPTIONS"] = SANITIZER
        self.account_add(USER, SECRET, "@port26.test")
        self.count = 0

    def somebody(self, *messages):
        """A new account with these messages."""
        self.count += 1
        name = f"p{self.count}@port26.test"
        self.account_add(name, SECRET)
        if messages:
            drop(self, name, *messages)
        return name

    def deliver(self, to, *messages):
        with smtplib.SMTP("127.0.0.1", self.ports["exchange"]) as c:
            for m in messages:
                c.sendmail("somebody@elsewhere.test", [to], m)

    def open(self, name, door="pops"):
        return Pop(self, door, (name, SECRET))

    def files(self, name):
        return [f for part in ("new", "cur") for f in (self.inbox / name / part).glob("*")]

    def fetched(self, name):
        """All messages as a session of our own gets them."""
        with self.open(name) as c:
            found = [c.message(i + 1) for i in range(c.stat()[0])]
            c.quit()
        return found


@pytest.fixture(scope="module")
def house():
    h = House()
    try:
        h.start()
        yield h
    finally:
        h.close()


HARD = [message("one", "Hello\r\n").replace(b"\r\n", b"\n"),
        b"Subject: dots\n\n.\n..\n.x\n\n.\n",
        b"Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\n\n\xc3\xa4\xc3\xb6 and no end",
        b"Subject: long\n\n" + b"x" * 1900 + b"\n"]


# ---- what a client sees

def test_poplib(house):
    name = house.somebody(*HARD)
    c = poplib.POP3("localhost", house.ports["pop"])
    assert "STLS" in c.capa() and "SASL" not in c.capa() and "USER" not in c.capa()
    c.stls(house.context())
    assert c.capa()["SASL"] == ["SCRAM-SHA-256", "PLAIN", "LOGIN"] and "STLS" not in c.capa()
    c.user(name)
    c.pass_(SECRET)
    assert c.stat() == (4, sum(len(sent_as(m)) for m in HARD))
    assert [int(line.split()[1]) for line in c.list()[1]] == [len(sent_as(m)) for m in HARD]
    for i, m in enumerate(HARD):
        assert b"\r\n".join(c.retr(i + 1)[1]) + b"\r\n" == sent_as(m)
    assert b"\n".join(c.top(2, 2)[1]) == b"Subject: dots\n\n.\n.."
    assert c.utf8() and c.noop()
    c.quit()
    assert len(house.files(name)) == 4


def test_delivered_is_fetched(house):
    """From the dialogue of SMTP to that of POP3; UIDs stay, and so do messages that nobody deletes."""
    name = house.somebody()
    with house.open(name) as c:
        assert c.stat() == (0, 0) and c.multi("LIST") == [] and c.uids() == []
        c.err("RETR 1")
        c.quit()
    house.deliver(name, message("first"), message("second"))
    wait_for(lambda: len(house.files(name)) == 2)
    with house.open(name, "pop") as c:
        uids = c.uids()
        assert b"Subject: first\r\n" in c.message(1) and b"Delivered-To: " + name.encode() in c.message(1)
        c.quit()
    house.deliver(name, message("third"))
    wait_for(lambda: len(house.files(name)) == 3)
    with house.open(name) as c:
        assert c.uids()[:2] == uids and len(set(c.uids())) == 3
        c.ok("DELE 1")
        c.ok("DELE 3")
        assert c.quit() == "+OK Good-bye; 2 messages deleted"
    with house.open(name) as c:
        assert c.uids() == [uids[1]]
        c.quit()


@pytest.mark.parametrize("door", ["pop", "pops"])
@pytest.mark.parametrize("gs2", ["n,,", "y,,"])
def test_scram(house, door, gs2):
    """Without -PLUS ("y" would use it, and believes rightly that it is not there): mutt's defaults could not log in."""
    name = house.somebody(HARD[0])
    c = ScramPop(house.ports[door], house.cert, door == "pops")
    c.scram(name, SECRET, gs2=gs2)
    assert c.ask("STAT", 235)[0].startswith("1 ")
    c.ask("QUIT", 235)
    c.close()
    c = ScramPop(house.ports[door], house.cert, door == "pops")
    with pytest.raises(ScramRefused, match=r"\[AUTH\]"):
        c.scram(name, "wrong", gs2=gs2)
    c.close()


def test_pipelining(house):
    name = house.somebody(*HARD)
    with Pop(house, "pops") as c:
        c.send(f"USER {name}\r\nPASS {SECRET}\r\nSTAT\r\nRETR 2\r\nDELE 2\r\nRSET\r\nNOOP\r\n")
        assert [c.ok() for _ in range(3)][2].startswith("+OK 4 ")
        assert int(c.ok().split()[1]) == len(c.raw())
        assert [c.ok() for _ in range(3)][2] == "+OK Still here"
        c.quit()


# ---- mail programs

def curl(house, door, name, what, *more):
    scheme = "pop3s" if door == "pops" else "pop3"
    tls = [] if door == "pops" else ["--ssl-reqd"]
    return subprocess.run(["curl", "-sS", "--cacert", house.cert, *tls, "--user", f"{name}:{SECRET}",
                           f"{scheme}://localhost:{house.ports[door]}/{what}", *more],
                          capture_output=True, timeout=60, check=True).stdout


@pytest.mark.parametrize("door", ["pop", "pops"])
def test_curl(house, door):
    name = house.somebody(*HARD)
    assert curl(house, door, name, "").split() == [x for i, m in enumerate(HARD)
                                                  for x in (b"%d" % (i + 1), b"%d" % len(sent_as(m)))]
    for i, m in enumerate(HARD):
        assert curl(house, door, name, i + 1) == sent_as(m)
    assert curl(house, door, name, "2", "--login-options", "AUTH=PLAIN") == sent_as(HARD[1])
    curl(house, door, name, "2", "-X", "DELE", "-l")
    assert [sent_as(HARD[i]) for i in (0, 2, 3)] == house.fetched(name)


def private(path, text):
    path.write_text(text)
    path.chmod(0o600)
    return path


def run(argv, **kw):
    r = subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=90, **kw)
    return r.returncode, r.stdout + r.stderr


def lines_of(data):
    """What a program that adds and ends lines in its own way has kept of a message."""
    return data.replace(b"\r\n", b"\n").rstrip(b"\n")


@pytest.mark.parametrize("door", ["pop", "pops"])
def test_fetchmail(house, door, tmp_path):
    name = house.somebody(*HARD)
    kept = tmp_path / "kept"
    tls = 'ssl' if door == "pops" else 'sslproto "TLS1+"'
    rc = private(tmp_path / "rc", f'poll localhost protocol pop3 port {house.ports[door]} uidl\n  username "{name}" password '
                                  f'"{SECRET}" {tls} sslcertck sslcertfile "{house.cert}"\n  mda "cat >> {kept}"\n')
    env = {**os.environ, "HOME": str(tmp_path), "FETCHMAILHOME": str(tmp_path)}
    rc, words = run(["fetchmail", "-f", str(rc), "-v", "--nosyslog"], env=env)
    assert rc == 0, words
    for m in HARD:
        assert lines_of(m).split(b"\n\n", 1)[1] in kept.read_bytes().replace(b"\r\n", b"\n"), words
    assert house.fetched(name) == []


@pytest.mark.parametrize("auth", ["user", "plain", "login", "scram-sha-256"])
@pytest.mark.parametrize("door", ["pop", "pops"])
def test_mpop(house, door, auth, tmp_path):
    name = house.somebody(*HARD)
    rc = private(tmp_path / "rc", f"account a\nhost localhost\nport {house.ports[door]}\nuser {name}\npassword {SECRET}\n"
                                  f"auth {auth}\ntls on\ntls_starttls {'off' if door == 'pops' else 'on'}\n"
                                  f"tls_trust_file {house.cert}\nkeep {'off' if auth == 'plain' else 'on'}\n"
                                  f"uidls_file {tmp_path}/uidls\ndelivery mbox {tmp_path}/mbox\nreceived_header off\n")
    code, words = run(["mpop", "-C", str(rc), "a"])
    assert code == 0, words
    for m in HARD:
        assert lines_of(m) in (tmp_path / "mbox").read_bytes()
    assert len(house.fetched(name)) == (0 if auth == "plain" else 4)
    if auth == "user":  # UIDs tell it that nothing is new
        before = (tmp_path / "mbox").read_bytes()
        assert run(["mpop", "-C", str(rc), "a"])[0] == 0
        assert (tmp_path / "mbox").read_bytes() == before


def test_getmail(house, tmp_path):
    name = house.somebody(*HARD)
    for part in ("cur", "new", "tmp"):
        (tmp_path / "maildir" / part).mkdir(parents=True)
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o777)
    pass_through(tmp_path.parent)
    private(tmp_path / "rc", f"[retriever]\ntype = SimplePOP3SSLRetriever\nserver = localhost\nport = {house.ports['pops']}\n"
                             f"username = {name}\npassword = {SECRET}\nca_certs = {house.cert}\n"
                             f"[destination]\ntype = Maildir\npath = {tmp_path}/maildir/\n"
                             "[options]\ndelete = true\nreceived = false\ndelivered_to = false\n")
    own(tmp_path / "rc", tmp_path, *(tmp_path / "maildir").rglob("*"), tmp_path / "maildir")
    argv = ["getmail", "--getmaildir", str(tmp_path), "--rcfile", "rc"]
    if os.geteuid() == 0:
        argv = ["setpriv", "--reuid=port26", "--regid=port26", "--clear-groups", *argv]
    code, words = run(argv)
    assert code == 0 and "4 messages" in words, words
    kept = [f.read_bytes() for f in (tmp_path / "maildir/new").iterdir()]
    for m in HARD:
        assert any(lines_of(m) in k for k in kept)
    assert house.fetched(name) == []


def test_mutt(house, tmp_path):
    name = house.somebody(*HARD)
    out = tmp_path / "copied"
    (tmp_path / "Mail").mkdir()
    rc = private(tmp_path / "rc", f'set pop_user="{name}"\nset sleep_time=0\nset pop_pass="{SECRET}"\nset certificate_file="{house.cert}"\n'
                                  'set ssl_force_tls=yes\nset confirmappend=no\nset confirmcreate=no\nset pop_delete=no\n'
                                  'set delete=no\nset wait_key=no\nset header_cache=""\nset message_cachedir=""\nset pop_checkinterval=0\n'
                                  f'push "<tag-pattern>.<enter><tag-prefix><copy-message>{out}<enter><exit>"\n')
    pid, terminal = pty.fork()
    if not pid:
        os.environ.update(TERM="vt100", HOME=str(tmp_path), LINES="24", COLUMNS="80")
        os.execvp("mutt", ["mutt", "-n", "-F", str(rc), "-f", f"pops://localhost:{house.ports['pops']}/"])
    shown = bytearray()

    def look():
        try:
            while True:
                shown.extend(os.read(terminal, 65536))
        except OSError:
            pass
    reader = threading.Thread(target=look, daemon=True)
    reader.start()
    try:
        wait_for(lambda: os.waitpid(pid, os.WNOHANG)[0], 60, message=lambda: shown[-2000:].decode(errors="replace"))
    except AssertionError:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    finally:
        reader.join(5)
        os.close(terminal)
    for m in HARD:
        assert lines_of(m).split(b"\n\n", 1)[1] in (out.read_bytes() if out.exists() else b""), shown[-2000:].decode(errors="replace")


# ---- one session at a time, and snapshots

def test_second_session(house):
    name = house.somebody(*HARD)
    first = house.open(name)
    with Pop(house) as second:
        second.ok(f"USER {name}")
        assert "[IN-USE]" in second.err(f"PASS {SECRET}")
        second.err("STAT")
        first.quit()  # and at once it is free: no wait, no second connection
        second.login(name, SECRET)
        assert second.stat()[0] == 4
        second.quit()


def test_lost_session(house):
    """A line that broke does not keep its owner out (HOSTILE R9: and deletes nothing)."""
    name = house.somebody(*HARD)
    for how in ("close", "reset"):
        c = house.open(name)
        for i in range(4):
            c.ok(f"DELE {i + 1}")
        getattr(c, how)()
        with house.open(name) as c:
            assert c.stat()[0] == 4
            c.quit()


def test_delivery_amid_session(house):
    name = house.somebody(HARD[0], HARD[1])
    with house.open(name) as c:
        before = c.multi("LIST"), c.uids()
        house.deliver(name, message("late"))
        wait_for(lambda: len(house.files(name)) == 3)
        assert (c.multi("LIST"), c.uids()) == before and c.stat()[0] == 2
        c.err("RETR 3")
        c.ok("DELE 2")
        c.quit()
    assert [b"late" in m for m in house.fetched(name)] == [False, True]


def test_removed_amid_session(house):
    """Another program (IMAP) flags one message and removes another meanwhile."""
    name = house.somebody(*HARD[:3])
    with house.open(name) as c:
        names = sorted((house.inbox / name / "new").iterdir())
        names[0].unlink()
        names[1].rename(house.inbox / name / "cur" / (names[1].name + ":2,S"))
        assert "another program" in c.err("RETR 1")
        assert c.message(2) == sent_as(HARD[1])
        c.ok("DELE 1")
        c.ok("DELE 2")
        c.quit()
    assert house.fetched(name) == [sent_as(HARD[2])]


def test_many_removed_amid_session(house):
    """A hundred and fifty messages that another program took away are no errors of the client, and its own DELE still counts."""
    name = house.somebody(*[b"Subject: %d\n\nx\n" % i for i in range(151)])
    with house.open(name) as c:
        for f in sorted((house.inbox / name / "new").iterdir())[:150]:
            f.unlink()
        for n in range(1, 151):
            assert "another program" in c.err(f"RETR {n}")
        c.message(151)
        c.ok("DELE 151")
        assert c.quit() == "+OK Good-bye; 1 message deleted"
    assert house.fetched(name) == []


def test_cut_amid_message(house):
    """A file that becomes shorter while it is sent: the client gets no final dot, so it does not take the part for the whole."""
    name = house.somebody(b"Subject: cut\n\n" + (b"z" * 70 + b"\n") * 300000)
    path, = house.files(name)
    mark = house.logfile.stat().st_size
    with house.open(name) as c:
        c.ok("RETR 1")
        os.truncate(path, 1000)
        with pytest.raises((Ended, OSError)):
            c.raw()
    assert "what=broken" in house.logfile.read_bytes()[mark:].decode()


def test_killed_listener(house):
    """kill -9 amid a session: nothing is deleted, and the mailbox is free."""
    name = house.somebody(*HARD)
    c = house.open(name)
    c.ok("DELE 1")
    c.ok("DELE 2")
    old = house.children("listener")
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises((Ended, OSError)):
        c.ok("NOOP")
    wait_for(lambda: len(house.children("listener")) == 2 and not set(old) & set(house.children("listener")))
    house.wait_ready()
    assert len(house.fetched(name)) == 4


def test_reload_amid_session(house):
    """A new generation of processes lets the old session go on, and knows that it has the mailbox."""
    name = house.somebody(*HARD)
    with house.open(name) as c:
        old = house.children("listener")
        house.command("config", "reload")
        wait_for(lambda: len(set(house.children("listener")) - set(old)) == 2)
        assert c.message(1) == sent_as(HARD[0])
        with Pop(house) as d:
            d.ok(f"USER {name}")
            assert "[IN-USE]" in d.err(f"PASS {SECRET}")
        c.ok("DELE 1")
        c.quit()
    assert len(house.fetched(name)) == 3


def test_broken_maildir(house):
    """What is wrong with our disk is no wrong password (HOSTILE 115, fault 33)."""
    name = house.somebody(HARD[0])
    (house.inbox / name / "cur").chmod(0o777)
    with Pop(house) as c:
        c.ok(f"USER {name}")
        assert c.err(f"PASS {SECRET}").startswith("-ERR [SYS/TEMP] Your mailbox can not be opened")
        (house.inbox / name / "cur").chmod(0o700)
        c.login(name, SECRET)
        c.quit()


def test_locked_account(house):
    name = house.somebody(HARD[0])
    house.command("account", "lock", name)
    with Pop(house) as c:
        c.ok(f"USER {name}")
        assert c.err(f"PASS {SECRET}").startswith("-ERR [AUTH] Name and password are right, but this account is locked")
        c.ok(f"USER {name}")
        assert c.err("PASS a guess").startswith("-ERR [AUTH] Name or password is wrong")
    c = ScramPop(house.ports["pops"], house.cert, True)
    with pytest.raises(ScramRefused, match="this account is locked"):
        c.scram(name, SECRET)
    c.close()
    house.command("account", "unlock", name)
    assert len(house.fetched(name)) == 1


def refusal(c, name, octets):
    """Sends that much from `name` to itself; the code and the words of the refusal, wherever it came, or None."""
    try:
        c.sendmail(name, [name], message("late", "x" * octets + "\r\n", name, name))
    except smtplib.SMTPResponseException as e:
        return e.smtp_code, e.smtp_error.decode()
    except smtplib.SMTPRecipientsRefused as e:
        code, words = e.recipients[name]
        return code, words.decode()


def test_room_at_once(house):
    """Who is full can not send; what QUIT removed is room with its answer, and sending works again (article 000)."""
    name = house.somebody()
    house.command("account", "set", name, "--quota", "300K")
    house.deliver(name, *[message(f"n{i}", "x" * 70000) for i in range(3)])
    wait_for(lambda: len(house.files(name)) == 3)
    with smtplib.SMTP("localhost", house.ports["submission"]) as c:
        c.starttls(context=house.context())
        c.login(name, SECRET)
        assert refusal(c, name, 100000)[0] in (452, 552)
        with house.open(name) as pop:
            pop.ok("DELE 1")
            pop.ok("DELE 2")
            assert refusal(c, name, 100000)[0] in (452, 552)  # marked is not gone
            pop.quit()
        assert refusal(c, name, 100000) is None
    wait_for(lambda: any(f.stat().st_size > 100000 for f in house.files(name)))


def test_killed_amid_removal():
    """kill -9 of all at QUIT (fault 10): what was marked is there or gone, all else is there, and no UID has changed."""
    p = House()
    try:
        p.start()
        name, seen = p.somebody(), set()
        for pause in (0, 0.004, 0.02):
            drop(p, name, *[b"Subject: x\n\n%d\n" % i for i in range(200)])
            with p.open(name) as c:
                uids = c.uids()
                assert not set(uids[:-200]) - seen and len(uids) >= 200
                for n in range(1, len(uids) + 1, 2):
                    c.ok(f"DELE {n}")
                c.send(b"QUIT\r\n")
                time.sleep(pause)
                p.kill()
                said = c.rest()
            p.start()
            with p.open(name) as c:
                left = c.uids()
                assert left == [u for u in uids if u in set(left)] and set(uids[1::2]) <= set(left)
                if b"deleted" in said:
                    assert left == uids[1::2]
                c.quit()
            seen |= set(left)
    finally:
        p.close()


def test_many_messages(house):
    """5,000 messages, a tenth of them removed; 40 MB go through a listener that does not grow with them."""
    body = b"".join(b"%04d %s\n" % (i, b"x" * 70) for i in range(100))
    name = house.somebody(*[b"Subject: %d\n\n" % i + body for i in range(5000)])
    listeners = house.children("listener")
    before = max(memory_of(pid) for pid in listeners)
    with house.open(name) as c:
        assert c.stat()[0] == 5000 and len(set(c.uids())) == 5000
        sizes = [int(line.split()[1]) for line in c.multi("LIST")]
        for n in range(1, 5001):
            if n % 200 == 1:  # pipelined; by one thread, for TLS is not for two
                c.send("".join(f"RETR {k}\r\n" for k in range(n, n + 200)))
            c.ok()
            data = c.raw()
            assert len(data) == sizes[n - 1] and data.startswith(b"Subject: %d\r\n" % (n - 1))
        for n in range(1, 5001, 10):
            c.ok(f"DELE {n}")
        assert c.quit() == "+OK Good-bye; 500 messages deleted"
    assert max(memory_of(pid) for pid in listeners) < before + (24 << 20)
    with house.open(name) as c:
        assert c.stat()[0] == 4500
        assert c.message(1).startswith(b"Subject: 1\r\n")
        c.quit()


def test_message_not_in_memory(house):
    """What the disk must be asked for is read by threads of the (jailed) listener: its loop waits for no disk."""
    body = b"Subject: cold\n\n" + b"".join(b"%06d %s\n" % (i, b"z" * 70) for i in range(30000))
    name = house.somebody(body)
    path, = house.files(name)
    with house.open(name) as c:
        assert c.stat()[0] == 1  # it was read for its size
        with open(path, "rb") as f:
            os.fsync(f.fileno())
            os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            try:
                os.preadv(f.fileno(), [bytearray(1)], len(body) // 2, os.RWF_NOWAIT)
                cold = False
            except BlockingIOError:
                cold = True
            except OSError:  # a file system that cannot tell: always by threads
                cold = True
        assert c.message(1) == sent_as(body)
        c.quit()
    threads = [t.read_text().strip() for pid in house.children("listener") for t in pathlib.Path(f"/proc/{pid}/task").glob("*/comm")]
    if not cold:
        pytest.skip("this file system keeps all in memory")
    assert "disk" in threads, threads


def test_sizes_are_kept(house):
    """Names without sizes: the first session reads the files, later ones know; Dovecot's renames and new mail do no harm."""
    name = house.somebody(*[b"Subject: %d\n\n%s\n" % (i, b"x\n" * i) for i in range(60)])
    told = []
    for late in (0, 1, 2):
        with house.open(name) as c:
            told.append(dict(zip(c.uids(), (int(x.split()[1]) for x in c.multi("LIST")))))
            for n in (1, 30, 60 + late):
                c.message(n)  # as long as LIST says
            c.quit()
        assert (house.inbox / name / "port26-sizes").read_bytes().count(b"\n") == 61
        for f in sorted((house.inbox / name / "new").iterdir())[:20]:
            f.rename(house.inbox / name / "cur" / (f.name + ":2,S"))
        drop(house, name, b"Subject: late\n\nlate\n")
    assert all(told[2].items() >= t.items() for t in told) and len(told[2]) == 62
    first = min(house.files(name), key=lambda f: f.name)
    first.write_bytes(b"Subject: somebody wrote over it\n\n")
    with house.open(name) as c:
        c.ok("RETR 1")
        assert c.raw() == b"Subject: somebody wrote over it\r\n\r\n"
        c.quit()
    with house.open(name) as c:
        c.message(1)
        c.quit()


def test_status_names_the_doors(house):
    doors = {d["name"]: d for d in house.json("status")["doors"]}
    assert doors["pop"]["role"] == "pop3" and doors["pop"]["speaks"] == ["pop3"] and doors["pop"]["tls"] == "starttls"
    assert doors["pops"]["tls"] == "implicit" and doors["exchange"]["speaks"] == ["smtp"]
