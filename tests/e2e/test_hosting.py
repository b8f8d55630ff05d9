"""Many customers on one machine: hosting accounts, domains, aliases, imports, and logins from Dovecot."""
import base64, hashlib, json, re, signal, smtplib, subprocess, time

import pytest

from port26 import PASSWORD, Port26, USER, secret_file, wait_for
from sink import Sink


@pytest.fixture(scope="module")
def server():
    s = Port26()
    try:
        yield s.start()
    finally:
        s.close()


def refused(server, *args):
    r = server.command(*args, check=False)
    assert r.returncode, args
    return r.stderr


def rows(server, what):
    keys = {"host": ("hosts", "name"), "domain": ("domains", "name"), "alias": ("aliases", "address"), "account": ("accounts", "name")}
    rows, key = keys[what]
    return {row[key]: row for row in server.json(what, "ls")[rows]}


def account(server, name, *options, password=PASSWORD):
    secret = secret_file(server.dir / "secret-hosting", password)
    out = server.command("account", "add", name, "--password-file", str(secret), *options)
    secret.unlink()
    return out.stdout


def session(server, login=None, password=PASSWORD, door="submission"):
    c = smtplib.SMTP("localhost", server.ports[door], timeout=60)
    c.ehlo("client.test")
    if door == "submission":
        import ssl
        c.starttls(context=ssl._create_unverified_context())
        c.ehlo("client.test")
    if login:
        c.login(login, password)
    return c


def say(c, line):
    code, text = c.docmd(line)
    return code, text.decode()


# ---- commands

def test_hosts(server):
    server.command("host", "add", "Acme", "--quota", "10G", "--sending", "1000/h,5000/d", "--messages", "50/h")
    assert "exists already" in refused(server, "host", "add", "acme")
    assert "can not be" in refused(server, "host", "add", "a b")
    assert "no quota" in refused(server, "host", "add", "x", "--quota", "much")
    assert "no sending limit" in refused(server, "host", "add", "x", "--sending", "7")
    row = rows(server, "host")["acme"]
    assert (row["quota"], row["sending"], row["messages"], row["locked"]) == ("10G", "1000/h,5000/d", "50/h", False)
    server.command("host", "set", "acme", "--quota", "none", "--messages", "default")
    row = rows(server, "host")["acme"]
    assert (row["quota"], row["sending"], row["messages"]) == ("none", "1000/h,5000/d", "default")
    assert "nothing to set" in refused(server, "host", "set", "acme")
    assert "acme" in server.command("host", "ls").stdout
    server.command("host", "rm", "acme")
    assert "no hosting account" in refused(server, "host", "show", "acme")


def test_who_owns_what(server):
    server.command("host", "add", "owner")
    server.command("host", "add", "buyer")
    account(server, "early@owned.test")  # before the domain was ours
    server.command("domain", "add", "Owned.test", "--host", "owner")
    assert "is here already" in refused(server, "domain", "add", "owned.test")
    assert "no hosting account" in refused(server, "domain", "add", "other.test", "--host", "nobody")
    assert "no domain" in refused(server, "domain", "add", "a b")
    account(server, "kim@owned.test", "--quota", "1G", "--sending", "100/h,1000/d")
    account(server, "lee@owned.test", "--host", "none")
    show = server.json("host", "show", "owner")["host"]
    assert sorted(show["account_names"]) == ["early@owned.test", "kim@owned.test"]
    assert show["domain_names"] == ["owned.test"]
    kim = server.json("account", "show", "kim@owned.test")["account"]
    assert (kim["host"], kim["quota"], kim["sending"]) == ("owner", "1G", "100/h,1000/d")
    assert "still owns 2 accounts (early@owned.test, kim@owned.test) and 1 domain (owned.test)" in refused(server, "host", "rm", "owner")
    server.command("domain", "set", "owned.test", "--host", "buyer")
    assert rows(server, "account")["kim@owned.test"]["host"] == "buyer"
    assert rows(server, "account")["lee@owned.test"]["host"] == ""
    assert rows(server, "domain")["owned.test"]["accounts"] == 3
    assert "still has 3 accounts" in refused(server, "domain", "rm", "owned.test")
    for name in ("early", "kim", "lee"):
        said = server.command("account", "rm", f"{name}@owned.test").stdout
        assert f"{server.inbox}/{name}@owned.test" in said
    server.command("domain", "rm", "owned.test")
    server.command("host", "rm", "owner")
    server.command("host", "rm", "buyer")


def test_account_set_keeps_the_rest(server):
    account(server, "set@port26.test", "--alias", "also@port26.test", "--quota", "1G")
    server.command("account", "set", "set@port26.test", "--sending", "5/h")
    secret = secret_file(server.dir / "secret-set", "another one")
    server.command("account", "passwd", "set@port26.test", "--password-file", str(secret))
    row = server.json("account", "show", "set@port26.test")["account"]
    assert (row["quota"], row["sending"], row["aliases"]) == ("1G", "5/h", ["also@port26.test"])
    session(server, "set@port26.test", "another one").quit()
    server.command("account", "lock", "set@port26.test")
    with pytest.raises(smtplib.SMTPAuthenticationError):
        session(server, "set@port26.test", "another one")
    server.command("account", "unlock", "set@port26.test")
    session(server, "set@port26.test", "another one").quit()
    server.command("account", "rm", "set@port26.test")


