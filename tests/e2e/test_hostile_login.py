"""Hostile logins (HOSTILE rows 31 and 81 to 87). Each test comes from an address of its own, for guessing is slowed down
by address."""
import base64, hashlib, hmac, re, statistics, time

import pytest

from hostile import NEIGHBOUR, b64, houses, plain, somewhere, token
from port26 import PASSWORD, USER, Port26, wait_for

LOOSE = "role = submission tls = starttls login-without-tls-on-loopback = true"
BOUND = "role = submission tls = starttls channel-binding = true"

shared, house = houses(doors={**Port26.DOORS, "loose": LOOSE, "bound": BOUND})


@pytest.fixture
def victim(house):
    """An account of its own, so that tests do not slow down one another."""
    name = f"v{token()}@port26.test"
    house.port26.account_add(name, PASSWORD)
    return name


@pytest.mark.parametrize("door", ["submission", "exchange"])
@pytest.mark.parametrize("command", [f"AUTH PLAIN {plain(USER, PASSWORD)}", "AUTH PLAIN", "AUTH LOGIN",
                                     f"AUTH LOGIN {b64(USER)}", "AUTH SCRAM-SHA-256 biws", "AUTH NTLM"],
                         ids=lambda c: "row31_" + "_".join(c.split()[1:2] + ["initial"] * (len(c.split()) - 2)))
def test_in_the_clear(house, command, door):
    """Not offered, refused at once, and not looked at."""
    mark = house.mark()
    with house.wire(door, source=somewhere()) as w:
        assert "AUTH" not in w.ehlo().text
        w.say(command, 538, 530, 503)
        w.say("NOOP", 250)
        w.quit()
    log = house.log_since(mark)
    assert not re.search(r" login(\.refused)? ", log) and plain(USER, PASSWORD) not in log and USER not in log


# ---- guessing

def attempt(house, name, password, source=None):
    """(reply, seconds until it came)"""
    with house.submission(login=False, source=source or somewhere()) as w:
        started = time.monotonic()
        reply = w.ask(f"AUTH PLAIN {plain(name, password)}")
        return reply, time.monotonic() - started


def test_row81_wrong_password_and_unknown_name_look_the_same(house):
    known = [f"k{token()}@port26.test" for _ in range(4)]  # ten tries each: a name has twenty before it is slowed down
    for name in known:
        house.port26.account_add(name, "right " + token())
    times, told = {"known": [], "unknown": []}, set()
    for i in range(40):
        for kind, name in (("known", known[i % 4]), ("unknown", f"u{token()}@port26.test")):
            reply, seconds = attempt(house, name, "wrong " + token())
            told.add(tuple(reply.lines))
            times[kind].append(seconds)
    assert len(told) == 1 and told.pop()[0].startswith("535 5.7.8")
    # Whatever else the machine does only adds: the quicker ones show best how long we take.
    a, b = (statistics.quantiles(t, n=4)[0] for t in times.values())
    assert abs(a - b) < 0.4 * max(a, b), (a, b)


def test_row81_scram_challenges_look_the_same(house, victim):
    """An unknown name gets a salt too, and always the same one."""
    def challenge(name):
        with house.submission(login=False, source=somewhere()) as w:
            reply = w.say(f"AUTH SCRAM-SHA-256 {b64(f'n,,n={name},r=abc')}", 334)
            told = dict(x.split("=", 1) for x in base64.b64decode(reply.text).decode().split(","))
            w.say("*", 501)
            return told["i"], len(base64.b64decode(told["s"])), told["s"]
    nobody = f"u{token()}@port26.test"
    assert challenge(victim)[:2] == challenge(nobody)[:2]
    assert challenge(nobody) == challenge(nobody) != challenge("x" + nobody)


def test_row82_one_connection(house, victim):
    with house.submission(login=False, source=somewhere()) as w:
        codes = []
        for i in range(4):  # the fifth would be slow
            codes.append(w.ask(f"AUTH PLAIN {plain(f'{token()}@port26.test', 'guess')}").code)
        assert codes == [535] * 4
        w.send(f"AUTH PLAIN {plain(victim, 'guess')}\r\nAUTH PLAIN {plain(victim, PASSWORD)}\r\n")
        assert [r.code for r in w.replies()] == [535, 421]


