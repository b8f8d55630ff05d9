"""A message whose answer was lost is handed over again and is there once (P4): by SMTP the envelope id holds the key that by HTTPS is the
Idempotency-Key, and both are one."""
import pytest

from port26 import USER, message
from test_https_door import DOORS, Web

TEXT = message("once", sender=USER, to=USER).replace(b"Subject", b"Message-ID: <once@port26.test>\r\nSubject")


def say(c, text=TEXT, to=(USER,), envid="p26-one"):
    """The answers to the recipients and to the message."""
    c.ehlo_or_helo_if_needed()
    assert c.mail(USER, [f"ENVID={envid}"])[0] == 250
    said = [c.rcpt(r)[0] for r in to]
    return said, c.data(text)


@pytest.fixture
def house(start):
    p = start(doors=DOORS)
    p.account_add("bob@port26.test", "another password")
    with p.client("submissions") as c:
        yield p, c


def test_the_same_again_is_one_message(house):
    p, c = house
    first, again = say(c), say(c)
    assert first == again and first[1][0] == 250
    r, answer = Web(p).post(TEXT, key="one")  # the way that was open next
    assert r.status == 200 and answer["id"] in first[1][1].decode(), (r.status, answer, first)
    p.wait_inbox(1)
    assert p.queue() == [] and len(p.inbox_files()) == 1


def test_another_message_under_that_id_is_taken(house):
    p, c = house
    ids = {say(c)[1][1], say(c, TEXT + b"and more\r\n")[1][1], say(c, to=(USER, "bob@port26.test"))[1][1]}
    assert len(ids) == 3
    p.wait_inbox(3)


def test_ids_of_others_say_nothing(house):
    p, c = house
    assert say(c, envid="report")[1] != say(c, envid="report")[1]
    p.wait_inbox(2)


def test_who_was_refused_before_is_not_lost(house):
    """The second try is accepted for one recipient more: it is not the message of the first."""
    p, _ = house
    bob = "bob@port26.test"
    p.command("account", "set", bob, "--quota", "1")
    r, first = Web(p).post(TEXT, to=f"<{USER}>, <{bob}>", key="two")
    assert r.status == 200 and len(p.wait_inbox(1)) == 1, first
    p.command("account", "set", bob, "--quota", "1M")
    r, again = Web(p).post(TEXT, to=f"<{USER}>, <{bob}>", key="two")
    assert r.status == 200 and again["id"] != first["id"]
    assert b"once@port26.test" in p.wait_inbox(1, account=bob)[0]