def test_what_stands_in_the_way_is_named(server):
    server.command("host", "add", "full")
    assert "choose another name" in refused(server, "host", "add", "None")
    shown = server.json("quota", "show", "full")["quota"]  # without any account
    assert (shown["kind"], shown["used"], shown["allowed"]) == ("host", 0, None)
    assert "full" in {row["name"] for row in server.json("quota", "ls")["quotas"]}
    assert "domain dns full.test" in server.command("domain", "add", "full.test", "--host", "full").stdout
    for n in range(7):
        account(server, f"n{n}@full.test")
    server.command("alias", "add", "all@full.test", "n0@full.test")
    words = refused(server, "host", "rm", "full")
    assert "7 accounts (n0@full.test, n1@full.test" in words and "and 2 more)" in words and "1 domain (full.test)" in words, words
    words = refused(server, "domain", "rm", "full.test")
    assert "n0@full.test" in words and "1 alias (all@full.test)" in words, words
    assert server.json("host", "show", "full")["host"]["account_names"] == [f"n{n}@full.test" for n in range(7)]
    server.command("domain", "set", "full.test", "--catch-all", "n0@full.test")
    words = server.command("account", "rm", "n0@full.test").stdout
    assert "aliases still lead to it (all@full.test)" in words and "catch-all of a domain (full.test)" in words, words
    assert "no mailbox" in server.command("domain", "set", "full.test", "--catch-all", "nobody@full.test").stdout


def test_a_domain_with_a_catch_all_changes_its_owner(server):
    """What stood in the record before is not read any more once the record has been replaced."""
    server.command("host", "add", "giver")
    server.command("host", "add", "taker")
    server.command("domain", "add", "moves.test", "--host", "giver")
    account(server, "all@moves.test")
    server.command("domain", "set", "moves.test", "--catch-all", "all@moves.test")
    out = server.command("domain", "set", "moves.test", "--host", "taker").stdout
    assert "Careful" not in out, out
    assert rows(server, "domain")["moves.test"]["catch_all"] == "all@moves.test"
    assert rows(server, "account")["all@moves.test"]["host"] == "taker"


def test_an_address_belongs_to_one(server):
    server.command("domain", "add", "one.test")
    account(server, "ann@one.test", "--alias", "x@one.test", "--alias", "@one.test")
    account(server, "bob@one.test")
    for alias, words in (("X@One.test", "belongs to the account ann@one.test"), ("@one.test", "belongs to"), ("ann@one.test", "belongs to"),
                         ("nonsense", "is no alias"), ("a b@one.test", "is no alias"), ("@", "is no alias")):
        assert words in refused(server, "account", "set", "bob@one.test", "--alias", alias)
    assert "does not come here" in server.command("account", "set", "bob@one.test", "--alias", "bob@gmail.test").stdout
    server.command("account", "set", "bob@one.test", "--alias", "none")
    assert rows(server, "account")["bob@one.test"]["aliases"] == []
    assert "was an alias of the account ann@one.test" in account(server, "x@one.test")
    assert "gets no mail any more" in server.command("alias", "add", "bob@one.test", "ann@one.test").stdout
    assert "alias rm bob@one.test" in server.command("account", "rm", "bob@one.test").stdout + account(server, "bob@one.test")


def test_mail_of_a_former_owner_is_not_handed_on_in_silence(server):
    account(server, "heir@port26.test")
    send(server, "heir@port26.test")
    server.wait_inbox(1, "heir@port26.test")
    server.command("account", "rm", "heir@port26.test")
    words = account(server, "heir@port26.test")
    assert f"{server.inbox}/heir@port26.test was there already" in words, words
    shown = server.json("account", "show", "heir@port26.test")["account"]["stored"]
    assert shown["messages"] in (0, 1) and shown["kind"] == "account"
    words = server.command("account", "show", "heir@port26.test").stdout
    assert re.search(r"^Stored .* in (0 messages|1 message), queue ", words, re.M), words
    server.command("account", "rm", "heir@port26.test")


def test_a_generated_password(server):
    made = json.loads(server.command("account", "add", "made@port26.test", "--generate", "--json").stdout)["password"]
    assert len(made) == 20
    session(server, "made@port26.test", made).quit()
    said = server.command("account", "passwd", "made@port26.test", "-g").stdout
    session(server, "made@port26.test", said.partition("Password: ")[2].split()[0]).quit()
    with pytest.raises(smtplib.SMTPAuthenticationError):
        session(server, "made@port26.test", made)
    assert "not both" in refused(server, "account", "passwd", "made@port26.test", "-g", "-p", "x")


def test_options_that_contradict(server):
    for args, words in ((("host", "add", "x", "--quota", "1G", "--quota", "2G"), "--quota is given twice"),
                        (("host", "add", "x", "-q1G", "--quota=1G"), "--quota is given twice"),
                        (("quota", "recount", "x", "--all"), "not both"), (("quota", "recount"), "a name, or --all"),
                        (("queue", "retry"), "the id of a message, or --all")):
        r = server.command(*args, check=False)
        assert r.returncode == 64 and words in r.stderr, (args, r.stderr)