def guess(house, wires, name, source):
    """A guess whose answer nobody waits for."""
    w = house.submission(login=False, source=source)
    w.send(f"AUTH PLAIN {plain(name, 'guess')}\r\n")
    wires.append(w)


def end(wires):
    for w in wires:
        w.reset()


def test_row82_many_connections(house, victim):
    """One name from one address: soon nothing is looked at from there; the owner elsewhere does not notice."""
    source, wires = somewhere(), []
    try:
        def shut():
            """A success in between wipes out what was counted so far: then guess again."""
            for _ in range(15):
                guess(house, wires, victim, source)
            time.sleep(0.3)
            return attempt(house, victim, PASSWORD, source)[0].code == 454
        wait_for(shut, 20)
        reply, seconds = attempt(house, victim, PASSWORD, source)
        assert reply.code == 454 and seconds < 4
        reply, seconds = attempt(house, victim, PASSWORD)
        assert reply.code == 235 and seconds < 8
    finally:
        end(wires)


def test_row82_many_names(house, victim):
    """Many names from one address: nobody's password is looked at from there any more."""
    source, wires = somewhere(), []
    try:
        for _ in range(30):
            guess(house, wires, f"{token()}@port26.test", source)
        wait_for(lambda: attempt(house, victim, PASSWORD, source)[0].code == 454, 20, step=0.1)
        assert attempt(house, victim, PASSWORD)[0].code == 235
    finally:
        end(wires)


def test_row82_many_addresses(house, victim):
    """One name from everywhere: the owner waits some seconds at most, and gets in."""
    wires = []
    try:
        for _ in range(40):
            guess(house, wires, victim, somewhere())
        time.sleep(1)
        reply, seconds = attempt(house, victim, PASSWORD)
        assert reply.code == 235 and seconds < 8
    finally:
        end(wires)


# ---- PLAIN

PLAINS = {
    "not_base64": "!!!!", "base64_3_of_4": "AGFhAGE", "base64_1_of_4": "AGFhA", "base64_padding": "AGFhAA===",
    "padding_within": "AG==FhAA", "base64_bits": "AGFhAGF=", "blanks": "AGFh AGFh", "empty": "=",
    "only_padding": "====", "no_nul": b64("abc"), "one_nul": b64("a\0b"), "four_fields": b64("a\0b\0c\0d"),
    "nuls_only": b64("\0\0"), "many_nuls": b64("\0" * 100), "no_name": b64("\0\0" + PASSWORD),
    "no_password": b64(f"\0{USER}\0"), "other_authzid": b64(f"{NEIGHBOUR}\0{USER}\0{PASSWORD}"),
    "bad_authzid": b64(f"root\0{USER}\0{PASSWORD}"), "invalid_utf8": b64(b"\0you\xff@port26.test\0\xfe\xff"),
    "overlong_utf8": b64(b"\0\xc1\xb9ou@port26.test\0" + PASSWORD.encode()), "surrogate": b64(b"\0\xed\xa0\x80\0x"),
    "nul_in_password": b64(f"\0{USER}\0{PASSWORD}\0"), "newline": b64(f"\0{USER}\n\0{PASSWORD}"),
    "soft_hyphen_bidi": b64(f"\0\u05d0a\u05d1\0{PASSWORD}"), "control": b64(f"\0{USER}\x07\0{PASSWORD}"),
    "unassigned": b64(f"\0\U000e0fff\0{PASSWORD}"), "private": b64(f"\0\ue000\0{PASSWORD}"),
    "12288_octets": b64("\0" + "a" * 9214 + "\0"), "12288_name_password": b64(f"\0{'a' * 4000}\0{'b' * 5214}"),
}


@pytest.mark.parametrize("response", PLAINS.values(), ids=["row83_" + k for k in PLAINS])
@pytest.mark.parametrize("initial", [True, False], ids=["initial", "asked"])
def test_plain(house, response, initial):
    with house.submission(login=False, source=somewhere()) as w:
        if initial:
            w.say(f"AUTH PLAIN {response}", 501, 535)
        else:
            w.say("AUTH PLAIN", 334)
            w.say(response, 501, 535)
        w.say(f"MAIL FROM:<{USER}>", 530)
        w.quit()


