"""The same walk for other programs that send a laptop's mail: what arrived, and how long after each arrival at a new network."""
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time

from lab import certs, real, roam, traveller
from lab.case import Case, Fault

STAY, LOGIN_AFTER, OFFLINE, AT_LAST, EVERY = 20, 8, 6, 90, 1.0
MAIL_PORTS = ["25", "26", "465", "587", "1025", "2525"]
HOST, USER, PASSWORD = "mail.you.test", real.USER, real.PASSWORD


class Command:
    """A program that is called once for each message, as a mail program calls sendmail."""

    def __init__(self, lab):
        self.lab, self.folder, self.handed, self.refused, self.ends = lab, lab.folder / "client", {}, 0, threading.Event()
        self.folder.mkdir()
        self.setup()
        self.thread = threading.Thread(target=self.hand_over, daemon=True)
        self.thread.start()

    def sh(self, script):
        done = self.lab.run("laptop", ["sh", "-ec", script], cwd="/")
        if done.returncode:
            raise RuntimeError(f"{type(self).__name__}: {done.stderr}{done.stdout}")

    def install(self, package):
        """A Debian package that cannot stand beside Postfix: it is laid over the lab's own view of the system."""
        debs = self.folder / "debs"
        debs.mkdir()
        subprocess.run(["apt-get", "download", "-qq", package], cwd=debs, check=True, capture_output=True)
        over = self.folder / "over"
        layers = "\n".join(f"""mkdir -p {over}/fs/{d}/up {over}/fs/{d}/work
cp -a {over}/tree/{d}/. {over}/fs/{d}/up/
mount -t overlay overlay -o lowerdir=/{d},upperdir={over}/fs/{d}/up,workdir={over}/fs/{d}/work /{d}""" for d in ("usr", "var", "etc"))
        # The lab's own name servers and hosts lie below the layer of /etc now.
        self.sh(f"""mkdir -p {over}/tree/usr {over}/tree/var {over}/tree/etc {over}/fs
mount -t tmpfs tmpfs {over}/fs
dpkg -x {debs}/*.deb {over}/tree
{layers}
for f in resolv.conf hosts; do mount --bind {self.lab.folder}/$f "$(readlink -f /etc/$f)"; done""")

    def run(self, argv):
        with open(self.folder / "output", "ab") as out:
            self.lab.popen("laptop", argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/", env=self.environment())

    def environment(self):
        return {**os.environ, "HOME": str(self.folder)}

    def one(self, number):
        text = f"From: <{USER}>\nTo: <{USER}>\nSubject: number {number}\n\nWritten on the way.\n".encode()
        at = time.time()
        with open(self.folder / "output", "ab") as out:
            p = subprocess.Popen(self.lab.inside("laptop", self.argv()), stdin=subprocess.PIPE, stdout=out, stderr=out, cwd="/",
                                 env=self.environment())
            p.communicate(text)
        if p.returncode:
            self.refused += 1
        self.handed[number] = (at, p.returncode)

    def hand_over(self):
        number, writers = 0, []
        while not self.ends.wait(EVERY):
            number += 1
            writers.append(threading.Thread(target=self.one, args=(number,), daemon=True))
            writers[-1].start()
        for w in writers:
            w.join(120)

    def stop(self):
        self.ends.set()

    def taken(self):
        return {n: at for n, (at, code) in self.handed.items()}


class Msmtp(Command):
    title = "msmtp + msmtpq, its queue run every minute by cron"

    def setup(self):
        rc = self.folder / ".msmtprc"
        rc.write_text(f"""account default
host {HOST}
port 587
from {USER}
tls on
tls_trust_file {self.lab.cafile}
auth on
user {USER}
password {PASSWORD}
""")
        rc.chmod(0o600)
        self.run(["sh", "-c", "while sleep 60; do /usr/libexec/msmtp/msmtpq/msmtp-queue -r; done"])

    def environment(self):
        return {**super().environment(), "EMAIL_CONN_TEST": "x", "PATH": f"/usr/libexec/msmtp/msmtpq:{os.environ['PATH']}"}

    def argv(self):
        return ["/usr/libexec/msmtp/msmtpq/msmtpq", "-f", USER, "--", USER]


class Nullmailer(Command):
    title = "nullmailer, three doors listed"

    def setup(self):
        self.install("nullmailer")
        remotes = "\n".join(f"{HOST} smtp --port={port} --{mode} --x509cafile={self.lab.cafile} --user={USER} --pass='{PASSWORD}'"
                            for port, mode in ((465, "ssl"), (587, "starttls"), (2525, "starttls")))
        (self.folder / "remotes").write_text(remotes + "\n")
        self.sh(f"""mkdir -p /etc/nullmailer
cp {self.folder}/remotes /etc/nullmailer/remotes
echo laptop.you.test >/etc/nullmailer/me
for d in queue tmp failed; do mkdir -p /var/spool/nullmailer/$d; done
rm -f /var/spool/nullmailer/trigger
mkfifo /var/spool/nullmailer/trigger
chown -R mail:mail /var/spool/nullmailer /etc/nullmailer
chmod 0622 /var/spool/nullmailer/trigger
chown mail /usr/sbin/nullmailer-queue && chmod 4755 /usr/sbin/nullmailer-queue""")
        self.run(["setpriv", "--reuid=mail", "--regid=mail", "--clear-groups", "/usr/sbin/nullmailer-send"])

    def argv(self):
        return ["/usr/bin/nullmailer-inject", "-f", USER, USER]


class Dma(Command):
    title = "dma, its queue run every five minutes by cron"

    def setup(self):
        self.install("dma")
        self.sh(f"""mkdir -p /etc/dma /var/spool/dma
printf 'SMARTHOST {HOST}\\nPORT 587\\nAUTHPATH /etc/dma/auth.conf\\nSECURETRANSFER\\nSTARTTLS\\nMAILNAME laptop.you.test\\n' >/etc/dma/dma.conf
printf '{USER}|{HOST}:{PASSWORD}\\n' >/etc/dma/auth.conf
chown -R root:mail /etc/dma /var/spool/dma
chmod 2775 /var/spool/dma
chmod 640 /etc/dma/auth.conf
chown root:mail /usr/sbin/dma && chmod 2755 /usr/sbin/dma""")
        self.run(["sh", "-c", "while sleep 300; do /usr/sbin/dma -q1; done"])

    def argv(self):
        return ["/usr/sbin/dma", "-f", USER, USER]


class Smtp:
    """A server on localhost, to which the same mail program as in the tests hands over."""

    def __init__(self, lab):
        self.lab = lab
        self.setup()
        self.program = traveller.MailProgram(lab, every=EVERY)

    def stop(self):
        self.program.stop()

    def taken(self):
        return self.program.taken()

    @property
    def refused(self):
        return len(self.program.trouble())


class Relay(Smtp):
    title = "port26"

    def setup(self):
        self.relay = traveller.Relay(self.lab)


class PostfixClient(real.Postfix):
    SERVICES = real.Postfix.SERVICES + "smtp unix - - n - - smtp\nrelay unix - - n - - smtp\n"


class Postfix(Smtp):
    title = "Postfix with smtp_fallback_relay"

    def setup(self):
        d = self.lab.folder / "client"
        client = PostfixClient(d, "laptop.you.test", ["127.0.0.1"], [587], certs.make(self.lab.cafile.parent) / "good.pem")
        main = (d / "conf/main.cf").read_text().replace("default_transport = discard\n", "")
        (d / "login").write_text(f"{HOST} {USER}:{PASSWORD}\n[{HOST}]:587 {USER}:{PASSWORD}\n[{HOST}]:2525 {USER}:{PASSWORD}\n")
        (d / "conf/main.cf").write_text(main + f"""mynetworks = 127.0.0.0/8
smtpd_recipient_restrictions = permit_mynetworks, reject
relayhost = [{HOST}]:587
smtp_fallback_relay = [{HOST}]:2525
smtp_tls_security_level = secure
smtp_tls_CAfile = {self.lab.cafile}
smtp_sasl_auth_enable = yes
smtp_sasl_security_options = noanonymous
smtp_sasl_tls_security_options = noanonymous
smtp_sasl_password_maps = texthash:{d}/login
smtp_host_lookup = native
""")
        os.utime(d / "conf/main.cf", (1e9, 1e9))
        with open(d / "output", "ab") as log:
            self.lab.popen("laptop", ["/usr/lib/postfix/sbin/master", "-c", d / "conf", "-s"], stdin=subprocess.DEVNULL, stdout=log,
                           stderr=log, cwd="/")
        time.sleep(3)


PROGRAMS = {"port26": Relay, "postfix": Postfix, "nullmailer": Nullmailer, "msmtp": Msmtp, "dma": Dma}
OPENINGS = ("office", "hotel", "cloud", "home again")


def walk(name, shared):
    """{place: seconds from its opening until the first message came}, and the counts."""
    case = Case()
    case.servers = {"you": ("port26", MAIL_PORTS), "other": ("none", []), "isp": ("none", [])}
    opened, tell = [], {}
    with roam.day(case, shared) as lab:
        box = lab.folder / "you/inbox/joe@you.test/new"
        program = PROGRAMS[name](lab)

        def stay(place, seconds):
            opened.append((place, time.time(), time.time() + seconds))
            time.sleep(seconds)
        time.sleep(STAY)
        lab.go("office")
        stay("office", STAY)
        lab.go("hotel")
        time.sleep(LOGIN_AFTER)
        lab.change([Fault("router1", "drop", "not:53,80,443,2525")])
        stay("hotel", STAY)
        lab.go("cloud")
        stay("cloud", STAY)
        lab.go("isp")
        time.sleep(STAY)
        lab.go("")
        time.sleep(OFFLINE)
        lab.go("home")
        stay("home again", STAY)
        program.stop()
        time.sleep(AT_LAST - STAY)
        got, taken = traveller.arrived(box), program.taken()
        for place, begin, end in opened:
            times = [at for at, _ in got if begin <= at <= end]
            tell[place] = f"{times[0] - begin:.1f} s" if times else "nothing"
        numbers = [n for _, n in got]
        waits = sorted(at - taken[n] for at, n in got if n in taken)
        tell.update(program=program.title, handed=len(taken), arrived=len(set(numbers)), twice=len(numbers) - len(set(numbers)),
                    refused=program.refused, longest=f"{waits[-1]:.0f} s" if waits else "-")
        if os.environ.get("KEEP"):
            shutil.copytree(lab.folder / "client", pathlib.Path(os.environ["KEEP"]) / name, ignore=shutil.ignore_patterns("over", "fs", "spool", "data"),
                            dirs_exist_ok=True) if (lab.folder / "client").exists() else None
    return tell


def all_(names):
    with tempfile.TemporaryDirectory(prefix="port26-lab-") as shared, concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        os.chmod(shared, 0o755)
        certs.make(shared)
        for name, walked in [(n, pool.submit(walk, n, shared)) for n in names]:
            try:
                yield walked.result()
            except Exception as e:
                yield {"program": f"{name}: {e}"}