def test_everything_outlives_a_restart():
    s = Port26()
    try:
        s.command("host", "add", "acme", "--quota", "1G")  # without a daemon
        s.command("domain", "add", "acme.test", "--host", "acme")
        account(s, "kim@acme.test")
        assert "the server does not run" in s.command("account", "show", "kim@acme.test").stdout
        s.command("alias", "add", "sales@acme.test", "kim@acme.test", "far@example.net")
        s.start()
        assert rows(s, "host")["acme"]["accounts"] == 1
        assert rows(s, "alias")["sales@acme.test"]["targets"] == ["kim@acme.test", "far@example.net"]
        assert rows(s, "domain")["acme.test"]["host"] == "acme"
    finally:
        s.close()


# ---- aliases, at the doors

def send(server, to, login=USER, sender=None, subject="x", door="submission"):
    c = session(server, login, door=door)
    c.sendmail(sender or login, to, f"From: <{sender or login}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n\r\nHello\r\n".encode())
    c.quit()


def new_inbox(server, *names, **options):
    for name in names:
        if name not in rows(server, "account"):
            account(server, name)


def test_a_domain_is_ours_from_the_moment_it_is_added(server):
    """The listener knows the domains of the settings only: from now on it asks about every recipient."""
    c = session(server, USER)
    c.mail(USER)
    code, _ = say(c, "RCPT TO:<nobody@late.test>")
    assert code == 250  # somebody else's domain
    c.rset()
    server.command("domain", "add", "late.test")
    c.mail(USER)
    code, text = say(c, "RCPT TO:<nobody@late.test>")
    assert (code, "5.1.1" in text) == (550, True)
    account(server, "kim@late.test")
    assert say(c, "RCPT TO:<kim@late.test>")[0] == 250
    assert say(c, "RCPT TO:<Kim+list@LATE.test>")[0] == 250
    c.quit()
    stranger = session(server, door="exchange")
    stranger.mail("stranger@example.net")
    assert say(stranger, "RCPT TO:<kim@late.test>")[0] == 250
    assert say(stranger, "RCPT TO:<nobody@late.test>")[0] == 550
    assert say(stranger, "RCPT TO:<you@example.org>")[0] == 550
    stranger.quit()
    send(server, "kim@late.test", subject="late")
    assert b"late" in server.wait_inbox(1, "kim@late.test")[0]


def test_an_alias_reaches_all_behind_it(server):
    server.command("domain", "add", "team.test", "--catch-all", "all@team.test")
    new_inbox(server, "ann@team.test", "bob@team.test", "eve@team.test")
    server.command("alias", "add", "all@team.test", "both@team.test", "eve@team.test", "ann@team.test")
    server.command("alias", "add", "both@team.test", "ann@team.test", "bob@team.test")
    send(server, "All@team.test", subject="to-all")
    for name in ("ann", "bob", "eve"):
        assert b"to-all" in server.wait_inbox(1, f"{name}@team.test")[0]
    send(server, "whoever@team.test", subject="caught")
    for name in ("ann", "bob", "eve"):
        assert sum(b"caught" in m for m in server.wait_inbox(2, f"{name}@team.test")) == 1
    c = session(server, USER)  # one who is named twice gets it once
    c.sendmail(USER, ["both@team.test", "ann@team.test"], b"Subject: once\r\n\r\nx\r\n")
    c.quit()
    wait_for(lambda: any(b"once" in f.read_bytes() for f in server.inbox_files("bob@team.test")))
    wait_for(lambda: not server.queue())
    assert sum(b"once" in f.read_bytes() for f in server.inbox_files("ann@team.test")) == 1


def test_an_alias_may_keep_a_copy_and_may_be_used_to_send(server):
    server.command("domain", "add", "copy.test")
    new_inbox(server, "ann@copy.test", "bob@copy.test")
    server.command("alias", "add", "ann@copy.test", "ann@copy.test", "bob@copy.test")
    server.command("alias", "add", "office@copy.test", "bob@copy.test")
    send(server, "ann@copy.test", subject="twice")
    for name in ("ann", "bob"):
        assert b"twice" in server.wait_inbox(1, f"{name}@copy.test")[0]
    send(server, USER, login="bob@copy.test", sender="office@copy.test")
    with pytest.raises(smtplib.SMTPSenderRefused) as e:
        send(server, USER, login="ann@copy.test", sender="office@copy.test")
    assert e.value.smtp_code == 553


def test_aliases_that_lead_nowhere(server):
    server.command("domain", "add", "void.test")
    said = server.command("alias", "add", "gone@void.test", "nobody@void.test").stdout
    assert "no mailbox nobody@void.test" in said
    server.command("alias", "add", "a@void.test", "b@void.test")
    assert "circle" in server.command("alias", "add", "b@void.test", "a@void.test").stdout
    assert "not ours" in refused(server, "alias", "add", "x@elsewhere.test", "y@void.test")
    assert "no mail address" in refused(server, "alias", "add", "x@void.test", "nonsense")
    assert "exists already" in refused(server, "alias", "add", "a@void.test", "c@void.test")
    c = session(server, door="exchange")
    c.mail("stranger@example.net")
    assert say(c, "RCPT TO:<gone@void.test>")[0] == 550
    code, text = say(c, "RCPT TO:<a@void.test>")
    assert code == 550 and "5.4.6" in text
    new_inbox(server, "kim@void.test")
    server.command("alias", "set", "gone@void.test", "nobody@void.test", "kim@void.test")
    assert say(c, "RCPT TO:<gone@void.test>")[0] == 250  # one of them is there
    c.data(b"Subject: half\r\n\r\nx\r\n")
    c.quit()
    assert b"half" in server.wait_inbox(1, "kim@void.test")[0]
    wait_for(lambda: not server.queue())
    assert "alias.nobody" in server.log()


