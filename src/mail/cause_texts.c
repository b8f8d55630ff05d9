#include "mail/cause_texts.h"

#include "base/memory.h"
#include "mail/finding_texts.h"

#define AGAIN " Es wird automatisch weiter versucht."

/* {host} stands as a subject, or before a colon: without a name it becomes "der andere Server". */
/* clang-format off */
static const struct cause_texts german[CAUSE_COUNT] = {
    [CAUSE_NONE] = {"{host} nannte keinen Grund, der hier bekannt ist.",
        "Lesen Sie, was der Server selbst sagte; wer ihn betreibt, kann es erklären."},

    /* Anmeldung und Absender */
    [CAUSE_AUTH_REQUIRED] = {"{host} verlangt eine Anmeldung, bevor Mail für andere "
        "angenommen wird.",
        "Tragen Sie Benutzername und Passwort für das Senden ein."},
    [CAUSE_AUTH_BAD] = {"{host} hat die Anmeldung abgelehnt: Benutzername oder Passwort ist "
        "falsch.",
        "Prüfen Sie beides. Viele Anbieter wollen die ganze Adresse als Benutzernamen, manche ein "
        "App-Passwort."},
    [CAUSE_AUTH_APP_PASSWORD] = {"{host} verlangt ein App-Passwort: Das gewöhnliche Passwort gilt "
        "in Mailprogrammen nicht.",
        "Legen Sie eines in den Sicherheitseinstellungen des Kontos an, und tragen Sie es hier "
        "ein."},
    [CAUSE_AUTH_OAUTH] = {"{host} nimmt keine Passwörter mehr an, nur noch die Anmeldung "
        "mit OAuth.",
        "Wählen Sie OAuth, oder senden Sie auf einem anderen Weg."},
    [CAUSE_AUTH_DISABLED] = {"{host}: Für dieses Konto ist das Senden mit Mailprogrammen "
        "abgeschaltet.",
        "Bitten Sie den Verwalter des Kontos, es zu erlauben (\"SMTP AUTH\")."},
    [CAUSE_AUTH_WEB] = {"{host} verlangt, dass Sie sich zuerst im Browser anmelden.",
        "Melden Sie sich einmal auf der Webseite des Anbieters an, bestätigen Sie, dass Sie es "
        "waren, und versuchen Sie es noch einmal."},
    [CAUSE_AUTH_LIMIT] = {"{host} hat zu viele Anmeldeversuche gesehen und das Konto eine Weile "
        "gesperrt.",
        "Prüfen Sie das Passwort auf allen Geräten, die es benutzen, und warten Sie dann."},
    [CAUSE_AUTH_MECHANISM] = {"{host} kennt die Art der Anmeldung nicht, die versucht wurde.",
        "Wählen Sie eine andere: \"Passwort, normal\" über TLS gilt fast überall."},
    [CAUSE_AUTH_ABSENT] = {"{host} bietet an diesem Port keine Anmeldung an.",
        "Nehmen Sie Port 465 mit TLS oder Port 587 mit STARTTLS."},
    [CAUSE_AUTH_LATER] = {"{host} kann Anmeldungen zurzeit nicht prüfen. Am Passwort liegt "
        "es nicht.",
        "Sie brauchen nichts zu ändern." AGAIN},
    [CAUSE_ACCOUNT_SUSPENDED] = {"Der Anbieter hat diesem Konto das Senden gesperrt.",
        "Fragen Sie den Anbieter nach dem Grund; nach einem Einbruch ändern Sie zuerst das "
        "Passwort."},
    [CAUSE_SENDING_LIMIT] = {"{host}: Das Konto hat sein Limit für das Senden erreicht.",
        "Warten Sie, bis es wieder frei ist, oft am nächsten Tag, oder bitten Sie den Anbieter um "
        "ein höheres."},
    [CAUSE_SENDER_NOT_OWNED] = {"Die Anmeldung stimmt, aber {host} lässt sie nicht mit dieser "
        "Absenderadresse senden.",
        "Nehmen Sie die Adresse des Kontos, oder lassen Sie die andere als Alias eintragen."},
    [CAUSE_SENDER_UNVERIFIED] = {"{host} kennt die Absenderadresse oder ihre Domain noch nicht als "
        "Ihre.",
        "Bestätigen Sie sie in den Einstellungen beim Anbieter."},
    [CAUSE_SENDER_DOMAIN] = {"{host} findet die Domain der Absenderadresse nicht.",
        "Berichtigen Sie die Absenderadresse oder die Einträge der Domain im DNS."},
    [CAUSE_SENDER_REJECTED] = {"{host} nimmt von diesem Absender keine Mail an.",
        "Prüfen Sie die Absenderadresse; stimmt sie, fragen Sie den Mailverwalter des Empfängers."},

    /* Empfänger */
    [CAUSE_RECIPIENT_UNKNOWN] = {"{host} kennt kein Postfach mit dieser Adresse.",
        "Prüfen Sie, ob Sie sich verschrieben haben; stimmt sie, fragen Sie den Empfänger auf "
        "anderem Weg."},
    [CAUSE_RECIPIENT_DISABLED] = {"{host}: Das Postfach gibt es, aber es ist gesperrt.",
        "Erreichen Sie den Empfänger auf anderem Weg."},
    [CAUSE_RECIPIENT_RESTRICTED] = {"Der Empfänger nimmt nur Mail von bestimmten Absendern an.",
        "Bitten Sie ihn, oder den Verwalter der Liste, Ihre Adresse zuzulassen."},
    [CAUSE_RECIPIENT_DOMAIN] = {"{host} nimmt für den Teil der Adresse hinter dem @ keine Mail an.",
        "Prüfen Sie diesen Teil der Adresse."},
    [CAUSE_MAILBOX_FULL] = {"Das Postfach des Empfängers ist voll.",
        "Sagen Sie es ihm auf anderem Weg; er muss Platz schaffen."},
    [CAUSE_TOO_MANY_RECIPIENTS] = {"{host} nimmt nicht so viele Empfänger auf einmal an.",
        "Senden Sie an weniger auf einmal, oder nehmen Sie eine Mailingliste."},

    /* Nachricht */
    [CAUSE_TOO_LARGE] = {"{host}: Die Nachricht ist zu groß.",
        "Machen Sie sie kleiner, oder senden Sie statt der Dateien einen Link."},
    [CAUSE_STORAGE] = {"{host} hat keinen Platz für weitere Mail.",
        "Wer den Server betreibt, muss Platz schaffen." AGAIN},
    [CAUSE_SPAM] = {"{host} hält die Nachricht wegen ihres Inhalts für Spam.",
        "Schreiben Sie sie um, mit weniger Links und Bildern, oder erreichen Sie den Empfänger "
        "auf anderem Weg."},
    [CAUSE_VIRUS] = {"{host} hält einen Anhang für gefährlich.",
        "Prüfen Sie ihn auf Viren; senden Sie statt Programmen oder Archiven einen Link."},
    [CAUSE_MALFORMED] = {"{host} sagt, die Nachricht sei nicht regelgerecht aufgebaut.",
        "Versuchen Sie es mit einem anderen Mailprogramm, und melden Sie es dem Hersteller des "
        "jetzigen."},
    [CAUSE_LOOP] = {"Die Nachricht lief zwischen Servern im Kreis.",
        "Suchen Sie zwei Weiterleitungen, die aufeinander zeigen."},
    [CAUSE_NO_8BIT] = {"Die Nachricht enthält 8-Bit-Text, und {host} nimmt nur reines ASCII an.",
        "Senden Sie sie noch einmal als quoted-printable; Mailprogramme können das."},
    [CAUSE_NO_UTF8] = {"Die Nachricht hat eine Adresse mit Buchstaben außerhalb von ASCII, und "
        "{host} kennt solche Adressen nicht.",
        "Nehmen Sie eine Adresse in reinem ASCII."},

    /* Weitergabe, TLS */
    [CAUSE_RELAY_DENIED] = {"{host} gibt Mail für andere nur nach einer Anmeldung weiter.",
        "Schalten Sie die Anmeldung für das Senden ein; ist sie an, prüfen Sie, ob es der richtige "
        "Server ist."},
    [CAUSE_TLS_REQUIRED] = {"{host} besteht auf Verschlüsselung.",
        "Schalten Sie TLS für diesen Server ein."},
    [CAUSE_TLS_FAILURE] = {"{host}: Die verschlüsselte Verbindung kam nicht zustande. Es wurde "
        "nichts gesendet.",
        "Wenn es dabei bleibt, muss der Verwalter des Servers das beheben, oder eine Firewall auf "
        "dem Weg lässt sie nicht durch." AGAIN},
    [CAUSE_TLS_MODE] = {"{host}: Die Verschlüsselung beginnt dort anders, als hier eingestellt "
        "ist.",
        "Nehmen Sie TLS von Anfang an bei Port 465, STARTTLS bei Port 587."},
    [CAUSE_STARTTLS_ABSENT] = {"Verschlüsselung ist verlangt, aber {host} bietet kein STARTTLS an. "
        "Es wurde nichts gesendet.",
        "Fragen Sie den Verwalter des Servers; geht es aus einem anderen Netz, entfernt hier eine "
        "Firewall das Angebot: Nehmen Sie Port 465." AGAIN},
    [CAUSE_CERT_EXPIRED] = {"{host}: Das Zertifikat ist abgelaufen. Es wurde nichts gesendet.",
        "Der Verwalter des Servers muss es erneuern. Scheinen viele abgelaufen zu sein, geht die "
        "Uhr dieses Rechners falsch." AGAIN},
    [CAUSE_CERT_NAME] = {"{host}: Das Zertifikat lautet auf einen anderen Namen. Es wurde nichts "
        "gesendet.",
        "Nehmen Sie den Namen im Zertifikat, wenn der Anbieter zustimmt; sonst steht vielleicht "
        "jemand dazwischen." AGAIN},
    [CAUSE_CERT_ISSUER] = {"{host}: Das Zertifikat stammt von keiner Stelle, der hier "
        "vertraut wird. Es wurde nichts gesendet.",
        "Der Verwalter des Servers muss ein anerkanntes besorgen. Sehen viele so aus, liest hier "
        "ein Programm oder eine Firewall mit." AGAIN},
    [CAUSE_LOGIN_UNSAFE] = {"{host}: Die Anmeldung wurde nicht gesendet, weil die Verbindung nicht "
        "sicher ist.",
        "Schalten Sie TLS mit geprüftem Zertifikat ein."},

    /* unsere Adresse und Domain */
    [CAUSE_IP_BLOCKED] = {"{host} nimmt von der Adresse dieses Mailsystems keine Mail an.",
        "Suchen Sie die Adresse in der genannten Sperrliste und bitten Sie um Streichung, oder "
        "senden Sie über das Relay eines Anbieters."},
    [CAUSE_IP_DYNAMIC] = {"{host} nimmt von Heim- oder Einwahladressen keine Mail unmittelbar an.",
        "Senden Sie über das Relay Ihres Anbieters, Port 465 oder 587."},
    [CAUSE_IPV6] = {"{host} nimmt von hier über IPv6 keine Mail an.",
        "Lassen Sie die Mail dorthin über IPv4 gehen."},
    [CAUSE_DOMAIN_BLOCKED] = {"Eine Domain in der Nachricht, oder die des Absenders, steht auf "
        "einer Sperrliste.",
        "Suchen Sie sie in der genannten Liste und bitten Sie um Streichung."},
    [CAUSE_PTR] = {"Zur Adresse dieses Mailsystems steht im DNS kein gültiger Name (PTR).",
        "Wem die Adresse gehört, der muss einen PTR-Eintrag setzen, dessen Name zu ihr "
        "zurückführt; oder senden Sie über das Relay eines Anbieters."},
    [CAUSE_HELO] = {"{host} nimmt den Namen nicht an, mit dem sich dieses Mailsystem vorstellt.",
        "Geben Sie ihm einen vollständigen Namen, den es im DNS gibt."},
    [CAUSE_SPF] = {"Die Domain des Absenders erlaubt diesem Mailsystem nicht, für sie zu senden "
        "(SPF).",
        "Senden Sie über den Anbieter der Domain, oder nehmen Sie dieses System in ihren "
        "SPF-Eintrag auf."},
    [CAUSE_DKIM] = {"Die Signatur der Domain des Absenders (DKIM) fehlt oder ist falsch.",
        "Senden Sie über den Anbieter der Domain, oder richten Sie DKIM ein."},
    [CAUSE_DMARC] = {"Die Domain des Absenders bittet andere, Mail abzulehnen, die nicht von ihren "
        "eigenen Servern kommt (DMARC).",
        "Senden Sie über den Anbieter der Domain, oder richten Sie SPF und DKIM für dieses System "
        "ein."},
    [CAUSE_UNAUTHENTICATED] = {"{host} sieht keinen Beweis, dass die Mail von der Domain des "
        "Absenders kommt (SPF, DKIM).",
        "Richten Sie SPF und DKIM für die Domain ein, oder senden Sie über ihren Anbieter."},
    [CAUSE_REPUTATION] = {"{host} stuft die Adresse oder Domain, von der die Mail kommt, als "
        "unzuverlässig ein.",
        "Stellen Sie unerwünschte Mail von dort ab, richten Sie SPF und DKIM ein, und senden Sie "
        "eine Weile wenig."},

    /* später */
    [CAUSE_RATE] = {"{host} begrenzt, wie viel Mail von hier angenommen wird.",
        "Sie brauchen nichts zu ändern; bleibt es dabei, senden Sie weniger auf einmal." AGAIN},
    [CAUSE_GREYLISTED] = {"{host} bittet Absender beim ersten Mal, einige Minuten später "
        "wiederzukommen.",
        "Sie brauchen nichts zu ändern." AGAIN},
    [CAUSE_BUSY] = {"{host} ist überlastet oder gestört.",
        "Sie brauchen nichts zu ändern." AGAIN},
    [CAUSE_POLICY] = {"{host} lehnt die Mail nach einer eigenen Regel ab.",
        "Geben Sie die Worte des Servers dem Mailverwalter des Empfängers, der die Regel nennen "
        "kann."},
    [CAUSE_PROTOCOL] = {"{host} und dieses Mailsystem haben einander nicht verstanden.",
        "Wenn es dabei bleibt, sagen Sie es dem Verwalter dieses Mailsystems." AGAIN},
    [CAUSE_TIMEOUT] = {"{host} hat zu lange auf etwas gewartet.",
        "Wenn es dabei bleibt, gehen vielleicht große Pakete unterwegs verloren." AGAIN},

    /* Verbindung */
    [CAUSE_REFUSED] = {"{host} hat die Verbindung abgewiesen.",
        "Der Server läuft nicht, oder nicht an diesem Port; weisen alle Server ab, tut es eine "
        "Firewall hier." AGAIN},
    [CAUSE_SILENT] = {"{host} hat nicht rechtzeitig geantwortet.",
        "Antworten auch andere Server an diesem Port nicht, sperrt ihn das Netz hier: Nehmen Sie "
        "ein Relay an Port 465 oder 587." AGAIN},
    [CAUSE_UNREACHABLE] = {"{host} ist aus diesem Netz zurzeit nicht zu erreichen.",
        "Prüfen Sie die Verbindung dieses Rechners." AGAIN},
    [CAUSE_FORBIDDEN] = {"{host}: Eine Firewall verbietet die Verbindung.",
        "Erlauben Sie sie in der Firewall dieses Rechners, oder nehmen Sie einen anderen Port."
        AGAIN},
    [CAUSE_LOST] = {"{host}: Die Verbindung brach ab.",
        "Wenn es dabei bleibt, ist das Netz hier oder dort instabil." AGAIN},
    [CAUSE_LOST_AT_END] = {"{host}: Die Verbindung brach ab, nachdem die Nachricht gesendet war "
        "und bevor die Bestätigung kam.",
        "Vielleicht kommt sie zweimal an, das ist besser als gar nicht." AGAIN},
    [CAUSE_NO_DOMAIN] = {"Die Domain {domain} gibt es nicht.",
        "Prüfen Sie den Teil der Adresse hinter dem @."},
    [CAUSE_NULL_MX] = {"Die Domain {domain} nimmt überhaupt keine Mail an und sagt das auch.",
        "Prüfen Sie den Teil der Adresse hinter dem @, oder fragen Sie nach einer anderen "
        "Adresse."},
    [CAUSE_DNS_LATER] = {"Die Mailserver der Domain {domain} sind zurzeit nicht zu ermitteln.",
        "Wenn es dabei bleibt, prüfen Sie die DNS-Einstellungen dieses Rechners." AGAIN},
    [CAUSE_LIFETIME] = {"Die Mail konnte in der ganzen Zeit, in der es versucht wurde, nicht "
        "zugestellt werden.",
        "Erreichen Sie den Empfänger auf anderem Weg, oder senden Sie sie später noch einmal."},
};
/* clang-format on */

