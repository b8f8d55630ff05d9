"""Servers that bench/run measures: port26, Postfix, Dovecot; each in a folder of its own, on loopback, as one tree of processes."""
import contextlib, json, os, pathlib, pwd, shutil, signal, socket, subprocess, time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BINARY = ROOT / "build" / "port26"
TICK = os.sysconf("SC_CLK_TCK")
PASSWORD = "p"
HOST = "bench.test"
BOXES = 20  # accounts r0 to r19


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tree(pid):
    """The process and all below it."""
    out, todo = [], [pid]
    while todo:
        pid = todo.pop()
        out.append(pid)
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):
                todo += map(int, pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    return out


def started(pid):
    """Tells a process from a later one of the same number; None: there is none."""
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]


class Group:
    """A control group for one server: it counts the time of processes that have ended, too. None of both kinds: the tree is asked."""

    KINDS = (("/sys/fs/cgroup/cpuacct", "cpuacct.usage", 1e9), ("/sys/fs/cgroup", "cpu.stat", 1e6))

    def __init__(self, name):
        self.path = None
        for root, self.file, self.unit in self.KINDS:
            if pathlib.Path(root, self.file).exists():
                self.path = pathlib.Path(root, f"port26-bench-{os.getpid()}-{name}")
                self.path.mkdir(exist_ok=True)
                break

    def wrap(self, command):
        return ["sh", "-c", 'echo $$ >"$0"/cgroup.procs && exec "$@"', self.path, *command] if self.path else command

    def seconds(self):
        """None without a group."""
        words = (self.path / self.file).read_text().split() if self.path else []
        return int(words[-1 if len(words) == 1 else words.index("usage_usec") + 1]) / self.unit if words else None

    def remove(self):
        for _ in range(100 if self.path else 0):  # the last process may not be gone yet
            with contextlib.suppress(OSError):
                self.path.rmdir()
                return
            time.sleep(0.05)