def test_an_alias_may_lead_elsewhere(start):
    """ORCPT and NOTIFY of the sender go with it (RFC 3461 5.2.7), and it leaves by the route of the new address."""
    with Sink() as sink:
        server = start(f'relay "sink" {{ host = "[127.0.0.1]" port = {sink.port} tls = none }}\nroute "all" {{ via = "relay:sink" }}\n')
        server.command("domain", "add", "fwd.test")
        server.command("alias", "add", "far@fwd.test", "target@example.net")
        c = session(server, USER)
        c.sendmail(USER, ["far@fwd.test"], b"Subject: away\r\n\r\nx\r\n", rcpt_options=["NOTIFY=FAILURE", "ORCPT=rfc822;first@example.org"])
        c.quit()
        wait_for(lambda: sink.messages)
        rcpt = next(line for line in sink.lines if line.upper().startswith(b"RCPT"))
        assert rcpt.strip() == b"RCPT TO:<target@example.net> NOTIFY=FAILURE ORCPT=rfc822;first@example.org"


def test_a_locked_hosting_account(server):
    server.command("host", "add", "late-payer")
    server.command("domain", "add", "payer.test", "--host", "late-payer")
    new_inbox(server, "kim@payer.test")
    c = session(server, "kim@payer.test")
    server.command("host", "lock", "late-payer")
    code, text = c.mail("kim@payer.test")
    assert code == 535, text  # the one who is logged in already
    with pytest.raises(smtplib.SMTPAuthenticationError) as e:
        session(server, "kim@payer.test")
    assert e.value.smtp_code == 535 and e.value.smtp_error.startswith(b"5.7.13 ") and b"this account is locked" in e.value.smtp_error
    with pytest.raises(smtplib.SMTPAuthenticationError) as e:
        session(server, "kim@payer.test", "a guess")
    assert b"locked" not in e.value.smtp_error, "only who knows the password is told"
    stranger = session(server, door="exchange")
    stranger.mail("stranger@example.net")
    code, text = say(stranger, "RCPT TO:<kim@payer.test>")
    assert code == 450 and "4.2.1" in text and "locked" in text
    server.command("host", "unlock", "late-payer")
    assert say(stranger, "RCPT TO:<kim@payer.test>")[0] == 250
    stranger.quit()
    session(server, "kim@payer.test").quit()


# ---- the support desk

def test_why_could_kim_not_send(server):
    """Each answer that kept an account from sending, or mail from reaching it, is in its record and in the log."""
    server.command("domain", "add", "desk.test")
    account(server, "kim@desk.test", "--quota", "20K")
    account(server, "lee@desk.test", "--quota", "20K")
    for _ in range(3):
        with pytest.raises(smtplib.SMTPAuthenticationError):
            session(server, "kim@desk.test", "wrong")
    c = session(server, "kim@desk.test")
    for line, code in (("MAIL FROM:<boss@desk.test>", 553), ("MAIL FROM:<kim@desk.test> SIZE=30000", 452), ("MAIL FROM:<kim@desk.test>", 250),
                       ("RCPT TO:<nobody@desk.test>", 550), ("RCPT TO:<far@example.net>", 250)):
        assert say(c, line)[0] == code
    assert c.data(b"Subject: big\r\n\r\n" + b"0123456789\r\n" * 3000)[0] == 452
    c.quit()
    stranger = session(server, door="exchange")
    stranger.mail("s@example.net")
    assert say(stranger, "RCPT TO:<lee@desk.test>")[0] == 250
    assert stranger.data(b"Subject: big\r\n\r\n" + b"0123456789\r\n" * 3000)[0] == 452
    stranger.mail("s@example.net", ["SIZE=30000"])
    assert say(stranger, "RCPT TO:<lee@desk.test>")[0] == 452
    stranger.quit()
    c = session(server)  # a program that does not log in
    assert say(c, "MAIL FROM:<kim@desk.test>")[0] == 530
    c.quit()
    refusals = server.json("account", "show", "kim@desk.test")["account"]["refused"]
    assert [r["code"] for r in refusals] == [452, 550, 452, 553, 535]
    assert refusals[-1]["times"] >= 3 and refusals[-1]["first"] <= refusals[-1]["at"] and refusals[-1]["peer"] in ("127.0.0.1", "::1")
    assert refusals[1]["status"] == "5.1.1" and "nobody@desk.test" in refusals[1]["words"]
    people = server.command("account", "show", "kim@desk.test").stdout
    assert "553 5.7.1 The login kim@desk.test is not allowed to send as <boss@desk.test>" in people
    assert "times since" in people
    c = session(server, "kim@desk.test")
    c.mail("kim@desk.test", ["SIZE=15000"])
    server.command("account", "set", "lee@desk.test", "--quota", "10K")
    assert say(c, "RCPT TO:<lee@desk.test>")[0] == 452
    c.quit()
    refusals = server.json("account", "show", "lee@desk.test")["account"]["refused"]  # what others were told
    assert [r["code"] for r in refusals] == [452, 452, 452] and "20.0 KB" not in refusals[0]["words"], refusals
    log = server.log()
    for event, words in (("sender.refused", "boss@desk.test"), ("recipient.refused", "nobody@desk.test"), ("recipient.refused", "account=lee@desk.test"),
                         ("what=refused", "530 5.7.0"), ("login.refused", "account=kim@desk.test")):
        assert any(event in line and words in line for line in log.splitlines()), (event, words)
    kept = server.json("account", "show", "kim@desk.test")["account"]
    server.stop()
    server.start()
    shown = server.json("account", "show", "kim@desk.test")["account"]
    assert shown["refused"] == kept["refused"] and shown["refused_since"] == kept["refused_since"]
    server.command("account", "rm", "kim@desk.test")
    account(server, "kim@desk.test")
    shown = server.json("account", "show", "kim@desk.test")["account"]
    assert shown["refused"] == [] and shown["refused_since"].startswith("20")
    assert "Refused   nothing since 20" in server.command("account", "show", "kim@desk.test").stdout


