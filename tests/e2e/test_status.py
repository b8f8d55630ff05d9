"""`port26 status` as people read it, and --watch."""
import os, pty, re, signal, subprocess, threading

import pytest

from port26 import AS_ROOT, free_port, wait_for
from test_relay_doors import relay, send, world  # noqa: F401 (fixtures)


def argv(p, *words):
    who = ["setpriv", "--reuid=port26", "--regid=port26", "--clear-groups"] if AS_ROOT else []
    return [*who, p.binary, "status", "-c", str(p.conf), *words]


class Watching:
    def __init__(self, p, out=subprocess.PIPE, env=None):
        self.process = subprocess.Popen(argv(p, "--watch"), stdout=out, stderr=subprocess.PIPE, env={**os.environ, **(env or {})})
        self.text = b""

    def read_from(self, fd):
        def run():
            try:
                while data := os.read(fd, 65536):
                    self.text += data
            except OSError:
                pass
        threading.Thread(target=run, daemon=True).start()

    def end(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        self.process.stderr.close()


def test_status_tells_the_way_and_what_waits(world, relay):
    good = world.door()
    p = relay(good)
    text = p.command("status").stdout
    assert "Nothing waits" in text and re.search(r"(?m)^Network: |offline", text)
    send(p)
    wait_for(lambda: len(good.kept()) == 1 and not p.queue())
    if p.json("status")["place"]["key"]:
        assert f"Relay isp: mail leaves through 127.0.0.1:{good.port} starttls" in p.command("status").stdout
    p.stop()
    good.close()
    p.start()
    send(p, 2)
    wait_for(lambda: len(p.queue()) == 2 and all(r["attempts"] for m in p.queue() for r in m["recipients"]), 60)
    text = p.command("status").stdout
    assert "2 messages for relay:isp wait for a network that lets mail out; next try " in text, text
    assert "refused the connection" in text and "In the queue: 2 messages" in text
    p.stop()
    assert "no daemon runs: nothing leaves until it is started: `systemctl start port26`, or `port26 serve`\n" in p.command("status").stdout


def test_watch_prints_changes(world, relay):
    p = relay(free_port())
    w = Watching(p)
    w.read_from(w.process.stdout.fileno())
    wait_for(lambda: b"Nothing waits" in w.text)
    before = len(w.text.splitlines())
    send(p)
    wait_for(lambda: b"1 message for relay:isp waits" in w.text, message=lambda: w.text.decode())
    assert all(re.match(rb"\d\d:\d\d:\d\d ", line) for line in w.text.splitlines())
    assert len(w.text.splitlines()) < before + 20 and b"\033" not in w.text
    w.end()
    w.process.stdout.close()


def test_watch_redraws_a_terminal(world, relay):
    p = relay(free_port())
    mine, theirs = pty.openpty()
    w = Watching(p, out=theirs, env={"TERM": "xterm"})
    os.close(theirs)
    w.read_from(mine)
    wait_for(lambda: w.text.count(b"\033[H\033[J") >= 2)
    send(p)
    wait_for(lambda: b"In the queue: 1 message," in w.text)
    w.end()
    os.close(mine)


def test_watch_needs_a_daemon(world, relay):
    p = relay(free_port())
    assert p.command("status", "--watch", "--json", check=False).returncode == 64
    p.stop()
    r = p.command("status", "--watch", check=False)
    assert r.returncode == 69 and "no daemon runs" in r.stderr
