"""A running port26 for one test: its own folder, its own free ports, ended with the test."""
import contextlib, fcntl, json, os, pathlib, pwd, shutil, signal, smtplib, socket, ssl, subprocess, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("PORT26", str(ROOT / "build-test" / "port26"))
USER, PASSWORD = "you@port26.test", "correct horse battery"
AS_ROOT = os.geteuid() == 0

class _Ports:
    """Ports of this process alone: other tests run beside it, and between our look and a server's bind, or while a
    server is down, one of them would find the same port free. Each has its byte in a file, locked until the process ends."""

    def __init__(self):
        self.used = set()
        path = pathlib.Path(tempfile.gettempdir()) / f"port26-tests-{os.getuid()}.ports"
        self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def take(self, port):
        if port in self.used:
            return False
        try:
            fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
        self.used.add(port)
        return True


_ports = _Ports()


def free_port(kind=socket.SOCK_STREAM):
    """A port nobody listens on now, below the range the kernel gives to outgoing connections."""
    import random
    for _ in range(1000):
        port = random.randint(12000, 31000)
        if not _ports.take(port):
            continue
        try:
            for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                for k in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    with socket.socket(family, k) as s:
                        s.bind((address, port))
        except OSError:
            continue
        return port
    raise RuntimeError("no free port")


def wait_for(what, seconds=30, step=0.05, message="it did not happen in time"):
    """Calls what() until it is true; returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(message() if callable(message) else message)
        time.sleep(step)


def make_certificate(folder, name="localhost", extra=("DNS:localhost", "IP:127.0.0.1", "IP:::1"), days="30"):
    cert, key = pathlib.Path(folder) / f"{name}.pem", pathlib.Path(folder) / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", days, "-subj", f"/CN={name}", "-addext", "subjectAltName=" + ",".join(extra),
                    "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    os.chmod(key, 0o600)
    return cert, key


def user_name():
    """The unprivileged user the daemon runs as: port26 when the tests run as root, else whoever runs them."""
    return "port26" if AS_ROOT else pwd.getpwuid(os.geteuid()).pw_name


def own(*paths):
    """Makes these files the server's own."""
    if AS_ROOT:
        for path in paths:
            shutil.chown(path, "port26", "port26")


def pass_through(folder):
    """Lets the server's user into a folder of pytest (tmp_path), which is else for the one who runs the tests."""
    for path in (folder, *folder.parents):
        if str(path) == tempfile.gettempdir():
            break
        if path.stat().st_mode & 0o055 != 0o055:
            path.chmod(0o755)


def secret_file(path, secret):
    """A password file as the configuration wants it: readable by the server only."""
    path.touch(0o600)
    path.write_text(secret + "\n")
    own(path)
    return path


