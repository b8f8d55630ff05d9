"""A relay's mail under way when the ground moves: a machine that slept, a connection cut in the middle of a message."""
import os, signal, socket, struct, time

from port26 import USER, message, wait_for
from test_relay_doors import arrived, relay, said, send, world  # noqa: F401 (fixtures)

ASLEEP = 21  # seconds: what the courier calls sleep (serve/courier.c), and a little


def courier(p):
    return next(c["pid"] for c in p.json("status")["processes"] if c["role"] == "courier" and c["ready"])


def test_what_hung_before_a_sleep_is_begun_again_after_it(world, relay):
    door = world.door(mail=None)
    p = relay(door)
    send(p)
    wait_for(lambda: said(door, b"MAIL"), message=lambda: p.log()[-3000:])
    pid = courier(p)
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(ASLEEP)
        del door.replies["mail"]
    finally:
        os.kill(pid, signal.SIGCONT)
    arrived(p, door)
    assert "place.slept" in p.log() and "maybe_delivered" not in p.log()
    assert len(door.messages) == 1 and len(said(door, b"MAIL")) == 2


def test_a_cut_in_the_middle_of_a_message(world, relay):
    cut, good = world.door(), world.door()

    def reset(s, f, state):
        f.readline()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionError
    cut._data = reset
    p = relay(cut, good)
    with p.client("submissions") as c:
        c.sendmail(USER, ["somebody@far.test"], message("a long one", body="every line of it\r\n" * 200000, to="somebody@far.test"))
    arrived(p, good)
    assert said(cut, b"DATA") and not cut.messages and len(good.messages) == 1
    assert "maybe_delivered" not in p.log()
    assert good.messages[0]["body"].count(b"every line of it\r\n") == 200000