static const struct {
    const struct cause_texts *rows; /* NULL: the words of the outcome are in this language */
    struct cause_words words;
    const char *last; /* before the last of many tries */
} languages[DSN_LANGUAGES] = {
    [DSN_GERMAN] = {german,
                    {"Der andere Server", "der andere Server", "der Adresse"},
                    "Der letzte Versuch:"},
};

struct cause_texts cause_texts_of(enum dsn_language l, enum cause c)
{
    const struct cause_texts *rows = (unsigned)l < DSN_LANGUAGES ? languages[l].rows : NULL;

    return rows && (unsigned)c < CAUSE_COUNT ? rows[c] : (struct cause_texts){0};
}

/* RFC 3463 4.4.7: the queue gave up after all the time. */
static bool gave_up(const struct outcome *o)
{
    return o->kind == OUTCOME_NEVER && o->status.class == 4 && o->status.subject == 4 &&
           o->status.detail == 7;
}

static void say_cause(enum dsn_language l, const struct outcome *o, struct span domain,
                      struct text *out)
{
    struct cause_texts t = cause_texts_of(l, (enum cause)o->cause);
    struct cause_texts end = cause_texts_of(l, CAUSE_LIFETIME);
    struct text details = TEXT_INIT(4096);
    struct cause_names names = {.host = o->host, .domain = domain, .words = &languages[l].words};

    finding_texts_say(l, o->details, &details);
    names.details = text_span(&details);
    if (gave_up(o)) { /* the advice was for one who still waits */
        text_addf(out, "%s %s %s ", end.what, end.advice, languages[l].last);
        cause_fill(out, t.what, NULL, &names);
    } else {
        cause_fill(out, t.what, t.advice, &names);
    }
    text_free(&details);
}

bool cause_texts_say(enum dsn_language l, const struct outcome *o, struct span domain,
                     struct text *out)
{
    bool waits_or_failed = o->kind == OUTCOME_LATER || o->kind == OUTCOME_NEVER;

    if (!o->explained || !waits_or_failed || !cause_texts_of(l, (enum cause)o->cause).what)
        return finding_texts_say(l, o->words, out);
    say_cause(l, o, domain, out);
    return true;
}
