"""`port26 explain` as people and programs call it. What it makes of texts is told by the unit tests and by
tools/score-replies; here: arguments, files, standard input, JSON, exit status."""
import json, subprocess

import pytest

from port26 import BINARY


def explain(*args, text=""):
    done = subprocess.run([BINARY, "explain", *args], input=text.encode(), capture_output=True, timeout=30)
    assert b"Sanitizer" not in done.stderr, done.stderr.decode()
    return done


def verdict(*args, text=""):
    return json.loads(explain("--json", *args, text=text).stdout)


@pytest.mark.parametrize("status,text", [
    (0, "250 2.0.0 Ok: queued as 1"),
    (10, "554 5.7.1 <x@example.org>: Relay access denied"),
    (11, "connect to mx.example.org[192.0.2.1]:25: Connection timed out"),
    (12, "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant."),
    (13, "552 5.2.2 <x@example.org>: Mailbox full"),
    (14, "good morning"),
])
def test_exit_status_tells_who_can_repair_it(status, text):
    assert explain(text).returncode == status


def test_json_is_one_object_of_known_form():
    found = verdict("--stage", "auth", "535 5.7.8 Error: authentication failed")
    assert set(found) == {"verdict", "also", "not_ruled_out", "findings", "doors", "elapsed_ms"}
    assert set(found["verdict"]) == {"id", "class", "owner", "rule", "sentence", "setting", "steps"}
    assert found["verdict"]["id"] == "A3"
    assert found["verdict"]["class"] == "auth_bad_credentials"
    assert found["verdict"]["owner"] == "you"
    assert found["verdict"]["steps"] and found["doors"] == []
    assert {f["name"] for f in found["findings"]} >= {"stage", "reply", "rule"}


def test_words_file_and_standard_input_say_the_same(tmp_path):
    text = "550 5.1.1 <x@example.org>: User unknown"
    (tmp_path / "reply").write_text(text)
    asked = [verdict(text), verdict(*text.split()), verdict(str(tmp_path / "reply")), verdict(text=text),
             verdict("-", text=text)]
    assert all(a["verdict"] == asked[0]["verdict"] for a in asked)


def test_lines_are_texts_of_their_own():
    done = explain("--lines", "--json", text="550 relay not permitted\n\n452 4.2.2 over quota\n")
    assert [json.loads(x)["verdict"]["class"] for x in done.stdout.splitlines()] == ["relay_denied", "mailbox_full"]
    assert done.returncode == 0


@pytest.mark.parametrize("client,words", [
    ("outlook-classic", "My outgoing server (SMTP) requires authentication"), ("thunderbird", "Account Settings"),
    ("apple-mail", "Server Settings"), ("ios", "Primary Server"), ("k9", "Outgoing server"),
    ("outlook", "Manage"), ("android", "Outgoing server settings"), ("gmail-app", "Outgoing settings")])
def test_steps_are_those_of_the_mail_program(client, words):
    assert words in " ".join(verdict("--client", client, "530 5.7.0 Authentication required")["verdict"]["steps"])


def test_people_see_the_parts_in_order():
    out = explain("--explain", "554 5.7.1 <x@example.org>: Relay access denied").stdout.decode()
    places = [out.index(x) for x in ("What is wrong", "Who can repair", "Setting", "What to do", "Not ruled out",
                                     "How it was found", "relay access denied")]
    assert places == sorted(places)
    assert all(len(line) < 80 for line in out.splitlines())


@pytest.mark.parametrize("args,status", [(["--stage", "moon", "550 no"], 64), (["--client", "pine", "550 no"], 64),
                                         ([], 66)])
def test_mistakes_are_told(args, status):
    done = explain(*args)
    assert done.returncode == status
    assert done.stderr.startswith(b"port26 explain: ")


def test_what_strangers_say_drives_no_terminal():
    out = explain("--explain", text="550 5.1.1 \x1b]0;evil\x07 user unknown \x9b2J").stdout
    assert b"\x1b" not in out and b"\x07" not in out and b"\\x1b" in out


def test_much_text_is_bounded():
    done = explain("--json", text="550 " * 3_000_000)
    assert done.returncode in (10, 12, 13, 14) and len(done.stdout) < 20000
