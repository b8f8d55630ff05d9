#include "mail/finding_texts.h"

#include "base/memory.h"

enum { PARTS_MAX = 8, DEPTH_MAX = 4 };

/* In English `*` stands for anything but nothing, `#` for a number. In the others {1} is the first
 * of these as it is (a name, an address, a number), and {1|: } is the first in this language with
 * ": " in front, or nothing when no row knows it. The first row that fits counts. */
/* clang-format off */
static const struct row {
    const char *english;
    const char *in[DSN_LANGUAGES];
} rows[] = {
    /* queue/settle.c, deliver/judge.c */
    {"It was tried for * hours and is not tried any more. The last try: *", {[DSN_GERMAN] =
        "Die Zustellung wurde {1} Stunden lang versucht und wird nicht weiter versucht."
        "{2| Der letzte Versuch: }"}},
    {"* It is tried again by itself.", {[DSN_GERMAN] =
        "{1|} Es wird automatisch weiter versucht."}},

    /* what arrived */
    {"* took the message.", {[DSN_GERMAN] = "{1} hat die Nachricht angenommen."}},
    {"Put into the inbox of *.", {[DSN_GERMAN] = "Sie liegt im Postfach von {1}."}},

    /* inboxes here */
    {"There is no mailbox * here (any more). The recipient's administrator can create it; check "
     "the spelling of the address.", {[DSN_GERMAN] =
        "Ein Postfach {1} gibt es hier nicht (mehr). Prüfen Sie die Schreibweise der Adresse; "
        "anlegen kann das Postfach der Verwalter des Empfängers."}},
    {"The disk with the inboxes is full, so mail for * waits. Make room there.", {[DSN_GERMAN] =
        "Der Speicher für die Postfächer ist voll, deshalb wartet die Mail für {1}. Wer dieses "
        "Mailsystem betreibt, muss dort Platz schaffen."}},
    {"The file system's quota does not let the inbox of * grow. The mail waits until there is "
     "room.", {[DSN_GERMAN] =
        "Der Speicher für das Postfach von {1} ist ausgeschöpft. Die Mail wartet, bis Platz ist."}},
    {"The inbox of * cannot be used: * The mail waits until that is repaired.", {[DSN_GERMAN] =
        "Das Postfach von {1} kann zurzeit nicht benutzt werden. Die Mail wartet, bis das behoben "
        "ist."}},

    /* the way to a domain: route/mx.c */
    {"\"*\" is not a domain name, so there is nowhere to send this mail. Correct the part of the "
     "address behind the @ and send again.", {[DSN_GERMAN] =
        "\"{1}\" ist kein Domainname, also gibt es kein Ziel für diese Mail. Berichtigen Sie den "
        "Teil der Adresse hinter dem @ und senden Sie sie noch einmal."}},
    {"DNS says that this very machine receives the mail of *, but it is not one of its domains: "
     "the mail would come back for ever. Add the domain to those with inboxes here or to a route, "
     "or correct its MX records.", {[DSN_GERMAN] =
        "Laut DNS empfängt dieser Rechner selbst die Mail für {1}, die Domain ist hier aber nicht "
        "eingerichtet: Die Mail liefe endlos im Kreis. Wer dieses Mailsystem betreibt, muss sie "
        "einrichten, oder der Inhaber der Domain ihre MX-Einträge berichtigen."}},
    {"The domain * says in DNS that it takes no mail at all (null MX). Check the spelling of the "
     "address or reach the person another way.", {[DSN_GERMAN] =
        "Die Domain {1} sagt im DNS, dass sie überhaupt keine Mail annimmt. Prüfen Sie die "
        "Schreibweise der Adresse, oder erreichen Sie den Empfänger auf anderem Weg."}},
    {"There is no domain * in DNS. Check the spelling of the part behind the @ and send again.",
     {[DSN_GERMAN] =
        "Die Domain {1} gibt es im DNS nicht. Prüfen Sie die Schreibweise des Teils hinter dem @ "
        "und senden Sie die Mail noch einmal."}},
    {"DNS gave an answer about * that cannot be trusted: *. It is tried again; if it lasts, the "
     "domain's owner has to repair its DNSSEC.", {[DSN_GERMAN] =
        "Der Antwort des DNS über {1} ist nicht zu trauen. Es wird automatisch weiter versucht; "
        "bleibt es dabei, muss der Inhaber der Domain sein DNSSEC berichtigen."}},
    {"DNS could not tell the way to *: *. It is tried again; if it lasts for all domains, check "
     "this machine's network and resolver.", {[DSN_GERMAN] =
        "Das DNS konnte den Weg zu {1} nicht nennen. Es wird automatisch weiter versucht; ist es "
        "bei allen Domains so, muss das Netz dieses Mailsystems geprüft werden."}},
    {"The domain * has neither a mail host nor an address in DNS, so it takes no mail. Check the "
     "spelling of the address.", {[DSN_GERMAN] =
        "Die Domain {1} hat im DNS weder einen Mailserver noch eine Adresse, nimmt also keine Mail "
        "an. Prüfen Sie die Schreibweise der Adresse."}},
    {"The mail hosts that DNS names for * do not exist. Check the spelling of the address; if it "
     "is right, the domain's owner has to repair its MX records.", {[DSN_GERMAN] =
        "Die Mailserver, die das DNS für {1} nennt, gibt es nicht. Prüfen Sie die Schreibweise der "
        "Adresse; stimmt sie, muss der Inhaber der Domain ihre MX-Einträge berichtigen."}},
    {"The mail hosts of * have no address this machine may send to: only local ones, or only of an "
     "IP version that is switched off here. It is tried again; the domain's owner can repair its "
     "DNS.", {[DSN_GERMAN] =
        "Die Mailserver von {1} haben keine Adresse, an die von hier gesendet werden darf. Es wird "
        "automatisch weiter versucht; beheben kann es der Inhaber der Domain im DNS."}},
    {"The mail hosts of * have no address in DNS. It is tried again; if it lasts, the domain's "
     "owner has to repair its MX records.", {[DSN_GERMAN] =
        "Die Mailserver von {1} haben im DNS keine Adresse. Es wird automatisch weiter versucht; "
        "bleibt es dabei, muss der Inhaber der Domain ihre MX-Einträge berichtigen."}},
    {"This server does not send to bare IP addresses such as *. Write the domain's name behind the "
     "@, or allow address literals in the configuration.", {[DSN_GERMAN] =
        "Dieses Mailsystem sendet nicht an bloße IP-Adressen wie {1}. Schreiben Sie hinter das @ "
        "den Namen der Domain."}},
    {"* is an address that means the machine itself or its own link: mail is not sent there. "
     "Correct the address and send again.", {[DSN_GERMAN] =
        "Die Adresse {1} bedeutet diesen Rechner selbst oder sein eigenes Netz: Dorthin wird nicht "
        "gesendet. Berichtigen Sie die Adresse und senden Sie die Mail noch einmal."}},

    /* the way to a relay: route/relay.c, deliver/ways.c, detour.c, attempt.c */
    {"DNS could not tell where the relay * (*) is: *. The mail waits and is tried again; check "
     "this machine's network and resolver.", {[DSN_GERMAN] =
        "Das DNS konnte nicht sagen, wo das Relay {1} ({2}) ist. Die Mail wartet und wird weiter "
        "versucht; prüfen Sie das Netz dieses Rechners."}},
    {"The relay * (*) has no address this machine can use: none of an IP version that is switched "
     "on here. The mail waits and is tried again.", {[DSN_GERMAN] =
        "Das Relay {1} ({2}) hat keine Adresse, die dieser Rechner benutzen kann. Die Mail wartet "
        "und wird weiter versucht."}},
    {"DNS knows no address of the relay * (*). The mail waits and is tried again: some networks "
     "hide names. If it lasts, correct the relay's host in the configuration.", {[DSN_GERMAN] =
        "Das DNS kennt keine Adresse des Relays {1} ({2}). Die Mail wartet und wird weiter "
        "versucht: Manche Netze verbergen Namen. Bleibt es dabei, muss der Name des Relays in der "
        "Konfiguration berichtigt werden."}},
    {"The configuration has no relay named * any more. Put it back, or change the route; the mail "
     "waits here meanwhile.", {[DSN_GERMAN] =
        "In der Konfiguration dieses Mailsystems gibt es das Relay {1} nicht mehr. Die Mail wartet "
        "hier, bis das berichtigt ist."}},
    {"The relay * needs a login, and its password could not be read. Check its password file; the "
     "mail waits here meanwhile.", {[DSN_GERMAN] =
        "Das Relay {1} verlangt eine Anmeldung, und das Passwort dafür war nicht zu lesen. Die "
        "Mail wartet hier, bis das behoben ist."}},
    {"The relay * is used only in the networks that its setting `when` names, and this one (*) is "
     "none of them. The mail leaves by itself when this computer is in one; `port26 places name` "
     "gives this one a name.", {[DSN_GERMAN] =
        "Das Relay {1} wird nur in den Netzen benutzt, die seine Einstellung `when` nennt, und "
        "dieses gehört nicht dazu. Die Mail geht von selbst hinaus, sobald dieser Rechner in einem "
        "davon ist; `port26 places name` gibt diesem einen Namen."}},
    {"This network wants a login before it lets mail out (its page: *). Open a web browser and log "
     "in; the mail leaves by itself afterwards.", {[DSN_GERMAN] =
        "Dieses Netz verlangt eine Anmeldung, bevor es Mail hinauslässt (auf der Seite {1}). "
        "Öffnen Sie einen Browser und melden Sie sich an; danach geht die Mail von selbst "
        "hinaus."}},
    {"This computer is offline: it is in no network that leads out. The mail leaves by itself when "
     "it is in one again.", {[DSN_GERMAN] =
        "Dieser Rechner ist offline: Er ist in keinem Netz, das nach außen führt. Die Mail geht "
        "von selbst hinaus, sobald er wieder in einem ist."}},
    {"* was not asked: it did not answer a moment ago.", {[DSN_GERMAN] =
        "{1} wurde nicht gefragt, da kurz zuvor keine Antwort kam"}},
    {"No door of the relay * was open a moment ago (the first: *).", {[DSN_GERMAN] =
        "kurz zuvor war kein Port des Relays {1} offen"}},
    {"Not tried: no mail server of any domain answers from this network.", {[DSN_GERMAN] =
        "nicht versucht: Aus diesem Netz antwortet kein Mailserver irgendeiner Domain"}},

    /* the connection: deliver/hop.c, smtp/client_talk.c, deliver/posting.c */
    {"* (*) did not answer the connection.", {[DSN_GERMAN] =
        "keine Antwort von {1} ({2})"}},
    {"No connection to * (*): *.", {[DSN_GERMAN] = "keine Verbindung zu {1} ({2}){3|: }"}},
    {"The proxy (*) wants a login of its own (407): put it into https_proxy, as "
     "http://name:password@host:port", {[DSN_GERMAN] =
        "Der Proxy ({1}) verlangt eine eigene Anmeldung (407): Tragen Sie sie in https_proxy ein, "
        "als http://name:passwort@host:port"}},
    {"The proxy (*) does not connect to *: it answered *", {[DSN_GERMAN] =
        "Der Proxy ({1}) verbindet nicht mit {2}: Er antwortete {3}"}},
    {"The proxy (*) gave no answer: *", {[DSN_GERMAN] =
        "Der Proxy ({1}) gab keine Antwort{2|: }"}},
    {"The server hung up *.", {[DSN_GERMAN] = "der Server beendete die Verbindung{1| }"}},
    {"The server was silent * until our patience ended.", {[DSN_GERMAN] =
        "der Server schwieg{1| }, bis die Wartezeit um war"}},
    {"The connection broke *: *.", {[DSN_GERMAN] = "Verbindungsabbruch{1| }{2|: }"}},
    {"We were told to stop before the server answered.", {[DSN_GERMAN] =
        "Der Versuch wurde beendet, bevor der Server antwortete."}},
    {"Given up for another door before its login.", {[DSN_GERMAN] =
        "Der Versuch wurde zugunsten eines anderen Ports aufgegeben."}},
    {"The stored message could not be read: *", {[DSN_GERMAN] =
        "Die gespeicherte Nachricht war nicht zu lesen{1|: }."}},
    {"The message could not be read here: *.", {[DSN_GERMAN] =
        "Die gespeicherte Nachricht war nicht zu lesen{1|: }."}},
    {"An address of the message holds control characters.", {[DSN_GERMAN] =
        "Eine Adresse der Nachricht enthält Steuerzeichen."}},
    {"The web server did not answer in time.", {[DSN_GERMAN] =
        "der Webserver antwortete nicht rechtzeitig"}},
    {"The web server hung up in the middle: *.", {[DSN_GERMAN] =
        "der Webserver beendete die Verbindung mittendrin{1|: }"}},
    {"instead of its greeting", {[DSN_GERMAN] = "statt der Begrüßung"}},
    {"in answer to the login", {[DSN_GERMAN] = "als Antwort auf die Anmeldung"}},
    {"in answer to *", {[DSN_GERMAN] = "als Antwort auf {1}"}},
    {"in the TLS handshake", {[DSN_GERMAN] = "beim TLS-Handshake"}},
    {"when it was to take the message", {[DSN_GERMAN] =
        "bei der Übergabe der Nachricht"}},
    {"after the whole message", {[DSN_GERMAN] = "nach der ganzen Nachricht"}},
    {"in the dialogue", {[DSN_GERMAN] = "mitten im Gespräch"}},

    /* TLS: tls/tls.c, tls_verify.c */
    {"The certificate of * was not accepted: *; for * and * more, issued by *, valid from * until "
     "*.", {[DSN_GERMAN] =
        "das Zertifikat gilt für {3} und {4} weitere Namen, ausgestellt von {5}, gültig von {6} "
        "bis {7}{2|; }"}},
    {"The certificate of * was not accepted: *; for *, issued by *, valid from * until *.",
     {[DSN_GERMAN] =
        "das Zertifikat gilt für {3}, ausgestellt von {4}, gültig von {5} bis {6}{2|; }"}},
    {"The certificate of * was not accepted: *.", {[DSN_GERMAN] =
        "das Zertifikat von {1} wurde nicht angenommen"}},
    {"The TLS handshake with * failed: *.", {[DSN_GERMAN] =
        "der TLS-Handshake mit {1} schlug fehl{2|: }"}},
    {"* (a certificate above it in the chain)", {[DSN_GERMAN] =
        "{1|} (ein übergeordnetes Zertifikat)"}},
    {"it has expired", {[DSN_GERMAN] = "es ist abgelaufen"}},
    {"it is not valid yet", {[DSN_GERMAN] = "es ist noch nicht gültig"}},
    {"it is for another name", {[DSN_GERMAN] = "es lautet auf einen anderen Namen"}},
    {"it is self-signed", {[DSN_GERMAN] = "es ist selbst signiert"}},
    {"its issuer is not trusted here", {[DSN_GERMAN] =
        "seinem Aussteller wird hier nicht vertraut"}},
    {"the other side does not speak TLS here; is it the right port and TLS mode?", {[DSN_GERMAN] =
        "die Gegenstelle spricht hier kein TLS"}},
    {"the other side speaks HTTP", {[DSN_GERMAN] = "die Gegenstelle spricht HTTP"}},
    {"the other side only speaks TLS older than 1.2", {[DSN_GERMAN] =
        "die Gegenstelle spricht nur TLS, das älter ist als 1.2"}},
    {"the two sides have no cipher in common", {[DSN_GERMAN] =
        "beide Seiten haben kein gemeinsames Verfahren"}},
    {"the other side wants another protocol than SMTP (ALPN)", {[DSN_GERMAN] =
        "die Gegenstelle will ein anderes Protokoll als SMTP (ALPN)"}},
    {"the other side does not trust our certificate", {[DSN_GERMAN] =
        "die Gegenstelle vertraut unserem Zertifikat nicht"}},
    {"the other side finds our certificate expired", {[DSN_GERMAN] =
        "die Gegenstelle hält unser Zertifikat für abgelaufen"}},

    /* letters of the house, line by line: account/usage_words.c */
    {"Your mailbox is *% full", {[DSN_GERMAN] = "Ihr Postfach ist zu {1} % voll"}},
    {"Your hosting account is *% full", {[DSN_GERMAN] = "Ihr Hosting-Konto ist zu {1} % voll"}},
    {"The mailbox * has used * of the * it may store.", {[DSN_GERMAN] =
        "Das Postfach {1} belegt {2|} von {3|}, die ihm zur Verfügung stehen."}},
    {"The hosting account * has used * of the * it may store.", {[DSN_GERMAN] =
        "Das Hosting-Konto {1} belegt {2|} von {3|}, die ihm zur Verfügung stehen."}},
    {"in mailboxes:  * (* messages)", {[DSN_GERMAN] =
        "in Postfächern:      {1|} ({2} Nachrichten)"}},
    {"in the queue:  *", {[DSN_GERMAN] = "in der Warteschlange: {1|}"}},
    {"When it is full, no mail can be sent from it or received by it any more.", {[DSN_GERMAN] =
        "Wenn es voll ist, kann es keine Mail mehr senden und keine mehr empfangen."}},
    {"To make room delete mail you do not need, also from Sent and Trash, or let your mail program "
     "collect it without leaving copies on the server.", {[DSN_GERMAN] =
        "Platz schaffen Sie, indem Sie Mail löschen, die Sie nicht brauchen, auch unter "
        "\"Gesendet\" und \"Papierkorb\", oder indem Ihr Mailprogramm sie abholt, ohne Kopien auf "
        "dem Server zu lassen."}},
    {"All mailboxes of the hosting account count together.", {[DSN_GERMAN] =
        "Alle Postfächer des Hosting-Kontos zählen zusammen."}},
    {"#.# KB", {[DSN_GERMAN] = "{1},{2} KB"}},
    {"#.# MB", {[DSN_GERMAN] = "{1},{2} MB"}},
    {"#.# GB", {[DSN_GERMAN] = "{1},{2} GB"}},
    {"#.# TB", {[DSN_GERMAN] = "{1},{2} TB"}},
    {"#.# PB", {[DSN_GERMAN] = "{1},{2} PB"}},
    {"# byte", {[DSN_GERMAN] = "{1} Byte"}},
    {"# bytes", {[DSN_GERMAN] = "{1} Bytes"}},

    /* account/sending_words.c, serve/sendings.c */
    {"You have reached a sending limit", {[DSN_GERMAN] = "Sie haben eine Sendegrenze erreicht"}},
    {"Mail that you wanted to send was not taken, because a limit was reached:", {[DSN_GERMAN] =
        "Mail, die Sie senden wollten, wurde nicht angenommen, weil eine Grenze erreicht ist:"}},
    {"Mail that was taken before goes out as usual, nothing is lost. What was not taken is still "
     "in your mail program: send it again then.", {[DSN_GERMAN] =
        "Was vorher angenommen wurde, geht wie immer hinaus; nichts ist verloren. Was nicht "
        "angenommen wurde, liegt noch in Ihrem Mailprogramm: Senden Sie es dann noch einmal."}},
    {"If you did not send so much yourself, somebody else may know your password: change it now, "
     "and tell *.", {[DSN_GERMAN] =
        "Wenn Sie nicht selbst so viel gesendet haben, kennt vielleicht jemand anderes Ihr "
        "Passwort: Ändern Sie es jetzt, und melden Sie es an {1}."}},

    /* account/burst.c, serve/held_mail.c */
    {"Your mail is held: was your password stolen?", {[DSN_GERMAN] =
        "Ihre Mail wird zurückgehalten: Wurde Ihr Passwort gestohlen?"}},
    {"Mail that was sent with your login looks as if somebody else knows your password, so it is "
     "held for now. What was seen:", {[DSN_GERMAN] =
        "Mit Ihrer Anmeldung wurde Mail gesendet, die aussieht, als kenne jemand anderes Ihr "
        "Passwort. Sie wird deshalb vorerst zurückgehalten. Was auffiel:"}},
    {"it came from a network this account never used before", {[DSN_GERMAN] =
        "sie kam aus einem Netz, das dieses Konto noch nie benutzt hat"}},
    {"* such networks were used within an hour", {[DSN_GERMAN] =
        "innerhalb einer Stunde waren es {1} solche Netze"}},
    {"it went to * recipients this account never wrote to before", {[DSN_GERMAN] =
        "sie ging an {1} Empfänger, denen dieses Konto noch nie geschrieben hat"}},
    {"other servers refused * recipients for good", {[DSN_GERMAN] =
        "andere Server haben {1} Empfänger endgültig abgelehnt"}},
    {"the last of it came from *", {[DSN_GERMAN] = "die letzte kam von {1}"}},
    {"Nothing is lost: it waits, and so does what you send from now on. Mail to you arrives as "
     "usual.", {[DSN_GERMAN] =
        "Nichts ist verloren: Sie wartet, und ebenso alles, was Sie von jetzt an senden. Mail an "
        "Sie kommt wie immer an."}},
    {"If you sent it yourself, tell *, who can let it go.", {[DSN_GERMAN] =
        "Wenn Sie sie selbst gesendet haben, schreiben Sie an {1}; dort kann sie freigegeben "
        "werden."}},
    {"If not, change your password now, in all your mail programs, and look for malicious software "
     "on your devices. Then tell *, so that the foreign mail is removed and yours goes out.",
     {[DSN_GERMAN] =
        "Wenn nicht, ändern Sie jetzt Ihr Passwort, in allen Mailprogrammen, und suchen Sie auf "
        "Ihren Geräten nach Schadsoftware. Dann schreiben Sie an {1}, damit die fremde Mail "
        "entfernt wird und Ihre hinausgeht."}},
    {"Mail of * is held: its password looks stolen", {[DSN_GERMAN] =
        "Mail von {1} wird zurückgehalten: Passwort wohl gestohlen"}},
    {"All mail of * is held, and what it sends from now on too. What was seen:", {[DSN_GERMAN] =
        "Alle Mail von {1} wird zurückgehalten, auch was von jetzt an gesendet wird. Was "
        "auffiel:"}},
    {"Its owner was told by mail. To look at what is held: port26 queue ls, port26 queue show ID.",
     {[DSN_GERMAN] =
        "Der Inhaber wurde per Mail benachrichtigt. Was zurückgehalten wird, zeigen: port26 queue "
        "ls, port26 queue show ID."}},
    {"If it is the owner's:", {[DSN_GERMAN] = "Wenn sie vom Inhaber ist:"}},
    {"If not, first a new password, then remove what came from the foreign network, and let the "
     "rest go:", {[DSN_GERMAN] =
        "Wenn nicht, erst ein neues Passwort, dann entfernen, was aus dem fremden Netz kam, und "
        "den Rest freigeben:"}},
    {"(port26 queue rm ID removes a single message.)", {[DSN_GERMAN] =
        "(port26 queue rm ID entfernt eine einzelne Nachricht.)"}},
    {"port26 *", {[DSN_GERMAN] = "port26 {1}"}},

    /* serve/notices.c, serve/keeper.c */
    {"Mail in this network", {[DSN_GERMAN] = "Mail in diesem Netz"}},
    {"* Somebody else answers at *: nothing is sent there.", {[DSN_GERMAN] =
        "{1|} Hinter {2|} antwortet jemand anderes: Dorthin wird nichts gesendet."}},
    {"*; your mail leaves through #.", {[DSN_GERMAN] =
        "{1|}; Ihre Mail geht über {2} hinaus."}},
    {"*; your mail waits, and leaves by itself when a way opens or this computer is in another "
     "network.", {[DSN_GERMAN] =
        "{1|}; Ihre Mail wartet und geht von selbst hinaus, sobald sich ein Weg öffnet oder dieser "
        "Computer in einem anderen Netz ist."}},
    {"This network (*) closes *", {[DSN_GERMAN] = "Dieses Netz ({1}) sperrt {2|}"}},
    {"Since * port # no longer opens in this network (*)", {[DSN_GERMAN] =
        "Seit {1} Uhr öffnet sich Port {2} in diesem Netz ({3}) nicht mehr"}},
    {"Since * ports * and # no longer open in this network (*)", {[DSN_GERMAN] =
        "Seit {1} Uhr öffnen sich in diesem Netz ({4}) nicht mehr die Ports {2} und {3}"}},
    {"port #", {[DSN_GERMAN] = "Port {1}"}},
    {"ports * and #", {[DSN_GERMAN] = "die Ports {1} und {2}"}},
    {"This network (*) wants a login before it lets mail out (its page: *). Open a web browser and "
     "log in; your mail waits, and leaves by itself afterwards.", {[DSN_GERMAN] =
        "Dieses Netz ({1}) will eine Anmeldung, bevor es Mail hinauslässt (seine Seite: {2}). "
        "Öffnen Sie einen Webbrowser und melden Sie sich an; Ihre Mail wartet und geht danach von "
        "selbst hinaus."}},

    /* the system's own words */
    {"Connection refused", {[DSN_GERMAN] = "Verbindung abgewiesen"}},
    {"Connection reset by peer", {[DSN_GERMAN] = "die Gegenstelle hat die Verbindung abgebrochen"}},
    {"Connection timed out", {[DSN_GERMAN] = "Wartezeit überschritten"}},
    {"Broken pipe", {[DSN_GERMAN] = "die Verbindung ist beendet"}},
    {"No route to host", {[DSN_GERMAN] = "kein Weg dorthin"}},
    {"Host is unreachable", {[DSN_GERMAN] = "nicht zu erreichen"}},
    {"Network is unreachable", {[DSN_GERMAN] = "das Netz ist nicht zu erreichen"}},
    {"Operation not permitted", {[DSN_GERMAN] = "nicht erlaubt"}},
    {"Permission denied", {[DSN_GERMAN] = "nicht erlaubt"}},
    {"Input/output error", {[DSN_GERMAN] = "Ein-/Ausgabefehler"}},

    /* put together from pieces: tests/unit/serve/test_postman.c has them all said */
    {"*; from * on you can send again. Your host can raise the limit.", {[DSN_GERMAN] =
        "{1|}; ab {2|} können Sie wieder senden. Ihr Anbieter kann die Grenze erhöhen."}},
    {"*; from * on * more can be sent. Your host can raise the limit.", {[DSN_GERMAN] =
        "{1|}; ab {2|} gehen {3} weitere. Ihr Anbieter kann die Grenze erhöhen."}},
    {"* have sent to * of * recipients in the last *", {[DSN_GERMAN] =
        "{1|}: an {2} von {3} Empfängern gesendet, in {4|}"}},
    {"* have sent * of * messages in the last *", {[DSN_GERMAN] =
        "{1|}: {2} von {3} Nachrichten gesendet, in {4|}"}},
    {"* have sent to * recipients in the last *, where * may be", {[DSN_GERMAN] =
        "{1|}: an {2} Empfänger gesendet, in {3|}; erlaubt sind {4}"}},
    {"* have sent * messages in the last *, where * may be", {[DSN_GERMAN] =
        "{1|}: {2} Nachrichten gesendet, in {3|}; erlaubt sind {4}"}},
    {"* has sent to * of * recipients in the last *", {[DSN_GERMAN] =
        "{1|}: an {2} von {3} Empfängern gesendet, in {4|}"}},
    {"* has sent * of * messages in the last *", {[DSN_GERMAN] =
        "{1|}: {2} von {3} Nachrichten gesendet, in {4|}"}},
    {"* has sent to * recipients in the last *, where * may be", {[DSN_GERMAN] =
        "{1|}: an {2} Empfänger gesendet, in {3|}; erlaubt sind {4}"}},
    {"* has sent * messages in the last *, where * may be", {[DSN_GERMAN] =
        "{1|}: {2} Nachrichten gesendet, in {3|}; erlaubt sind {4}"}},
    {"* may send to * recipients within * (* so far), and this message has more: send it to fewer "
     "at a time, or ask your host for a higher limit.", {[DSN_GERMAN] =
        "{1|}: erlaubt sind {2} Empfänger in {3|} (bisher {4}), und diese Nachricht hat mehr. "
        "Senden Sie sie an weniger auf einmal, oder bitten Sie Ihren Anbieter um eine höhere "
        "Grenze."}},
    {"* may send * messages within * (* so far), and this message has more: send it to fewer at a "
     "time, or ask your host for a higher limit.", {[DSN_GERMAN] =
        "{1|}: erlaubt sind {2} Nachrichten in {3|} (bisher {4}). Bitten Sie Ihren Anbieter um "
        "eine höhere Grenze."}},
    {"You", {[DSN_GERMAN] = "Ihr Postfach"}},
    {"All mailboxes of your hosting account * together", {[DSN_GERMAN] =
        "Alle Postfächer Ihres Hosting-Kontos {1} zusammen"}},
    {"Your network address *", {[DSN_GERMAN] = "Ihre Netzadresse {1}"}},
    {"Your sender address *", {[DSN_GERMAN] = "Ihre Absenderadresse {1}"}},
    {"hour", {[DSN_GERMAN] = "einer Stunde"}},
    {"an hour", {[DSN_GERMAN] = "einer Stunde"}},
    {"24 hours", {[DSN_GERMAN] = "24 Stunden"}},
    {"* (in # minute)", {[DSN_GERMAN] = "{1} Uhr (in {2} Minute)"}},
    {"* (in # minutes)", {[DSN_GERMAN] = "{1} Uhr (in {2} Minuten)"}},
    {"* (in # hours)", {[DSN_GERMAN] = "{1} Uhr (in {2} Stunden)"}},
};
/* clang-format on */

