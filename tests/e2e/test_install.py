"""What is installed, and what a new administrator begins with."""
import pathlib, re, shutil, subprocess

import pytest

from port26 import AS_ROOT, BINARY, PASSWORD, USER, Port26, make_certificate, wait_for

ROOT = pathlib.Path(__file__).parents[2]
BUILD = pathlib.Path(BINARY).parent
EXAMPLE = ROOT / "packaging" / "provider.conf"


@pytest.mark.skipif(not shutil.which("meson") or not (BUILD / "build.ninja").exists(), reason="there is no build folder to install from")
def test_all_that_belongs_to_it_is_installed(tmp_path):
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", tmp_path], check=True, capture_output=True, timeout=120)
    files = {str(f.relative_to(tmp_path)): f for f in tmp_path.rglob("*") if f.is_file()}
    prefix = next(name for name in files if name.endswith("bin/port26"))[:-len("bin/port26")]
    for name in ("share/man/man1/port26.1", "share/man/man5/port26.conf.5", "lib/systemd/system/port26.service", "lib/systemd/user/port26.service",
                 "lib/sysusers.d/port26.conf", "share/bash-completion/completions/port26", "share/doc/port26/examples/provider.conf"):
        assert prefix + name in files, (name, sorted(files))
    for kind in ("system", "user"):
        unit = files[f"{prefix}lib/systemd/{kind}/port26.service"].read_text()
        assert f"ExecStart=/{prefix}bin/port26 serve" in unit
        assert f"/{prefix}bin" == "/usr/bin" or "/usr/bin/port26" not in unit


def complete(*words):
    script = f"""source {ROOT}/packaging/port26.bash
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _port26 2>/dev/null; printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", script, "bash", str(BINARY), *words], capture_output=True, text=True, timeout=60, cwd="/")
    return done.stdout.split()


def test_completion():
    nouns = complete("")
    assert {"account", "quota", "serve", "check", "queue"} <= set(nouns) and len(nouns) == len(set(nouns))
    assert complete("acc") == ["account"]
    assert {"add", "import", "show"} <= set(complete("account", ""))
    assert complete("quota", "rec") == ["recount"]
    options = complete("account", "add", "kim@a.test", "--")
    assert {"--quota", "--generate", "--json", "--help"} <= set(options) and not any("=" in o for o in options)
    assert "--port" in complete("check", "--p")
    assert complete("config", "check", "/et") == ["/etc"]


def test_the_example_is_a_good_configuration(tmp_path):
    cert, key = make_certificate(tmp_path)
    conf = tmp_path / "port26.conf"
    conf.write_text(EXAMPLE.read_text().replace("/etc/port26/tls/fullchain.pem", str(cert)).replace("/etc/port26/tls/privkey.pem", str(key)))
    done = subprocess.run([BINARY, "config", "check", conf], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    ports = {int(p) for p in re.findall(r"port = (\d+)", EXAMPLE.read_text())}
    told = (ROOT / "docs" / "install.md").read_text()
    assert all(str(port) in told for port in ports), "the page names the ports to open"


@pytest.mark.skipif(not AS_ROOT, reason="only root can become another user")
@pytest.mark.parametrize("first", ["serve", "account"])
def test_every_user_can_hand_over_mail(first):
    """The control socket lies in the store unless the settings say otherwise; what else is there is nobody's."""
    s = Port26(accounts=False)
    try:
        s.conf.write_text(re.sub(r'(?m)^control = .*\n', "", s.conf.read_text()))
        shutil.chown(s.dir, "port26", "port26")
        if first == "account":
            s.account_add(USER, PASSWORD, "@port26.test")
        s.start()
        if first == "serve":
            s.account_add(USER, PASSWORD, "@port26.test")
        as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        shutil.copy(BINARY, s.dir / "port26")

        def nobody(*args, **kw):
            return subprocess.run([*as_nobody, *args], capture_output=True, text=True, env=s.environment, timeout=60, **kw)
        sent = nobody(s.dir / "port26", "send", "--to", USER, "-c", s.conf, input="Hello\n")
        assert sent.returncode == 0, sent.stderr
        assert b"Hello" in s.wait_inbox(1)[0]
        assert nobody("ls", s.store).returncode and nobody("cat", s.store / "port26.db").returncode
        s.store.chmod(0o700)
        sent = nobody(s.dir / "port26", "send", "--to", USER, "-c", s.conf, input="Hello\n")
        assert sent.returncode == 75 and "chmod o+x" in sent.stderr, sent.stderr
        s.stop()
        s.start()
        wait_for(lambda: "control.hidden" in s.log())
    finally:
        s.close()
