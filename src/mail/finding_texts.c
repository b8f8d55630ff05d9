#include "mail/finding_texts.h"

#include "base/memory.h"

enum { PARTS_MAX = 8, DEPTH_MAX = 4 };

/* In English `*` stands for anything but nothing. In the others {1} is the first of these as it is
 * (a name, an address, a number), and {1|: } is the first in this language with ": " in front, or
 * nothing when no row knows it. The first row that fits counts. */
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
};
/* clang-format on */

/* The shortest parts that fit, each at least one octet; only the last piece is bound to the end. So
 * the work is that of reading `s` once, whatever stands in it. */
static bool fits(struct span pattern, struct span s, struct span parts[PARTS_MAX])
{
    struct span piece;

    if (!span_cut(&pattern, '*', &piece) || !span_starts(s, piece))
        return false;
    s = span_from(s, piece.len);
    for (size_t n = 0; pattern.at; n++) {
        ptrdiff_t at;
        bool last;

        span_cut(&pattern, '*', &piece);
        last = !pattern.at;
        if (n == PARTS_MAX || s.len <= piece.len || (last && !span_ends(s, piece)))
            return false;
        at = last ? (ptrdiff_t)(s.len - piece.len) : span_search(span_from(s, 1), piece) + 1;
        if (at < 1)
            return false;
        parts[n] = span_head(s, (size_t)at);
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
