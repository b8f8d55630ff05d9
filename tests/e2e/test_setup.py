"""`port26 setup`: from a mail address to a relay on localhost, as a new user would: one command, one password, and mail leaves."""
import os, pathlib, random, shutil, stat, subprocess, sys, tempfile

import pytest

from port26 import BINARY, PASSWORD, USER, Port26, free_port, make_certificate, own, wait_for

ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not ROOT, reason="needs root, for a provider at port 587")
SEND = """
import smtplib, sys
with smtplib.SMTP("localhost", int(sys.argv[1]), timeout=30) as s:
    s.sendmail("you@port26.test", ["friend@port26.test"], "Subject: set up\\r\\n\\r\\nhello\\r\\n")
"""


def public_folder():
    """Others may pass through it: not below the folders of pytest, which are root's alone."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="port26-setup-"))
    os.chmod(folder, 0o755)
    return folder


class Person:
    """Somebody with a home folder, who is not root."""

    def __init__(self, folder):
        self.home = folder / "home"
        self.home.mkdir(mode=0o700)
        self.environment = {"HOME": str(self.home), "PATH": os.environ["PATH"],
                            "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1"}
        self.who = {}
        if ROOT:
            shutil.chown(self.home, "port26", "port26")
            self.who = {"user": "port26", "group": "port26", "extra_groups": []}

    def run(self, *args, **kw):
        return subprocess.run(args, capture_output=True, text=True, timeout=120, env=self.environment, cwd="/", **self.who, **kw)

    def setup(self, *args, **kw):
        return self.run(BINARY, "setup", *args, **kw)

    def files(self):
        return sorted(str(p.relative_to(self.home)) for p in self.home.rglob("*") if p.is_file())


@pytest.fixture
def person():
    folder = public_folder()
    yield Person(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def provider():
    """A real port26 with port 587 at an address of its own, as a provider has."""
    folder = public_folder()
    address = f"127.{random.randint(100, 200)}.{random.randint(0, 255)}.{random.randint(2, 250)}"
    cert, key = make_certificate(folder, "provider", (f"IP:{address}",))
    p = Port26(extra=f'door "587" {{ port = 587 address = {{"{address}"}} role = submission tls = starttls '
                     f'certificate = "{cert}" key = "{key}" }}\n', doors={"other": "role = submission tls = starttls"})
    p.start()
    p.address, p.ca = address, cert
    yield p
    p.close()
    shutil.rmtree(folder)


def test_print_writes_nothing_and_is_a_configuration(person):
    r = person.setup("me@gmail.com", "--print", "--offline")
    assert r.returncode == 0, r.stderr
    assert person.files() == []
    assert 'host = "smtp.gmail.com"' in r.stdout and '"465 implicit"' in r.stdout
    assert len([line for line in r.stdout.splitlines() if not line.startswith("#")]) <= 25
    conf = person.home / "printed.conf"
    conf.write_text(r.stdout)
    own(conf)
    r = person.run(BINARY, "config", "show", "-c", str(conf))
    assert r.returncode == 0, r.stderr
    assert 'trust-users = {' in r.stdout
    # Nobody far away is asked unless somebody wants it; who does takes one sign away.
    assert 'portal-check = ""' in r.stdout or "portal-check" not in r.stdout, r.stdout
    conf.write_text(conf.read_text().replace("# delivery {", "delivery {"))
    r = person.run(BINARY, "config", "show", "-c", str(conf))
    assert r.returncode == 0 and 'portal-check = "connectivitycheck.gstatic.com"' in r.stdout, r.stdout + r.stderr


def test_an_unknown_provider_is_told(person):
    r = person.setup("me@nobody-here.test", "--offline")
    assert r.returncode != 0 and "--server" in r.stderr
    assert person.files() == []


@pytest.mark.parametrize("wrong", ["nonsense", "@gmail.com", "you@", "you@[192.0.2.1]", ""])
def test_what_is_no_address(person, wrong):
    r = person.setup(wrong, "--offline")
    assert r.returncode == 64 and "mail address" in r.stderr


@needs_root
def test_from_nothing_to_sent_mail(person, provider):
    port = free_port()
    r = person.setup(USER, "--server", provider.address, "--cafile", str(provider.ca), "--password-file", "-", "--port", str(port),
                     input=PASSWORD + "\n")
    assert r.returncode == 0, r.stdout + r.stderr
    assert "verified at port 587" in r.stdout and f"port             {port}" in r.stdout
    assert PASSWORD not in r.stdout + r.stderr
    assert person.files() == [".config/port26/port26.conf", ".config/port26/port26.test.password"]
    secret = person.home / ".config/port26/port26.test.password"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600 and secret.read_text() == PASSWORD + "\n"
    assert PASSWORD not in (person.home / ".config/port26/port26.conf").read_text()
    again = person.setup(USER, "--server", provider.address, "--password-file", "-", input="other\n")
    assert again.returncode != 0 and "--force" in again.stderr and secret.read_text() == PASSWORD + "\n"

    log = person.home.parent / "serve.log"
    with open(log, "w") as out:
        server = subprocess.Popen([BINARY, "serve"], env=person.environment, cwd="/", stderr=out, stdout=out, **person.who)
    try:
        wait_for(lambda: person.run(sys.executable, "-c", SEND, str(port)).returncode == 0, seconds=60, step=0.5,
                 message=lambda: log.read_text())
        wait_for(lambda: any("Subject: set up" in m.read_text() for m in provider.inbox.rglob("*") if m.is_file()), seconds=60,
                 message=lambda: log.read_text())
        status = person.run(BINARY, "status")
        assert status.returncode == 0, status.stderr
    finally:
        server.terminate()
        server.wait(30)


@needs_root
def test_a_wrong_password_is_not_written_down(person, provider):
    r = person.setup(USER, "--server", provider.address, "--cafile", str(provider.ca), "--password-file", "-", input="wrong\n")
    assert r.returncode == 10, r.stdout + r.stderr
    assert "nothing was written" in r.stderr and "password" in r.stdout.lower()
    assert person.files() == []


@needs_root
def test_force_keeps_the_old_one(person, provider):
    folder = person.home / ".config/port26"
    folder.mkdir(parents=True)
    (folder / "port26.conf").write_text("# mine\n")
    own(folder.parent, folder, folder / "port26.conf")
    r = person.setup(USER, "--server", provider.address, "--unverified", "--force", "--password-file", "-", input="any\n")
    assert r.returncode == 0, r.stderr
    assert "not verified" in r.stdout
    assert (folder / "port26.conf.old").read_text() == "# mine\n"
    assert 'password-file' in (folder / "port26.conf").read_text()
