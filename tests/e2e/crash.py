"""Load and SIGKILL: whoever got a 250 finds the message at its end, whole, whatever was killed when.

The clients, the next hop and the killer run in this process; port26 runs as it does in a house. The test
(test_crash.py) and the long run (tools/crash) differ only in the numbers.

What is held against P1 to P4 (docs/tour.md) and fault rows 1 to 11:
  - every message that got its 250 is at the next hop or in the inbox, once for each recipient, byte for byte;
  - what got no 250 is nowhere, unless its connection died after the last dot;
  - a second copy at the next hop only where a kill fell between the far 250 and our commit;
  - in the end the queue is empty, no message is damaged, and no half file lies in the store or an inbox."""
import contextlib, os, queue, random, re, signal, smtplib, socket, subprocess, threading, time

from port26 import PASSWORD, USER, Port26, free_port, wait_for
from sink import Sink

OTHER = "other@port26.test"
FAR = ["ann@far.test", "bob@far.test", "carl@far.test"]
SIZES = [200, 2000, 9000, 70_000, 400_000]  # below and above inline-max (16K here) and buffer-max
WEIGHTS = [6, 6, 4, 2, 1]
NEW, SENT, ACCEPTED, REFUSED = "not sent", "dot sent", "accepted", "refused"
ACCEPTED_PER_KILL = 0.6  # at least, on average
WINDOW = 5.0  # seconds; a commit takes milliseconds, also on a busy machine it is done by then


class Mail:
    def __init__(self, seed, number):
        r = random.Random(f"{seed}/{number}")
        self.token = f"crash-{seed}-{number}"
        self.size = r.choices(SIZES, WEIGHTS)[0]
        self.seed = f"{seed}/{number}/body"
        people = FAR + [USER, OTHER]
        self.to = r.sample(people, r.choice([1, 1, 2, 3, 5]))
        self.state, self.at, self.id = NEW, 0.0, None

    def content(self):
        r = random.Random(self.seed)
        lines, n = [], 0
        while n < self.size:
            line = "".join(r.choices("abcdefghij .-", k=r.randint(0, 76)))
            lines.append(line)
            n += len(line) + 2
        body = "\r\n".join(lines) + "\r\n"
        return (f"Subject: {self.token}\r\nFrom: <{USER}>\r\nTo: <{self.to[0]}>\r\n"
                f"Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{self.token}@port26.test>\r\n\r\n{body}").encode()


def stuffed(data):
    return re.sub(rb"(?m)^\.", b"..", data)


class Client(threading.Thread):
    """Sends until it is told to stop; a connection that breaks is made again, its message is not sent again."""

    def __init__(self, run, index):
        super().__init__(daemon=True, name=f"client {index}")
        self.run_, self.index = run, index
        self.random = random.Random(f"{run.seed}/client/{index}")
        self.trusted = index % 2 == 1
        self.failure = None

    def connect(self):
        if self.trusted:
            c = smtplib.SMTP("127.0.0.1", self.run_.trusted, timeout=20)
            c.ehlo()
            return c
        return self.run_.server.client(timeout=20)

    def send(self, c, mail):
        sock = c.sock
        for command in (f"MAIL FROM:<{USER}>", *(f"RCPT TO:<{r}>" for r in mail.to)):
            if c.docmd(command)[0] != 250:
                c.rset()
                return
        if c.docmd("DATA")[0] != 354:
            return
        sock.sendall(stuffed(mail.content()))
        self.run_.aim("before the dot")
        mail.state, mail.at = SENT, time.time()
        sock.sendall(b".\r\n")
        self.run_.aim("at the dot")
        code, text = c.getreply()
        mail.state = ACCEPTED if code == 250 else REFUSED
        if code == 250:
            mail.id = text.split()[-1].decode()
            with self.run_.lock:
                self.run_.accepted += 1
            self.run_.aim("after the 250")
        else:
            self.run_.refusals.append(f"{code} {text.decode(errors='replace')}")

    def run(self):
        c = None
        try:
            while not self.run_.stop_clients.is_set():
                try:
                    c = c or self.connect()
                    self.send(c, self.run_.next_mail())
                    if self.random.random() < 0.15:
                        c.quit()
                        c = None
                except (OSError, smtplib.SMTPException):
                    if c:
                        c.close()
                    c = None
                    time.sleep(0.02)
                time.sleep(self.random.random() * self.run_.pause)
        except Exception as e:  # noqa: BLE001 - shown by the main thread
            self.failure = e
            raise