# ---- import

HASHES = {"six": "$6$saltsalt$", "five": "$5$rounds=6000$saltsalt$", "yes": "$y$j9T$saltsaltsaltsalt$", "bee": "$2b$05$abcdefghijklmnopqrstuu"}


def crypted(password, setting):
    """What libcrypt makes of it (Python's own module is gone from 3.13 on)."""
    import ctypes
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    return crypt(password.encode(), setting.encode()).decode()


def readable(server, name, text):
    path = server.dir / name
    path.write_text(text)
    path.chmod(0o644)
    return str(path)




def digested(method, password):
    salt = b"salt of its own"
    return base64.b64encode(hashlib.new(method, password.encode() + salt).digest() + salt).decode()


OTHERS = {"ssha": "{SSHA}" + digested("sha1", "pass ssha"), "ssha256": "{SSHA256}" + digested("sha256", "pass ssha256"),
          "ssha512": "{ssha512.b64}" + digested("sha512", "pass ssha512"),
          "sha": "{SHA}" + base64.b64encode(hashlib.sha1(b"pass sha").digest()).decode(),
          "argon": "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$wjKW9R6TFwdkYIlYi2PvhQ$q6Hl9OIrAsRA1DoNU/w/ypExHVY+jqEClwbhmVFq1z0", "argoni": "$argon2i$v=19$m=64,t=3,p=1$C5zJJ6lScaYy443y1cl4yw$XBfjSpKf5Ne8R+m9HZpnXrbl/rC8mVrU2tkY1P6fXO0"}


def test_import_of_hashes(server):
    """Who comes with a hash logs in by PLAIN, and by SCRAM from then on."""
    server.command("domain", "add", "moved.test")
    lines = [f"{name}:{'{SHA512-CRYPT}' if name == 'six' else ''}{crypted('pass ' + name, setting)}:19000:0:99999:7:::\n" for name, setting in HASHES.items()]
    lines += [f"{name}:{hashed}:19000:0:99999:7:::\n" for name, hashed in OTHERS.items()]
    path = readable(server, "shadow", "root:*:1:::::\nnobody:!:1:::::\n" + "".join(lines))
    assert "10 accounts would be added" in server.command("account", "import", path, "--format", "shadow", "--domain", "moved.test", "--dry-run").stdout
    assert "six@moved.test" not in rows(server, "account")
    assert "10 accounts added" in server.command("account", "import", path, "--format", "shadow", "--domain", "moved.test").stdout
    assert f"ssha@moved.test:{OTHERS['ssha']}:" in server.command("account", "export").stdout
    for name in (*HASHES, *OTHERS):
        c = session(server)
        code, text = say(c, "AUTH SCRAM-SHA-256 " + base64.b64encode(f"n,,n={name}@moved.test,r=abcdefghijklmnop".encode()).decode())
        assert (code, "4.7.12" in text) == (432, True), text
        with pytest.raises(smtplib.SMTPAuthenticationError):
            c.login(f"{name}@moved.test", "pass wrong")
        c.quit()
        session(server, f"{name}@moved.test", "pass " + name).quit()
        wait_for(lambda: server.json("account", "show", f"{name}@moved.test")["account"]["login"].startswith("SCRAM"))
        c = session(server)
        code, text = say(c, "AUTH SCRAM-SHA-256 " + base64.b64encode(f"n,,n={name}@moved.test,r=abcdefghijklmnop".encode()).decode())
        assert code == 334
        c.close()
        session(server, f"{name}@moved.test", "pass " + name).quit()
    assert "exists already" in refused(server, "account", "import", path, "--format", "shadow", "--domain", "moved.test")


def test_passwords_and_lists_from_a_pipe(server):
    server.command("account", "add", "pipe@port26.test", "--password-file", "-", input="by the pipe\n")
    session(server, "pipe@port26.test", "by the pipe").quit()
    server.command("account", "passwd", "pipe@port26.test", input="the other\n")
    session(server, "pipe@port26.test", "the other").quit()
    server.command("account", "import", "-", input="name,password\npiped@port26.test,secret\n")
    session(server, "piped@port26.test", "secret").quit()
    r = server.command("account", "import", "-", input="name,password\npiped2@port26.test\n", check=False)
    assert r.returncode == 65 and "-:2: 1 fields" in r.stderr, r.stderr
    for name in ("pipe", "piped"):
        assert "never had mail" in server.command("account", "rm", f"{name}@port26.test").stdout


