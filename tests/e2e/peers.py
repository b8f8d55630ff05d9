"""Other people's servers, started by a test in folders of their own: a DNS resolver, Postfix, Dovecot's logins, Exim."""
import contextlib, fcntl, imaplib, os, pathlib, pwd, shutil, signal, socket, subprocess, tempfile, threading

import pytest

from port26 import ROOT, free_port, make_certificate, user_name, wait_for


class Peer:
    """A folder, a process in it, and its end."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="port26-peer-"))
        self.dir.chmod(0o755)
        self.process = None

    def write(self, name, text, mode=0o644):
        path = self.dir / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def spawn(self, argv, **kw):
        with open(self.dir / "output", "ab") as out:
            # A session of its own, so that it and all its children can be ended by one signal.
            self.process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            start_new_session=True, cwd="/", **kw)

    def words(self):
        return "".join(f.read_text(errors="replace") for f in self.dir.rglob("*") if f.name in ("output", "log", "mainlog", "paniclog"))

    def wait_port(self, address, port):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"{type(self).__name__} ended:\n{self.words()[-3000:]}")
            with contextlib.suppress(OSError):
                socket.create_connection((address, port), 1).close()
                return True
        wait_for(ready, 30, message=lambda: f"{type(self).__name__} is not ready:\n{self.words()[-3000:]}")

    def stop(self):
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                pass
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def close(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


class MailServer(Peer):
    """Keeps all it takes in one Maildir below .box."""

    def mails(self, token):
        new = self.dir / "box" / "new"
        files = sorted(new.iterdir()) if new.is_dir() else []
        return [data for data in (f.read_bytes() for f in files) if token.encode() in data]

    def wait_mail(self, token, seconds=30, log=lambda: ""):
        """The one message with this token in it, line ends as LF."""
        found = wait_for(lambda: self.mails(token), seconds,
                         message=lambda: f"nothing with {token}\n{self.words()[-2000:]}\n{log()[-3000:]}")
        assert len(found) == 1
        return found[0]


class Dns(Peer):
    """unbound with our own names below test. `broken`: zones whose servers answer SERVFAIL."""

    def __init__(self, records, broken=()):
        super().__init__()
        self.port, self.bad = free_port(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.bad.bind(("127.0.0.1", 0))
        threading.Thread(target=self.fail_all, daemon=True).start()
        data = "\n".join(f'  local-data: "{r}"' for r in records)
        # A transparent zone lets the broken ones through to their servers; all else is answered here.
        open_zones = "\n".join(f'  local-zone: "{z}." transparent' for z in broken)
        forwards = "\n".join(f'forward-zone:\n  name: "{z}."\n  forward-addr: 127.0.0.1@{self.bad.getsockname()[1]}\n' for z in broken)
        conf = self.write("unbound.conf", f"""server:
  interface: 127.0.0.1@{self.port}
  access-control: 127.0.0.0/8 allow
  do-daemonize: no
  do-not-query-localhost: no
  use-syslog: no
  username: ""
  chroot: ""
  directory: "{self.dir}"
  pidfile: "{self.dir}/pid"
  module-config: "iterator"
  num-threads: 1
  local-zone: "test." static
{data}
{open_zones}
remote-control:
  control-enable: no
{forwards}""")
        self.spawn(["unbound", "-d", "-c", conf])
        self.wait_port("127.0.0.1", self.port)

    def fail_all(self):
        with contextlib.suppress(OSError):
            while True:
                query, who = self.bad.recvfrom(4096)
                if len(query) > 12:  # the question comes back as an answer that says SERVFAIL
                    self.bad.sendto(query[:2] + bytes([query[2] | 0x80, 0x82]) + query[4:], who)

    @property
    def settings(self):
        return f'dns {{ resolver = {{"127.0.0.1@{self.port}"}} timeout = 5s }}\n'

    def close(self):
        self.bad.close()
        super().close()


class Dovecot(Peer):
    """Only its login service, for Postfix to ask."""

    def __init__(self, users):
        super().__init__()
        self.socket = self.dir / "run" / "logins"
        self.users = self.dir / "run" / "users-userdb"  # what it speaks there is told by the end of the name
        self.write("users", "".join(f"{name}:{{PLAIN}}{password}\n" for name, password in users.items()), 0o644)
        conf = self.write("dovecot.conf", f"""base_dir = {self.dir}/run