/* Cuts off what stands before the next mark; the mark, or 0: it was the last piece. */
static char cut_piece(struct span *pattern, struct span *piece)
{
    size_t n = 0;
    char mark;

    while (n < pattern->len && pattern->at[n] != '*' && pattern->at[n] != '#')
        n++;
    mark = n < pattern->len ? pattern->at[n] : '\0';
    *piece = span_head(*pattern, n);
    *pattern = span_from(*pattern, n + (mark != 0));
    return mark;
}

static bool is_number(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
    return true;
}

/* The shortest parts that fit, each at least one octet; only the last piece is bound to the end. So
 * the work is that of reading `s` once, whatever stands in it. */
static bool fits(struct span pattern, struct span s, struct span parts[PARTS_MAX])
{
    struct span piece;
    char mark = cut_piece(&pattern, &piece), next;

    if (!span_starts(s, piece))
        return false;
    s = span_from(s, piece.len);
    for (size_t n = 0; mark; n++, mark = next) {
        ptrdiff_t at;

        next = cut_piece(&pattern, &piece);
        if (n == PARTS_MAX || s.len <= piece.len || (!next && !span_ends(s, piece)))
            return false;
        at = next ? span_search(span_from(s, 1), piece) + 1 : (ptrdiff_t)(s.len - piece.len);
        if (at < 1)
            return false;
        parts[n] = span_head(s, (size_t)at);
        if (mark == '#' && !is_number(parts[n]))
            return false;
        s = span_from(s, (size_t)at + piece.len);
    }
    return !s.len;
}