def test_import_is_all_or_nothing(server):
    server.command("host", "add", "importer")
    server.command("domain", "add", "csv.test", "--host", "importer")
    path = readable(server, "bad.csv", "name,password,host,quota,aliases\n"
                    "one@csv.test,secret one,importer,1G,\"first@csv.test second@csv.test\"\n"
                    "two@csv.test,secret two,nobody,,\n"
                    "one@csv.test,again,,,\n"
                    "three@csv.test,,,,\n"
                    "four@csv.test,x,,much,\n")
    said = refused(server, "account", "import", path)
    for line, words in ((3, "no hosting account nobody"), (4, "twice"), (5, "neither"), (6, "no quota")):
        assert any(f"bad.csv:{line}: " in s and words in s for s in said.splitlines()), said
    assert "nothing was imported" in said
    assert "one@csv.test" not in rows(server, "account")
    path = readable(server, "good.csv", "Name,Password,Host,Quota,Aliases\n"
                    "one@csv.test,\"secret, \"\"one\"\"\",,1G,\"first@csv.test second@csv.test\"\n\n# none\n")
    server.command("account", "import", path)
    one = server.json("account", "show", "one@csv.test")["account"]
    assert (one["host"], one["quota"], one["aliases"]) == ("importer", "1G", ["first@csv.test", "second@csv.test"])
    session(server, "one@csv.test", 'secret, "one"').quit()
    assert "first line" in refused(server, "account", "import", readable(server, "no.csv", "a,b\n1,2\n"))


def test_import_makes_what_it_names_and_changes_what_differs(server):
    def run(*options):
        return server.command("account", "import", path, *options)
    head = "\ufeffname;password;host;quota;aliases;sending\r\n"  # as a spreadsheet writes it
    lines = ["ann@make.test;secret one;maker;1G;first@make.test second@make.test;10/h", "bob@make.test;secret two;;;;", "joe@also.test;secret three;Maker;;;"]
    path = readable(server, "make.csv", head + "\r\n".join(lines))
    r = server.command("account", "import", path, check=False)
    assert r.returncode == 65 and "--create" in r.stderr and "nothing was imported" in r.stderr
    assert run("--create", "--dry-run").stdout == "3 accounts would be added; 1 hosting account and 2 domains would be made; nothing was written.\n"
    assert "maker" not in rows(server, "host")
    assert run("--create").stdout == "3 accounts added; 1 hosting account and 2 domains made.\n"
    assert server.json("host", "show", "maker")["host"]["account_names"] == ["ann@make.test", "bob@make.test", "joe@also.test"]
    assert rows(server, "domain")["also.test"]["host"] == "maker"
    assert len(server.json("domain", "keys", "make.test")["keys"]) == 2
    send(server, "bob@make.test", subject="made")
    assert b"made" in server.wait_inbox(1, "bob@make.test")[0]

    assert "--update" in refused(server, "account", "import", path)
    assert run("--update").stdout == "0 accounts added, 0 changed, 3 as before.\n"
    server.command("account", "set", "bob@make.test", "--quota", "5G")  # the file says nothing about it
    lines[0] = lines[0].replace("1G", "2G").replace("secret one", "another one")
    lines.append("new@make.test;secret four;;;;")
    path = readable(server, "make2.csv", head + "\r\n".join(lines))
    answer = json.loads(run("--update", "--json").stdout)
    assert answer == {"added": 1, "changed": 1, "same": 2, "hosts": [], "domains": [], "foreign": [], "written": True}
    account_rows = rows(server, "account")
    assert (account_rows["ann@make.test"]["quota"], account_rows["bob@make.test"]["quota"]) == ("2G", "5G")
    session(server, "ann@make.test", "secret one").quit()  # passwords are the users' by now
    assert "1 changed, 3 as before" in run("--update", "--passwords").stdout  # each password is proved
    assert "0 changed, 4 as before" in run("--update", "--passwords").stdout
    session(server, "ann@make.test", "another one").quit()

    lines = ["zed@make.test;x;;;;", "zed@make.test;x;;;;", "max@make.test;x;;;ann@make.test;", "sue@make.test;x;;;Sue2@make.test;", "sue2@make.test;x;;;;",
             "ted@make.test;x;;;a b@c@d;", "tim@make.test;x;default;;;"]
    path = readable(server, "bad2.csv", head + "\r\n".join(lines))
    said = refused(server, "account", "import", path, "--update", "--create")
    for line, words in ((3, "zed@make.test stands in the file twice"), (4, "belongs to the account ann@make.test"), (6, "sue2@make.test stands in the file twice"),
                        (7, "is no alias"), (8, "can not be a hosting account")):
        assert f"bad2.csv:{line}: " in said and words in said, said
    assert "zed@make.test" not in rows(server, "account")
    assert "goes with --update" in refused(server, "account", "import", path, "--passwords")

    path = readable(server, "foreign.csv", "name,password\nx@foreign1.test,x\ny@foreign2.test,y\n")
    r = run()
    assert r.stdout == "2 accounts added.\n" and "2 of the domains are not ours (foreign1.test, ...)" in r.stderr


def broken_off(start, count):
    """A server that was killed while it wrote an import, and the file: so often that it must have been in the midst of it once."""
    hashed = crypted("imported", HASHES["five"])
    for attempt in range(5):
        p = start(accounts=False)
        path = readable(p, "many.csv", "name,hash,host\n" + "".join(f"u{i}@many.test,{hashed},h{i % 7}\n" for i in range(count)))
        run = subprocess.Popen(p.argv("account", "import", path, "--create"), env=p.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: "import.begun" in p.log(), 60, 0.002)
        p.kill()
        said = run.communicate(timeout=60)[1]
        p.start()
        if p.json("status")["imports"]:
            return p, path, said
        p.stop()
    raise AssertionError("the import was always done before the server was killed")


