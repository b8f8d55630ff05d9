"""Real servers for the lab: port26 itself, Postfix with Cyrus SASL, and unbound."""
import grp
import os
import pathlib
import pwd
import shutil
import subprocess

USER, PASSWORD = "joe@you.test", "correct horse battery"
PLAIN_DOORS = {25: "role = exchange tls = starttls", 465: "role = submission tls = implicit",
               110: "role = pop3 tls = starttls", 995: "role = pop3 tls = implicit",
               443: "role = submission tls = implicit https = true"}
DOOR = "role = submission tls = starttls"


def provider_user():
    """The user a server runs as when we are root; where we only play root, it gets a namespace in which it is somebody."""
    for name in ("port26", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            pass
    return "root"


class Port26:
    """A provider: a mail host for you.test with one account."""

    def __init__(self, folder, binary, name, addresses, ports, certificate, true_root):
        self.folder, self.binary, self.true_root = pathlib.Path(folder), binary, true_root
        self.folder.mkdir()
        self.user = provider_user()
        crt, key = (self.folder / f"tls.{x}" for x in ("crt", "key"))
        for source, to in ((".crt", crt), (".key", key)):
            shutil.copy(str(certificate).removesuffix(".pem") + source, to)
        key.chmod(0o600)
        where = ", ".join(f'"{a}"' for a in addresses)
        doors = "\n".join(f'door "d{p}" {{ port = {p} address = {{{where}}} {PLAIN_DOORS.get(p, DOOR)} }}' for p in ports)
        (self.folder / "port26.conf").write_text(f"""hostname = "{name}"
domains = {{"you.test"}}
control = "{self.folder}/control"
user = "{self.user}"
store {{ path = "{self.folder}/store" }}
inboxes {{ path = "{self.folder}/inbox" }}
tls {{ certificate = "{crt}" key = "{key}" }}
{doors}
""")
        (self.folder / "secret").write_text(PASSWORD + "\n")
        (self.folder / "secret").chmod(0o600)
        if true_root:
            for path in (self.folder, *self.folder.iterdir()):
                shutil.chown(path, self.user)

    def argv(self, *words):
        """The program with the rights of an ordinary user; serve gives root's away by itself."""
        argv = [self.binary, *words, "-c", str(self.folder / "port26.conf")]
        if not self.true_root:
            return ["unshare", "--user", f"--map-user={pwd.getpwnam('nobody').pw_uid}", *argv]
        return argv if words[0] == "serve" else ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups", *argv]

    def start(self, machine):
        environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
        with machine:
            made = subprocess.run(self.argv("account", "add", USER, "--password-file", str(self.folder / "secret")),
                                  capture_output=True, text=True, env=environment, cwd="/")
            if made.returncode:
                raise RuntimeError(f"port26 account add: {made.stderr}{made.stdout}")
            with open(self.folder / "log", "ab") as log:
                subprocess.Popen(self.argv("serve"), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd="/")

    def words(self):
        log = self.folder / "log"
        return log.read_text(errors="replace") if log.exists() else ""


class Postfix:
    """Another provider: takes mail from who logs in, behind TLS only."""

    QUEUES = "active bounce corrupt defer deferred flush hold incoming private saved trace".split()
    SERVICES = """pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""

    def __init__(self, folder, name, addresses, ports, certificate):
        self.folder = d = pathlib.Path(folder)
        d.mkdir()
        d.chmod(0o755)
        user, drop = pwd.getpwnam("postfix"), grp.getgrnam("postdrop").gr_gid
        for part, uid, gid, mode in (("spool", 0, 0, 0o755), ("data", user.pw_uid, -1, 0o700), ("conf", 0, 0, 0o755),
                                     *((f"spool/{q}", user.pw_uid, -1, 0o700) for q in self.QUEUES),
                                     ("spool/pid", 0, 0, 0o755), ("spool/public", user.pw_uid, drop, 0o2710),
                                     ("spool/maildrop", user.pw_uid, drop, 0o1730)):
            (d / part).mkdir()
            os.chown(d / part, uid, gid)
            (d / part).chmod(mode)
        shutil.copy(certificate, d / "tls.pem")
        (d / "tls.pem").chmod(0o600)
        (d / "conf/sasl").mkdir()
        (d / "conf/sasl/smtpd.conf").write_text(f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {d}/sasldb\n"
                                                "mech_list: PLAIN LOGIN\n")
        (d / "conf/main.cf").write_text(f"""compatibility_level = 3.6
queue_directory = {d}/spool
data_directory = {d}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
shlib_directory = /usr/lib/postfix
meta_directory = /etc/postfix
maillog_file = {d}/log
maillog_file_prefixes = {d}
mail_owner = postfix
setgid_group = postdrop
myhostname = {name}
mydestination =
mynetworks =
alias_maps =
alias_database =
local_recipient_maps =
inet_protocols = all
smtpd_peername_lookup = no
smtpd_tls_chain_files = {d}/tls.pem
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = {d}/conf/sasl
smtpd_recipient_restrictions = permit_sasl_authenticated, reject_unauth_destination
default_transport = discard
""")
        doors = "".join(f"{f'[{a}]' if ':' in a else a}:{p} inet n - n - - smtpd"
                        + (" -o smtpd_tls_wrappermode=yes" if p == 465 else "") + "\n" for a in addresses for p in ports)
        (d / "conf/master.cf").write_text(doors + self.SERVICES)
        (d / "conf/dynamicmaps.cf").touch()
        for file in (d / "conf").iterdir():  # it waits while a file is so new that it may still be written
            os.utime(file, (1e9, 1e9))

    def start(self, machine):
        with machine:
            with open(self.folder / "output", "ab") as log:
                # Its master directly: the script that else starts it takes two seconds to look at everything.
                subprocess.Popen(["/usr/lib/postfix/sbin/master", "-c", str(self.folder / "conf"), "-s"], stdin=subprocess.DEVNULL, stdout=log,
                                 stderr=log, cwd="/")

    def words(self):
        return "".join(f.read_text(errors="replace") for f in (self.folder / "output", self.folder / "log") if f.exists())


class PostfixMailbox(Postfix):
    """A provider that keeps all it takes in the Maildir `box`, and whose logins Dovecot knows."""

    SERVICES = Postfix.SERVICES + "virtual unix - n n - - virtual\n"

    def __init__(self, folder, name, addresses, ports, certificate):
        super().__init__(folder, name, addresses, ports, certificate)
        d, user = self.folder, pwd.getpwnam("postfix")
        (d / "box").mkdir()
        os.chown(d / "box", user.pw_uid, user.pw_gid)
        with open(d / "conf/main.cf", "a") as conf:
            conf.write(f"""virtual_mailbox_domains = static:all
virtual_mailbox_maps = static:box/
virtual_mailbox_base = {d}
virtual_uid_maps = static:{user.pw_uid}
virtual_gid_maps = static:{user.pw_gid}
virtual_minimum_uid = 1
smtpd_sasl_type = dovecot
""")
        main = (d / "conf/main.cf").read_text().replace("smtpd_sasl_path = smtpd\n", f"smtpd_sasl_path = {d}/logins/socket\n")
        (d / "conf/main.cf").write_text(main)
        os.utime(d / "conf/main.cf", (1e9, 1e9))
        (d / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
        (d / "dovecot.conf").write_text(f"""base_dir = {d}/logins
log_path = {d}/dovecot-log
protocols =
ssl = no
auth_mechanisms = plain login scram-sha-256
passdb {{
  driver = passwd-file
  args = {d}/users
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home=/nonexistent
}}
service auth {{
  unix_listener {d}/logins/socket {{
    mode = 0666
  }}
}}
""")

    def start(self, machine):
        super().start(machine)
        with machine, open(self.folder / "output", "ab") as log:
            subprocess.Popen(["dovecot", "-F", "-c", str(self.folder / "dovecot.conf")], stdin=subprocess.DEVNULL, stdout=log,
                             stderr=log, cwd="/")


class Unbound:
    """A resolver that knows the lab's names and nothing else."""

    def __init__(self, folder, addresses, records):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        listens = "\n".join(f"  interface: {a}" for a in addresses)
        data = "\n".join(f"  local-data: '{r}'" for r in records)
        (self.folder / "unbound.conf").write_text(f"""server:
{listens}
  access-control: 0.0.0.0/0 allow
  access-control: ::/0 allow
  do-daemonize: no
  use-syslog: no
  username: ""
  chroot: ""
  directory: "{self.folder}"
  pidfile: "{self.folder}/pid"
  module-config: "iterator"
  num-threads: 1
  local-zone: "." static
  local-data: '. 60 SOA lab. lab. 1 60 60 60 60'
{data}
remote-control:
  control-enable: no
""")

    def start(self, machine):
        with machine, open(self.folder / "output", "ab") as log:
            subprocess.Popen(["unbound", "-d", "-c", str(self.folder / "unbound.conf")], stdin=subprocess.DEVNULL, stdout=log,
                             stderr=log, cwd="/")

    def words(self):
        log = self.folder / "output"
        return log.read_text(errors="replace") if log.exists() else ""
