"""Real mail programs, each as one function that submits a message the way its users would set it up."""
import json, os, pathlib, select, smtplib, ssl, subprocess, tempfile, time
from dataclasses import dataclass, field
from urllib.parse import quote

from port26 import PASSWORD, USER, Port26
from scram import Client as ScramClient


@dataclass
class Submission:
    house: Port26
    door: str  # "submission" or "submissions"
    mechanism: str
    sender: str
    recipient: str
    message: bytes  # as it must arrive: CR LF lines
    ca: str = ""
    password: str = PASSWORD
    user: str = USER
    folder: pathlib.Path = field(default_factory=lambda: pathlib.Path(tempfile.mkdtemp(prefix="port26-client-")))

    def __post_init__(self):
        self.ca = self.ca or str(self.house.cert)

    @property
    def port(self):
        return self.house.ports[self.door]

    @property
    def implicit(self):
        return "implicit" in self.house.doors[self.door]

    @property
    def bound(self):
        return "channel-binding = true" in self.house.doors[self.door]

    @property
    def local(self):
        """The message as a file on Unix."""
        return self.message.replace(b"\r\n", b"\n")

    def file(self, name, data, mode=0o600):
        path = self.folder / name
        path.write_bytes(data)
        path.chmod(mode)
        return str(path)


ANY = "any"  # for Submission.mechanism: as the program does it when nobody told it which


class Failed(Exception):
    """The program said that it could not send."""


def run(argv, input=None, **environment):
    home = {"HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
    r = subprocess.run(argv, input=input, capture_output=True, timeout=60, env={**os.environ, **home, **environment})
    if r.returncode:
        raise Failed(f"{argv[0]}: {r.returncode}\n{r.stdout.decode(errors='replace')}{r.stderr.decode(errors='replace')}")
    return r.stdout


def known(s, *option):
    """The mechanism as arguments, none where the program chooses."""
    return [] if s.mechanism == ANY else [*option, s.mechanism]


def stuffed(message):
    """As it goes over the wire after DATA."""
    lines = message.split(b"\r\n")
    wire = b"\r\n".join(b"." + l if l.startswith(b".") else l for l in lines)
    return wire + (b".\r\n" if message.endswith(b"\r\n") else b"\r\n.\r\n")


def swaks(s):
    tls = ["--tls-on-connect"] if s.implicit else ["--tls"]
    run(["swaks", "--server", "localhost", "--port", str(s.port), *tls, "--tls-verify", "--tls-ca-path", s.ca,
         "--auth", *known(s), "--auth-user", s.user, "--auth-password", s.password, "--from", s.sender, "--to", s.recipient,
         "--ehlo", "client.test", "--no-data-fixup", "--data", "@" + s.file("message", stuffed(s.message).removesuffix(b"\r\n"))])


def msmtp(s):
    conf = f"""account default
host localhost
port {s.port}
from {s.sender}
tls on
tls_starttls {"off" if s.implicit else "on"}
tls_trust_file {s.ca}
auth {"on" if s.mechanism == ANY else s.mechanism.lower()}
user {s.user}
password "{s.password}"
set_date_header off
"""
    run(["msmtp", "-C", s.file("msmtprc", conf.encode()), "--", s.recipient], s.local)


def curl(s):
    scheme = "smtps" if s.implicit else "smtp"
    run(["curl", "-sS", "--ssl-reqd", "--cacert", s.ca, "--user", f"{s.user}:{s.password}",
         *([] if s.mechanism == ANY else ["--login-options", f"AUTH={s.mechanism}"]), "--mail-from", s.sender, "--mail-rcpt", s.recipient,
         "--upload-file", s.file("message", s.message), f"{scheme}://localhost:{s.port}/client.test"])


def python(s):
    try:
        context = s.house.context()
        if s.ca != str(s.house.cert):
            context = ssl.create_default_context(cafile=s.ca)
        if s.implicit:
            c = smtplib.SMTP_SSL("localhost", s.port, timeout=30, context=context)
        else:
            c = smtplib.SMTP("localhost", s.port, timeout=30)
            c.starttls(context=context)
        with c:
            c.ehlo_or_helo_if_needed()
            c.user, c.password = s.user, s.password
            if s.mechanism == ANY:
                c.login(s.user, s.password)
            elif s.mechanism == "PLAIN":
                c.auth("PLAIN", c.auth_plain)
            else:
                c.auth("LOGIN", c.auth_login, initial_response_ok=False)
            c.sendmail(s.sender, [s.recipient], s.message)
    except (OSError, smtplib.SMTPException) as e:
        raise Failed(str(e)) from e


NODE = """
const nodemailer = require('nodemailer'), fs = require('fs');
const o = JSON.parse(process.argv[2]);
nodemailer.createTransport({
  host: 'localhost', port: o.port, secure: o.implicit, requireTLS: !o.implicit, authMethod: o.mechanism || undefined,
  auth: {user: o.user, pass: o.password}, tls: {ca: fs.readFileSync(o.ca)},
}).sendMail({envelope: {from: o.sender, to: [o.recipient]}, raw: fs.readFileSync(o.message)})
  .then(() => process.exit(0), e => { console.error(e); process.exit(1); });
"""


def nodemailer(s):
    o = {"port": s.port, "implicit": s.implicit, "mechanism": None if s.mechanism == ANY else s.mechanism, "user": s.user, "password": s.password, "ca": s.ca,
         "sender": s.sender, "recipient": s.recipient, "message": s.file("message", s.message)}
    run(["node", s.file("send.js", NODE.encode()), json.dumps(o)], NODE_PATH="/usr/share/nodejs")


def s_nail(s):
    """Writes its own header and cannot be given one: .message is only the body here."""
    scheme, more = ("smtps", []) if s.implicit else ("smtp", ["-Ssmtp-use-starttls"])
    run(["s-nail", "-:/", "-Sv15-compat", f"-Smta={scheme}://{quote(s.user, '')}:{quote(s.password, '')}@localhost:{s.port}",
         *more, f"-Ssmtp-auth={s.mechanism.lower()}", f"-Stls-ca-file={s.ca}", "-Stls-ca-no-defaults", "-Stls-verify=strict",
         "-Smime-encoding=8b", "-Sttycharset=utf-8", "-Ssendwait", "-Sexpandaddr", "-Snosave", f"-Sfrom={s.sender}",
         "-s", "From s-nail", "-r", s.sender, s.recipient], s.local)


def gsasl(s):
    """GNU SASL's own SMTP client logs in; then it passes on what we type. With a binding at hand it does no SCRAM without -PLUS."""
    argv = ["gsasl", "--smtp", "--connect", f"localhost:{s.port}", *known(s, "--mechanism"), *([] if s.bound else ["--no-cb"]), "-a", s.user, "-p", s.password,
            "--x509-ca-file", s.ca]
    p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)
    try:
        heard = b""

        def expect(code):
            nonlocal heard
            while True:
                if not select.select([p.stdout], [], [], 20)[0]:
                    raise Failed("silence after " + heard.decode(errors="replace"))
                line = p.stdout.readline()
                if not line:
                    raise Failed(heard.decode(errors="replace"))
                heard += line
                if line.startswith(code + b" ") or (line[:1] in b"45" and line[3:4] == b" "):
                    if not line.startswith(code):
                        raise Failed(heard.decode(errors="replace"))
                    return

        def give(data):
            p.stdin.write(data)
            p.stdin.flush()

        def say(data, code):
            give(data)
            expect(code)

        def answered():
            return bool(select.select([p.stdout], [], [], 0.02)[0])

        expect(b"235")
        say(f"MAIL FROM:<{s.sender}>\r\n".encode(), b"250")
        say(f"RCPT TO:<{s.recipient}>\r\n".encode(), b"250")
        say(b"DATA\r\n", b"354")
        # It takes one line each time its input has something new, and leaves the others in its buffer.
        for line in stuffed(s.message).splitlines(keepends=True):
            give(line)
            time.sleep(0.002)
        end = time.monotonic() + 20
        while not answered() and time.monotonic() < end:
            give(b"NOOP\r\n")
        expect(b"250")
    finally:
        p.kill()
        p.communicate()


