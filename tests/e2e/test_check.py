"""`port26 check` as people and programs call it: board, password, repeat, watch, history, report, --send, JSON, exit status.
What it concludes is told by the unit tests and by test_lab; here the servers are scripted, each at an address of its own."""
import fcntl, html.parser, json, os, pathlib, pty, random, re, select, signal, socket, stat, struct, subprocess, termios, time

import pytest

from port26 import BINARY, make_certificate, wait_for
from sink import Sink


def low_ports():
    try:
        return os.geteuid() == 0 or int(pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 25
    except (OSError, ValueError):
        return False


pytestmark = pytest.mark.skipif(not low_ports(), reason="the doors of a mail server are below 1024: needs root")

USER, PASSWORD = "nora.nobody@example.test", "Xq7-not-to-be-seen"
AUTH = ("SIZE 1000000", "8BITMIME", "ENHANCEDSTATUSCODES", "AUTH PLAIN LOGIN")


class Server:
    """A mail server at an address of its own: 465 and 587, with a certificate for that address."""

    def __init__(self, folder, replies=None, ports=(465, 587), replies_at=None):
        while True:
            self.address = f"127.{random.randint(2, 254)}.{random.randint(1, 254)}.{random.randint(1, 254)}"
            try:
                socket.create_server((self.address, 465)).close()
                break
            except OSError:
                continue
        self.state, self.folder = folder / "state", folder
        self.cert = make_certificate(folder, "server", (f"IP:{self.address}",))
        good = {"auth": b"235 2.7.0 welcome\r\n", **(replies or {})}
        self.sinks = {p: Sink({**good, **((replies_at or {}).get(p, {}))}, AUTH + (() if p == 465 else ("STARTTLS",)), self.cert,
                              p == 465, self.address, p) for p in ports}

    def __enter__(self):
        return self

    def __exit__(self, *a):
        for s in self.sinks.values():
            s.close()

    def argv(self, *args):
        return [BINARY, "check", self.address, "--offline-controls", "--cafile", str(self.cert[0]), *map(str, args)]

    def environment(self, **more):
        return {**os.environ, "PORT26_STATE": str(self.state), "TZ": "UTC", "ASAN_OPTIONS": "detect_leaks=0", **more}

    def run(self, *args, input="", **kw):
        done = subprocess.run(self.argv(*args), input=input.encode(), capture_output=True, timeout=90, env=self.environment(), **kw)
        assert b"Sanitizer" not in done.stderr and b"runtime error" not in done.stderr, done.stderr.decode()
        assert PASSWORD.encode() not in done.stdout + done.stderr
        return done

    def json(self, *args, **kw):
        return json.loads(self.run("--json", *args, **kw).stdout)

    def said(self, verb):
        return sum(line.upper().startswith(verb) for s in self.sinks.values() for line in s.lines)

    def messages(self):
        return [m for s in self.sinks.values() for m in s.kept()]


@pytest.fixture
def password_file(tmp_path):
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    return file


def login(password_file):
    return "--user", USER, "--password-file", password_file


# ---- for machines, exit status

def test_json_is_one_object_of_known_form(tmp_path):
    with Server(tmp_path) as s:
        done = s.run("--json")
        found = json.loads(done.stdout)
    assert done.returncode == 0
    assert set(found) == {"verdict", "also", "not_ruled_out", "findings", "doors", "elapsed_ms", "server", "found_by", "place",
                          "history", "sent"}
    assert set(found["verdict"]) == {"id", "class", "owner", "rule", "sentence", "setting", "steps"}
    assert found["verdict"]["id"] == "OK" and found["verdict"]["rule"] == "works"
    assert found["sent"] is None
    assert set(found["place"]) == {"key", "name", "gateway", "device", "offline", "tunnel"}
    assert {d["port"]: d["state"] for d in found["doors"]}[587] == "open"


def test_exit_status_tells_who_can_repair_it(tmp_path, password_file):
    with Server(tmp_path, {"auth": b"535 5.7.8 Error: authentication failed\r\n"}) as s:
        assert s.run().returncode == 0
        assert s.run(*login(password_file)).returncode == 10
    assert s.run().returncode == 12  # nobody is there any more, and nothing else could be asked


@pytest.mark.parametrize("args", [("--port", "70000"), ("--repeat", "1001"), ("--repeat", "2", "--watch"), ("--pause", "-5"),
                                  ("--tls", "maybe"), ("--client", "pine"), ("--to", "nobody"), ("--send",),
                                  ("--password-fd", "-7"), ("--size", "big"), ("--size", "0"), ("--user", "x", "--password-fd", "1", "--password-file", "x")])
def test_mistakes_are_told(tmp_path, args):
    done = subprocess.run([BINARY, "check", "127.0.0.1", "--offline-controls", *args], capture_output=True, timeout=30)
    assert done.returncode == 64 and done.stderr.startswith(b"port26 check: "), done


def test_a_report_that_cannot_be_written_is_told(tmp_path):
    with Server(tmp_path) as s:
        done = s.run("--report", tmp_path / "no" / "report.html")
    assert done.returncode == 73 and b"report.html" in done.stderr


def test_people_see_the_parts_in_order(tmp_path, password_file):
    with Server(tmp_path, {"auth": b"535 5.7.8 Error: authentication failed\r\n"}) as s:
        out = s.run("--explain", *login(password_file)).stdout.decode()
    places = [out.index(x) for x in ("Findings; the rule", "What is wrong", "Who can repair", "Setting", "What to do", "Evidence",
                                     "Login at port 465: 535", "Not ruled out")]
    assert places == sorted(places)
    assert all(len(line) < 80 for line in out.partition("What is wrong")[2].splitlines())
    assert "\x1b" not in out  # no terminal


# ---- the password

def test_password_from_a_descriptor_a_file_and_standard_input(tmp_path, password_file):
    with Server(tmp_path) as s:
        with open(password_file) as f:
            found = [s.json("--user", USER, "--password-fd", f.fileno(), pass_fds=[f.fileno()]), s.json(*login(password_file)),
                     s.json("--user", USER, "--password-file", "-", input=PASSWORD)]
        steps = [[x for x in f["findings"] if x["what"] == "login"] for f in found]
        assert [x[0]["ok"] for x in steps] == [True] * 3, steps


def test_without_a_terminal_nothing_is_asked(tmp_path):
    with Server(tmp_path) as s:
        done = s.run("--user", USER, start_new_session=True)
    assert done.returncode == 66 and b"--password-file" in done.stderr


def test_what_a_server_says_of_the_password_is_not_repeated(tmp_path, password_file):
    import base64
    plain = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
    with Server(tmp_path, {"auth": f"535 5.7.8 {PASSWORD} is wrong, so is {plain}\r\n".encode()}) as s:
        report = tmp_path / "r.html"
        done = s.run("--explain", "--report", report, "--report-full", *login(password_file))
        assert "535 *** is wrong, so is ***" in " ".join(done.stdout.decode().split())
        for text in (done.stdout.decode(), report.read_text()):
            assert PASSWORD not in text and plain not in re.sub(r"\s", "", text)


# ---- on a terminal

class Terminal:
    """A program on a terminal of its own, and what a person sees there."""

    def __init__(self, argv, env, columns=80, rows=40):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        env = {k: v for k, v in env.items() if k != "COLUMNS"}
        self.slave = slave
        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0))
        self.raw = b""

    def read(self, seconds=0.1):
        if select.select([self.master], [], [], seconds)[0]:
            self.raw += os.read(self.master, 65536)
        return self.raw

    def until(self, words, seconds=30):
        wait_for(lambda: words in self.read(), seconds, 0, lambda: f"{words} in {self.raw}")

    def type(self, words):
        os.write(self.master, words)

    def echoes(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def end(self, seconds=60):
        wait_for(lambda: self.read() is not None and self.process.poll() is not None, seconds, 0)
        while select.select([self.master], [], [], 0.1)[0]:
            self.raw += os.read(self.master, 65536)
        os.close(self.master)
        os.close(self.slave)
        return self.process.returncode

    def screen(self):
        lines, row, column, text = [""], 0, 0, self.raw.decode()
        while text:
            m = re.match(r"\x1b\[(\d*)([A-Za-z])", text)
            if m:
                n, text = int(m[1] or 0), text[m.end():]
                assert m[2] in "AKJm", m[0]
                row = max(0, row - max(n, 1)) if m[2] == "A" else row
                if m[2] in "KJ":
                    lines[row] = lines[row][:column]
                if m[2] == "J":
                    del lines[row + 1:]
                continue
            c, text = text[0], text[1:]
            assert c in "\r\n" or c >= " ", repr(c)
            if c == "\r":
                column = 0
            elif c == "\n":
                row += 1
                lines += [""] * (row - len(lines) + 1)
            else:
                line = lines[row].ljust(column)
                lines[row], column = line[:column] + c + line[column + 1:], column + 1
        return [line.rstrip() for line in lines]


def test_board_fills_in_and_stays(tmp_path):
    with Server(tmp_path, ports=(26, 465, 587), replies_at={587: {"connect": lambda s: time.sleep(0.6) or b"220 x.test\r\n"}}) as s:
        t = Terminal(s.argv(), s.environment(TERM="xterm"))
        assert t.end() == 0
    screen = t.screen()
    rows = {line.split()[0]: line for line in screen if re.match(r" {2,5}\d+  ", line)}
    assert set(rows) == {"25", "26", "465", "587", "1025", "2525", "443"}, screen
    assert re.search(r"open \d+ ms, TLSv1\.\d, certificate ok", rows["587"]), rows
    assert "refused" in rows["25"]
    assert sum("587 " in line[:8] for line in screen) == 1  # drawn over, not again and again
    assert max(map(len, screen)) < 80 and any(line.startswith("Result") for line in screen)
    assert t.raw.count(b"\x1b[") > 30 and b"\x1b[32m" in t.raw


@pytest.mark.parametrize("columns", [34, 60, 130])
def test_board_fits_the_window(tmp_path, columns):
    with Server(tmp_path) as s:
        t = Terminal(s.argv(), s.environment(TERM="xterm", NO_COLOR="1"), columns)
        assert t.end() == 0
    board = t.screen()[:t.screen().index("")]
    assert all(len(line) < columns for line in board[1:]), board
    assert b"m" not in re.findall(rb"\x1b\[\d*([A-Za-z])", t.raw)


def test_no_board_on_a_dumb_terminal(tmp_path):
    with Server(tmp_path) as s:
        t = Terminal(s.argv(), s.environment(TERM="dumb"))
        assert t.end() == 0
    assert b"\x1b" not in t.raw and b"server   587" in t.raw


def test_password_is_asked_for_and_not_shown(tmp_path):
    with Server(tmp_path) as s:
        t = Terminal(s.argv("--user", USER), s.environment(TERM="xterm"))
        t.until(b"Password: ")
        wait_for(lambda: not t.echoes())
        t.type(PASSWORD.encode() + b"\n")
        assert t.end() == 0
        assert s.said(b"AUTH") == 1
    assert PASSWORD.encode() not in t.raw
    assert any("login ok" in line for line in t.screen())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_the_question_leaves_the_terminal_as_it_was(tmp_path, number):
    with Server(tmp_path) as s:
        t = Terminal(s.argv("--user", USER), s.environment(TERM="xterm"))
        t.until(b"Password: ")
        wait_for(lambda: not t.echoes())
        t.process.send_signal(number)
        wait_for(lambda: t.process.poll() is not None)
        assert t.echoes()
        assert t.end() == -number


def test_what_strangers_say_drives_no_terminal(tmp_path):
    evil = b"220 \x1b]0;evil\x07\x1b[2J<script>\xc2\x9b2J\r\n"
    with Server(tmp_path, ports=(25, 465, 587), replies_at={25: {"connect": evil}, 587: {"connect": evil}}) as s:
        t = Terminal(s.argv("--explain"), s.environment(TERM="xterm"))
        t.end()
        out = s.run("--explain", "--json").stdout
    t.screen()  # asserts that nothing but our own sequences came
    assert b"\x1b" not in out and b"\xc2\x9b" not in out


# ---- again and again

def test_repeat_counts_what_fails_now_and_then(tmp_path, password_file):
    def now_and_then(state):  # but not in the first look, which logs in; a look makes up to three connections
        n = state["connection"]
        return "close" if n % 9 == 8 else b"220 sometimes.test ESMTP\r\n"

    with Server(tmp_path, replies_at={587: {"connect": now_and_then}}) as s:
        found = s.json("--port", 587, "--repeat", 9, "--pause", 0, *login(password_file))
        assert s.said(b"AUTH") == 1  # of all looks only one logs in
    assert len(found["runs"]) == 9 and all(set(r) == {"at", "elapsed_ms", "id", "open", "tried"} for r in found["runs"])
    tries = {t["port"]: t for t in found["tries"]}
    assert tries[587]["tries"] == 9 and 2 <= tries[587]["failures"] <= 4 and tries[465]["failures"] == 0, tries
    assert "hangs up" in tries[587]["last_failure"]
    assert [x["ok"] for x in found["findings"] if x["what"] == "login"] == [True]


def test_repeat_prints_a_table(tmp_path):
    def second(state):
        return "close" if state["connection"] == 2 else b"220 sometimes.test ESMTP\r\n"

    with Server(tmp_path, replies_at={587: {"connect": second}}) as s:
        out = s.run("--repeat", 2, "--pause", 0).stdout.decode()
    assert "Port 587: 1 of 2 connections failed." in out, out
    assert re.search(r"look 2 of 2: [12] of 7 doors work", out)
    assert re.search(r"^ *465 127\.\S+ +2 +0 ", out, re.M) and re.search(r"^ *25 127\.\S+ +2 +2 +refused", out, re.M), out


@pytest.mark.parametrize("args", [("--watch",), ("--repeat", "1000")])
def test_ctrl_c_ends_with_a_summary(tmp_path, args):
    with Server(tmp_path) as s:
        p = subprocess.Popen(s.argv("--pause", 0, *args), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=s.environment())
        wait_for(lambda: all(x.connections >= 3 for x in s.sinks.values()))
        s.sinks[587].close()
        wait_for(lambda: s.sinks[465].connections >= 8)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=60)
    out = out.decode()
    assert p.returncode in (0, 10, 11, 12, 14) and err == b"", (p.returncode, err, out)
    assert "PORT ADDRESS" in out and "Evidence" in out
    if args[0] == "--watch":
        assert re.search(r"^\w{3} \d\d:\d\d:\d\d  port 587: refused; before: open, TLSv1", out, re.M), out
        assert len(re.findall(r"port 465: ", out.partition("PORT ADDRESS")[0])) == 0  # only changes


