"""The lab for those who use it: `with Lab(case) as lab: lab.run("laptop", [...])`."""
import base64
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from lab import wire

ROOT = pathlib.Path(__file__).resolve().parents[1]
PYTHON = "/usr/bin/python3"


def binary():
    for path in (os.environ.get("PORT26"), ROOT / "build" / "port26", ROOT / "build-test" / "port26"):
        if path and os.access(path, os.X_OK):
            return str(path)
    raise SystemExit("There is no port26 to try: build it, or name it in the environment as PORT26.")


def _true_root():
    return os.geteuid() == 0 and subprocess.run(["unshare", "-nmp", "-f", "true"], capture_output=True).returncode == 0


def missing():
    """Why no lab can be built here; "" when one can."""
    for tool in ("unshare", "nsenter", "ip", "nft", "openssl", "unbound"):
        if not shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
            return f"the lab needs {tool}"
    flags = "-nmp" if _true_root() else "-Urnmp"
    r = subprocess.run(["unshare", flags, "-f", "sh", "-c", "ip link add va type veth peer name vb && nft add table inet lab"],
                       capture_output=True, text=True)
    return f"no namespaces here: {r.stderr.strip()}" if r.returncode else ""


class Lab:
    """A network that lives until close(). Processes started in it are ended with it."""

    def __init__(self, case, shared=None):
        self.case, self.true_root = case, _true_root()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="port26-lab-"))
        self.folder.chmod(0o755)
        os.environ["PATH"] += ":/usr/sbin:/sbin"
        flags = ["--mount", "--pid", "--fork", "--kill-child=KILL", "--net", *([] if self.true_root else ["--user", "--map-root-user"])]
        self.running = []
        self.errors = open(self.folder / "errors", "w+")
        self.process = subprocess.Popen(["unshare", *flags, PYTHON, "-B", "-m", "lab.holder"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors, text=True, cwd=ROOT)
        try:
            got = self.do("start", case=dataclasses.asdict(case), folder=str(self.folder), binary=binary(), true_root=self.true_root,
                          shared=str(shared or os.environ.get("LAB_SHARED") or self.folder / "certificates"))
        except BaseException:
            self.close()
            raise
        self.pid, self.fds = got["pid"], {"laptop": got["laptop"], "world": got["world"]}
        self.cafile = pathlib.Path(shared or os.environ.get("LAB_SHARED") or self.folder / "certificates") / "ca-ca.pem"

    def do(self, what, **more):
        """One question to the holder (holder.py)."""
        self.process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise RuntimeError(f"the lab ended: {self.errors.read()[-3000:]}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["ok"]

    # ---- changes

    def change(self, faults):
        """Exactly these faults where the laptop is, from now on."""
        self.do("change", faults=[dataclasses.asdict(f) for f in faults])

    def place(self, name, case):
        """One more place that the laptop can go to; the first is called home. Of `case` counts what is about the access:
        routers, families, faults, the system resolver, the isp server."""
        self.do("place", name=name, case=dataclasses.asdict(case))

    def go(self, name, faults=None, router=1):
        """The laptop moves there, "" is nowhere. Its processes stay; address, router, DNS are those of the new place. With
        `faults`, these are what is wrong there; another `router` makes of it a network never seen."""
        self.do("go", name=name, faults=None if faults is None else [dataclasses.asdict(f) for f in faults], router=router)

    def record(self):
        """All packets between laptop and routers are kept from now on; wire() reads them."""
        self.do("record")

    def heard(self):
        """What was said to scripted servers and to boxes that open TLS, decrypted."""
        return base64.b64decode(self.do("heard"))

    def wire(self, place):
        return wire.read(self.folder / f"wire-{place}")

    # ---- programs in it

    def command(self, role, *words, text=""):
        """`port26 WORDS` as the administrator of that server, which is a real one; `text` is its input."""
        done = self.do("command", role=role, words=list(words), text=text)
        if done["status"]:
            raise RuntimeError(f"port26 {' '.join(words)}: exit {done['status']}\n{done['output']}")
        return done["output"]

    def inside(self, where, argv):
        """The command line that runs argv on "laptop" or "world"; it dies with the thread that starts it."""
        enter = ["nsenter", f"--target={self.pid}", "--mount", f"--net=/proc/{self.pid}/fd/{self.fds[where]}"]
        if not self.true_root:
            enter += ["--user", "--preserve-credentials"]
        return [*enter, "setpriv", "--pdeathsig=KILL", *map(str, argv)]

    def popen(self, where, argv, **kw):
        p = subprocess.Popen(self.inside(where, argv), **kw)
        self.running.append(p)
        return p

    def run(self, where, argv, timeout=60, **kw):
        kw = {"capture_output": True, "text": True, **kw}
        return subprocess.run(self.inside(where, argv), timeout=timeout, **kw)

    # ---- check

    def check_argv(self, more=()):
        """What the case asks of port26 check, and `more`."""
        case = self.case
        argv = [binary(), "check", *case.check, "--cafile", self.cafile]
        usual = {"--portal": "web.test", "--resolver": case.of("dns2")[0]}
        if case.servers["other"][0] != "none":
            usual["--control"] = "smtp.other.test"
        for option, value in usual.items():
            argv += [] if option in case.check else [option, value]
        if case.password:
            (self.folder / "password").write_text(case.password + "\n")
            argv += ["--password-file", self.folder / "password"]
        return [*argv, *more]

    def check(self, timeout=60):
        """What it says, as --json gives it."""
        done = self.run("laptop", self.check_argv(["--json"]), timeout, env={**os.environ, "XDG_STATE_HOME": str(self.folder / "state")})
        try:
            return json.loads(done.stdout)
        except ValueError:
            return {"verdict": {"id": "none", "owner": "", "sentence": (done.stderr.strip() or f"exit {done.returncode}")[-600:]},
                    "also": [], "elapsed_ms": 0}

    # ---- its end

    def close(self):
        for p in self.running:
            if p.poll() is None:
                p.kill()
                p.wait()
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
