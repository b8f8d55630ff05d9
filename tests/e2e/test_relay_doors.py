"""A relay with several doors: the open one is found, remembered, and left when it fails; the password goes to no stranger."""
import socket, time
from types import SimpleNamespace

import pytest

from port26 import USER, free_port, make_certificate, message, pass_through, secret_file, wait_for
from sink import Sink

LOGIN, SECRET = "roamer@isp.test", "tell nobody 4711"
OFFER = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "AUTH PLAIN")


class Silent:
    """A port whose connections are never answered, as behind a firewall that drops: its queue is full."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.fill = []
        for _ in range(4):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", self.port))
            self.fill.append(s)

    def close(self):
        for s in [*self.fill, self.listener]:
            s.close()


@pytest.fixture
def world(tmp_path):
    w = SimpleNamespace(closers=[])
    w.cert = make_certificate(tmp_path, "relay")
    w.strange = make_certificate(tmp_path, "elsewhere", extra=("DNS:elsewhere.test",))

    def door(extensions=(*OFFER, "STARTTLS"), cert=None, **replies):
        sink = Sink({"auth": b"235 2.7.0 welcome\r\n", **replies}, extensions=extensions, cert=cert or w.cert)
        w.closers.append(sink)
        return sink

    def silent():
        s = Silent()
        w.closers.append(s)
        return s

    w.door, w.silent = door, silent
    yield w
    for c in w.closers:
        c.close()


@pytest.fixture
def relay(start, world, tmp_path):
    """Starts a port26 that sends everything through one relay with these doors (sinks, or ports)."""
    def make(*doors, more=""):
        ports = [d if isinstance(d, int) else d.port for d in doors]
        pass_through(tmp_path)
        secret = secret_file(tmp_path / "secret", SECRET)
        p = start(extra=f"""
relay "isp" {{ host = "127.0.0.1" doors = {{ {", ".join(f'"{n} starttls"' for n in ports)} }} ca-file = "{world.cert[0]}"
  user = "{LOGIN}" password-file = "{secret}" }}
route "all" {{ to = "*" via = "relay:isp" }}
delivery {{ retry = {{"1h"}} }}
{more}
""")
        return p
    return make


def send(p, count=1, to="somebody@far.test"):
    with p.client("submissions") as c:
        for i in range(count):
            c.sendmail(USER, [to], message(f"number {i}", to=to))


def state(p):
    s = p.json("status")
    return {d["door"].split(":")[1].split()[0]: d for r in s["relays"] for d in r["doors"]}, s


def said(sink, verb):
    with sink.lock:
        return [line for line in sink.lines if line.upper().startswith(verb)]


def arrived(p, sink, count=1, seconds=60):
    wait_for(lambda: len(sink.kept()) >= count and not p.queue(), seconds,
             message=lambda: f"{len(sink.kept())} of {count}\n{p.queue()}\n{p.log()[-4000:]}")
    assert len(sink.kept()) == count


def test_finds_the_open_door_and_tells_no_stranger_the_password(world, relay):
    shut, silent, good = free_port(), world.silent(), world.door()
    stranger = world.door(cert=world.strange)
    stripped = world.door(extensions=OFFER)
    no_login = world.door(extensions=("PIPELINING", "STARTTLS"))
    p = relay(shut, silent, stranger, stripped, no_login, good)
    send(p)
    arrived(p, good)
    for bad in (stranger, stripped, no_login):
        assert not said(bad, b"AUTH") and not said(bad, b"MAIL"), bad.lines
        assert bad.connections <= 1
    assert SECRET not in p.log()
    doors, status = state(p)
    assert "waiting" in status and not status["waiting"]
    if not status["place"]["key"]:
        pytest.skip("this machine is in no network: nothing is remembered")
    assert doors[str(good.port)]["result"] == "works" and doors[str(good.port)]["sure"]
    # Nobody else is asked any more: the door is known, also after a new start.
    before = [s.connections for s in (stranger, stripped, no_login)]
    p.stop()
    p.start()
    assert state(p)[0][str(good.port)]["result"] == "works"
    send(p, 3)
    arrived(p, good, 4)
    assert [s.connections for s in (stranger, stripped, no_login)] == before
    place = next(x for x in p.json("places")["places"] if x["here"])
    assert any(d["door"].endswith(f":{good.port} starttls") for d in place["doors"])
    p.command("places", "forget", place["key"])
    assert state(p)[0][str(good.port)]["result"] == "unknown"
    assert p.command("places", "forget", "nowhere", check=False).returncode


def test_the_only_doors_are_strangers(world, relay):
    stranger, stripped = world.door(cert=world.strange), world.door(extensions=OFFER)
    p = relay(stranger, stripped)
    send(p)
    wait_for(lambda: all(r["attempts"] for m in p.queue() for r in m["recipients"]))
    assert not said(stranger, b"AUTH") and not said(stripped, b"AUTH")
    m = p.queue()[0]
    story = p.json("queue", "show", m["id"])["messages"][0]["events"][0]["tries"]
    assert {t["stage"] for t in story} == {"tls", "starttls"}
    _, status = state(p)
    assert status["waiting"][0]["destination"] == "relay:isp" and status["waiting"][0]["words"]


def test_one_round_of_attempts_for_the_whole_queue(world, relay):
    a, b = world.door(connect="close"), world.door(connect="close")
    begun = time.monotonic()
    p = relay(a, b)
    send(p, 60)
    wait_for(lambda: len(p.queue()) == 60 and any(r["attempts"] for m in p.queue() for r in m["recipients"]))
    time.sleep(2)
    # The door is tried again every four seconds in a new network, by one message; never by each of the 60.
    rounds = 2 + (time.monotonic() - begun) / 3
    assert 1 <= a.connections <= rounds and b.connections <= rounds, (a.connections, b.connections, rounds)
    doors, status = state(p)
    waiting = status["waiting"][0]
    assert waiting["waits_for_network"] and waiting["next_try"], waiting
    del b.replies["connect"]
    arrived(p, b, 60, seconds=90)
    assert b.connections <= rounds + 40


def test_a_refused_login_is_not_repeated_at_other_doors(world, relay):
    refuse = b"535 5.7.8 no\r\n"
    doors = [world.door(auth=refuse) for _ in range(3)]
    p = relay(*doors)
    send(p, 5)
    wait_for(lambda: any(r["attempts"] for m in p.queue() for r in m["recipients"]))
    time.sleep(1)
    assert sum(len(said(d, b"AUTH")) for d in doors) == 1
    m = next(m for m in p.queue() if m["recipients"][0]["attempts"])
    assert not m["recipients"][0]["waits_for_network"] and "password" in m["recipients"][0]["words"]


def test_a_door_that_dies_in_use_is_left_at_once(world, relay):
    dying, good = world.door(mail="reset"), world.door()
    p = relay(dying, good)
    send(p, 3)
    arrived(p, good, 3)
    doors, status = state(p)
    if status["place"]["key"]:
        assert doors[str(dying.port)]["result"] == "broke" and doors[str(good.port)]["result"] == "works"
    assert dying.connections <= 3


def test_a_refused_message_is_not_offered_at_other_doors(world, relay):
    first, second = world.door(mail=b"451 4.7.1 not now\r\n"), world.door(mail=b"451 4.7.1 not now\r\n")
    p = relay(first, second)
    send(p)
    wait_for(lambda: any(r["attempts"] for m in p.queue() for r in m["recipients"]))
    assert len(said(first, b"MAIL") + said(second, b"MAIL")) == 1