log_path = {self.dir}/log
protocols =
ssl = no
auth_mechanisms = plain login scram-sha-256
passdb {{
  driver = passwd-file
  args = {self.dir}/users
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home=/nonexistent
}}
service auth {{
  unix_listener {self.socket} {{
    mode = 0666
  }}
  unix_listener {self.users} {{
    mode = 0600
    user = {user_name()}
  }}
}}
""")
        self.conf = conf
        self.run()

    def run(self):
        self.spawn(["dovecot", "-F", "-c", self.conf])
        wait_for(self.socket.exists, 15, message=lambda: "Dovecot is not ready:\n" + self.words())

    def signal_auth(self, number):
        """To the process behind the sockets, not to its master."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid), "-f", "auth"], capture_output=True, text=True).stdout.split()
        for pid in found:
            os.kill(int(pid), number)
        assert found


class Imap(Peer):
    """Dovecot's IMAP over the Maildirs of a Port26, as its user, with a quota of `limit` that it keeps in maildirsize."""

    def __init__(self, p, users, limit="100M"):
        """users: name -> password, or the text of a passwd-file."""
        super().__init__()
        self.port = free_port()
        who = pwd.getpwnam(user_name())
        if isinstance(users, str):
            self.write("users", users)
            userdb = f"driver = passwd-file\n  args = {self.dir}/users\n  default_fields = uid={who.pw_uid} gid={who.pw_gid} home={p.inbox}/%u"
        else:
            self.write("users", "".join(f"{name}:{{PLAIN}}{password}\n" for name, password in users.items()))
            userdb = f"driver = static\n  args = uid={who.pw_uid} gid={who.pw_gid} home={p.inbox}/%u"
        self.conf = self.write("dovecot.conf", f"""base_dir = {self.dir}/run
log_path = {self.dir}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:{p.inbox}/%u
mail_plugins = quota
passdb {{
  driver = passwd-file
  args = {self.dir}/users
}}
userdb {{
  {userdb}
}}
namespace inbox {{
  inbox = yes
  separator = .
}}
protocol imap {{
  mail_plugins = quota imap_quota
}}
plugin {{
  quota = maildir:User quota
  quota_rule = *:storage={limit}
}}
service imap-login {{
  inet_listener imap {{
    port = {self.port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
""")
        self.spawn(["dovecot", "-F", "-c", self.conf])
        self.wait_port("127.0.0.1", self.port)

    def login(self, user, password):
        c = imaplib.IMAP4("127.0.0.1", self.port, timeout=60)
        c.login(user, password)
        return c