@pytest.mark.parametrize("size,ends", [(12289 + 64, False), (100 * 1024, False), (2 << 20, True)],
                         ids=lambda x: f"row83_{x}")
@pytest.mark.parametrize("initial", [True, False], ids=["initial", "asked"])
def test_plain_too_long(house, size, ends, initial):
    with house.wire("loose", source=somewhere()) as w:
        if not initial:
            w.say("AUTH PLAIN", 334)
        w.try_send(("AUTH PLAIN " if initial else "") + "A" * size)
        w.try_send("\r\n")
        w.expect(500, 501)
        if ends:
            w.gone()
        else:
            w.say("NOOP", 250)
            w.quit()


def test_row83_saslprep(house, victim):
    """What SASLprep maps to nothing or to a blank is the same name and password: soft hyphen, no-break space."""
    reply, _ = attempt(house, victim.replace("@", "\u00ad@"), PASSWORD.replace(" ", "\u00a0"))
    assert reply.code in (235, 535)
    assert attempt(house, victim, PASSWORD)[0].code == 235


# ---- LOGIN and SCRAM

@pytest.mark.parametrize("lines", [["*"], [b64(USER), "*"], [""], ["!"], [b64(USER), "!"], [b64("\0"), b64(PASSWORD)],
                                   [b64(USER), ""], [b64("guess"), b64(USER)], [b64("a" * 9000), b64(PASSWORD)],
                                   [b64(USER), b64("b" * 9000)],
                                   [b64(USER), b64(PASSWORD + "\0")], ["= ="]],
                         ids=lambda x: "row84_login_" + "_".join(str(len(i)) for i in x))
def test_login(house, lines):
    with house.submission(login=False, source=somewhere()) as w:
        w.say("AUTH LOGIN", 334)
        for line in lines[:-1]:
            w.say(line, 334)
        last = w.ask(lines[-1])
        if last.code == 334:  # a bad name is told after the password
            last = w.ask(b64("x"))
        assert last.code in (501, 535)
        w.say("NOOP", 250)
        w.quit()


class Scram:
    """SCRAM-SHA-256 step by step, so that each can be wrong."""

    def __init__(self, w, name=USER, password=PASSWORD):
        self.w, self.name, self.password = w, name, password
        self.nonce = token()

    def first(self, gs2="n,,", bare=None, codes=(334,)):
        self.gs2 = gs2
        self.bare = bare if bare is not None else f"n={self.name},r={self.nonce}"
        reply = self.w.say(f"AUTH SCRAM-SHA-256 {b64(gs2 + self.bare)}", *codes)
        if reply.code == 334:
            self.challenge = base64.b64decode(reply.text).decode()
            self.told = dict(x.split("=", 1) for x in self.challenge.split(","))
        return reply

    def final(self, c=None, r=None, proof=None, more=""):
        c, r = c if c is not None else b64(self.gs2), r if r is not None else self.told["r"]
        without = f"c={c},r={r}{more}"
        salt, rounds = base64.b64decode(self.told["s"]), int(self.told["i"])
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), salt, rounds)
        key = hmac.digest(salted, b"Client Key", "sha256")
        dialogue = ",".join((self.bare, self.challenge, without)).encode()
        signature = hmac.digest(hashlib.sha256(key).digest(), dialogue, "sha256")
        right = bytes(a ^ b for a, b in zip(key, signature))
        return f"{without},p={b64(right if proof is None else proof(right))}"

    def end(self, line):
        reply = self.w.ask(b64(line))
        if reply.code == 334:
            reply = self.w.ask("")
        return reply


@pytest.fixture
def scram(house):
    """A login by a helper of its own account, from an address of its own."""
    name = f"s{token()}@port26.test"
    house.port26.account_add(name, PASSWORD)
    with house.wire("loose", source=somewhere()) as w:
        yield Scram(w, name)


def test_row84_scram_control(scram):
    scram.first()
    assert scram.end(scram.final()).code == 235