def python_scram(s):
    c = ScramClient(s.port, s.ca, s.implicit)
    c.scram(s.user, s.password, plus=s.mechanism.endswith("-PLUS"))
    c.mail(s.sender, [s.recipient], stuffed(s.message))
    c.quit()


def mutt(s):
    """As Debian's is set up by its users: no word about mechanisms. It writes its own header: .message is only the body here."""
    scheme, starttls = ("smtps", "no") if s.implicit else ("smtp", "yes")
    rc = f"""set smtp_url="{scheme}://{quote(s.user, '')}@localhost:{s.port}/"
set smtp_pass="{s.password}" ssl_starttls={starttls} ssl_force_tls=yes certificate_file="{s.ca}" ssl_usesystemcerts=no
set from="{s.sender}" use_from=yes use_envelope_from=yes realname="" copy=no allow_8bit=yes charset=utf-8
"""
    if s.mechanism != ANY:
        rc += f'set smtp_authenticators="{s.mechanism.lower()}"\n'
    run(["mutt", "-n", "-F", s.file("muttrc", rc.encode()), "-s", "From mutt", "--", s.recipient], s.local, HOME=str(s.folder))


# What each program knows of what we offer. ANY: it chooses by itself.
PROGRAMS = {
    swaks: [ANY, "PLAIN", "LOGIN"],
    msmtp: [ANY, "PLAIN", "LOGIN", "SCRAM-SHA-256"],
    curl: [ANY, "PLAIN", "LOGIN"],
    python: [ANY, "PLAIN", "LOGIN"],
    nodemailer: [ANY, "PLAIN", "LOGIN"],
    s_nail: ["PLAIN", "LOGIN"],
    gsasl: [ANY, "PLAIN", "LOGIN", "SCRAM-SHA-256"],
    mutt: [ANY, "PLAIN", "LOGIN", "SCRAM-SHA-256"],
    python_scram: ["SCRAM-SHA-256"],
}
BINDING = [gsasl, python_scram]  # these know SCRAM-SHA-256-PLUS, and what of it TLS 1.3 has
OWN_HEADER = [s_nail, mutt]
NO_IMPLICIT_TLS = {gsasl}