static bool say(enum dsn_language l, struct span english, unsigned depth, struct text *out);

static void say_part(enum dsn_language l, struct span field, const struct span *parts,
                     unsigned depth, struct text *out)
{
    struct span part = parts[field.at[0] - '1'];
    struct text in = TEXT_INIT(4096);

    if (field.len == 1)
        text_add_safe(out, part);
    else if (say(l, part, depth + 1, &in))
        text_addf(out, "%.*s%s", SPAN_ARG(span_from(field, 2)), text_cstr(&in));
    text_free(&in);
}

static void fill(enum dsn_language l, const char *template, const struct span *parts,
                 unsigned depth, struct text *out)
{
    struct span rest = span_of(template), piece;

    while (rest.len) {
        ptrdiff_t open = span_find(rest, '{');

        piece = open < 0 ? rest : span_head(rest, (size_t)open);
        text_add(out, piece);
        rest = span_from(rest, piece.len + 1);
        if (open >= 0 && span_cut(&rest, '}', &piece))
            say_part(l, piece, parts, depth, out);
    }
}

static bool say(enum dsn_language l, struct span english, unsigned depth, struct text *out)
{
    struct span parts[PARTS_MAX];

    for (size_t i = 0; i < COUNT(rows) && depth < DEPTH_MAX; i++) {
        if (!rows[i].in[l] || !fits(span_of(rows[i].english), english, parts))
            continue;
        fill(l, rows[i].in[l], parts, depth, out);
        return true;
    }
    return false;
}

bool finding_texts_say(enum dsn_language l, struct span english, struct text *out)
{
    return (unsigned)l < DSN_LANGUAGES && say(l, english, 0, out);
}

const char *finding_texts_english(size_t i)
{
    return i < COUNT(rows) ? rows[i].english : NULL;
}

const char *finding_texts_in(size_t i, enum dsn_language l)
{
    return i < COUNT(rows) && (unsigned)l < DSN_LANGUAGES ? rows[i].in[l] : NULL;
}