# ---- history

def test_history_over_two_checks(tmp_path):
    with Server(tmp_path) as s:
        first = s.json("--port", 587)
        assert not first["history"] or first["history"]["opened"] is None
        s.sinks[587].close()
        second = s.json("--port", 587)
    assert second["history"]["port"] == 587
    assert second["history"]["opened"], second["history"]
    third = s.json("--port", 587)["history"]
    assert third["shut_since"] and third["tries"] >= 2 and third["failures"] >= 1, third
    assert all(stat.S_IMODE(f.stat().st_mode) & 0o077 == 0 for f in s.state.iterdir())


def test_no_history_keeps_nothing(tmp_path):
    with Server(tmp_path) as s:
        assert s.json("--no-history")["history"] is None
    assert not s.state.exists()


# ---- the report

class Page(html.parser.HTMLParser):
    EMPTY = {"meta", "br", "!doctype"}

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.words = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attributes]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        self.words += data


def test_report_is_one_harmless_page(tmp_path, password_file):
    banner = b"220 <script>alert('x')</script> & \"<b onload=x>\r\n"
    refusal = f"550 5.7.1 <{USER}>: no, <img src=//evil.test/x> {USER.upper()}\r\n".encode()
    with Server(tmp_path, {"connect": banner, "auth": refusal}) as s:
        report = tmp_path / "report.html"
        report.write_text("old")
        os.chmod(report, 0o644)
        s.run("--report", report, *login(password_file))
        text = report.read_text()
        s.run("--report", report, "--report-full", *login(password_file))
        full = report.read_text()
    page = Page(text)
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert [f.name for f in tmp_path.iterdir() if f.name.startswith("report")] == ["report.html"]
    assert not {"script", "img", "b", "link", "iframe", "form"} & set(page.tags)
    assert not {"src", "href", "onload"} & set(page.attributes)
    assert "<script>alert('x')</script>" in page.words  # as words
    assert "What to do" in page.words and "Evidence" in page.words and "587" in page.words
    assert USER.lower() not in text.lower() and "n***@example.test" in page.words
    assert USER in full and PASSWORD not in text + full
    assert "width=device-width" in text and "prefers-color-scheme:dark" in text


