"""Records of the store that do not read (P6): who is behind them is not known, which is never "nobody"."""
import base64, contextlib, smtplib, sqlite3

import pytest

from pop import DOORS, Pop, Refused
from port26 import PASSWORD, USER, message, wait_for

ACCOUNT, HOST, DOMAIN, ALIAS = 2, 5, 6, 7  # kinds of store_driver.h


@contextlib.contextmanager
def records(p):
    """The database of a server that does not run."""
    db = sqlite3.connect(p.store / "port26.db")
    try:
        yield db
        db.commit()
    finally:
        db.close()


def damage(p, kind, name):
    """Flips a bit, and returns what puts it right again."""
    with records(p) as db:
        good, = db.execute("SELECT value FROM value WHERE kind = ? AND name = ?", (kind, name.encode())).fetchone()
        db.execute("UPDATE value SET value = ? WHERE kind = ? AND name = ?", (bytes([good[0], good[1] ^ 1]) + good[2:], kind, name.encode()))

    def mend():
        with records(p) as db:
            db.execute("UPDATE value SET value = ? WHERE kind = ? AND name = ?", (good, kind, name.encode()))
    return mend


def rcpt(p, to):
    with smtplib.SMTP("127.0.0.1", p.ports["exchange"], timeout=60) as c:
        assert c.docmd("EHLO", "far.test")[0] == 250
        assert c.docmd("MAIL", "FROM:<a@far.test>")[0] == 250
        code, words = c.docmd("RCPT", f"TO:<{to}>")
        return code, words.decode()


def auth(p, name, password=PASSWORD):
    with smtplib.SMTP("127.0.0.1", p.ports["submission"], timeout=60) as c:
        c.starttls(context=p.context())
        try:
            return c.login(name, password)[0]
        except smtplib.SMTPAuthenticationError as e:
            return e.smtp_code


def pop(p, name):
    try:
        with Pop(p, "pops", (name, PASSWORD)):
            return "+OK"
    except Refused as e:
        return str(e)


@pytest.fixture
def house(start):
    p = start(doors=DOORS, accounts=False, extra='delivery { retry = {"1s"} }\n')
    p.command("host", "add", "acme")
    p.command("domain", "add", "acme.test", "--host", "acme")
    for name in (USER, "kim@port26.test", "lee@acme.test"):
        p.account_add(name, PASSWORD)
    p.command("account", "set", "kim@port26.test", "--alias", "sales@port26.test")
    p.command("alias", "add", "team@port26.test", "kim@port26.test", USER)
    return p


def test_account(house):
    """Its owner is told to try later by every door, its mail waits, and all is as before when the record is right again."""
    p = house
    p.stop()
    p.command("send", "--from", "a@far.test", "--to", "kim@port26.test", input="Hello\n")
    mend = damage(p, ACCOUNT, "kim@port26.test")
    p.start()
    for to in ("kim@port26.test", "kim+x@port26.test", "sales@port26.test", "team@port26.test"):
        code, words = rcpt(p, to)
        assert code == 451 and words.startswith("4.3.0") and "kim" not in words, (to, words)
    assert auth(p, "kim@port26.test") == 454
    with smtplib.SMTP("127.0.0.1", p.ports["submission"], timeout=60) as c:
        c.starttls(context=p.context())
        c.ehlo()
        first = base64.b64encode(b"n,,n=kim@port26.test,r=abcdefghijklmnop").decode()
        assert c.docmd("AUTH", f"SCRAM-SHA-256 {first}")[0] == 454
    assert pop(p, "kim@port26.test").startswith("-ERR [SYS/TEMP]")
    # others are not touched by it
    assert rcpt(p, USER)[0] == 250 and rcpt(p, "nobody@port26.test")[0] == 550
    assert auth(p, USER) == 235 and auth(p, USER, "wrong") == 535
    # her mail waits, and nobody gets a report
    wait_for(lambda: "can not read" in p.command("queue", "ls").stdout, 20, 0.2,
             lambda: p.command("queue", "ls").stdout + p.log()[-3000:])
    assert len(p.queue()) == 1 and not p.inbox_files()
    # what a person is told
    listed = p.command("account", "ls")
    assert USER in listed.stdout and "lee@acme.test" in listed.stdout and "kim@port26.test does not read" in listed.stdout + listed.stderr
    r = p.command("account", "set", "kim@port26.test", "--quota", "1G", check=False)
    assert r.returncode and "can not read" in r.stderr, r.stderr
    with pytest.raises(AssertionError, match="can not read"):
        p.account_add("kim@port26.test", "another password")
    assert 'kim@port26.test is damaged' in p.log()
    p.stop()
    mend()
    p.start()
    p.wait_inbox(account="kim@port26.test")
    assert rcpt(p, "sales@port26.test")[0] == 250 and auth(p, "kim@port26.test") == 235 and pop(p, "kim@port26.test") == "+OK"


