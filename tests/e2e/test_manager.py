"""A service manager that waits for us, as systemd with Type=notify, and reads what we write, as its journal."""
import os, re, socket, subprocess

import pytest

from port26 import AS_ROOT, Port26, message, wait_for


@pytest.fixture
def manager(tmp_path):
    """Its datagram socket, in a folder that everybody may enter: the server is another user by then."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(path))
        path.chmod(0o666)
        s.settimeout(60)
        for folder in (tmp_path, *tmp_path.parents[:-1]):
            if folder.stat().st_uid == os.geteuid() and not folder.stat().st_mode & 0o001:
                folder.chmod(folder.stat().st_mode | 0o011)
        yield s


def test_it_is_told_when_the_doors_are_open_and_when_we_stop(manager):
    s = Port26()
    try:
        s.environment = {**s.environment, "NOTIFY_SOCKET": manager.getsockname()}
        s.start()
        assert manager.recv(100) == b"READY=1"
        with s.client() as c:
            c.sendmail("you@port26.test", ["you@port26.test"], message())
        for pid in s.pids()[1:]:
            assert b"NOTIFY_SOCKET" not in open(f"/proc/{pid}/environ", "rb").read(), "a child could speak for the server"
        s.process.terminate()
        told = {manager.recv(100)}
        while b"STOPPING=1" not in told:
            told.add(manager.recv(100))
        assert told <= {b"READY=1", b"STOPPING=1"}
    finally:
        s.close()


def test_one_that_is_not_there_does_not_matter(tmp_path):
    s = Port26()
    try:
        s.environment = {**s.environment, "NOTIFY_SOCKET": str(tmp_path / "nobody")}
        s.start()
        wait_for(lambda: "manager.unreachable" in s.log())
    finally:
        s.close()


def test_a_wrong_configuration_ends_otherwise_than_what_may_pass():
    """The unit starts the server again after all but EX_CONFIG. What is wrong is told once, a line each."""
    s = Port26()
    try:
        good = s.conf.read_text()
        s.start()
        second = subprocess.run([s.binary, "serve", "-c", s.conf], capture_output=True, text=True, timeout=60, env=s.environment)
        assert second.returncode == 69 and second.stderr.startswith("port26: "), second
        s.stop()
        s.conf.write_text(re.sub(r'key = "[^"]*"', 'key = "/nowhere/key.pem"', re.sub(r'certificate = "[^"]*"', 'certificate = "/nowhere/cert.pem"', good)))
        wrong = subprocess.run([s.binary, "serve", "-c", s.conf], capture_output=True, text=True, timeout=60, env=s.environment)
        assert wrong.returncode == 78
        lines = wrong.stderr.splitlines()
        assert any(line.endswith(": /nowhere/cert.pem can not be read: No such file or directory") for line in lines), lines
        assert len(lines) == len(set(lines)) and all(line.startswith("port26: ") for line in lines), lines
    finally:
        s.close()


def test_a_reload_tells_errors_and_warnings_apart():
    s = Port26()
    try:
        s.start()
        good = s.conf.read_text()
        s.conf.write_text(good + '\nclients { host = "elsewhere.test" }\n')
        done = s.command("config", "reload")
        assert "warning: " in done.stderr and "elsewhere.test" in done.stderr and "in force" in done.stdout, done
        got = s.json("config", "reload")
        assert len(got["warnings"]) == len(set(got["warnings"])) and any("elsewhere.test" in w for w in got["warnings"]), got
        s.conf.write_text(re.sub(r'key = "[^"]*"', 'key = "/nowhere/key.pem"', s.conf.read_text()))
        done = s.command("config", "reload", check=False)
        assert done.returncode == 65 and "/nowhere/key.pem can not be read" in done.stderr and "warning" not in done.stderr, done
        assert done.stderr.rstrip().endswith("; the running configuration stays in force"), done
    finally:
        s.close()


@pytest.mark.skipif(not AS_ROOT, reason="only root can give it another journal")
def test_lines_keep_their_level_in_the_journal(tmp_path):
    """stderr belongs to the journal when JOURNAL_STREAM names it; then lines go the journal's own way."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "socket"))
        (tmp_path / "socket").chmod(0o666)
        tmp_path.chmod(0o711)
        journal.settimeout(60)
        place = "mount -t tmpfs none /run && mkdir -p /run/systemd/journal && mount --bind \"$0\" /run/systemd/journal && " \
                "JOURNAL_STREAM=$(stat -L -c %d:%i /dev/fd/2) exec \"$@\""
        s = Port26(wrap=["unshare", "-m", "sh", "-c", place, str(tmp_path)])
        try:
            s.start()
            lines = [journal.recv(4096).decode()]
            while not re.search(r"MESSAGE=listener ", lines[-1]):
                lines.append(journal.recv(4096).decode())
            started = next(line for line in lines if " started " in line)
            assert started.startswith("PRIORITY=5\nSYSLOG_IDENTIFIER=port26\nMESSAGE=keeper started "), started
            assert " started " not in s.log()
        finally:
            s.close()


def test_domains_of_the_store_settle_a_warning():
    s = Port26(accounts=False)
    try:
        s.conf.write_text(re.sub(r"(?m)^domains = .*\n", "", s.conf.read_text()))
        s.start()
        assert "there are none in this file" in s.command("config", "reload").stderr
        s.command("domain", "add", "port26.test")
        assert "domains" not in s.command("config", "reload").stderr
    finally:
        s.close()
