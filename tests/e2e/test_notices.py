"""People are told, once, when a network keeps mail from the usual doors; and not when all is well."""
import re, socket, time

import pytest

from port26 import USER, free_port, own, wait_for
from test_relay_doors import relay, send, world  # noqa: F401 (fixtures)


@pytest.fixture
def shown(tmp_path):
    """Where the command of `notices` writes."""
    d = tmp_path / "shown"
    d.mkdir()
    own(d)
    return d / "notices"


@pytest.fixture
def silent():
    """A port that lets all packets fall, as a firewall does: its backlog is full."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    full = []
    for _ in range(4):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(listener.getsockname())
        full.append(s)
    yield listener.getsockname()[1]
    for s in [*full, listener]:
        s.close()


def settings(shown, mail=USER):
    return f'notices {{ command = "echo \\"$PORT26_NOTICE\\" >> {shown}" mail = "{mail}" }}'


def notices(p):
    return [line for line in p.log().splitlines() if re.search(r"\bnotice\b.*text=", line)]


def known_network(p):
    wait_for(lambda: p.json("status")["place"])
    if not p.json("status")["place"]["key"]:
        pytest.skip("this machine is in no network: nothing is remembered")


def test_the_first_trouble_in_a_network(world, relay, shown):
    shut, good = free_port(), world.door()
    p = relay(shut, good, more=settings(shown))
    known_network(p)
    send(p, 2)
    wait_for(lambda: shown.exists() and shown.read_text().endswith("\n"), 60, message=lambda: p.log()[-3000:])
    text = shown.read_text()
    assert re.fullmatch(rf"This network \(.+\) closes port {shut}; your mail leaves through {good.port}\.\n", text)
    assert len(notices(p)) == 1
    mail = p.wait_inbox(seconds=60)[0]
    assert b"Auto-Submitted: auto-generated" in mail and f"closes port {shut}".encode() in mail
    assert len(re.findall(rb"(?m)^Date: ", mail)) == 1
    # More mail, and another start: no news.
    p.stop()
    p.start()
    send(p, 2)
    wait_for(lambda: len(good.kept()) == 4)
    time.sleep(6)
    assert shown.read_text() == text


def test_ports_that_a_network_is_silent_about_are_named(world, relay, shown, silent):
    good = world.door()
    p = relay(silent, good, more=settings(shown))
    known_network(p)
    send(p, 2)
    wait_for(lambda: len(good.kept()) == 2)
    wait_for(lambda: shown.exists() and shown.read_text().endswith("\n"), 60, message=lambda: p.log()[-3000:])
    assert re.fullmatch(rf"This network \(.+\) closes port {silent}; your mail leaves through {good.port}\.\n", shown.read_text())
    door = next(d for r in p.json("status")["relays"] for d in r["doors"] if f":{silent} " in d["door"])
    assert door["result"] == "shut" and re.fullmatch(r"no answer in \d+ s", door["proof"])


def test_what_was_open_and_becomes_shut(world, relay, shown):
    first, second = world.door(), world.door()
    p = relay(first, second, more=settings(shown))
    known_network(p)
    send(p)
    wait_for(lambda: len(first.kept()) == 1)
    time.sleep(6)
    assert not notices(p) and not shown.exists(), "no news when all is well"
    p.stop() # and with it the connection that is kept for the next message
    first.close()
    p.start()
    send(p)
    wait_for(lambda: len(second.kept()) == 1, 60)
    wait_for(lambda: shown.exists() and shown.read_text().endswith("\n"), 60, message=lambda: p.log()[-3000:])
    assert re.fullmatch(rf"Since \d\d:\d\d port {first.port} no longer opens in this network \(.+\); "
                        rf"your mail leaves through {second.port}\.\n", shown.read_text())


def test_a_network_that_lets_nothing_through(world, relay, shown):
    p = relay(free_port(), free_port(), more=settings(shown))
    known_network(p)
    send(p)
    wait_for(lambda: notices(p), 60, message=lambda: p.log()[-3000:])
    assert "your mail waits" in notices(p)[0] and " and " in notices(p)[0]