class Port26:
    """doors: name -> settings text; every one gets a free port. `extra`: more configuration. DIR in `tls` is its folder."""

    DOORS = {
        "exchange": "role = exchange tls = starttls",
        "submission": "role = submission tls = starttls",
        "submissions": "role = submission tls = implicit",
    }

    def __init__(self, extra="", doors=None, top="", store=None, accounts=True, binary=None, environment=None, wrap=(), tls=""):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="port26-test-"))
        os.chmod(self.dir, 0o755)
        self.binary = binary or BINARY
        self.environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1", **(environment or {})}
        self.wrap = list(wrap)
        self.store = pathlib.Path(store or self.dir / "store")
        self.inbox = self.dir / "inbox"
        self.cert, self.key = make_certificate(self.dir)
        self.ports = {name: free_port() for name in (doors or self.DOORS)}
        self.extra, self.top, self.doors = extra, top, dict(doors or self.DOORS)
        self.tls = tls.replace("DIR", str(self.dir))  # more for the block tls
        self.process = None
        self.logfile = self.dir / "log"
        self.write_config()
        own(self.dir, self.cert, self.key, self.conf)
        if accounts:
            self.account_add(USER, PASSWORD, "@port26.test")

    def write_config(self):
        self.conf = self.dir / "port26.conf"
        text = f"""hostname = "mail.port26.test"
domains = {{"port26.test"}}
control = "{self.dir}/control"
user = "{user_name()}"
store {{ path = "{self.store}" }}
inboxes {{ path = "{self.inbox}" }}
tls {{ certificate = "{self.cert}" key = "{self.key}" {self.tls} }}
log {{ level = debug }}
{self.top}
"""
        for name, settings in self.doors.items():
            text += f'door "{name}" {{ port = {self.ports[name]} address = {{"127.0.0.1", "::1"}} {settings} }}\n'
        self.conf.write_text(text + self.extra)

    # ---- command line

    def argv(self, *args, conf=None):
        argv = [self.binary, *args, "-c", str(conf or self.conf)]
        return ["setpriv", "--reuid=port26", "--regid=port26", "--clear-groups", *argv] if AS_ROOT else argv

    def command(self, *args, check=True, input=None, text=True, conf=None, **kw):
        r = subprocess.run(self.argv(*args, conf=conf), capture_output=True, text=text, input=input, env=self.environment, timeout=60, **kw)
        if check and r.returncode:
            raise AssertionError(f"{args}: exit {r.returncode}\n{r.stdout}{r.stderr}")
        return r

    def json(self, *args):
        return json.loads(self.command(*args, "--json").stdout)

    def account_add(self, name, password, *aliases):
        secret = secret_file(self.dir / "secret", password)
        more = [x for a in aliases for x in ("--alias", a)]
        self.command("account", "add", name, "--password-file", str(secret), *more)
        secret.unlink()

    def queue(self):
        return self.json("queue", "ls")["messages"]

    # ---- life

    def start(self):
        self.log_handle = open(self.logfile, "ab")
        self.process = subprocess.Popen([*self.wrap, self.binary, "serve", "-c", str(self.conf)], stdin=subprocess.DEVNULL,
                                        stdout=self.log_handle, stderr=self.log_handle, env=self.environment, cwd="/")
        self.wait_ready()
        return self

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"port26 ended with {self.process.returncode}:\n{self.log()[-3000:]}")
            try:
                for port in self.ports.values():
                    socket.create_connection(("127.0.0.1", port), 1).close()
                return any(p["role"] == "listener" and p["ready"] for p in self.processes()) and \
                    any(p["role"] == "courier" and p["ready"] for p in self.processes())
            except (OSError, AssertionError):
                return False
        wait_for(ready, message=lambda: "port26 is not ready:\n" + self.log()[-3000:])

    def processes(self):
        return self.json("status").get("processes", [])

    def children(self, role):
        return [p["pid"] for p in self.processes() if p["role"] == role and not p["leaving"]]

    def pids(self):
        if not self.process:
            return []
        out = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout
        return [self.process.pid, *map(int, out.split())]

    def stop(self, seconds=40):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError("port26 does not stop:\n" + self.log()[-3000:])
        code = self.process.returncode if self.process else None
        self.process = None
        return code

    def kill(self):
        """SIGKILL to the whole tree; each has closed its ports when this returns, also on a busy machine."""
        pids = list(self.pids())
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process:
            self.process.wait()
        self.process = None

        def ended(pid):
            try:
                return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
            except (FileNotFoundError, ProcessLookupError):
                return True
        wait_for(lambda: all(ended(pid) for pid in pids))

    def log(self):
        return self.logfile.read_text(errors="replace") if self.logfile.exists() else ""

    def close(self):
        try:
            if self.process:
                self.stop()
        finally:
            self.kill()
            self.check_log()
            if not os.environ.get("KEEP"):
                shutil.rmtree(self.dir, ignore_errors=True)

    def check_log(self):
        log = self.log()
        for bad in ("AddressSanitizer", "runtime error:", "Assertion", "jail.violation"):
            assert bad not in log, log[max(0, log.index(bad) - 500):log.index(bad) + 3000]
        assert PASSWORD not in log, "a password is in the log (P8)"

    # ---- mail

    def context(self):
        return ssl.create_default_context(cafile=str(self.cert))

    def client(self, door="submission", login=True, timeout=30):
        if "implicit" in self.doors[door]:
            c = smtplib.SMTP_SSL("localhost", self.ports[door], timeout=timeout, context=self.context())
        else:
            c = smtplib.SMTP("localhost", self.ports[door], timeout=timeout)
            if login:
                c.starttls(context=self.context())
        if login:
            c.login(USER, PASSWORD)
        return c

    def inbox_files(self, account=USER):
        folder = self.inbox / account / "new"
        return sorted(folder.iterdir()) if folder.is_dir() else []

    def wait_inbox(self, count=1, account=USER, seconds=30):
        wait_for(lambda: len(self.inbox_files(account)) >= count, seconds,
                 message=lambda: f"{len(self.inbox_files(account))} of {count} arrived\n" + self.log()[-3000:])
        return [f.read_bytes() for f in self.inbox_files(account)]


def message(subject="test", body="Hello\r\n", sender=USER, to=USER):
    return f"From: <{sender}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n\r\n{body}".encode()
