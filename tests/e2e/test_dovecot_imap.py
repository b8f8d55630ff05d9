"""Dovecot serves IMAP over the Maildirs we deliver to, at the same time: nothing is lost, shown twice or counted wrong."""
import contextlib, imaplib, json, pathlib, re, smtplib, subprocess, threading

import pytest

from peers import Imap
from port26 import AS_ROOT, BINARY, PASSWORD, USER, message, wait_for

LOOK = pathlib.Path(BINARY).parent / "tests/unit/maildir/maildir_look"
COUNT = 200
pytestmark = [pytest.mark.skipif(not AS_ROOT, reason="Dovecot wants to be started by root"),
              pytest.mark.skipif(not LOOK.exists(), reason="needs a build with unit tests")]


@pytest.fixture
def both(start):
    """A Port26 and an Imap over its inboxes."""
    p = start()
    with contextlib.closing(Imap(p, {USER: PASSWORD})) as imap:
        yield p, imap


def look(p, *args):
    """What our own code sees of the inbox."""
    argv = ["setpriv", "--reuid=port26", "--regid=port26", "--clear-groups", str(LOOK), str(p.inbox), USER, *args]
    r = subprocess.run(argv, capture_output=True, text=True, env=p.environment, timeout=60)
    assert r.returncode == 0, r
    return json.loads(r.stdout)


def names(p):
    """All messages of all folders, as paths."""
    return [f for folder in ("new", "cur", ".*/new", ".*/cur") for f in (p.inbox / USER).glob(f"{folder}/*")]


def disk(p):
    """The truth: what really lies there."""
    sizes = [f.stat().st_size for f in names(p)]
    return {"octets": sum(sizes), "messages": len(sizes)}


def maildirsize(p):
    """What the lines of the file sum up to, and its quota."""
    lines = (p.inbox / USER / "maildirsize").read_text().splitlines()
    changes = [tuple(map(int, line.split())) for line in lines[1:]]
    return lines[0], {"octets": sum(o for o, _ in changes), "messages": sum(m for _, m in changes)}


def send(p, subjects, body="Hello\r\n.\r\n..dots\r\n"):
    with p.client() as c:
        for subject in subjects:
            c.sendmail(USER, [USER], message(subject, body))


def wait_delivered(p, count):
    wait_for(lambda: len(names(p)) >= count, 60, message=lambda: f"{len(names(p))} of {count}\n{p.log()[-2000:]}")


def subjects(c):
    """Sequence numbers by subject."""
    _, data = c.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    return [re.search(rb"Subject: (\S+)", d[1]).group(1).decode() for d in data if isinstance(d, tuple)]


def sum_of(found):
    return {k: found[k] for k in ("octets", "messages")}


def dovecot_quota(p, imap):
    """STORAGE as `doveadm quota get` tells it: kilobytes, rounded either way."""
    out = subprocess.run(["doveadm", "-c", imap.conf, "-f", "tab", "quota", "get", "-u", USER], capture_output=True, text=True,
                         check=True).stdout
    rows = {row[1]: int(row[2]) for row in (line.split("\t") for line in out.splitlines()[1:])}
    return rows["STORAGE"], rows["MESSAGE"]


def test_imap_while_we_deliver(both):
    """Four senders, and a mail program that looks and flags all the time: each message is seen once, each flag stays."""
    p, imap = both
    wanted = [f"m{i:03}" for i in range(COUNT)]
    send(p, wanted[:1])
    wait_delivered(p, 1)
    c = imap.login(USER, PASSWORD)
    assert c.getquotaroot("INBOX")[0] == "OK"
    senders = [threading.Thread(target=send, args=(p, wanted[1 + i::4])) for i in range(4)]
    for t in senders:
        t.start()
    seen, flagged = [], set()
    while len(seen) < COUNT:
        c.select("INBOX")
        seen = subjects(c)
        assert len(seen) == len(set(seen)), "a message is shown twice"
        for number in [n for n, s in enumerate(seen, 1) if s not in flagged and int(s[1:]) % 5 == 0]:
            assert c.store(str(number), "+FLAGS", r"(\Flagged)")[0] == "OK"
            flagged.add(seen[number - 1])
        assert any(t.is_alive() for t in senders) or p.queue() or len(names(p)) == COUNT, p.log()[-2000:]
    for t in senders:
        t.join()
    assert sorted(seen) == wanted
    c.select("INBOX")
    _, found = c.search(None, "FLAGGED")
    now = subjects(c)
    assert {now[int(n) - 1] for n in found[0].split()} == flagged == {s for s in wanted if int(s[1:]) % 5 == 0}

    ours = look(p)
    assert sum_of(ours) == disk(p)
    assert len({m["uid"] for m in ours["inbox"]}) == COUNT
    assert look(p, "read") == {"messages": COUNT, "wrong": 0}
    sizes = sorted(int(re.search(rb"RFC822.SIZE (\d+)", d).group(1)) for d in c.fetch("1:*", "(RFC822.SIZE)")[1])
    assert sizes == sorted(m["octets"] for m in ours["inbox"]), "W= is what Dovecot calls the size"
    c.logout()
    for bad in ("Error", "Warning", "Panic", "orrupt"):
        assert bad not in imap.words(), imap.words()[-3000:]


