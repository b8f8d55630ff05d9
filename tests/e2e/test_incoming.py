"""Mail from outside for our domains: what is held against senders who need no login."""
import smtplib, time

from port26 import PASSWORD, USER, message, wait_for

EXCHANGE = {"exchange": "role = exchange tls = starttls", "submission": "role = submission tls = starttls"}


def stranger(p, source="127.0.0.1"):
    c = smtplib.SMTP(timeout=60, source_address=(source, 0))
    c.connect("127.0.0.1", p.ports["exchange"])
    c.ehlo("far.test")
    return c


def ask(c, who):
    code, words = c.docmd("RCPT", f"TO:<{who}@port26.test>")
    return code, words.decode()


def test_harvest(start):
    """1,000 unknown recipients over many connections: refused, then slowed, then 421 for all of that address, and nobody learns more."""
    p = start(doors=EXCHANGE, extra="incoming { unknown-recipients = 40 unknown-delay = 300ms }\nlimits { errors = 1000 }\n", accounts=False)
    p.account_add(USER, PASSWORD)
    p.account_add("known", "another horse", "known@port26.test")
    asked, times, c = 0, [], None
    while asked < 1000:
        if c is None:
            c = stranger(p)
            assert c.docmd("MAIL", "FROM:<a@far.test>")[0] == 250
        began = time.monotonic()
        code, words = ask(c, f"guess{asked}")
        if code == 421:
            break
        assert (code, words[:5]) == (550, "5.1.1")
        times.append(time.monotonic() - began)
        asked += 1
        if asked == 30:  # held back alike, whether the mailbox exists or not
            began = time.monotonic()
            assert ask(c, "known")[0] == 250
            assert time.monotonic() - began >= 0.3
        if asked % 7 == 0:
            c.close()
            c = None
    assert 40 <= asked <= 45 and "127.0.0.1/32" in words and "minute" in words  # a few are forgotten meanwhile
    assert all(t >= 0.3 for t in times[11:])
    for who in ("known", "guess"):  # over a new connection too, and the same for both
        c = stranger(p)
        c.docmd("MAIL", "FROM:<a@far.test>")
        assert ask(c, who)[0] == 421
    wait_for(lambda: "recipients.harvested" in p.log())
    other = stranger(p, "127.0.0.9")  # somebody else
    other.sendmail("a@far.test", ["known@port26.test"], message(to="known@port26.test"))
    with p.client() as mine:  # after a login, from the same address
        mine.sendmail(USER, [USER], message())
    p.wait_inbox()


def test_connections_per_minute(start):
    """Counted over all listeners: with four of them the number is still the number."""
    p = start(doors=EXCHANGE, extra="incoming { connections-per-minute = 20 }\nprocess { listeners = 4 }\n")

    def come():
        c = smtplib.SMTP(timeout=60, source_address=("127.0.0.8", 0))
        answer = c.connect("127.0.0.1", p.ports["exchange"])
        c.close()
        return answer

    began, taken = time.monotonic(), 0
    for _ in range(200):
        code, words = come()
        if code == 421:
            break
        taken += 1
    # What was counted fades meanwhile.
    assert code == 421 and b"127.0.0.8/32" in words and 20 <= taken <= 21 + (time.monotonic() - began) / 3
    assert come()[0] == 421
    wait_for(lambda: come()[0] == 220)  # one has faded after three seconds
    assert smtplib.SMTP("127.0.0.1", p.ports["submission"], timeout=60).ehlo()[0] == 250  # of strangers only
    other = smtplib.SMTP(timeout=60, source_address=("127.0.0.9", 0))
    assert other.connect("127.0.0.1", p.ports["exchange"])[0] == 220


def test_forged_results_and_return_path(start):
    """HOSTILE 92: what a stranger writes as our verdict goes, in whatever form; what others found out stays."""
    p = start(doors=EXCHANGE)
    forged = [b"Authentication-Results: mail.port26.test; spf=pass", b"authentication-results: MAIL.PORT26.TEST 1;\r\n dkim=pass",
              b"Authentication-Results: (x) \"mail.port26.test\" (y); dmarc=pass", b"Authentication-Results:\r\n mail.port26.test; none",
              b"Authentication-Results: mail.port26.test.; spf=pass", b"AUTHENTICATION-RESULTS :\r\n\t(a\r\n b (c)) mail.port26.test/1 ; spf=pass",
              b"Return-Path: <forged@far.test>"]
    kept = b"Authentication-Results: mail.port26.test.far.test; spf=pass"
    c = stranger(p)
    c.sendmail("a@far.test", [USER], b"\r\n".join([*forged, kept, message(sender="a@far.test")]))
    mail, = p.wait_inbox()
    fields = mail.split(b"\n\n")[0].lower()
    assert fields.count(b"authentication-results") == 1 and b"mail.port26.test.far.test; spf=pass" in fields
    assert fields.count(b"return-path") == 1 and b"return-path: <a@far.test>" in fields


