"""What runs on a laptop that travels: port26 as the relay of one account, and a mail program that hands over all the time and
never changes a setting."""
import contextlib
import datetime
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import time

from lab import real
from lab.lab import PYTHON, binary

HERE = pathlib.Path(__file__).resolve().parent
READY_SECONDS = 60


def _wall(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def poll(what, seconds, step=0.05):
    """The first true value of what(), or the last one when the time is over."""
    end = time.monotonic() + seconds
    while not (value := what()) and time.monotonic() < end:
        time.sleep(step)
    return value


class Relay:
    """What `port26 setup` makes of the laptop. `more` is written into the relay, `then` into the route, `rest` at the end."""

    def __init__(self, lab, more="", then="", rest="", password=real.PASSWORD):
        self.lab, self.folder = lab, lab.folder / "relay"
        self.folder.mkdir()
        self.user = real.provider_user() if lab.true_root else pwd.getpwuid(pwd.getpwnam("nobody").pw_uid).pw_name
        trusted = "root" if lab.true_root else "nobody"  # how root looks from a namespace in which it is nobody
        self.log_file = self.folder / "log"
        (self.folder / "port26.conf").write_text(f"""control = "{self.folder}/control"
user = "{self.user}"
hostname = "laptop.you.test"
store {{ path = "{self.folder}/store" }}
inboxes {{ path = "{self.folder}/inbox" }}
log {{ level = debug form = json }}
door "local" {{ port = 587 address = {{"127.0.0.1", "::1"}} tls = none role = submission trust-users = {{"{trusted}"}} }}
relay "you" {{ host = "mail.you.test" ca-file = "{lab.cafile}" user = "{real.USER}" password-file = "{self.folder}/secret" {more} }}
route "all" {{ via = "relay:you" {then} }}
{rest}""")
        (self.folder / "secret").touch(0o600)
        (self.folder / "secret").write_text(password + "\n")
        if lab.true_root:
            for path in (self.folder, *self.folder.iterdir()):
                shutil.chown(path, self.user)
        self.environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1"}
        with open(self.log_file, "ab") as log:
            self.process = lab.popen("laptop", self.argv("serve"), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                     env=self.environment, cwd="/")
        if not poll(self.ready, READY_SECONDS):
            raise RuntimeError(f"port26 is not ready on the laptop: {self.words()[-3000:]}")

    def argv(self, *words):
        argv = [binary(), *words, "-c", str(self.folder / "port26.conf")]
        if not self.lab.true_root:
            return ["unshare", "--user", f"--map-user={pwd.getpwnam('nobody').pw_uid}", *argv]
        return argv if words[0] == "serve" else ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups", *argv]

    def json(self, *words):
        done = self.lab.run("laptop", self.argv(*words, "--json"), 60, env=self.environment, cwd="/")
        if done.returncode:
            raise RuntimeError(f"port26 {' '.join(words)}: {done.stderr}{done.stdout}")
        return json.loads(done.stdout)

    def ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"port26 ended on the laptop: {self.words()[-3000:]}")
        with contextlib.suppress(RuntimeError, ValueError):
            ready = {p["role"] for p in self.json("status").get("processes", []) if p["ready"]}
            return {"listener", "courier"} <= ready

    def words(self):
        return self.log_file.read_text(errors="replace")

    def events(self, *names):
        """Lines of its log as dicts; `at` is its own clock in seconds."""
        out = []
        for line in self.words().splitlines():
            if not line.startswith("{") or names and not any(f'"{n}"' in line for n in names):
                continue
            with contextlib.suppress(ValueError):
                e = json.loads(line)
                e["at"] = _wall(e["time"])
                if not names or e["event"] in names:
                    out.append(e)
        return out

    def delivered(self, since=0):
        """Its own word for each message that it has got rid of: (when, id)."""
        return [(e["at"], e["id"]) for e in self.events("delivery.tried") if e["result"] in ("delivered", "relayed") and e["at"] >= since]

    def places(self):
        """(when, key) of each change of place."""
        return [(e["at"], e["key"]) for e in self.events("place.changed", "place.here")]

    def resident(self):
        """KiB that its processes hold in memory."""
        pids = [p["pid"] for p in self.json("status")["processes"]]
        total = 0
        for line in self.lab.run("laptop", ["ps", "-o", "rss=,pid=,ppid=,args=", "-e"]).stdout.splitlines():
            rss, pid, _, *args = line.split()
            if int(pid) in pids:
                total += int(rss)
        return total

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(30)


class MailProgram:
    """Hands over one message every `every` seconds to localhost, numbered from `first` on, until it is told to stop or `count`
    are taken; each over a connection of its own, or all over one."""

    def __init__(self, lab, every=0.3, count=0, first=0, one_connection=False):
        self.file = lab.folder / f"handed-{first}"
        with open(self.file, "ab") as out:
            self.process = lab.popen("laptop", [PYTHON, HERE / "hand_over.py", every, first, count, int(one_connection)],
                                     stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT, cwd="/")

    def taken(self):
        """{number: when} of what was accepted."""
        lines = [json.loads(x) for x in self.file.read_text().splitlines() if x.startswith("{") and x.endswith("}")]
        return {x["number"]: x["at"] for x in lines if "at" in x}

    def trouble(self):
        """What it said beside that."""
        return [x for x in self.file.read_text().splitlines() if '"at"' not in x]

    def stop(self):
        self.process.stdin.close()
        self.process.wait(60)
        return self.taken()


def arrived(folder):
    """The numbers of the messages in a Maildir, with repetitions: [(when, number)]."""
    out = []
    for file in folder.iterdir() if folder.is_dir() else ():
        head = file.read_bytes().split(b"\n\n", 1)[0].replace(b"\r", b"")
        for line in head.split(b"\n"):
            if line.startswith(b"Subject: number "):
                out.append((file.stat().st_mtime, int(line.rsplit(b" ", 1)[1])))
    return sorted(out)