def test_uids_stay_whatever_dovecot_does(both):
    p, imap = both
    send(p, ["one", "two", "three"])
    wait_delivered(p, 3)
    before = look(p)["inbox"]
    c = imap.login(USER, PASSWORD)
    c.select("INBOX")  # from new/ to cur/
    c.store("1", "+FLAGS", r"(\Seen \Answered myword)")
    c.store("2", "+FLAGS", r"(\Deleted)")
    c.store("2", "-FLAGS", r"(\Deleted)")
    c.logout()
    assert not list((p.inbox / USER / "new").iterdir())
    assert look(p)["inbox"] == before
    assert look(p, "remove", before[1]["uid"]) == {"octets": before[1]["size"], "messages": 1}
    c = imap.login(USER, PASSWORD)
    c.select("INBOX")
    assert subjects(c) == ["one", "three"]
    c.logout()


def test_sums_agree(both):
    """Deliveries, our removals and Dovecot's (expunge, move, copy, append to another folder): three counts stay one."""
    p, imap = both
    send(p, [f"m{i}" for i in range(10)])
    wait_delivered(p, 10)
    c = imap.login(USER, PASSWORD)

    def agree():
        truth = disk(p)
        assert maildirsize(p) == ("104857600S", truth)
        assert sum_of(look(p)) == truth
        storage, messages = dovecot_quota(p, imap)
        assert messages == truth["messages"] and abs(storage - truth["octets"] / 1024) <= 1
        return truth

    _, root = c.getquotaroot("INBOX")
    assert b"User quota" in root[1][0]
    agree()
    send(p, ["more", "and-more"])  # noted by us
    wait_delivered(p, 12)
    wait_for(lambda: not p.queue())
    agree()
    c.select("INBOX")
    c.store("1:4", "+FLAGS", r"(\Deleted)")
    c.expunge()
    assert agree()["messages"] == 8
    c.create("Trash")
    c.create("Kept")
    c.copy("1:2", "Trash")
    assert c.append("Kept", r"(\Seen)", None, b"Subject: kept\r\n\r\nno end")[0] == "OK"
    assert agree()["messages"] == 11  # Trash counts
    uids = [m["uid"] for m in look(p)["inbox"]]
    assert len(uids) == 8
    assert look(p, "remove", *uids[:3])["messages"] == 3
    agree()
    send(p, ["last"], "x" * 70000 + "\r\n")
    wait_delivered(p, 9)
    wait_for(lambda: not p.queue())
    agree()
    c.logout()


def test_its_own_copy_is_never_the_first(start):
    """Where no other program keeps maildirsize there is none, and the sum is still right."""
    p = start()
    send(p, ["one", "two"])
    wait_delivered(p, 2)
    for f in (p.inbox / USER / "new").iterdir():
        assert re.fullmatch(r"\d+\.[0-9a-z]{26}_0\.mail\.port26\.test,S=(\d+),W=(\d+)", f.name), f.name
        size, wire = map(int, re.findall(r"[SW]=(\d+)", f.name))
        assert (size, wire) == (f.stat().st_size, len(f.read_bytes().replace(b"\n", b"\r\n")))
    assert sum_of(look(p)) == disk(p)
    assert not (p.inbox / USER / "maildirsize").exists()