class Tools:
    """The clients, the sink and certificates, made once for a folder of work."""

    def __init__(self, work):
        self.work = work
        for name in ("load", "sink"):
            subprocess.run(["cc", "-O2", "-o", work / name, ROOT / "bench" / f"{name}.c", "-lssl", "-lcrypto", "-lpthread"], check=True)
        self.key, self.cert = work / "key.pem", work / "cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3", "-subj",
                        "/CN=localhost", "-keyout", self.key, "-out", self.cert], check=True, capture_output=True)

    def start_load(self, port, *words):
        return subprocess.Popen([self.work / "load", "-p", str(port), *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def load(self, port, *words, must=True):
        p = self.start_load(port, *words)
        out, err = p.communicate()
        r = json.loads(out)
        if must and (not r["accepted"] or r["sess_err"]):
            raise SystemExit(f"bench: the load on port {port} failed: {r['last_error']} {err}")
        return r


class Sink:
    """Where mail is relayed to."""

    def __init__(self, tools):
        self.port = free_port()
        self.process = subprocess.Popen([tools.work / "sink", str(self.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()

    def count(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


class Server:
    name = "?"
    doors = ("plain", "starttls", "implicit", "pop3")

    def __init__(self, tools, **options):
        self.tools, self.options = tools, options
        self.ports = {door: free_port() for door in self.doors}
        self.dir = tools.work / f"run-{self.name}"
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(mode=0o755)
        self.inbox = self.dir / "inbox"
        self.set_up()
        self.group = Group(self.name)
        began = time.monotonic()
        with open(self.dir / "out.log", "wb") as log:
            self.process = subprocess.Popen(self.group.wrap(self.command()), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        self.wait()
        self.start_time = time.monotonic() - began

    def wait(self):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.ports[self.first]), 1) as s:
                s.settimeout(5)
                if s.recv(100):
                    return
            time.sleep(0.01)
        raise SystemExit(f"bench: {self.name} did not start:\n" + (self.dir / "out.log").read_text()[-2000:])

    first = "plain"

    def write(self, name, text, mode=0o644):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def cpu(self):
        """Seconds of user and system time that it and all its children used up, also those that have ended."""
        total = 0
        if self.group.path:
            return self.group.seconds()
        for pid in tree(self.process.pid):
            with contextlib.suppress(OSError):
                total += sum(map(int, pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:15]))
        return total / TICK

    def memory(self, what="Pss"):
        """KiB of each of its processes; Pss counts what they share once."""
        out = []
        for pid in tree(self.process.pid):
            with contextlib.suppress(OSError, IndexError):
                out.append(int(pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().split(f"\n{what}:")[1].split()[0]))
        return out

    def end(self):
        self.process.terminate()

    def delivered(self):
        """Messages in the inboxes."""
        return sum(len(files) for folder, _, files in os.walk(self.inbox) if folder.endswith("/new"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        mine = [(pid, started(pid)) for pid in tree(self.process.pid)]
        self.end()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        time.sleep(0.1)
        for pid, when in mine:
            if when and started(pid) == when:
                os.kill(pid, signal.SIGKILL)
        self.group.remove()
        shutil.rmtree(self.dir, ignore_errors=True)


class Port26(Server):
    """Options: relay (a port), login (its address alone is not trusted), quotas, limits, signing, log (a level), boxes (accounts)."""

    name = "port26"
    user = f"u@{HOST}:{PASSWORD}"

    def set_up(self):
        o = self.options
        port = self.ports
        for name, source in (("cert.pem", self.tools.cert), ("key.pem", self.tools.key)):
            shutil.copy(source, self.dir / name)
        local = 'role = submission tls = none login-without-tls-on-loopback = true' if o.get("login") else \
                'role = submission tls = none trust = {"127.0.0.0/8"}'
        self.conf = self.write("port26.conf", f"""hostname = "{HOST}"
domains = {{"{HOST}"}}
user = "port26"
control = "{self.dir}/control"
store {{ path = "{self.dir}/store" }}
inboxes {{ path = "{self.inbox}" }}
log {{ level = {o.get("log", "warning")} }}
tls {{ certificate = "{self.dir}/cert.pem" key = "{self.dir}/key.pem" }}
limits {{ message-size = 100M connections-per-address = 12000 connections = 12000 commands = 100000000 session-time = 1d }}
door "plain" {{ port = {port["plain"]} address = {{"127.0.0.1"}} {local} }}
door "starttls" {{ port = {port["starttls"]} address = {{"127.0.0.1"}} role = submission tls = starttls }}
door "implicit" {{ port = {port["implicit"]} address = {{"127.0.0.1"}} role = submission tls = implicit }}
door "pop3" {{ port = {port["pop3"]} address = {{"127.0.0.1"}} role = pop3 tls = none login-without-tls-on-loopback = true }}
relay "sink" {{ host = "[127.0.0.1]" port = {o.get("relay", 9)} tls = none }}
route "all" {{ via = "relay:sink" }}
delivery {{ allow-loopback = true couriers = {1 if o.get("relay") else 0} concurrency = 100 per-destination = 50 }}
sending {{ burst = {"true" if o.get("limits") else "false"}
{'account-recipients = "10000000/h, 10000000/d" host-recipients = "10000000/h, 10000000/d"' if o.get("limits") else ""} }}
{'quota { account = 100G host = 100G }' if o.get("quotas") else ""}
{o.get("words", "")}
""")
        key = self.dir / "key.pem"
        subprocess.run(["chown", "-R", "port26:", self.dir], check=True)
        key.chmod(0o600)
        if o.get("quotas") or o.get("limits"):
            self.port26("host", "add", "customer")
        self.add_accounts(["u"] + [f"r{i}" for i in range(o.get("boxes", BOXES))])
        if o.get("signing"):
            self.port26("domain", "add", HOST)

    def add_accounts(self, names):
        o = self.options
        hashed = subprocess.run(["openssl", "passwd", "-5", "-salt", "bench", PASSWORD], check=True, capture_output=True, text=True).stdout.strip()
        host = "customer" if o.get("quotas") or o.get("limits") else ""
        rows = "".join(f"{n}@{HOST},{hashed},{host}\n" for n in names)
        self.port26("account", "import", self.write("accounts.csv", "name,hash,host\n" + rows, 0o600))

    def port26(self, *words):
        p = subprocess.run([BINARY, *words, "-c", self.conf], capture_output=True, text=True)
        if p.returncode:
            raise SystemExit(f"bench: port26 {' '.join(map(str, words))}: {p.stderr}{p.stdout}")
        return p.stdout

    def command(self):
        return [BINARY, "serve", "-c", self.conf]


class Postfix(Server):
    """Options: relay (a port), deliver (into Maildirs); without both it holds what it takes."""

    name = "postfix"
    doors = ("plain", "starttls", "implicit")
    user = f"u@{HOST}:{PASSWORD}"

    def set_up(self):
        o = self.options
        who = pwd.getpwnam("postfix")
        for name in ("spool", "data", "inbox"):
            (self.dir / name).mkdir()
        for path in (self.dir / "data", self.inbox):
            os.chown(path, who.pw_uid, who.pw_gid)
        self.write("conf/sasl/smtpd.conf", f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN\nsasldb_path: {self.dir}/conf/sasldb2\n")
        subprocess.run(["saslpasswd2", "-p", "-c", "-f", self.dir / "conf" / "sasldb2", "-u", HOST, "u"], input=PASSWORD.encode(), check=True)
        shutil.chown(self.dir / "conf" / "sasldb2", "postfix")
        if o.get("deliver"):
            more = f"""virtual_mailbox_domains = {HOST}
virtual_mailbox_maps = texthash:{self.dir}/boxes
virtual_mailbox_base = {self.inbox}
virtual_uid_maps = static:{who.pw_uid}
virtual_gid_maps = static:{who.pw_gid}
virtual_minimum_uid = 1
virtual_mailbox_limit = 0
"""
            self.write("boxes", "".join(f"r{i}@{HOST} r{i}/\n" for i in range(BOXES)))
        elif o.get("relay"):
            more = f"relayhost = [127.0.0.1]:{o['relay']}\n"
        else:
            more = "smtpd_recipient_restrictions = check_client_access static:hold, permit_mynetworks, reject\n"
        self.write("conf/main.cf", f"""compatibility_level = 3.6
queue_directory = {self.dir}/spool
data_directory = {self.dir}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
shlib_directory = /usr/lib/postfix
meta_directory = /etc/postfix
mail_owner = postfix
setgid_group = postdrop
myhostname = {HOST}
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
message_size_limit = 104857600
smtpd_tls_cert_file = {self.tools.cert}
smtpd_tls_key_file = {self.tools.key}
smtpd_tls_security_level = may
cyrus_sasl_config_path = {self.dir}/conf/sasl
smtpd_sasl_local_domain = {HOST}
{more}""")
        self.write("conf/master.cf", self.master())
        self.write("conf/dynamicmaps.cf", "")

    def master(self):
        """Debian's own, on our ports, without chroot; the inbox is spoken of by `virtual`."""
        out = []
        for line in pathlib.Path("/usr/share/postfix/master.cf.dist").read_text().splitlines():
            f = line.split()
            if line.startswith(("#", " ")) or len(f) < 8 or f[7] == "pipe":
                continue
            f[4] = "n"
            if f[:2] == ["smtp", "inet"]:
                f[0] = f"127.0.0.1:{self.ports['plain']}"
                if self.options.get("login"):
                    f += ["-o", "smtpd_sasl_auth_enable=yes"]
            out.append(" ".join(f))
        out.append(f"127.0.0.1:{self.ports['starttls']} inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes -o smtpd_tls_security_level=encrypt")
        out.append(f"127.0.0.1:{self.ports['implicit']} inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes -o smtpd_tls_wrappermode=yes")
        return "\n".join(out) + "\n"

    def command(self):
        return ["postfix", "-c", self.dir / "conf", "start-fg"]

    def end(self):
        """The script in front of the master does not hand a signal on."""
        os.kill(int((self.dir / "spool/pid/master.pid").read_text()), signal.SIGTERM)


class Dovecot(Server):
    """POP3 over the Maildirs of a Port26 that has ended (option: inbox)."""

    name = "dovecot"
    doors = ("pop3",)
    first = "pop3"

    def set_up(self):
        who = pwd.getpwnam("port26")
        self.inbox = self.options["inbox"]
        self.write("users", "".join(f"r{i}@{HOST}:{{PLAIN}}{PASSWORD}\n" for i in range(BOXES)))
        self.conf = self.write("dovecot.conf", f"""base_dir = {self.dir}/run
log_path = {self.dir}/log
protocols = pop3
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:{self.inbox}/%u
passdb {{
  driver = passwd-file
  args = {self.dir}/users
}}
userdb {{
  driver = static
  args = uid={who.pw_uid} gid={who.pw_gid} home={self.inbox}/%u
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {self.ports["pop3"]}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
""")

    def command(self):
        return ["dovecot", "-F", "-c", self.conf]
