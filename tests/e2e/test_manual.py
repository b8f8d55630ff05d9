"""The manual pages say what the program does, all of it, in good roff."""
import os, re, shutil, subprocess

import pytest

from port26 import BINARY, ROOT

PAGE = (ROOT / "man" / "port26.1").read_text()
SOURCE = (ROOT / "src" / "cli" / "main.c").read_text()
COMMANDS = re.findall(r'^    \{"([a-z ]+)",', SOURCE, re.M)


def run(*args):
    r = subprocess.run([BINARY, *args], capture_output=True, text=True, env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"), timeout=60)
    assert r.returncode == 0, r
    return r.stdout


def plain(roff):
    return re.sub(r"\\f[BIR]|\\-", lambda m: "-" if m[0] == r"\-" else "", roff)


def entry(command):
    m = re.search(rf"^\.TP\n(\\fBport26 {command}\\fR.*?)(?=^\.TP|^\.S[SH])", PAGE, re.M | re.S)
    assert m, f"port26.1 has no entry for {command}"
    return plain(m[1])


def settings_page(tmp_path):
    page = tmp_path / "port26.conf.5"
    with page.open("w") as f:
        subprocess.run([ROOT / "man" / "assemble", ROOT / "man" / "port26.conf.5.in", BINARY], stdout=f, check=True, timeout=60)
    return page


def test_commands_are_found():
    assert len(COMMANDS) >= 19 and "queue ls" in COMMANDS and "sendmail" in COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_described(command):
    text = entry(command)
    assert len(text.split("\n", 1)[1]) > 5
    options = set(re.findall(r"--[a-z-]+", run(*command.split(), "--help").partition("Options:")[2].partition("Examples:")[0]))
    missing = {o for o in options - {"--help", "--config", "--json"} if o not in text}
    assert not missing, f"port26.1, {command}: nothing about {missing}"


def test_no_command_is_invented():
    described = set(re.findall(r"^\\fBport26 ([a-z]+(?: [a-z]+)?)\\fR", PAGE, re.M))
    assert described == set(COMMANDS)


def test_every_sendmail_option_is_described():
    section = plain(PAGE.partition(".SH SENDMAIL")[2].partition(".SH EXIT")[0])
    rows = re.findall(r"^    \{'(\w)', ", (ROOT / "src" / "cli" / "sendmail_options.c").read_text(), re.M)
    assert len(rows) > 25
    for letter in rows:
        assert re.search(rf"-{letter}\b|-{letter}[a-z]\b", section), letter


@pytest.mark.parametrize("name", ["port26.1", "port26.conf.5"])
def test_no_warnings(name, tmp_path):
    page = ROOT / "man" / name if name == "port26.1" else settings_page(tmp_path)
    env = dict(os.environ, LC_ALL="C.UTF-8", MANWIDTH="80", MANROFFSEQ="", PAGER="cat")
    r = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", str(page)], capture_output=True, text=True, env=env, timeout=60)
    assert r.returncode == 0 and r.stderr == "", r.stderr
    assert len(r.stdout.splitlines()) > 60
    if shutil.which("mandoc"):
        lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(page)], capture_output=True, text=True)
        assert lint.returncode == 0, lint.stdout


def test_settings_page_is_whole(tmp_path):
    text = settings_page(tmp_path).read_text()
    assert "@" + "SETTINGS@" not in text
    for part in (".SH NAME", ".SH SETTINGS", "\\fBhostname\\fR", ".SH EXAMPLES", ".SH SEE ALSO"):
        assert part in text
    assert text.index(".SH DESCRIPTION") < text.index(".SH SETTINGS") < text.index(".SH EXAMPLES")


def test_examples_of_settings_are_good(tmp_path):
    """What the page shows is a configuration that port26 takes."""
    text = (ROOT / "man" / "port26.conf.5.in").read_text()
    examples = [plain(x) for x in re.findall(r"^\.RS\n(.*?)^\.RE", text, re.M | re.S) if "=" in x]
    assert len(examples) == 3
    for n, example in enumerate(examples):
        conf = tmp_path / f"{n}.conf"
        conf.write_text(example)
        assert run("config", "show", "--changed", "-c", str(conf))


# ---- every command that any page, message or example names

def options_of(command):
    if command not in options_of.known:
        options_of.known[command] = set(re.findall(r"--[a-z-]+", run(*command.split(), "--help").partition("Options:")[2]))
    return options_of.known[command]


options_of.known = {}


def named_commands(text):
    """`port26 quota show NAME` and lines of examples; the words up to where a comment, a pipe or the sentence goes on."""
    for m in re.finditer(r"`port26 ([^`]+)`|^ {4}(?:\$ )?port26 (.+)$", text, re.M):
        yield re.split(r" +#| [|;<>]| \.\.\.", m[1] or m[2])[0].strip()


def wrong_with(words):
    words = words.split()
    if words[0].endswith(","):  # a list of commands
        return None
    if len(words) > 1 and re.fullmatch(r"[a-z]+(\|[a-z]+)+", words[1]):
        missing = [v for v in words[1].split("|") if f"{words[0]} {v}" not in COMMANDS]
        return f"no such command {missing}" if missing else None
    command = next((c for c in (" ".join(words[:2]), words[0]) if c in COMMANDS), None)
    if not command:
        return None if words[0].startswith("-") or any(c.startswith(words[0] + " ") for c in COMMANDS) and len(words) == 1 else "no such command"
    options = {w.strip("[]").split("=")[0] for w in words if w.strip("[").startswith("--")}
    unknown = set() if command == "sendmail" else options - options_of(command) - {"--help"}
    return f"no option {unknown}" if unknown else None


PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_that_a_page_names(page):
    wrong = {words: wrong_with(words) for words in named_commands(page.read_text())}
    assert not (bad := {k: v for k, v in wrong.items() if v}), bad


@pytest.mark.parametrize("noun", ["queue", "account", "quota"])
def test_the_readme_lists_all_of_a_kind(noun):
    listed = set()
    for words in re.findall(rf"^ {{4}}port26 {noun} ([a-z|]+)", (ROOT / "README.md").read_text(), re.M):
        listed |= set(words.split("|"))
    assert listed == {c.split()[1] for c in COMMANDS if c.startswith(noun + " ")}


def test_commands_that_messages_name():
    """What the program tells people to type exists."""
    found = {}
    for source in (ROOT / "src").rglob("*.c"):
        text = re.sub(r'"\s*\n\s*"', "", source.read_text())
        for words in re.findall(r"`port26 ([a-z][^`]*)`", text):
            found[words] = source.name
        for words in re.findall(r'"  port26 ([a-z][^"\\]*)\\n', text):
            found[words.partition(" |")[0]] = source.name
    assert len(found) > 60
    bad = {(words, source): wrong for words, source in found.items() if (wrong := wrong_with(words))}
    assert not bad, bad