def test_quota_sees_what_imap_does(start):
    """Mail that Dovecot adds and removes behind our back counts before anybody is refused."""
    p = start(extra="quota { account = 200K warn = {} }\n")

    def offer(kilobytes):
        """What a sender from outside hears at RCPT who tells the size; 250 is followed by the mail itself."""
        with smtplib.SMTP("127.0.0.1", p.ports["exchange"], timeout=60) as c:
            c.ehlo("sender.test")
            assert c.docmd(f"MAIL FROM:<x@far.test> SIZE={kilobytes * 1024}")[0] == 250
            code, words = c.rcpt(USER)
            if code == 250:
                code, words = c.data(b"Subject: x\r\n\r\n" + b"y" * 62 + (b"\r\n" + b"y" * 62) * (kilobytes * 16 - 16))
            return code, words.decode().replace("\n4.2.2 ", " ").replace("\n", " ")

    def used(refusal):
        code, words = refusal
        assert code == 452, words
        return p.json("quota", "show", USER)["quota"]["used"] / 1024  # as the refusal has seen it

    def known():
        """Kilobytes of the mailbox, as they are remembered."""
        q = p.json("quota", "show", USER)["quota"]
        assert q["queue"] == 0
        return round(q["mailbox"] / 1024)

    def measured():
        """Whoever asks next has the Maildir counted again."""
        return offer(500)[0] == 452 and p.json("quota", "show", USER)["quota"]["mailbox"] == disk(p)["octets"]

    with contextlib.closing(Imap(p, {USER: PASSWORD})) as imap:
        c = imap.login(USER, PASSWORD)
        assert offer(60)[0] == 250
        wait_delivered(p, 1)
        wait_for(lambda: not p.queue())
        assert 58 <= known() <= 60
        c.select("INBOX")
        assert c.append("INBOX", None, None, b"Subject: appended\r\n\r\n" + (b"z" * 62 + b"\r\n") * 1600)[0] == "OK"
        wait_for(lambda: abs(used(offer(145)) - disk(p)["octets"] / 1024) < 0.2, 30, 0.5)  # nobody has told us; it is looked once a second
        assert disk(p)["messages"] == 2
        assert known() == round(disk(p)["octets"] / 1024) > 150
        c.select("INBOX")
        c.store("2", "+FLAGS", r"(\Deleted)")
        c.expunge()
        assert disk(p)["messages"] == 1
        wait_for(lambda: offer(130)[0] == 250, 30, 0.5)
        wait_delivered(p, 2)
        wait_for(lambda: not p.queue())
        wait_for(measured, 30, 0.5)
        assert p.json("quota", "recount", USER)["corrected"] == []
        c.logout()


def test_dovecot_knows_the_logins_that_port26_exports(start, tmp_path):
    """One password for POP3, sending and IMAP; verifiers, hashes, quotas and locks go along; and the file can be imported again."""
    from test_hosting import HASHES, crypted, readable
    p = start()
    p.command("account", "set", USER, "--quota", "3000")
    shadow = readable(p, "shadow", f"kim:{crypted('pass kim', HASHES['six'])}:1::::::\nlee:{crypted('pass lee', HASHES['yes'])}:1::::::\n")
    p.command("account", "import", shadow, "--format", "shadow", "--domain", "port26.test")
    p.command("account", "set", "kim@port26.test", "--quota", "7M")
    p.account_add("gone@port26.test", "pass gone")
    p.command("account", "lock", "gone@port26.test")
    users = p.command("account", "export").stdout
    assert [line.split(":")[0] for line in users.splitlines()] == ["kim@port26.test", "lee@port26.test", USER]
    send(p, ["exported"])
    wait_delivered(p, 1)
    with contextlib.closing(Imap(p, users)) as imap:
        c = imap.login(USER, PASSWORD)
        c.select("INBOX")
        assert "exported" in subjects(c)
        assert c.getquotaroot("INBOX")[1][1][0].endswith(b" 3)"), "3000 octets; IMAP counts by 1024"
        c.logout()
        for name in ("kim", "lee"):
            imap.login(f"{name}@port26.test", f"pass {name}").logout()
            with pytest.raises(imaplib.IMAP4.error):
                imap.login(f"{name}@port26.test", "wrong")
        c = imap.login("kim@port26.test", "pass kim")
        assert b" 7168)" in c.getquotaroot("INBOX")[1][1][0]
        c.logout()
    for name in (USER, "kim@port26.test", "lee@port26.test"):
        p.command("account", "rm", name)
    path = readable(p, "users", users)
    assert "3 accounts added" in p.command("account", "import", path, "--format", "passwd").stdout
    p.client().quit()  # by SCRAM
    assert p.json("account", "show", "kim@port26.test")["account"]["quota"] == "7M"
