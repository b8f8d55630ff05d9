"""A real Thunderbird gets its account from nothing but an address and a password: it fetches the file, sets up the account, sends, and gets
the mail."""
import base64, shutil, ssl

import pytest

from port26 import PASSWORD, USER, Port26
from thunderbird import Thunderbird

DOORS = {
    "web": "role = web tls = none",
    "submissions": "role = submission tls = implicit",
    "submission": "role = submission tls = starttls",
    "pop3s": "role = pop3 tls = implicit",
}
EXTRA = 'clients { host = localhost display-name = "Miller & Sons" }\n'

FETCH = """
const { FetchConfig } = ChromeUtils.importESModule("resource:///modules/accountcreation/FetchConfig.sys.mjs");
const config = await FetchConfig.fromISP(a[0].split("@")[1], a[0], new AbortController().signal);
const server = s => [s.type, s.hostname, s.port, s.socketType, s.auth, s.username];
return { name: config.displayName, domains: config.domains, source: config.source,
         incoming: [config.incoming, ...config.incomingAlternatives].map(server),
         outgoing: [config.outgoing, ...config.outgoingAlternatives].map(server) };
"""


PROXY = """
for (const kind of ["http", "ssl"])
    Services.prefs.setIntPref(`network.proxy.${kind}_port`, a[1]);
"""


@pytest.fixture(scope="module")
def pair():
    if not shutil.which("thunderbird"):
        pytest.skip("no Thunderbird here")
    p, t = Port26(doors=DOORS, extra=EXTRA), None
    try:
        p.start()
        t = Thunderbird(p.ports["web"])
        yield p, t
    finally:
        if t:
            t.close()
        p.close()


def test_it_reads_the_file(pair):
    p, t = pair
    found = t.run(FETCH, USER)
    assert found["name"] == "Miller & Sons" and found["domains"] == ["port26.test"]
    assert found["incoming"] == [["pop3", "localhost", p.ports["pop3s"], 3, 3, "%EMAILADDRESS%"]]
    assert found["outgoing"] == [["smtp", "localhost", p.ports["submissions"], 3, 3, "%EMAILADDRESS%"],
                                 ["smtp", "localhost", p.ports["submission"], 2, 3, "%EMAILADDRESS%"]]


def test_it_prefers_imap(pair):
    """A server for IMAP that is named beside our doors comes first; POP3 stays as the other way. Its own reader understands each door as meant."""
    _, t = pair
    server = Port26(doors=DOORS | {"pop3": "role = pop3 tls = starttls"},
                    extra='clients { host = localhost imap = { "imap.port26.test:993 implicit", "imap.port26.test:143 starttls" } user = local-part }\n')
    try:
        server.start()
        found = t.run(PROXY + FETCH, USER, server.ports["web"])
    finally:
        t.run(PROXY, USER, pair[0].ports["web"])
        server.close()
    implicit, starttls, login = 3, 2, [3, "%EMAILLOCALPART%"]
    assert found["incoming"] == [["imap", "imap.port26.test", 993, implicit, *login], ["imap", "imap.port26.test", 143, starttls, *login],
                                 ["pop3", "localhost", server.ports["pop3s"], implicit, *login], ["pop3", "localhost", server.ports["pop3"], starttls, *login]]
    assert found["outgoing"] == [["smtp", "localhost", server.ports["submissions"], implicit, *login],
                                 ["smtp", "localhost", server.ports["submission"], starttls, *login]]


def test_it_finds_nothing_for_others(pair):
    with pytest.raises(AssertionError):
        pair[1].run(FETCH, "you@elsewhere.test")


TRUST = """
const certificate = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB).constructX509FromBase64(a[0]);
for (const port of a[1])
    Cc["@mozilla.org/security/certoverride;1"].getService(Ci.nsICertOverrideService)
        .rememberValidityOverride("localhost", port, {}, certificate, true);
"""

SEND = """
const load = name => ChromeUtils.importESModule(`resource:///modules/${name}.sys.mjs`);
const { FetchConfig } = load("accountcreation/FetchConfig"), { AccountConfig } = load("accountcreation/AccountConfig");
const { CreateInBackend } = load("accountcreation/CreateInBackend"), { MailServices } = load("MailServices");
const config = await FetchConfig.fromISP(a[0].split("@")[1], a[0], new AbortController().signal);
AccountConfig.replaceVariables(config, "You", a[0], a[1]);
const account = await CreateInBackend.createAccountInBackend(config);
const server = MailServices.outgoingServer.getServerByIdentity(account.defaultIdentity);
server.password = a[1];
const file = Services.dirsvc.get("ProfD", Ci.nsIFile);
file.append("message.eml");
await IOUtils.writeUTF8(file.path, `From: ${a[0]}\\r\\nTo: ${a[0]}\\r\\nSubject: set up by itself\\r\\n\\r\\nHello\\r\\n`);
return await new Promise((resolve, reject) => server.sendMailMessage(
    file, MailServices.headerParser.makeFromDisplayAddress(a[0]), [], account.defaultIdentity, a[0], a[1], null, false,
    "<by-thunderbird@port26.test>", {
        QueryInterface: ChromeUtils.generateQI(["nsIMsgOutgoingListener"]),
        onSendStart() {},
        onSendStop(uri, status, info, words) { resolve([server.username, status, words ?? ""]); },
    }));
"""


GET = """
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const server = MailServices.accounts.findServer(a[0], "localhost", "pop3");
server.password = a[1];
const inbox = server.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
await new Promise((resolve, reject) => MailServices.pop3.GetNewMail(null, {
    QueryInterface: ChromeUtils.generateQI(["nsIUrlListener"]),
    OnStartRunningUrl() {},
    OnStopRunningUrl(url, status) { Components.isSuccessCode(status) ? resolve() : reject(status); },
}, inbox, server));
return [...inbox.messages].map(m => m.mime2DecodedSubject);
"""


def test_it_sets_up_the_account_and_sends(pair):
    p, t = pair
    certificate = base64.b64encode(ssl.PEM_cert_to_DER_cert(p.cert.read_text())).decode()
    t.run(TRUST, certificate, [p.ports["submissions"], p.ports["pop3s"]])
    assert t.run(SEND, USER, PASSWORD) == [USER, 0, ""]
    mail, = p.wait_inbox()
    assert b"Subject: set up by itself" in mail and b"with ESMTPSA" in mail
    assert t.run(GET, USER, PASSWORD) == ["set up by itself"]
