"""Why a customer cannot send, in the order in which hosts' support articles ask: the port is shut, the login is not switched on, the
storage of the mailbox or of the whole hosting account is full. Played with the programs people use, behind an access provider that
shuts port 25; `port26 check` at each station must say the same."""
import json
import os
import pathlib
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from lab import certs, lab, real  # noqa: E402
from lab.case import Case, Fault  # noqa: E402
from port26 import BINARY, wait_for  # noqa: E402

os.environ.setdefault("PORT26", BINARY)
pytestmark = pytest.mark.skipif(bool(lab.missing()), reason=lab.missing() or "")
HOST, JOE, ANN = "mail.you.test", "joe@you.test", "ann@you.test"
QUOTA, HOSTING_QUOTA = 60_000, 106_000


class Customer:
    """Joe, whose mailbox and domain are at you.test, and the server's administrator."""

    def __init__(self, shared):
        case = Case()
        case.servers = {"you": ("port26", ["25", "26", "110", "995"]), "other": ("none", []), "isp": ("none", [])}
        case.faults = [Fault("router1", "drop", "25")]
        self.lab = lab.Lab(case, shared)
        self.folder = self.lab.folder / "joe"
        self.folder.mkdir()
        self.secret = self.private("secret", real.PASSWORD + "\n")

    def private(self, name, text):
        path = self.folder / name
        path.touch(0o600)
        path.write_text(text)
        return path

    def host(self, *words, text=""):
        """A command of the administrator at the server."""
        return self.lab.command("you", *words, text=text)

    # ---- Joe's programs

    def send(self, port, login=True, to=ANN, size=1000, sender=JOE):
        """msmtp; ("", 0) or what it complains of."""
        lines = ["account default", f"host {HOST}", f"port {port}", "tls on", f"tls_trust_file {self.lab.cafile}", f"from {sender}",
                 "timeout 5", *(["auth on", f"user {sender}", f"password {real.PASSWORD}"] if login else ["auth off"])]
        if port == 465:
            lines.append("tls_starttls off")
        config = self.private("msmtprc", "\n".join(lines) + "\n")
        text = f"From: <{sender}>\nTo: <{to}>\nSubject: Invoice\n\n" + "0123456789abcdef" * 4 * (size // 64) + "\n"
        done = self.lab.run("laptop", ["msmtp", "-C", config, to], 90, input=text)
        return done.stderr.strip()

    def check(self, *more):
        answer = self.lab.run("laptop", [BINARY, "check", HOST, "--cafile", self.lab.cafile, "--json", "--portal", "web.test",
                                         "--resolver", self.lab.case.of("dns2")[0], *more], 60,
                              env={**os.environ, "XDG_STATE_HOME": str(self.folder / "state")})
        return json.loads(answer.stdout)["verdict"]

    def logged_in(self, to=ANN):
        return self.check("--port", "26", "--user", JOE, "--password-file", self.secret, "--to", to)

    def waiting(self, name=JOE):
        """curl: the messages of an inbox, as POP3 lists them."""
        done = self.lab.run("laptop", ["curl", "-sS", "--cacert", self.lab.cafile, "-u", f"{name}:{real.PASSWORD}", f"pop3s://{HOST}/"])
        assert done.returncode == 0, done.stderr
        return done.stdout.split()[::2]

    def fetch(self):
        """fetchmail: takes all that is there and leaves nothing."""
        config = self.private("fetchmailrc", f"""poll {HOST} protocol pop3 port 995 user "{JOE}" password "{real.PASSWORD}" ssl sslcertck
sslcertfile "{self.lab.cafile}" fetchall nokeep mda "cat >>{self.folder}/taken"
""")
        done = self.lab.run("laptop", ["fetchmail", "-f", config, "--pidfile", self.folder / "pid", "-i", self.folder / "ids"], 60,
                            env={**os.environ, "FETCHMAILHOME": str(self.folder)})
        assert done.returncode == 0, done.stdout + done.stderr
        return (self.folder / "taken").read_text()


@pytest.fixture(scope="module")
def customer():
    with tempfile.TemporaryDirectory(prefix="port26-article-") as folder:
        os.chmod(folder, 0o755)
        c = Customer(certs.make(pathlib.Path(folder) / "certificates"))
        try:
            yield c
        finally:
            c.lab.close()


def test_why_joe_cannot_send(customer):
    c = customer
    c.host("host", "add", "sons", "--quota", str(HOSTING_QUOTA))
    c.host("domain", "add", "you.test", "--host", "sons")
    c.host("account", "set", JOE, "--quota", str(QUOTA))
    c.host("account", "add", ANN, "--quota", "none", text=real.PASSWORD + "\n")

    # 1. The port: 25 is shut here, and 26 is not.
    assert "timed out" in c.send(25) or "cannot connect" in c.send(25)
    v = c.check("--port", "25")
    assert v["id"] == "N8" and v["owner"] == "network" and "26" in v["setting"], v

    # 2. "Use same settings as incoming mail server" is off.
    words = c.send(26, login=False)
    assert "my outgoing server requires authentication" in words and "same name and password as for receiving" in words, words
    v = c.check("--port", "26", "--to", ANN)
    assert v["id"] == "A1" and v["owner"] == "you" and "requires authentication" in v["setting"], v
    assert c.send(26) == ""
    wait_for(lambda: len(c.waiting(ANN)) == 1, message="Joe's mail did not arrive")
    assert c.logged_in()["id"] == "OK"

    # 3. The mailbox is full.
    assert c.send(26, to=JOE, sender=ANN, size=46_000) == ""
    wait_for(lambda: len(c.waiting()) == 1, message="mail for Joe did not arrive")
    for words in (c.send(26, size=20_000), c.send(26, to=JOE, sender=ANN, size=20_000)):  # as the sender, and as the recipient
        assert "4.2.2" in words and "mailbox" in words and "hosting account" not in words, words
    assert c.send(26, sender=ANN, to=ANN) == "", "Ann is not concerned"
    assert c.send(26, to=JOE, sender=ANN, size=8_000) == ""
    wait_for(lambda: len(c.waiting()) >= 2, message="small mail for Joe did not arrive")
    v = c.logged_in()
    assert v["id"] == "M1" and v["owner"] == "you" and "hosting account" not in v["sentence"] and "mailbox" in v["sentence"], v

    # 4. The hosting account is full: Ann has filled it.
    c.host("account", "set", JOE, "--quota", "none")
    assert c.send(26, sender=ANN, to=ANN, size=40_000) == "", "a message that stays in the hosting account counts once"
    wait_for(lambda: len(c.waiting(ANN)) >= 3, message="mail for Ann did not arrive")
    words = c.send(26, size=20_000)
    assert "4.2.2" in words and "hosting account sons is full" in words, words
    v = c.logged_in()
    assert v["id"] == "M1" and "whole hosting account" in v["sentence"], v

    # A sending limit is no full mailbox, and says until when.
    c.host("host", "set", "sons", "--quota", "none")
    c.host("account", "set", JOE, "--sending", "1/h")
    words = c.send(26)
    assert "You have sent to" in words and "you can send again" in words, words
    v = c.logged_in()
    assert v["id"] == "M7" and v["owner"] == "you" and "sending limit" in v["sentence"] and "you can send again" in v["sentence"], v
    c.host("account", "set", JOE, "--sending", "none")
    c.host("host", "set", "sons", "--quota", str(HOSTING_QUOTA))

    # 5. POP3 empties it, and sending works again.
    taken = c.fetch()
    assert taken.count("Subject: Invoice") == 2 and c.waiting() == []
    before = len(c.waiting(ANN))
    assert c.send(26, size=20_000) == ""
    wait_for(lambda: len(c.waiting(ANN)) > before, message="Joe's mail did not arrive")
    assert c.logged_in()["id"] == "OK"
    for name in (JOE, ANN):
        known = json.loads(c.host("quota", "show", name, "--json"))
        c.host("quota", "recount", name)
        assert json.loads(c.host("quota", "show", name, "--json")) == known, "nothing was to correct"