FINALS = {
    "cancelled": lambda s: "*",
    "proof_bit": lambda s: s.final(proof=lambda p: bytes([p[0] ^ 1]) + p[1:]),
    "proof_last_bit": lambda s: s.final(proof=lambda p: p[:-1] + bytes([p[-1] ^ 128])),
    "proof_zero": lambda s: s.final(proof=lambda p: bytes(32)),
    "proof_empty": lambda s: s.final(proof=lambda p: b""),
    "proof_short": lambda s: s.final(proof=lambda p: p[:31]),
    "proof_long": lambda s: s.final(proof=lambda p: p + b"\0"),
    "binding_other_header": lambda s: s.final(c=b64("y,,")),
    "binding_other_name": lambda s: s.final(c=b64(f"n,a={NEIGHBOUR},")),
    "binding_none": lambda s: s.final(c=""),
    "binding_not_base64": lambda s: s.final(c="!!"),
    "nonce_own_only": lambda s: s.final(r=s.nonce),
    "nonce_other": lambda s: s.final(r=s.told["r"] + "x"),
    "nonce_empty": lambda s: s.final(r=""),
    "extension": lambda s: s.final(more=",m=must"),
    "first_again": lambda s: s.gs2 + s.bare,
    "nothing": lambda s: "",
    "nul": lambda s: s.final() + "\0",
    "garbage": lambda s: "c=,r=,p=",
    "long": lambda s: s.final(more=",x=" + "y" * 8000),
}


@pytest.mark.parametrize("make", FINALS.values(), ids=["row84_scram_" + k for k in FINALS])
def test_scram_final(house, scram, make):
    scram.first()
    line = make(scram)
    reply = scram.w.ask("*") if line == "*" else scram.end(line)
    if reply.code == 235:
        assert "x=yyyy" in line  # an optional extension may be ignored
        return
    assert reply.code in (501, 535)
    scram.w.say(f"MAIL FROM:<{scram.name}>", 530)


FIRSTS = {
    "client_final_first": ("", "c=biws,r=abc,p=AAAA"),
    "binding_not_offered": ("p=tls-exporter,,", None),
    "binding_unknown": ("p=foo,,", None),
    "other_identity": (f"n,a={NEIGHBOUR},", None),
    "bad_header": ("x,,", None),
    "no_header": ("", None),
    "no_name": ("n,,", "r=abc"),
    "empty_name": ("n,,", "n=,r=abc"),
    "empty_nonce": ("n,,", "n=you@port26.test,r="),
    "reserved": ("n,,", "m=x,n=you@port26.test,r=abc"),
    "bad_escape": ("n,,", "n=you=2X,r=abc"),
    "nul": ("n,,", "n=you\0,r=abc"),
    "long_name": ("n,,", f"n={'a' * 8000},r=abc"),
    "long_nonce": ("n,,", f"n=you@port26.test,r={'a' * 8000}"),
}


@pytest.mark.parametrize("gs2,bare", FIRSTS.values(), ids=["row84_scram_first_" + k for k in FIRSTS])
def test_scram_first(house, scram, gs2, bare):
    """Refused at once, or after a challenge that leads nowhere."""
    reply = scram.first(gs2, bare, (334, 501, 535))
    if reply.code == 334:
        reply = scram.end(scram.final(proof=lambda p: p if gs2 else bytes(32)))
    if reply.code == 235:
        assert len(bare or "") > 8000  # a long nonce is only long
        return
    assert reply.code in (501, 535)
    scram.w.say(f"MAIL FROM:<{scram.name}>", 530)


def test_row84_replay(house, scram):
    """A recorded exchange is worth nothing: the server's half of the nonce is new."""
    scram.first()
    recorded = scram.final()
    assert scram.end(recorded).code == 235
    with house.wire("loose", source=somewhere()) as w:
        again = Scram(w, scram.name)
        again.nonce = scram.nonce
        again.first()
        assert again.told["r"] != scram.told["r"]
        assert again.end(recorded).code in (501, 535)


def test_row84_downgrade(house):
    """With a binding there "y" says that somebody hid -PLUS from the client (RFC 5802 6)."""
    with house.wire("bound", source=somewhere()) as w:
        w.starttls(house.context)
        s = Scram(w)
        reply = s.first("y,,", codes=(334, 501, 535))
        if reply.code == 334:
            reply = s.end(s.final())
        assert reply.code in (501, 535)


# ---- order