def test_import_that_was_broken_off(start):
    """The crash leaves the first accounts and a note; the same command goes on, and the passwords work."""
    count = 4000
    p, path, said = broken_off(start, count)
    assert "run the same command again" in said, said
    note, = p.json("status")["imports"]
    there = p.json("status")["accounts"]
    assert note["file"] == path and 0 < note["written"] < note["all"] == count + 8 and 0 < there < count, (note, there)
    assert "import.unfinished" in p.log() and f"import of {path}, begun" in p.command("status").stdout
    assert "many.test" not in rows(p, "domain")  # comes last: mail for who is not here yet is not refused for ever
    other = readable(p, "other.csv", "name,password\nu0@many.test,x\n")
    assert "exists already" in refused(p, "account", "import", other)
    out = p.command("account", "import", path, "--create").stdout
    assert out == f"{count - there} accounts added; 0 hosting accounts and 1 domain made; {there} were written by the import that was broken off.\n"
    assert p.json("status")["accounts"] == count and not p.json("status")["imports"]
    assert len(p.json("domain", "keys", "many.test")["keys"]) == 2
    for name in ("u0@many.test", f"u{count - 1}@many.test"):
        session(p, name, "imported").quit()
    assert "exists already" in refused(p, "account", "import", path)
    assert "no import of" in refused(p, "account", "import", "--forget", path)


def test_import_that_is_left_as_it_is(start):
    p, path, _ = broken_off(start, 4000)
    p.command("account", "import", "--forget", path)
    assert not p.json("status")["imports"] and "broken off" not in p.command("status").stdout
    assert "exists already" in refused(p, "account", "import", path)


def test_domain_with_many_accounts_moves(server):
    """In parts; what they store moves along, to the octet."""
    count = 450
    for name in ("leaver", "receiver"):
        server.command("host", "add", name)
    server.command("domain", "add", "parts.test", "--host", "leaver")
    hashed = crypted("imported", HASHES["five"])
    server.command("account", "import", readable(server, "parts.csv", "name,hash\n" + "".join(f"u{i}@parts.test,{hashed}\n" for i in range(count))))
    send(server, f"u{count - 1}@parts.test", subject="moved")
    server.wait_inbox(1, f"u{count - 1}@parts.test")
    stored = server.json("quota", "show", "leaver")["quota"]["used"]
    assert stored > 0
    server.command("domain", "set", "parts.test", "--host", "receiver")
    hosts = rows(server, "host")
    assert (hosts["leaver"]["accounts"], hosts["receiver"]["accounts"]) == (0, count)
    assert [server.json("quota", "show", name)["quota"]["used"] for name in ("leaver", "receiver")] == [0, stored]
    assert server.json("quota", "recount", "--all")["corrected"] == []
    server.command("host", "rm", "leaver")
    assert f"still owns {count} accounts (u0@parts.test, " in refused(server, "host", "rm", "receiver")
    assert f"and {count - 5} more)" in refused(server, "host", "rm", "receiver")