# ---- one message

def test_nothing_is_sent_unless_asked_for(tmp_path, password_file):
    with Server(tmp_path) as s:
        s.run("--from", USER, "--to", "friend@example.test", *login(password_file))
        assert s.said(b"RCPT") == 1 and s.said(b"DATA") == 0 and s.messages() == []


def test_send_hands_over_one_message(tmp_path, password_file):
    with Server(tmp_path, {"dot": b"250 2.0.0 queued as 42\r\n"}) as s:
        found = s.json("--from", USER, "--send", "--repeat", 2, "--pause", 0, *login(password_file))
        sent = s.messages()
    assert found["sent"] == {"tried": True, "ok": True, "port": 465, "reply_code": 250, "reply": found["sent"]["reply"], "to": USER,
                             "message_id": found["sent"]["message_id"]}
    assert "queued as 42" in found["sent"]["reply"]
    assert len(sent) == 1 and USER.encode() in sent[0]["to"][0]
    head = sent[0]["body"].partition(b"\r\n\r\n")[0]
    for field in (b"Date: ", f"From: <{USER}>".encode(), f"To: <{USER}>".encode(), b"Subject: port26 check",
                  b"Message-ID: " + found["sent"]["message_id"].encode(), b"Auto-Submitted: auto-generated"):
        assert field in head, head
    assert b"port26 check --send" in sent[0]["body"]


def test_a_message_that_is_refused_is_explained(tmp_path, password_file):
    with Server(tmp_path, {"dot": b"552 5.3.4 Message too big\r\n"}) as s:
        found = s.json("--from", USER, "--send", *login(password_file))
        assert s.messages() == []
    assert found["sent"]["tried"] and not found["sent"]["ok"] and found["sent"]["reply_code"] == 552
    assert found["verdict"]["class"] == "message_too_large"


def test_nothing_is_sent_where_something_is_wrong(tmp_path, password_file):
    with Server(tmp_path, {"auth": b"535 5.7.8 no\r\n"}) as s:
        found = s.json("--from", USER, "--send", *login(password_file))
        assert s.said(b"MAIL") == 0
    assert found["sent"]["tried"] is False and found["verdict"]["class"] == "auth_bad_credentials"
