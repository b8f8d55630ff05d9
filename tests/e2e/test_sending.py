"""Sending limits and stolen passwords: refused with the count, the limit and its end; exact with many sessions at once; kept
over a crash; a burst is held, told and released, and nothing is dropped."""
import json, smtplib, socket, subprocess, threading

import pytest

from port26 import Port26, message, secret_file, wait_for
from sink import Sink

PASSWORD = "correct horse battery"


class Proxied(smtplib.SMTP):
    """A client whose address is what the PROXY line says."""

    def __init__(self, port, peer, **kw):
        self.peer = peer
        super().__init__("localhost", port, **kw)

    def _get_socket(self, host, port, timeout):
        s = socket.create_connection(("127.0.0.1", port), timeout)
        s.sendall(f"PROXY TCP4 {self.peer} 127.0.0.1 4000 {port}\r\n".encode())
        return s


class House(Port26):
    def __init__(self, sink):
        doors = {"submission": "role = submission tls = starttls",
                 "proxied": 'role = submission tls = starttls proxy-from = {"127.0.0.1/32"}'}
        super().__init__(doors=doors, accounts=False, extra=f'''relay "out" {{ host = "127.0.0.1" port = {sink.port} tls = none }}
route "here" {{ to = {{"port26.test"}} via = inbox }}
route "rest" {{ via = "relay:out" }}
sending {{ burst-learn = 0s }}
''')
        self.account_add("postmaster@port26.test", PASSWORD)

    def wait_ready(self):
        """The proxied door hears nobody without a PROXY line."""
        ports, self.ports = self.ports, {"submission": self.ports["submission"]}
        try:
            super().wait_ready()
        finally:
            self.ports = ports

    def customer(self, name, *options):
        self.account_add(f"{name}@port26.test", PASSWORD)
        if options:
            self.command("account", "set", f"{name}@port26.test", *options)
        return f"{name}@port26.test"

    def login(self, account, peer=None):
        c = Proxied(self.ports["proxied"], peer, timeout=60) if peer else \
            smtplib.SMTP("localhost", self.ports["submission"], timeout=60)
        c.starttls(context=self.context())
        c.login(account, PASSWORD)
        return c

    def show(self, account):
        return self.json("account", "show", account)["account"]


@pytest.fixture(scope="module")
def sink():
    with Sink() as s:
        yield s


@pytest.fixture(scope="module")
def house(sink):
    h = House(sink)
    try:
        yield h.start()
    finally:
        h.close()


def send(c, account, *to):
    return c.sendmail(account, list(to), message(sender=account, to=to[0]))


def refusal(c, account, *to):
    with pytest.raises((smtplib.SMTPSenderRefused, smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError)) as e:
        send(c, account, *to)
    v = e.value
    code, words = next(iter(v.recipients.values())) if isinstance(v, smtplib.SMTPRecipientsRefused) else (v.smtp_code, v.smtp_error)
    return code, words.decode().replace("\n4.7.1 ", " ").replace("\n", " ")


def checked(house, account):
    """What `port26 check` concludes at the account's own door."""
    secret = secret_file(house.dir / f"{account}.secret", PASSWORD)
    secret.chmod(0o644)
    done = subprocess.run([house.binary, "check", "localhost", "--port", str(house.ports["submission"]), "--cafile", house.cert, "--json",
                           "--offline-controls", "--no-history", "--user", account, "--password-file", secret, "--to", "ann@example.com"],
                          capture_output=True, text=True, timeout=60, env=house.environment)
    return json.loads(done.stdout)["verdict"]


def test_the_refusal_tells_count_limit_and_end(house):
    kim = house.customer("kim", "--sending", "5/h,100/d")
    with house.login(kim) as c:
        send(c, kim, "a@example.com", "b@example.com")
        send(c, kim, "a@example.com", "b@example.com", "c@example.com")
        code, words = refusal(c, kim, "d@example.com")
        assert code == 452 and words.startswith("4.7.1 You have sent to 5 of 5 recipients in the last hour; from ")
        assert "(in 6" in words and "you can send again" in words, words
        assert refusal(c, kim, "d@example.com")[0] == 452
    sent = house.show(kim)["sent"]
    assert sent["hour"] == {"messages": 2, "recipients": 5, "recipients_limit": 5} and "full_until" in sent
    assert sent["day"]["recipients_limit"] == 100
    notes = house.wait_inbox(1, kim)
    assert len(notes) == 1, "it is told once"
    assert b"Subject: You have reached a sending limit" in notes[0] and b"Auto-Submitted: auto-generated" in notes[0]
    assert b"You have sent to 5 of 5 recipients" in notes[0]
    house.command("account", "set", kim, "--sending", "6/h")
    with house.login(kim) as c:
        send(c, kim, "d@example.com")


