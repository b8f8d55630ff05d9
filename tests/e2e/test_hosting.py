"""Many customers on one machine: hosting accounts, domains, aliases, imports, and logins from Dovecot."""
import json, smtplib

import pytest

from port26 import PASSWORD, Port26, USER, secret_file, wait_for


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
    assert "still owns 2 accounts and 1 domains" in refused(server, "host", "rm", "owner")
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


def test_everything_outlives_a_restart():
    s = Port26()
    try:
        s.command("host", "add", "acme", "--quota", "1G")  # without a daemon
        s.command("domain", "add", "acme.test", "--host", "acme")
        account(s, "kim@acme.test")
        s.command("alias", "add", "sales@acme.test", "kim@acme.test", "far@example.net")
        s.start()
        assert rows(s, "host")["acme"]["accounts"] == 1
        assert rows(s, "alias")["sales@acme.test"]["targets"] == ["kim@acme.test", "far@example.net"]
        assert rows(s, "domain")["acme.test"]["host"] == "acme"
    finally:
        s.close()