class Postfix(MailServer):
    """As the mail host of other domains at `address`:`port`; with `logins` (a Dovecot) as a provider's relay, which takes
    mail only after a login, and logins only after STARTTLS (`port`) or over implicit TLS (`tls_port`)."""

    def __init__(self, address, port, logins=None):
        super().__init__()
        self.address, self.port, self.tls_port = address, port, free_port()
        self.cert, self.key = make_certificate(self.dir)
        user = pwd.getpwnam("postfix")
        for name, owner in (("spool", 0), ("data", user.pw_uid), ("box", user.pw_uid)):
            (self.dir / name).mkdir()
            os.chown(self.dir / name, owner, user.pw_gid if owner else 0)
        login = f"""smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {logins.socket}
smtpd_sasl_security_options = noanonymous
smtpd_tls_auth_only = yes
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
""" if logins else "smtpd_recipient_restrictions = reject_unauth_destination, permit\n"
        self.write("conf/main.cf", f"""compatibility_level = 3.6
queue_directory = {self.dir}/spool
data_directory = {self.dir}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
shlib_directory = /usr/lib/postfix
meta_directory = /etc/postfix
maillog_file = {self.dir}/log
maillog_file_prefixes = {self.dir}
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.post.test
mydestination =
mynetworks =
alias_maps =
alias_database =
local_recipient_maps =
inet_protocols = ipv4
virtual_mailbox_domains = static:all
virtual_mailbox_maps = static:box/
virtual_mailbox_base = {self.dir}
virtual_uid_maps = static:{user.pw_uid}
virtual_gid_maps = static:{user.pw_gid}
virtual_minimum_uid = 1
virtual_mailbox_limit = 0
message_size_limit = 104857600
smtpd_peername_lookup = no
smtpd_tls_cert_file = {self.cert}
smtpd_tls_key_file = {self.key}
smtpd_tls_security_level = may
{login}""")
        self.write("conf/master.cf", f"""{address}:{port} inet n - n - - smtpd
{address}:{self.tls_port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
""")
        self.write("conf/dynamicmaps.cf", "")
        self.spawn(["postfix", "-c", self.dir / "conf", "start-fg"])
        self.wait_port(address, port)

    def close(self):
        # Its master makes a session of its own, and ends its children when it is told to end.
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((self.dir / "spool/pid/master.pid").read_text()), signal.SIGTERM)
        super().close()


LIBRARY = ROOT / "build-test" / "packages"


def unpacked(package, program):
    """A Debian package that cannot be installed beside Postfix, fetched once and unpacked in a folder that git ignores."""
    folder = LIBRARY / package
    if not (folder / program).exists():
        LIBRARY.mkdir(parents=True, exist_ok=True)
        with open(LIBRARY / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / program).exists():
                with tempfile.TemporaryDirectory(dir=LIBRARY) as d:
                    subprocess.run(["apt-get", "download", "-qq", package], cwd=d, capture_output=True, timeout=120)
                    debs = list(pathlib.Path(d).glob("*.deb"))
                    if not debs:
                        pytest.skip(f"{package} cannot be fetched")
                    subprocess.run(["dpkg", "-x", debs[0], f"{d}/{package}"], check=True)
                    shutil.rmtree(folder, ignore_errors=True)
                    os.rename(f"{d}/{package}", folder)
    return folder / program


class Exim(MailServer):
    """As the mail host of other domains."""

    USER = "Debian-exim"  # built into Debian's binary, which does not start without

    def __init__(self, address, port):
        super().__init__()
        program = unpacked("exim4-daemon-light", "usr/sbin/exim4")
        try:
            user = pwd.getpwnam(self.USER)
        except KeyError:
            subprocess.run(["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell",
                            "/usr/sbin/nologin", self.USER], check=True)
            user = pwd.getpwnam(self.USER)
        self.cert, self.key = make_certificate(self.dir)
        for name in ("spool", "log.d", "box"):
            (self.dir / name).mkdir()
        for path in (self.dir, *self.dir.iterdir()):
            os.chown(path, user.pw_uid, user.pw_gid)
        conf = self.write("exim.conf", f"""exim_path = {program}
exim_user = {self.USER}
exim_group = {user.pw_gid}
never_users = root
primary_hostname = mx.exim.test
spool_directory = {self.dir}/spool
log_file_path = {self.dir}/log.d/%slog
pid_file_path = {self.dir}/pid
keep_environment =
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts = *
tls_certificate = {self.cert}
tls_privatekey = {self.key}
smtputf8_advertise_hosts = *
message_size_limit = 100M
acl_smtp_rcpt = all
smtp_accept_max = 50
begin acl
all:
  accept
begin routers
box:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  maildir_format
  directory = {self.dir}/box
  create_directory
  user = {self.USER}
""")
        os.chown(conf, 0, 0)
        self.spawn([program, "-C", conf, "-bdf", "-oX", f"[{address}]:{port}"])
        self.wait_port(address, port)