class Crash:
    def __init__(self, seed=None, kills=200, seconds=60, clients=6, pause=0.05, say=print, binary=None):
        self.seed = seed if seed is not None else random.randrange(10 ** 9)
        self.kills_wanted, self.seconds, self.pause, self.say = kills, seconds, pause, say
        self.random = random.Random(f"{self.seed}/killer")
        self.mails, self.accepted, self.lock = [], 0, threading.Lock()
        self.stop_clients = threading.Event()
        self.refusals, self.kills, self.aimed = [], [], 0
        self.aims = queue.Queue(1)
        self.sink = Sink({"dot": self.far_dot})
        self.trusted = free_port()
        self.server = Port26(binary=binary, extra=f"""
relay "sink" {{ host = "[127.0.0.1]" port = {self.sink.port} tls = none }}
route "far" {{ to = {{"far.test"}} via = "relay:sink" }}
delivery {{ allow-loopback = true retry = {{"1s"}} }}
store {{ inline-max = 16K }}
door "trusted" {{ port = {self.trusted} address = {{"127.0.0.1"}} role = submission tls = none trust = {{"127.0.0.0/8"}} }}
""", top="")
        self.server.account_add(OTHER, PASSWORD)
        self.threads = [Client(self, i) for i in range(clients)]

    # ---- shared with the clients and the sink

    def next_mail(self):
        with self.lock:
            mail = Mail(self.seed, len(self.mails))
            self.mails.append(mail)
            return mail

    def aim(self, moment):
        """Now would be a bad moment to die: the killer may be waiting for one."""
        with contextlib.suppress(queue.Full):
            self.aims.put_nowait(moment)

    def far_dot(self, state):
        state["entry"]["at"] = time.time()
        self.aim("at the far dot")
        return b"250 2.0.0 kept\r\n"

    # ---- the killer

    def start(self):
        s = self.server
        s.log_handle = open(s.logfile, "ab")
        s.process = subprocess.Popen([s.binary, "serve", "-c", str(s.conf)], stdin=subprocess.DEVNULL, stdout=s.log_handle,
                                     stderr=s.log_handle, env=s.environment, cwd="/")
        s.log_handle.close()

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.trusted), 1).close()
            return True
        except OSError:
            if self.server.process.poll() is not None:
                raise AssertionError(f"port26 ended with {self.server.process.returncode}:\n{self.server.log()[-3000:]}")
            return False

    def children(self):
        """[(pid, role)] of the running children, from the kernel: nothing in port26 is asked."""
        found, keeper = [], self.server.process.pid
        with contextlib.suppress(OSError):
            for pid in open(f"/proc/{keeper}/task/{keeper}/children").read().split():
                with contextlib.suppress(OSError):
                    words = open(f"/proc/{pid}/cmdline").read().split("\0")
                    if "--role" in words:
                        found.append((int(pid), words[words.index("--role") + 1]))
        return found

    def kill_child(self, role):
        some = [pid for pid, r in self.children() if r == role]
        if not some:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.random.choice(some), signal.SIGKILL)
        return True

    def kill_keeper(self, tree):
        children = [pid for pid, _ in self.children()]
        keeper = self.server.process
        victims = [keeper.pid, *children] if tree else [keeper.pid]
        self.random.shuffle(victims)
        for pid in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        keeper.wait()
        # Children of a killed keeper end by themselves, and no port stays bound (fault 11).
        wait_for(lambda: not any(alive(pid) for pid in children), 10, 0.01, f"{children} outlive their keeper")
        self.start()
        if self.random.random() < 0.8:
            wait_for(self.listens, 30, 0.02, lambda: "port26 does not listen:\n" + self.server.log()[-3000:])

    def strike(self):
        victim = self.random.choices(["listener", "courier", "keeper", "tree"], [35, 30, 18, 17])[0]
        moment = "at random"
        if self.random.random() < 0.5:
            with contextlib.suppress(queue.Empty):
                self.aims.get_nowait()  # an old one
            with contextlib.suppress(queue.Empty):
                moment = self.aims.get(timeout=1)
                self.aimed += 1
            if self.random.random() < 0.5:
                time.sleep(self.random.random() * 0.02)
        at = time.time()
        if victim in ("keeper", "tree"):
            self.kill_keeper(victim == "tree")
        elif not self.kill_child(victim):
            return
        self.kills.append((at, victim, moment))

    def kill_all_the_time(self):
        """Spreads the kills over the time; a machine too slow for that takes longer, up to four times. Where the kills
        come so fast that hardly a message gets its 250 between them, the next one waits: there must be something to lose."""
        begin = time.monotonic()
        while len(self.kills) < self.kills_wanted and time.monotonic() - begin < 4 * self.seconds + 30:
            if self.accepted < ACCEPTED_PER_KILL * len(self.kills):
                time.sleep(0.01)
                continue
            due = begin + self.seconds * len(self.kills) / self.kills_wanted
            time.sleep(max(0.0, due - time.monotonic()) * 2 * self.random.random())
            self.strike()
        assert len(self.kills) >= self.kills_wanted, (f"only {len(self.kills)} kills and {self.accepted} messages accepted "
                                                      f"in {time.monotonic() - begin:.0f} s")

    # ---- the whole

    def run(self):
        self.say(f"crash: seed {self.seed}, {self.kills_wanted} kills in {self.seconds} s or more")
        self.start()
        wait_for(self.listens, 30, 0.05)
        for t in self.threads:
            t.start()
        try:
            self.kill_all_the_time()
        finally:
            self.stop_clients.set()
        for t in self.threads:
            t.join(60)
            assert not t.is_alive() and not t.failure, f"{t.name}: {t.failure}"
        self.drain()
        self.judge()
        return self

    def drain(self):
        """A last start, so that what is counted is what stands on the disk."""
        self.kill_keeper(True)
        self.server.wait_ready()
        left = len(self.server.queue())
        held = [m["id"] for m in self.server.queue() if m["state"] == "held"]
        for id in held:  # a message that several couriers died with waits for a person
            self.server.command("queue", "release", id)
        wait_for(lambda: not self.server.queue(), 120, 0.3,
                 lambda: f"the queue does not empty: {self.server.queue()[:3]}\n{self.server.log()[-3000:]}")
        damaged = self.server.json("status")["queue"]["damaged"]
        assert damaged == 0, f"{damaged} messages are damaged"
        self.say(f"crash: {left} waited in the queue after the last start, {len(held)} of them held")
        assert self.server.stop() == 0

    def far_copies(self):
        """(token, recipient) -> [time of each copy]; every body is held against what was sent."""
        copies, known = {}, {m.token: m for m in self.mails}
        for entry in self.sink.kept():
            mail = self.match(entry["body"], known)
            for line in entry["to"]:
                to = re.search(rb"<(.*?)>", line)[1].decode()
                assert to in mail.to, f"{mail.token} went to {to}"
                copies.setdefault((mail.token, to), []).append(entry["at"])
        return copies

    def inbox_copies(self):
        copies, known = {}, {m.token: m for m in self.mails}
        for account in (USER, OTHER):
            for f in self.server.inbox_files(account):
                raw = f.read_bytes()
                to = re.search(rb"^Delivered-To: (.*)$", raw, re.M)[1].decode()
                mail = self.match(raw.replace(b"\n", b"\r\n"), known)
                assert to == account and to in mail.to, f"{mail.token} lies in the inbox of {account} for {to}"
                copies.setdefault((mail.token, to), []).append(f.stat().st_mtime)
            leftover = list((self.server.inbox / account / "tmp").iterdir())
            assert not leftover, f"half files remain: {leftover}"
        return copies

    def match(self, raw, known):
        token = re.search(rb"^Subject: (crash-\S+)\r$", raw, re.M)
        assert token, f"a message nobody sent:\n{raw[:500]!r}"
        mail = known[token[1].decode()]
        assert raw.endswith(b"\r\n" + mail.content()), f"{mail.token} was changed on its way"
        return mail

    def judge(self):
        copies = {**self.far_copies(), **self.inbox_copies()}
        lost, ghosts = [], []
        for mail in self.mails:
            there = [to for to in mail.to if (mail.token, to) in copies]
            if mail.state == ACCEPTED:
                lost += [(mail.token, mail.id, to) for to in mail.to if to not in there]
            elif mail.state == SENT:  # the connection died after the dot: whole or not at all
                if 0 < len(there) < len(mail.to):
                    lost.append((mail.token, "only for", there))
            elif there:
                ghosts.append((mail.token, mail.state, there))
        doubles = {key: sorted(times) for key, times in copies.items() if len(times) > 1}
        self.report(doubles)
        assert not lost, f"seed {self.seed}: got a 250 and are gone: {lost[:10]} of {len(lost)}"
        assert not ghosts, f"seed {self.seed}: got no 250 and were delivered: {ghosts[:10]}"
        self.judge_doubles(doubles)
        self.judge_log(copies)
        leftover = [f for f in (self.server.store / "body").rglob("*") if f.is_file()]
        assert not leftover, f"bodies of no message remain: {leftover}"

    def report(self, doubles):
        states = {s: sum(m.state == s for m in self.mails) for s in (ACCEPTED, SENT, REFUSED, NEW)}
        kills = {v: sum(k[1] == v for k in self.kills) for v in ("listener", "courier", "keeper", "tree")}
        self.say(f"crash: {len(self.kills)} kills ({', '.join(f'{n} {v}' for v, n in kills.items())}; {self.aimed} of them at a "
                 f"chosen moment); messages: {', '.join(f'{n} {s}' for s, n in states.items())}; "
                 f"{len(doubles)} recipients got a second copy in the window of P4")
        self.states, self.doubles = states, doubles

    def judge_doubles(self, doubles):
        """P4: whoever got a second copy, somebody was killed just after the far 250 of each copy but the last."""
        for (token, to), times in doubles.items():
            assert to in FAR, f"{token} lies twice in the inbox {to}"
            for t in times[:-1]:
                near = [k for k in self.kills if k[1] != "listener" and t - 1 <= k[0] <= t + WINDOW]
                assert near, f"seed {self.seed}: {token} came twice to {to} ({times}), and nobody was killed between"

    def judge_log(self, copies):
        """An end is recorded once, and nothing is sent after its end was recorded."""
        ends, log = {}, self.server.log()
        for line in re.finditer(r"^(\S+) \S+ keeper recipient\.ended id=(\S+) recipient=(\d+) end=(\S+)", log, re.M):
            key = line[2], int(line[3])
            assert key not in ends, f"seed {self.seed}: two ends of {key}: {line[0]}"
            assert line[4] == "delivered", f"seed {self.seed}: {line[0]}"
            ends[key] = stamp(line[1])
        for mail in self.mails:
            for number, to in enumerate(mail.to if mail.id else []):
                end = ends.get((mail.id, number))
                late = [t for t in copies[mail.token, to] if end and t > end + 0.5]
                assert not late, f"seed {self.seed}: {mail.token} came to {to} after its end was recorded"

    def close(self):
        self.stop_clients.set()
        self.sink.close()
        self.server.close()


def stamp(text):
    import datetime
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def alive(pid):
    """A zombie has given everything back."""
    try:
        return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