def test_row85_order(house, victim):
    good = f"AUTH PLAIN {plain(victim, PASSWORD)}"
    with house.wire("submissions", greet=False, source=somewhere()) as w:
        w.expect(220)
        w.say(good, 503)
        w.ehlo()
        w.say(f"AUTH PLAIN {plain(victim, 'wrong')}", 535)
        w.say("AUTH LOGIN", 334)  # another mechanism after a failure
        w.say(b64(victim), 334)
        w.say(b64(PASSWORD), 235)
        w.say(good, 503)
        w.say(f"MAIL FROM:<{victim}>", 250)
        w.say(good, 503)
        w.quit()
    with house.wire("exchange", source=somewhere()) as w:
        w.starttls(house.context)
        w.say("MAIL FROM:<a@b.test>", 250)
        w.say(good, 503)
        w.say("RSET", 250)
        w.say(good, 235)
        w.ehlo()
        w.say(good, 503)
        w.quit()


@pytest.mark.parametrize("mechanism", ["ANONYMOUS", "EXTERNAL", "NTLM", "CRAM-MD5", "DIGEST-MD5", "GSSAPI", "SCRAM-SHA-1",
                                       "SECURID", "PLAINX", "PLAI", "SCRAM-SHA-256-PLUS-PLUS", "-", "x" * 200, "%s%n", "../PLAIN"],
                         ids=lambda m: "row86_" + re.sub(r"\W", "_", m)[:24])
def test_no_such_mechanism(house, mechanism):
    with house.submission(login=False, source=somewhere()) as w:
        assert mechanism not in re.search("(?m)^AUTH (.*)$", w.ehlo().text)[1].split()
        w.say(f"AUTH {mechanism} =", 504)
        w.say(f"AUTH {mechanism}", 504)
        w.say("NOOP", 250)
        w.quit()


@pytest.mark.parametrize("args", ["", " ", " PLAIN = =", " PLAIN AA AA"], ids=lambda a: f"row86_args_{len(a)}")
def test_bad_arguments(house, args):
    with house.submission(login=False, source=somewhere()) as w:
        w.say("AUTH" + args, 501)
        w.quit()


def test_row86_plus_without_tls(house):
    with house.wire("loose", source=somewhere()) as w:
        w.say(f"AUTH SCRAM-SHA-256-PLUS {b64('p=tls-exporter,,n=you@port26.test,r=abc')}", 504)


NAMES = {
    "slash": "../../etc/passwd", "absolute": "/etc/passwd", "dots": "..", "dot": ".", "nul": "you\0@port26.test",
    "newline": "you\n@port26.test", "crlf": f"you@port26.test\r\nlogin name={USER}", "percent": "%s%n%x%p",
    "dash": "-you@port26.test", "dash_option": "--help", "10k": "y" * 9000, "quote": "' OR 1=1 --",
    "quoted": '"you"@port26.test', "inside": USER + "/../neighbour@port26.test", "inner_nul": USER + "\0",
    "trailing_blank": USER + " ", "blank": " ", "tab": "\t", "bidi": "you\u202e@port26.test",
    "fullwidth": "you＠port26.test", "upper": USER.upper() + ".", "bell": "\x07",
}

@pytest.mark.parametrize("name", NAMES.values(), ids=["row87_" + k for k in NAMES])
@pytest.mark.parametrize("mechanism", ["LOGIN", "PLAIN"])
def test_names(house, name, mechanism):
    """Whoever this is, the right password of another does not let it in, and it writes neither files nor log lines."""
    mark = house.mark()
    with house.submission(login=False, source=somewhere()) as w:
        if mechanism == "PLAIN":
            reply = w.ask(f"AUTH PLAIN {plain(name, 'guess')}")
        else:
            w.say("AUTH LOGIN", 334)
            w.say(b64(name), 334)
            reply = w.ask(b64("guess"))
        assert reply.code in (535, 501)
        w.say("NOOP", 250)
        w.quit()
    for line in house.log_since(mark).split("\n"):
        assert not re.search("[\x00-\x1f\x7f-\x9f\u202e]", line), repr(line)
        assert not line or re.match(r"\d{4}-\d\d-\d\dT\S+ (error|warning|notice|info|debug) \S+ \S", line), repr(line)
        assert not re.match(r"\S+ \S+ \S+ login name", line)
    assert {p.name for p in house.port26.inbox.iterdir()} <= {USER, NEIGHBOUR}