def test_recipients_beyond_the_limit_are_refused_one_by_one(house, sink):
    ann = house.customer("ann", "--sending", "4/h")
    to = [f"ann{i}@example.com" for i in range(6)]
    with house.login(ann) as c:
        refused = c.sendmail(ann, to, message("ann", sender=ann, to=to[0]))
    assert set(refused) == set(to[4:]) and all(code == 452 for code, _ in refused.values())
    wait_for(lambda: [m for m in sink.kept() if b"Subject: ann" in m["body"]])
    assert [len(m["to"]) for m in sink.kept() if b"Subject: ann" in m["body"]] == [4]


def test_a_thousand_recipients_at_a_limit_of_ten(house, sink):
    """Those beyond the limit are no mistakes of the client: the session goes on, and ten get the mail."""
    ned = house.customer("ned", "--sending", "10/h")
    with house.login(ned) as c:
        assert c.mail(ned)[0] == 250
        codes = [c.rcpt(f"ned{i}@example.com") for i in range(1000)]
        assert [code for code, _ in codes] == [250] * 10 + [452] * 990
        assert b"You may send to 10 recipients within an hour (0 so far), and this message has more" in codes[10][1]
        assert c.data(message("ned", sender=ned))[0] == 250
    wait_for(lambda: [len(m["to"]) for m in sink.kept() if b"Subject: ned" in m["body"]] == [10])


def test_an_alias_counts_as_many_as_stand_behind_it(house):
    """As a whole it never fits: so it is told for good, and not tried for days."""
    pat = house.customer("pat", "--sending", "3/h")
    house.command("alias", "add", "four@port26.test", *(f"four{i}@example.com" for i in range(4)))
    house.command("alias", "add", "three@port26.test", *(f"three{i}@example.com" for i in range(3)))
    with house.login(pat) as c:
        code, words = refusal(c, pat, "four@port26.test")
        assert code == 554 and "You may send to 3 recipients within an hour" in words
        assert house.show(pat)["sent"]["hour"]["recipients"] == 0
        send(c, pat, "three@port26.test")
        assert refusal(c, pat, "a@example.com")[0] == 452
    house.command("account", "set", pat, "--sending", "2/h")
    with house.login(pat) as c:
        assert "You have sent to 3 recipients in the last hour, where 2 may be; from " in refusal(c, pat, "a@example.com")[1]
        assert "does not count any more" in house.command("quota", "reset", pat).stdout
        send(c, pat, "a@example.com")
    assert house.json("quota", "show", pat)["quota"]["sent"]["hour"]["recipients"] == 1
    assert "sending.reset" in house.log()


def test_a_limit_by_sender_address(house):
    """One account, two addresses that it may use."""
    may = house.customer("may")
    house.command("alias", "add", "sales@port26.test", may)
    house.extra = house.extra.replace("burst-learn = 0s", 'burst-learn = 0s sender-messages = "2/h"')
    house.write_config()
    house.command("config", "reload")
    try:
        with house.login(may) as c:
            send(c, "sales@port26.test", "a@example.com")
            send(c, "Sales@port26.test", "a@example.com")
            code, words = refusal(c, "sales@port26.test", "a@example.com")
            assert code == 452 and "Your sender address sales@port26.test has sent 2 of 2 messages in the last hour" in words
            send(c, may, "a@example.com")
    finally:
        house.extra = house.extra.replace(' sender-messages = "2/h"', "")
        house.write_config()
        house.command("config", "reload")


