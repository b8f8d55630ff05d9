"""Floods, silence and slowness (HOSTILE rows 47, 48, 63, 88, 89, 100, 101, 103 and 104), and what they cost."""
import concurrent.futures, contextlib, socket, threading, time

import pytest

from hostile import House, Wire, b64, descriptors_of, houses, memory_of, token
from port26 import USER, wait_for

MIB = 1 << 20
SIZE = 8 * MIB
QUICK = """limits { line = 512 message-size = 8M greeting-timeout = 1s command-timeout = 2s data-timeout = 2s
message-time = 6s login-timeout = 2s }"""


shared, house = houses(top=QUICK, listeners=1)


@pytest.fixture
def patient():
    """A house without a limit of commands."""
    h = House(top=QUICK.replace("{", "{ commands = 100000000", 1), listeners=1)
    yield h
    h.alive()
    h.close()


@pytest.fixture
def bounded(house):
    """The listener does not grow by more than a few buffers, not even for a moment."""
    pid = house.listener()
    most, stop = [memory_of(pid)], threading.Event()

    def look():
        while not stop.wait(0.005):
            most.append(memory_of(pid))
    before = most[0]
    watch = threading.Thread(target=look)
    watch.start()
    try:
        yield
    finally:
        stop.set()
        watch.join()
    assert max(most) - before < 12 * MIB, f"grew by {(max(most) - before) / MIB:.1f} MiB"


@contextlib.contextmanager
def sending(w, pieces):
    """Sends beside the test, as far as the server takes it."""
    def run():
        for piece in pieces:
            try:
                w.send(piece)
            except OSError:
                return
    thread = threading.Thread(target=run)
    thread.start()
    yield
    w.close()
    thread.join()


# ---- too much

@pytest.mark.parametrize("start", [b"", b"MAIL FROM:<", b"NOOP ", b"AUTH PLAIN ", b"MAIL FROM:<a@b.test> X="],
                         ids=["row47_nothing", "row47_mail", "row47_noop", "row47_auth", "row47_parameter"])
def test_line_without_end(house, bounded, start):
    """64 MiB in one line: an answer and the end long before that."""
    w = house.wire()
    with sending(w, [start] + [b"x" * MIB] * 64):
        w.expect(500)
        w.rest()


def test_row47_many_long_lines(house, bounded):
    """Each is refused by itself; the tenth of a session's errors is not endless either."""
    w = house.wire()
    with sending(w, [b"x" * 100_000 + b"\r\n"] * 200):
        codes = [r.code for r in w.replies()]
    assert set(codes[:-1]) == {500} and codes[-1] == 421 and len(codes) <= 51


def test_row48_twenty_thousand(house, bounded):
    """All are answered, in order, up to the limit of commands, and then there is a word of good-bye."""
    w = house.wire()
    with sending(w, [b"NOOP\r\n" * 20_000]):
        codes = [r.code for r in w.replies()]
    assert codes[-1] == 421 and codes[:-1] == [250] * (len(codes) - 1) and 5000 < len(codes) <= 10_001


@pytest.mark.parametrize("command", [b"NOOP\r\n", b"EHLO x.test\r\n", b"HELP\r\n"],
                         ids=lambda c: "row101_" + c[:4].decode().lower())
def test_client_that_does_not_read(patient, command):
    """What it does not take is not kept for it for ever: the session ends, and holds little until then."""
    pid, mark = patient.listener(), patient.mark()
    before = memory_of(pid)
    with patient.wire() as w:
        w.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        w.socket.settimeout(0.5)
        until = time.monotonic() + 20
        with pytest.raises(TimeoutError):
            while time.monotonic() < until:
                w.send(command * 2000)
        assert memory_of(pid) - before < 12 * MIB
        with pytest.raises(ConnectionError):
            while time.monotonic() < until:
                with contextlib.suppress(TimeoutError):
                    w.send(command)
    assert "what=timeout" in patient.log_since(mark)