def test_hosting_account(house):
    """The server starts; whether the hosting account is locked is not known, so nobody of it comes in. `host set` puts it right."""
    p = house
    p.stop()
    damage(p, HOST, "acme")
    p.start()
    assert auth(p, "lee@acme.test") == 454 and "[AUTH]" not in pop(p, "lee@acme.test")
    assert rcpt(p, "lee@acme.test")[0] == 451
    assert auth(p, USER) == 235 and rcpt(p, USER)[0] == 250
    p.command("host", "set", "acme", "--quota", "1G")
    assert auth(p, "lee@acme.test") == 235 and rcpt(p, "lee@acme.test")[0] == 250


def test_domain_and_alias(house):
    """The domain is ours all the same; what stands in the record is not guessed."""
    p = house
    p.stop()
    damage(p, DOMAIN, "acme.test")
    damage(p, ALIAS, "team@port26.test")
    p.start()
    assert rcpt(p, "lee@acme.test")[0] == 250  # has a mailbox
    assert rcpt(p, "whoever@acme.test")[0] == 451  # there may be a catch-all
    assert rcpt(p, "team@port26.test")[0] == 451
    assert rcpt(p, "nobody@port26.test")[0] == 550
    with p.client() as c:
        assert c.docmd("MAIL", f"FROM:<{USER}>")[0] == 250
        assert c.docmd("RCPT", "TO:<team@port26.test>")[0] == 451
        c.rset()
        c.sendmail(USER, ["lee@acme.test"], message())
    p.wait_inbox(account="lee@acme.test")


def test_given_up(house):
    """A record that nobody can read any more can be removed and made anew by name; sums stay exact, and the mail stays."""
    p = house
    p.command("send", "--from", "a@far.test", "--to", "lee@acme.test", input="Hello\n")
    p.wait_inbox(account="lee@acme.test")
    stored = p.json("quota", "show", "acme")["quota"]["used"]
    assert stored > 0
    p.stop()
    for kind, name in ((ACCOUNT, "lee@acme.test"), (ALIAS, "team@port26.test")):
        damage(p, kind, name)
    p.start()
    assert rcpt(p, "lee@acme.test")[0] == 451 and rcpt(p, "team@port26.test")[0] == 451
    assert {(o["kind"], o["name"]) for o in p.json("status")["damaged"]} == {("account", "lee@acme.test"), ("alias", "team@port26.test")}
    assert "the record of the account lee@acme.test is damaged" in p.command("status").stdout
    for words in (("account", "show", "lee@acme.test"), ("alias", "add", "team@port26.test", USER)):
        r = p.command(*words, check=False)
        assert r.returncode and "can not read" in r.stderr, r.stderr
    said = p.command("account", "rm", "lee@acme.test").stdout
    assert "Its record was damaged" in said and "Its mail stays" in said, said
    assert rcpt(p, "lee@acme.test")[0] == 550
    assert p.json("quota", "show", "acme")["quota"]["used"] == 0
    assert p.json("quota", "recount", "--all")["corrected"] == []
    p.account_add("lee@acme.test", PASSWORD)
    assert auth(p, "lee@acme.test") == 235
    wait_for(lambda: p.json("quota", "show", "acme")["quota"]["used"] == stored, 20, 0.2)
    p.command("alias", "set", "team@port26.test", USER)
    assert rcpt(p, "team@port26.test")[0] == 250 and not p.json("status")["damaged"]
    p.stop()
    for kind, name in ((DOMAIN, "acme.test"), (HOST, "acme"), (ALIAS, "team@port26.test")):
        damage(p, kind, name)
    p.start()
    assert {o["kind"] for o in p.json("status")["damaged"]} == {"domain", "hosting account"}  # read at the start
    p.command("alias", "rm", "team@port26.test")
    p.command("host", "set", "acme", "--quota", "1G")
    p.command("account", "rm", "lee@acme.test")
    p.command("domain", "rm", "acme.test")
    p.command("host", "rm", "acme")
    assert not p.json("status")["damaged"] and not p.json("host", "ls")["hosts"]