def test_abuse_and_postmaster(start):
    """RFC 5321 4.5.1, RFC 2142: taken at every domain of ours, and put where somebody reads it; whoever has the name gets it himself."""
    p = start(doors=EXCHANGE, top='postmaster = "ann@port26.test"\n', accounts=False)
    p.account_add("ann@port26.test", PASSWORD)
    p.command("domain", "add", "second.test")
    p.account_add("abuse@second.test", PASSWORD)
    for n, to in enumerate(("abuse@port26.test", "Postmaster@second.test", "postmaster@port26.test", "abuse@second.test", "postmaster"), 1):
        with stranger(p) as c:
            assert c.docmd("MAIL", "FROM:<a@far.test>")[0] == c.docmd("RCPT", f"TO:<{to}>")[0] == 250, to
            assert c.data(f"Subject: {to}\r\n\r\nx\r\n".encode())[0] == 250
    mails = b"".join(p.wait_inbox(4, "ann@port26.test"))
    assert all(b"Subject: " + to in mails for to in (b"abuse@port26.test", b"Postmaster@second.test", b"postmaster@port26.test", b"postmaster\n"))
    assert b"Subject: abuse@second.test" in p.wait_inbox(1, "abuse@second.test")[0]


def test_who_is_a_recipient(start):
    """Addresses in every form, without a catch-all; a refusal does not tell where an alias leads."""
    p = start(doors=EXCHANGE, accounts=False, extra="limits { errors = 1000 }\nincoming { unknown-delay = 0 }\n")
    p.account_add("Ann@port26.test", PASSWORD)
    p.command("domain", "add", "müller.test")
    p.account_add("bob@müller.test", PASSWORD)
    for alias, *targets in (["loop1", "loop2"], ["loop2", "loop1"], ["dead", "gone"], ["mix", "gone", "loop1", "ann"], ["out"]):
        p.command("alias", "add", f"{alias}@port26.test", *[f"{t}@port26.test" for t in targets] or ["x@far.test"])
    with stranger(p) as c:
        assert c.docmd("MAIL", "FROM:<a@far.test>")[0] == 250

        def rcpt(address):
            c.sock.sendall(f"RCPT TO:<{address}>\r\n".encode())
            code, words = c.getreply()
            return code, words.decode()
        for good in ("ann@port26.test", "ANN@PORT26.TEST", "ann@port26.test.", '"ann"@port26.test', '"\\ann"@port26.test', "ann+tag@port26.test",
                     "@far.test:ann@port26.test", "postmaster", "PostMaster@port26.test", "abuse@port26.test", "Abuse@xn--mller-kva.test", "bob@xn--mller-kva.test", "bob@XN--mller-KVA.test",
                     "mix@port26.test", "out@port26.test"):
            assert rcpt(good)[0] == 250, good
        for unknown in ('"a nn"@port26.test', '"ann@x"@port26.test', '""@port26.test', "+@port26.test", "ann-tag@port26.test", "an.n@port26.test",
                        "ann%far.test@port26.test", "far.test!ann@port26.test", "a" * 64 + "@port26.test", "-x@port26.test"):
            code, words = rcpt(unknown)
            assert (code, words[:5]) == (550, "5.1.1"), unknown
        for bad in ("ann@port26.test@port26.test", "ann@ port26.test", "ann.@port26.test", ".ann@port26.test", "\\ann@port26.test",
                    "../ann@port26.test", "a" * 65 + "@port26.test", "ann@port26..test", "ann@"):
            assert rcpt(bad)[0] == 501, bad
        for elsewhere in ("ann@[127.0.0.1]", "ann@[IPv6:::1]", "ann@far.test", "ann@sub.port26.test", "ann@mail.port26.test", "ann@xport26.test"):
            assert rcpt(elsewhere)[0] in (550, 501), elsewhere
        code, words = rcpt("dead@port26.test")
        assert code == 550 and "dead@port26.test" in words and "gone" not in words
        assert rcpt("loop1@port26.test")[1].startswith("5.4.6")


def test_greylist(start):
    """Off by default (the tests above). On: put off once, then taken, and known after a restart as well."""
    p = start(doors=EXCHANGE, extra="incoming { greylist = true greylist-delay = 2s }\n")

    def bring(sender, to=USER):
        with stranger(p) as c:
            c.docmd("MAIL", f"FROM:<{sender}>")
            return c.docmd("RCPT", f"TO:<{to}>")

    code, words = bring("a@far.test")
    assert code == 451 and words.startswith(b"4.7.1") and b"seconds" in words
    assert bring("a@far.test", "nobody@elsewhere.test")[0] == 550  # what is refused anyway is refused at once
    wait_for(lambda: bring("a@far.test")[0] == 250)
    assert bring("b@far.test")[0] == 250 and bring("b@other.test")[0] == 451
    with p.client() as mine:  # nobody waits behind a login
        mine.sendmail(USER, [USER], message())
    p.wait_inbox()
    wait_for(lambda: p.stop() == 0)
    p.start()
    assert bring("c@far.test")[0] == 250 and bring("c@other.test")[0] == 451
    assert "greylist.lost" not in p.log()