def test_the_hosting_account_has_a_limit_too(house):
    house.command("host", "add", "acme", "--messages", "3/h")
    bob, joe = (house.customer(n, "--host", "acme") for n in ("bob", "joe"))
    with house.login(bob) as c:
        send(c, bob, "a@example.com")
        send(c, bob, "a@example.com")
    with house.login(joe) as c:
        send(c, joe, "a@example.com")
        code, words = refusal(c, joe, "a@example.com")
        assert code == 452 and "All mailboxes of your hosting account acme together have sent 3 of 3 messages" in words
    assert house.json("host", "show", "acme")["host"]["sent"]["hour"]["messages"] == 3


def test_sessions_at_once_never_pass_the_limit(house):
    """P12: all have MAIL and RCPT behind them before the first sends its data."""
    crowd = house.customer("crowd", "--sending", "7/h")
    clients, codes = [house.login(crowd) for _ in range(50)], []
    for c in clients:
        assert c.mail(crowd)[0] == 250 and c.rcpt("a@example.com")[0] == 250

    def data(c):
        codes.append(c.data(message(sender=crowd))[0])

    threads = [threading.Thread(target=data, args=(c,)) for c in clients]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    for c in clients:
        c.close()
    assert sorted(codes) == [250] * 7 + [452] * 43
    assert house.show(crowd)["sent"]["hour"]["recipients"] == 7


def test_a_crash_forgets_no_limit(house):
    lou = house.customer("lou", "--messages", "2/d")
    with house.login(lou) as c:
        send(c, lou, "a@example.com")
        send(c, lou, "a@example.com")
    house.kill()
    house.start()
    with house.login(lou) as c:
        code, words = refusal(c, lou, "a@example.com")
    assert code == 452 and "2 of 2 messages in the last 24 hours" in words


def test_a_burst_is_held_told_and_released(house, sink):
    eve = house.customer("eve")

    def mine():
        return [m for m in sink.kept() if eve.encode() in m["from"]]

    with house.login(eve, "198.51.100.7") as c:
        send(c, eve, "friend@example.com")
    with house.login(eve, "203.0.113.9") as c: # on a journey
        for i in range(5):
            send(c, eve, f"hotel{i}@example.com")
    wait_for(lambda: len(mine()) == 6)
    with house.login(eve, "203.0.113.9") as c:
        send(c, eve, *(f"victim{i}@example.net" for i in range(300)))
        send(c, eve, "friend@example.com")
    held = [m for m in house.queue() if m["account"] == eve]
    assert len(held) == 2 and all(m["state"] == "held" for m in held)
    assert "It looks as if somebody else knows the password of eve@port26.test" in held[0]["state_words"]
    assert "a network this account never used before" in held[0]["state_words"] and "305 recipients" in held[0]["state_words"]
    assert "the last of it came from 203.0.113.9" in held[0]["state_words"]
    assert "port26 account release" in house.command("account", "show", eve).stdout
    told = house.wait_inbox(1, eve)[0]
    assert b"Your mail is held" in told and b"change your password now" in told and b"203.0.113.9" in told
    assert b"port26 account" not in told, "what the administrator types is not for the owner"
    admin = house.wait_inbox(1, "postmaster@port26.test")
    assert any(b"port26 account release eve@port26.test" in m for m in admin)
    assert "sending.held" in house.log()
    assert len(mine()) == 6, "held mail does not leave"
    with house.login(eve, "203.0.113.9") as c:
        code, words = c.mail(eve)
        assert code == 250 and f"the mail of {eve} is held" in words.decode(), words
    v = checked(house, eve)
    assert v["id"] == "A16" and v["owner"] == "you" and "holds it back" in v["sentence"], v
    assert "2 messages are released" in house.command("account", "release", eve).stdout
    wait_for(lambda: sum(len(m["to"]) for m in mine()) == 307, message=lambda: house.log()[-3000:])
    with house.login(eve, "203.0.113.9") as c:
        assert c.mail(eve) == (250, b"2.1.0 Sender ok")
        c.rset()
        send(c, eve, "friend@example.com")
    wait_for(lambda: sum(len(m["to"]) for m in mine()) == 308)
    assert checked(house, eve)["id"] == "OK"
    assert house.command("account", "release", eve, check=False).returncode != 0


