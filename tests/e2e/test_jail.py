"""What the running processes can not do any more, and what the death of one costs (R10; fault rows 11, 12, 35)."""
import os, pwd, re, signal, smtplib, socket, subprocess, threading, time

import pytest

from crash import alive
from port26 import AS_ROOT, USER, message, pass_through, user_name, wait_for
from sink import Sink

TWO = "process { listeners = 2 }\ndelivery { couriers = 2 }"


def status_of(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def everybody(p):
    """role -> pid"""
    return {"keeper": p.process.pid, **{role: p.children(role)[0] for role in ("listener", "courier")}}


@pytest.mark.parametrize("role", ["keeper", "listener", "courier"])
def test_no_rights_are_left(start, role):
    p = start()
    s = status_of(everybody(p)[role])
    assert s["NoNewPrivs"] == "1"
    assert s["Seccomp"] == "2"
    uid = pwd.getpwnam(user_name()).pw_uid
    assert uid != 0
    assert set(map(int, s["Uid"].split())) == {uid}
    assert 0 not in map(int, s["Gid"].split()) and "0" not in s["Groups"].split()
    for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(s[kind], 16) == 0, kind


# x86-64 numbers; other machines skip.
CALLS = {"read": 0, "mmap": 9, "ptrace": 101, "socket": 41, "connect": 42, "listen": 50, "execve": 59, "kill": 62, "fork": 57,
         "openat": 257, "unshare": 272, "mount": 165, "setuid": 105, "bpf": 321, "io_uring_setup": 425}
EPERM, EACCES, ENOENT = 1, 13, 2
AT, READ, WRITE_NEW = -100, 0, 0o102
# What each tries, and what must come of it: one of these errors.
COMMON = [
    ("execve", '"/bin/sh"', 0, 0, {EPERM, EACCES}),
    ("ptrace", 16, 1, 0, {EPERM}),
    ("unshare", 0x10000000, 0, 0, {EPERM}),
    ("mount", '"none"', '"/mnt"', '"tmpfs"', {EPERM}),
    ("setuid", 0, 0, 0, {EPERM}),
    ("bpf", 0, 0, 0, {EPERM}),
    ("io_uring_setup", 1, 0, 0, {EPERM}),
    ("openat", AT, '"/etc/shadow"', READ, {EPERM, EACCES}),
    ("socket", 17, 3, 0, {EPERM}),  # AF_PACKET
]
TRIES = {
    "listener": COMMON + [
        ("openat", AT, '"/etc/hostname"', READ, {EPERM}),
        ("openat", AT, '"STORE/port26.db"', READ, {EPERM}),
        ("openat", AT, '"/tmp/x"', WRITE_NEW, {EPERM}),
        ("socket", 2, 1, 0, {EPERM}),
        ("connect", 3, 0, 0, {EPERM}),
        ("fork", 0, 0, 0, {EPERM}),
        ("kill", 1, 0, 0, {EPERM}),
        ("mmap", 0, 4096, 7, {EPERM}),
    ],
    "courier": COMMON + [
        ("openat", AT, '"STORE/port26.db"', READ, {EPERM, EACCES}),
        ("openat", AT, '"INBOX"', READ, {EPERM, EACCES}),
        ("openat", AT, '"/tmp/x"', WRITE_NEW, {EPERM}),
        ("listen", 3, 1, 0, {EPERM}),
        ("fork", 0, 0, 0, {EPERM}),
        ("kill", 1, 0, 0, {EPERM}),
        ("mmap", 0, 4096, 7, {EPERM}),
    ],
    "keeper": COMMON + [
        ("openat", AT, '"OUTSIDE"', READ, {EPERM, EACCES}),
        ("openat", AT, '"/tmp/x"', WRITE_NEW, {EPERM, EACCES}),
    ],
}
NEEDS_LANDLOCK = {('"STORE/port26.db"', "courier"), ('"INBOX"', "courier"), ('"OUTSIDE"', "keeper"), ('"/tmp/x"', "keeper")}


def call_inside(pid, calls):
    """Has the process itself make these calls, by way of a debugger: their results, -errno where they fail."""
    words = ["gdb", "-q", "-nx", "-batch", "-p", str(pid), "-ex", "set confirm off", "-iex", "set debuginfod enabled off"]
    for call in calls:
        number, *args = call
        while len(args) < 3:
            args.append(0)
        if CALLS["mmap"] == number:
            args += [0x22, -1, 0]
        words += ["-ex", f'printf "RESULT %ld %d\\n", ((long(*)())syscall)({", ".join(map(str, [number, *args]))}), *(int*)((void*(*)())__errno_location)()']
    r = subprocess.run(words, capture_output=True, text=True, timeout=120)
    found = [(int(a), int(b)) for a, b in re.findall(r"^RESULT (-?\d+) (\d+)$", r.stdout, re.M)]
    assert len(found) == len(calls), r.stdout[-2000:] + r.stderr[-3000:]
    return [-e if result == -1 else result for result, e in found]


@pytest.mark.skipif(not AS_ROOT, reason="debugging another process needs root")
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers of the calls are those of x86-64")
@pytest.mark.parametrize("role", ["keeper", "listener", "courier"])
def test_a_taken_over_process_gets_nowhere(start, tmp_path, role):
    """The filter is that of the running process, not one a unit test has put on."""
    p = start()
    outside = tmp_path / "outside"
    outside.write_text("readable by all\n")
    pass_through(tmp_path)
    landlock = "jail.partial" not in p.log()
    fill = {"STORE": p.store, "INBOX": p.inbox, "OUTSIDE": outside}
    tries = []
    for t in TRIES[role]:
        if not landlock and any((a, role) in NEEDS_LANDLOCK for a in t[1:4]):
            continue
        tries.append(t)
    calls = []
    for t in tries:
        args = [re.sub("STORE|INBOX|OUTSIDE", lambda m: str(fill[m[0]]), a) if isinstance(a, str) else a for a in t[1:4]]
        calls.append([CALLS[t[0]], *args])
    pid = everybody(p)[role]
    results = call_inside(pid, calls)
    wrong = [f"{t[:4]} gave {r}" for t, r in zip(tries, results) if -r not in t[4]]
    assert not wrong, f"in the {role}: " + "; ".join(wrong)
    p.client().quit()  # and it serves on
    if not landlock:
        pytest.skip("all but Landlock, which this kernel does not have")


# ---- deaths

def pid_serving(port, client):
    """The listener that has the other end of a client's socket."""
    out = subprocess.run(["ss", "-tnpH", f"sport = :{port} and dport = :{client.sock.getsockname()[1]}"], capture_output=True, text=True).stdout
    return int(re.search(r"pid=(\d+)", out)[1])


def test_a_killed_listener_costs_its_own_sessions_only(start):
    p = start(extra=TWO)
    by_pid = {}
    for _ in range(200):
        c = p.client("exchange", login=False)
        by_pid.setdefault(pid_serving(p.ports["exchange"], c), []).append(c)
        if len(by_pid) == 2:
            break
    assert len(by_pid) == 2, "one listener took all"
    (dead, lost), (_, alive_ones) = by_pid.items()
    os.kill(dead, signal.SIGKILL)
    t = time.monotonic()
    p.client("exchange", login=False, timeout=20).quit()
    assert time.monotonic() - t < 10, "a new client waited"
    for c in alive_ones:
        c.ehlo()
        assert c.sendmail("a@far.test", [USER], message("goes on")) == {}
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        for _ in range(2):
            if lost[0].noop()[0] == 421:
                raise ConnectionError
    wait_for(lambda: len(p.children("listener")) == 2 and dead not in p.children("listener"), 10)
    p.wait_inbox(len(alive_ones))


def test_the_only_listener_comes_back_at_once(start):
    p = start(extra="process { listeners = 1 }")
    os.kill(p.children("listener")[0], signal.SIGKILL)
    t = time.monotonic()
    p.client("exchange", login=False, timeout=20).quit()
    assert time.monotonic() - t < 10


def test_a_killed_courier_costs_its_own_jobs_only(start):
    gate, dots = threading.Event(), []

    def dot(state):
        name = re.search(rb"Subject: (.*)\r", state["entry"]["body"])[1].decode()
        if name != "first":
            dots.append(name)
            gate.wait(60)
        return b"250 2.0.0 kept\r\n"
    with Sink({"dot": dot}) as sink:
        p = start(extra=f"""
relay "sink" {{ host = "[127.0.0.1]" port = {sink.port} tls = none }}
route "far" {{ to = {{"far.test"}} via = "relay:sink" }}
delivery {{ allow-loopback = true couriers = 2 retry = {{"1s"}} }}
""")
        wait_for(lambda: sum(x["role"] == "courier" and x["ready"] for x in p.processes()) == 2, 20)
        c = p.client()
        # Until a door is known to be open one courier looks for it on behalf of all.
        c.sendmail(USER, ["ann@far.test"], message("first"))
        wait_for(lambda: [d["sure"] for d in p.json("status")["relays"][0]["doors"]] == [True] and not p.queue(), 20)
        for name in ("one", "two"):
            c.sendmail(USER, ["ann@far.test"], message(name))
        wait_for(lambda: sorted(dots) == ["one", "two"], 20, message=lambda: p.log()[-2000:])
        couriers = {x["pid"]: x["jobs"] for x in p.processes() if x["role"] == "courier"}
        assert sorted(couriers.values()) == [1, 1], couriers
        os.kill(list(couriers)[0], signal.SIGKILL)
        wait_for(lambda: len(dots) == 3, 20, message="its job was not given to another")
        gate.set()
        wait_for(lambda: not p.queue(), 20)
        assert sorted(dots) in (["one", "one", "two"], ["one", "two", "two"])
        assert p.log().count("lease.lost") == 1
        c.quit()


def test_a_crash_loop_is_slowed_down(start):
    """A listener that dies again and again: it is started later and later, and the courier does not notice."""
    p = start(extra="process { listeners = 1 }")
    keeper, courier = p.process.pid, p.children("courier")
    begin, starts, deaths = time.monotonic(), set(), []
    while len(deaths) < 6 and time.monotonic() - begin < 60:
        pids = [int(x) for x in open(f"/proc/{keeper}/task/{keeper}/children").read().split() if int(x) not in courier]
        for pid in pids:
            if pid not in starts and alive(pid):
                starts.add(pid)
                os.kill(pid, signal.SIGKILL)
                deaths.append(time.monotonic())
        time.sleep(0.01)
    waits = [b - a for a, b in zip(deaths, deaths[1:])]
    assert waits[-1] > 1.2 and waits[-1] > waits[0] * 4, f"no back-off: {waits}"
    assert p.children("courier") == courier
    # The courier's own end is mended at once meanwhile: the sides do not share the back-off.
    os.kill(courier[0], signal.SIGKILL)
    t = time.monotonic()
    wait_for(lambda: [x for x in p.children("courier") if x not in courier], 10)
    assert time.monotonic() - t < 3  # it would be twice the last of the waits
    p.client("exchange", login=False, timeout=20).quit()


def test_a_killed_keeper_leaves_nothing_behind(start):
    """Fault 11: its children end, the ports are free, and the next start takes the store at once."""
    p = start()
    c = p.client("exchange", login=False)
    children = [pid for pid in p.pids() if pid != p.process.pid]
    assert len(children) >= 2
    p.process.kill()
    p.process.wait()
    wait_for(lambda: not any(alive(pid) for pid in children), 20, 0.01, "children outlive the keeper")
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        c.noop()
    for port in p.ports.values():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 1)
    t = time.monotonic()
    p.start()
    assert time.monotonic() - t < 15
    p.client().quit()