@pytest.mark.parametrize("declared", ["", " SIZE=0", " SIZE=10"], ids=["row63_undeclared", "row63_zero", "row63_ten"])
@pytest.mark.parametrize("how", ["data", "bdat"])
def test_too_big_in_the_end(house, bounded, declared, how):
    """The size said does not count, the size sent does; the session goes on."""
    sender = f"a-{token()}@elsewhere.test"
    content = b"Subject: big\r\n\r\n" + (b"x" * 998 + b"\r\n") * (SIZE // 1000 + 1)
    with house.wire() as w:
        w.say(f"MAIL FROM:<{sender}>{declared}", 250)
        w.say(f"RCPT TO:<{USER}>", 250)
        if how == "data":
            w.say("DATA", 354)
            w.send(content + b".\r\n")
        else:
            w.send(b"BDAT %d LAST\r\n" % len(content) + content)
        w.expect(552)
        w.begin(sender)
        w.send(b"Subject: small\r\n\r\n.\r\n")
        w.expect(250)
        w.quit()
    assert house.accepted(sender) == 1


@pytest.mark.parametrize("different", [False, True], ids=["row88_same", "row88_different"])
def test_many_recipients(house, bounded, different):
    with house.wire() as w:
        w.say("MAIL FROM:<a@b.test>", 250)
        for at in range(0, 2500, 100):
            w.send("".join(f"RCPT TO:<you{f'+{at + i}' if different else ''}@port26.test>\r\n" for i in range(100)))
            codes = [w.reply().code for _ in range(100)]
            assert codes == [250 if at < 1000 else 452] * 100
        w.say("RSET", 250)
        w.quit()


CONTENTS = {
    "30000_fields": (b"".join(b"X-%d: y\r\n" % i for i in range(30_000)) + b"\r\n.\r\n", 250),
    "one_field_of_3_mib": (b"X: " + b"y" * 3 * MIB + b"\r\n\r\nz\r\n.\r\n", 250),
    "one_folded_field_of_3_mib": (b"X: y\r\n" + (b"\t" + b"y" * 900 + b"\r\n") * 3400 + b"\r\nz\r\n.\r\n", 250),
    "100000_addresses": (b"To: a@b.test" + b",\r\n a@b.test" * 100_000 + b"\r\n\r\n.\r\n", 250),
    "one_line_of_1_mb": (b"\r\n" + b"z" * 1_000_000 + b"\r\n.\r\n", 250),
    "dots": (b"\r\n" + b"..\r\n" * 500_000 + b".\r\n", 250),
    "name_of_1_mib": (b"X" * MIB + b": y\r\n\r\n.\r\n", 250),
    "endless_header": (b"X: y\r\n" * (SIZE // 6 + 1) + b".\r\n", 552),
    "endless_field": (b"X: " + b"y" * SIZE + b"\r\n.\r\n", 552),
}


@pytest.mark.parametrize("content,code", CONTENTS.values(), ids=["row89_" + k for k in CONTENTS])
def test_large_content(house, bounded, content, code):
    word = token()
    with house.wire() as w:
        w.begin()
        w.send(f"Subject: {word}\r\n".encode() + content)
        w.expect(code)
        w.quit()
    if code == 250:
        stored = house.arrived(word).split(word.encode() + b"\n", 1)[1]
        wanted = content[:-3].replace(b"\r\n..", b"\r\n.").replace(b"\r\n", b"\n")
        if not content.startswith(b"X" * 1000):  # a name so long is no field: it begins the body
            assert stored == wanted


# ---- too slow

def drip(w, octets, pause=0.2, seconds=20):
    """One octet after the other until the server has enough; how long that took."""
    started = time.monotonic()
    w.socket.settimeout(pause)
    for octet in octets:
        try:
            w.send(bytes([octet]))
            got = w.socket.recv(4096)
            if not got:
                break
            w.buffer += got
        except TimeoutError:
            pass
        except OSError:
            break
        assert time.monotonic() < started + seconds, "it has all the time of the world"
    return time.monotonic() - started


def end_of(w):
    w.socket.settimeout(20)
    return [r.code for r in w.replies()]


def slow_command(house):
    with house.wire() as w:
        return drip(w, b"NOOP " + b"x" * 400), end_of(w), 3.5


def slow_first_command(house):
    with house.wire(greet=False) as w:
        w.expect(220)
        return drip(w, b"EHLO " + b"x" * 400), end_of(w), 2.5


def mute(house):
    with house.wire(greet=False) as w:
        started = time.monotonic()
        w.expect(220)
        return time.monotonic() - started, end_of(w), 0.5  # the end is waited for by end_of


def slow_data(house):
    with house.wire() as w:
        w.begin(SLOW)
        return drip(w, b"Subject: x\r\n" * 50), end_of(w), 7.5


def silent_data(house):
    with house.wire() as w:
        w.begin(SLOW)
        w.send(b"Subject: x\r\n")
        return 0, end_of(w), 1


def slow_chunk(house):
    with house.wire() as w:
        w.begin(SLOW, data=False)
        w.send(b"BDAT 10000 LAST\r\n")
        return drip(w, b"Subject: x\r\n" * 50), end_of(w), 7.5


def slow_chunks(house):
    """Each within its time, all together not."""
    with house.wire() as w:
        w.begin(SLOW, data=False)
        return drip(w, b"BDAT 1\r\nx" * 40, pause=0.1), [c for c in end_of(w) if c != 250], 7.5


def slow_login(house):
    with house.submission(login=False) as w:
        w.say("AUTH LOGIN", 334)
        return drip(w, b64("x" * 300).encode()), end_of(w), 3.5


def slow_login_lines(house):
    """The time is for the whole login, not for each of its lines."""
    with house.submission(login=False) as w:
        w.say("AUTH LOGIN", 334)
        time.sleep(1.2)
        w.say(b64("x"), 334)
        return drip(w, b64("x" * 300).encode()), end_of(w), 2


def slow_handshake(house):
    with Wire(house.port26.ports["submissions"], greet=False) as w:
        return drip(w, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)), end_of(w) or [421], 2.5


def slow_starttls(house):
    with house.wire() as w:
        w.say("STARTTLS", 220)
        return drip(w, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)), end_of(w) or [421], 2.5


def mute_handshake(house):
    with Wire(house.port26.ports["submissions"], greet=False) as w:
        return 0, end_of(w) or [421], 1


SLOW = "slow@slow.test"
WAYS = [slow_command, slow_first_command, mute, slow_data, silent_data, slow_chunk, slow_chunks, slow_login,
        slow_login_lines, slow_handshake, slow_starttls, mute_handshake]


@pytest.fixture(scope="module")
def slowness(shared):
    """All ways at once, three times each; and how long the others had to wait meanwhile."""
    with concurrent.futures.ThreadPoolExecutor(3 * len(WAYS)) as pool:
        tries = {way: [pool.submit(way, shared) for _ in range(3)] for way in WAYS}
        waits = []
        while not all(t.done() for group in tries.values() for t in group):
            started = time.monotonic()
            shared.alive()
            waits.append(time.monotonic() - started)
        return tries, waits


@pytest.mark.parametrize("way", WAYS, ids=lambda w: "row100_" + w.__name__)
def test_slow(house, slowness, way):
    """Octets that trickle buy no time: 421 and the end."""
    for t in slowness[0][way]:
        seconds, codes, most = t.result()
        assert codes == [421] and seconds < most + 2, (seconds, codes)


def test_row100_others_are_not_slowed_down(house, slowness):
    assert sorted(slowness[1])[len(slowness[1]) // 2] < 1
    assert house.accepted(SLOW) == 0


# ---- gone

def still(house, before, descriptors, seconds=10, growth=16 * MIB):
    """Everything is given back."""
    pid = house.listener()
    wait_for(lambda: descriptors_of(pid) <= descriptors + 2, seconds,
             message=lambda: f"{descriptors_of(pid)} instead of {descriptors}")
    assert memory_of(pid) - before < growth


@pytest.mark.parametrize("door", ["exchange", "submissions"])
def test_row103_connect_and_reset(house, door):
    pid, port = house.listener(), house.port26.ports[door]
    flood(port, 1500)  # what is kept for ever is kept from here on
    before, descriptors = memory_of(pid), descriptors_of(pid)
    flood(port, 9000)
    still(house, before, descriptors, growth=40 * MIB)  # stacks, when more come at once than before; a leak would be more


def flood(port, count):
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    for _ in range(count):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        s.connect(("127.0.0.1", port))
        s.close()


def test_row103_lost_amid_a_session(house):
    """FIN or RST instead of QUIT, after every command."""
    pid, before, descriptors = house.listener(), None, None
    sender = f"a-{token()}@elsewhere.test"
    commands = [b"EHLO x.test\r\n", f"MAIL FROM:<{sender}>\r\n".encode(), f"RCPT TO:<{USER}>\r\n".encode(),
                b"DATA\r\n", b"Subject: x\r\n\r\n"]
    for turn in range(40):
        for upto in range(len(commands) + 1):
            w = house.wire(greet=False)
            w.send(b"".join(commands[:upto]))
            w.reset() if turn % 2 else w.close()
        if turn == 4:
            before, descriptors = memory_of(pid), descriptors_of(pid)
    still(house, before, descriptors)
    assert house.accepted(sender) == 0


def test_row103_half_closed_after_data(house):
    """Who shuts its sending side behind the dot still hears the answer."""
    word = token()
    with house.wire() as w:
        w.begin()
        w.send(f"Subject: {word}\r\n\r\n.\r\n")
        w.socket.shutdown(socket.SHUT_WR)
        assert [r.code for r in w.replies()] in ([250], [250, 421])
    house.arrived(word)


def vanish(w, how):
    w.reset() if how == "reset" else w.close()


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("sent", [b"", b"Subject: WORD\r\n", b"Subject: WORD\r\n\r\nhalf a li",
                                  b"Subject: WORD\r\n\r\nall\r\n.", b"Subject: WORD\r\n\r\nall\r\n.\r"],
                         ids=["row104_after_354", "row104_in_header", "row104_in_body", "row104_at_the_dot",
                              "row104_before_the_lf"])
def test_gone_before_the_end(house, sent, how):
    word = token()
    w = house.wire()
    w.begin(f"a-{word}@elsewhere.test")
    w.send(sent.replace(b"WORD", word.encode()))
    vanish(w, how)
    time.sleep(0.1)
    house.alive()
    assert house.accepted(f"a-{word}@elsewhere.test") == 0 and not house.inbox(word)


@pytest.mark.parametrize("how", ["close", "reset"], ids=lambda h: f"row104_{h}_after_the_dot")
def test_gone_after_the_end(house, how):
    """Stored once and whole; with a reset perhaps not at all."""
    for _ in range(20):
        word = token()
        w = house.wire()
        w.begin(f"a-{word}@elsewhere.test")
        w.send(f"Subject: {word}\r\n\r\nall of it\r\n.\r\n")
        vanish(w, how)
        if how == "close":
            assert house.arrived(word).endswith(b"\n\nall of it\n")
    if how == "reset":
        time.sleep(0.3)
        assert house.accepted(f"a-{word}@elsewhere.test") == len(house.inbox(word)) <= 1
        assert all(m.endswith(b"\n\nall of it\n") for m in house.inbox(word))