def test_a_crash_gives_a_thief_no_fresh_hour(house):
    """SIGKILL after each handful: what was counted stands in the transaction of each accept."""
    mia = house.customer("mia")
    with house.login(mia, "198.51.100.7") as c:
        send(c, mia, "friend@example.com")
    for n in range(5):
        with house.login(mia, "203.0.113.99") as c:
            send(c, mia, *(f"mia{n}x{i}@example.net" for i in range(21)))
        if n < 4:
            assert "held" not in house.show(mia)["sent"]
        house.kill()
        house.start()
    assert "105 recipients this account never wrote to" in house.show(mia)["sent"]["held"]
    with house.login(mia, "203.0.113.99") as c:
        send(c, mia, "friend@example.com")
    house.kill()
    house.start()
    assert [m["state"] for m in house.queue() if m["account"] == mia][-1] == "held"
    house.command("account", "release", mia)


def test_foreign_mail_is_removed_and_the_rest_goes_out(house, sink):
    """A thief, the owner meanwhile, and a new password. The thief's network stays foreign."""
    sue = house.customer("sue")

    def mine():
        return [m for m in sink.kept() if sue.encode() in m["from"]]

    with house.login(sue, "198.51.100.7") as c:
        send(c, sue, "friend@example.com")
    with house.login(sue, "203.0.113.77") as c:
        send(c, sue, *(f"sue{i}@example.net" for i in range(120)))
        send(c, sue, "one-more@example.net")
    with house.login(sue, "198.51.100.7") as c:
        send(c, sue, "friend@example.com")
    wait_for(lambda: [m["state"] for m in house.queue() if m["account"] == sue] == ["held"] * 3)
    house.kill()
    house.start()
    assert "held" in house.show(sue)["sent"]
    wrong = house.command("account", "release", sue, "--remove-from", "nowhere", check=False)
    assert wrong.returncode and "no IP address" in wrong.stderr and "held" in house.show(sue)["sent"]
    said = house.command("account", "release", sue, "--remove-from", "203.0.113.9").stdout  # the same network
    assert "1 message is released" in said and "2 messages are removed" in said
    wait_for(lambda: len(mine()) == 2 and not [m for m in house.queue() if m["account"] == sue])
    assert all(len(m["to"]) == 1 and b"friend@example.com" in m["to"][0] for m in mine())
    with house.login(sue, "203.0.113.77") as c:  # again: it is still no network of hers
        send(c, sue, *(f"again{i}@example.net" for i in range(120)))
    assert "held" in house.show(sue)["sent"]
    house.command("account", "release", sue, "--remove-from", "203.0.113.77")


def test_a_hold_that_a_crash_cut_short_is_finished(sink):
    """SIGKILL when the account is held and its mail may not be yet: the next start holds what waits."""
    with Sink({"rcpt": b"450 4.2.1 later\r\n"}) as busy:
        h = House(busy)
        try:
            tom = h.customer("tom")
            h.start()
            with h.login(tom, "198.51.100.7") as c:
                for i in range(40):
                    send(c, tom, f"friend{i}@example.com")
            with h.login(tom, "203.0.113.9") as c:
                send(c, tom, *(f"tom{i}@example.net" for i in range(120)))
            h.kill()
            h.start()
            wait_for(lambda: {m["state"] for m in h.queue() if m["account"] == tom} == {"held"})
            assert len(h.queue()) >= 41
            assert "41 messages are released" in h.command("account", "release", tom).stdout
        finally:
            h.close()


def test_refusals_of_other_servers_hold_what_waits(sink):
    """A bot on the owner's own machine: many strangers, a fifth of them does not exist."""
    replies = {"rcpt": lambda s: b"550 5.1.1 nobody\r\n" if b"gone" in s["line"] else b"250 2.1.5 ok\r\n"}
    with Sink(replies) as strict:
        h = House(strict)
        try:
            joe = h.customer("joe")
            h.start()
            with h.login(joe, "198.51.100.7") as c:
                for k in range(4):
                    send(c, joe, *(f"{'gone' if i % 3 == 0 else 'here'}{k}x{i}@example.net" for i in range(90)))
            wait_for(lambda: "held" in h.show(joe)["sent"], message=lambda: h.log()[-3000:])
            assert "other servers refused" in h.show(joe)["sent"]["held"]
            h.kill()  # at once: each failure is on the disk
            h.start()
            with h.login(joe, "198.51.100.7") as c:
                send(c, joe, "friend@example.com")
            assert [m["state"] for m in h.queue() if m["account"] == joe][-1] == "held"
        finally:
            h.close()