def test_import_holds_nobody_up(server):
    """Mail is taken and people log in between the parts of an import."""
    count = 3000
    hashed = crypted("imported", HASHES["five"])
    account(server, "between@port26.test")
    path = readable(server, "beside.csv", "name,hash\n" + "".join(f"beside{i}@port26.test,{hashed}\n" for i in range(count)))
    before = server.log().count("import.begun")
    run = subprocess.Popen(server.argv("account", "import", path), env=server.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_for(lambda: server.log().count("import.begun") > before, 60, 0.002)
    there = []
    while run.poll() is None:
        send(server, "between@port26.test", subject=f"number {len(there)}")
        session(server, "between@port26.test").quit()
        there.append(server.json("status")["accounts"])
    assert run.communicate()[0] == f"{count} accounts added.\n"
    server.wait_inbox(len(there), "between@port26.test")
    # with one transaction for all, the first of these would have waited until all are there
    assert not there or there[0] < there[-1] or len(there) == 1, there


# ---- a running Dovecot knows the passwords

def test_logins_from_dovecot():
    import peers
    known = {"kim@dove.test": "from dovecot", "lee@dove.test": "pass\u00e4 lee"}
    dovecot = peers.Dovecot(known)
    s = Port26(f'accounts {{ dovecot-auth = "{dovecot.socket}" }}\n')
    try:
        s.start()
        s.command("domain", "add", "dove.test")
        c = session(s)
        assert c.esmtp_features["auth"].split() == ["PLAIN", "LOGIN"]
        with pytest.raises(smtplib.SMTPAuthenticationError):
            c.login("kim@dove.test", "wrong")
        c.quit()
        assert "kim@dove.test" not in rows(s, "account")
        c = session(s, "Kim@dove.test", "from dovecot")
        assert "Dovecot" in s.json("account", "show", "kim@dove.test")["account"]["login"]
        with pytest.raises(smtplib.SMTPSenderRefused):
            c.sendmail("lee@dove.test", [USER], b"x")
        c.rset()
        c.sendmail("kim@dove.test", [USER, "kim@dove.test"], b"Subject: dove\r\n\r\nx\r\n")
        c.quit()
        assert b"dove" in s.wait_inbox(1, "kim@dove.test")[0]
        s.client().quit()  # accounts of our own go on
        server_locked = session(s, "kim@dove.test", "from dovecot")
        s.command("account", "lock", "kim@dove.test")
        with pytest.raises(smtplib.SMTPAuthenticationError):
            session(s, "kim@dove.test", "from dovecot")
        server_locked.close()
        dovecot.close()
        dovecot = None
        with pytest.raises(smtplib.SMTPAuthenticationError) as e:  # nobody is told that the password is wrong
            session(s, "lee@dove.test", "pass")
        assert e.value.smtp_code == 454
        assert "dovecot.failed" in s.log()
    finally:
        if dovecot:
            dovecot.close()
        s.close()


def test_a_dovecot_that_hangs_and_one_that_starts_again():
    """Nobody is told that a password is wrong which nobody looked at; afterwards all goes on without a restart of ours."""
    import peers, poplib
    dovecot = peers.Dovecot({"kim@dove.test": "from dovecot"})
    doors = dict(Port26.DOORS, pop3="role = pop3 tls = implicit")
    s = Port26(f'accounts {{ dovecot-auth = "{dovecot.socket}" dovecot-users = "{dovecot.users}" }}\n', doors=doors)

    def answer(password="from dovecot", name="kim@dove.test"):
        c = session(s)
        told = say(c, "AUTH PLAIN " + base64.b64encode(f"\0{name}\0{password}".encode()).decode())  # once: each try may hang
        c.close()
        return told

    def fetch():
        p = poplib.POP3_SSL("localhost", s.ports["pop3"], timeout=60, context=s.context())
        p.user("kim@dove.test")
        return p.pass_("from dovecot")
    try:
        s.start()
        s.command("domain", "add", "dove.test")
        assert answer()[0] == 235 and fetch().startswith(b"+OK")
        unknown, wrong = answer(name="nobody@dove.test"), answer("wrong")
        assert unknown == wrong and wrong[0] == 535

        dovecot.signal_auth(signal.SIGSTOP)
        began = time.monotonic()
        code, words = answer()
        assert code == 454 and ("later" in words or "again" in words), words
        assert time.monotonic() - began < 50
        session(s, USER).quit()  # accounts of our own do not wait
        dovecot.signal_auth(signal.SIGCONT)
        wait_for(lambda: answer()[0] == 235)

        dovecot.signal_auth(signal.SIGKILL)  # its master starts another
        wait_for(lambda: answer()[0] == 235)
        dovecot.stop()
        assert answer()[0] == answer("wrong")[0] == 454
        with pytest.raises(poplib.error_proto, match="SYS/TEMP"):
            fetch()
        dovecot.run()
        wait_for(lambda: answer()[0] == 235)
        assert fetch().startswith(b"+OK")
        log = s.log()
        assert log.count("dovecot.failed") >= 2 and log.count("dovecot.works") >= 2
        refused_rows = s.json("account", "show", "kim@dove.test")["account"]["refused"]
        assert {454, 535} <= {r["code"] for r in refused_rows}
    finally:
        dovecot.close()
        s.close()


def test_mail_for_whom_dovecot_knows():
    """Before the first login, directly, with a detail, behind an alias and in front of a catch-all."""
    import peers
    dovecot = peers.Dovecot({f"{name}@dove.test": "secret" for name in ("kim", "lee", "joe", "max")})
    s = Port26(f'accounts {{ dovecot-auth = "{dovecot.socket}" dovecot-users = "{dovecot.users}" }}\n')
    try:
        s.start()
        s.command("domain", "add", "dove.test")
        s.command("alias", "add", "team@dove.test", "joe@dove.test", "nobody@dove.test")

        def rcpt(c, to):
            code, words = c.rcpt(to)
            return code, words.decode()
        c = session(s, door="exchange")
        c.mail("x@far.test")
        assert rcpt(c, "nobody@dove.test")[0] == 550
        assert rcpt(c, "kim@other.test")[0] == 550
        for to in ("Kim@dove.test", "lee+list@dove.test", "team@dove.test"):
            assert rcpt(c, to)[0] == 250
        s.command("domain", "set", "dove.test", "--catch-all", USER)
        assert rcpt(c, "nobody@dove.test")[0] == rcpt(c, "max@dove.test")[0] == 250
        assert c.data(b"Subject: known\r\n\r\nx\r\n")[0] == 250
        for to in ("kim", "lee", "joe", "max"):
            assert b"known" in s.wait_inbox(1, f"{to}@dove.test")[0]
        assert b"known" in s.wait_inbox(1)[0]
        known = {name for name in rows(s, "account") if name.endswith("@dove.test")}
        assert known == {f"{name}@dove.test" for name in ("kim", "lee", "joe", "max")}
        session(s, "kim@dove.test", "secret").quit()
        dovecot.close()
        dovecot = None
        c.mail("x@far.test")
        for catch_all, nobody in ((USER, 250), ("none", 550)):
            s.command("domain", "set", "dove.test", "--catch-all", catch_all)
            assert rcpt(c, "nobody@dove.test")[0] == nobody  # remembered for a minute
            code, words = rcpt(c, "nobody2@dove.test")
            assert code == 451 and words.startswith("4.4.3"), words
            assert rcpt(c, "kim@dove.test")[0] == 250
        c.quit()
    finally:
        if dovecot:
            dovecot.close()
        s.close()
