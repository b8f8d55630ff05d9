#include "clients/page_texts.h"

static const struct page_texts texts[PAGE_LANGUAGES] = {
    [PAGE_ENGLISH] =
        {.tag = "en",
         .title = "Mail settings",
         .title_for = "Mail settings for",
         .what = "What to enter in your mail program or phone. No password is needed here.",
         .address = "Your mail address",
         .show = "Show the settings",
         .none = "This is no mail address. Write it whole, as you@example.com.",
         .foreign = "This server has no mailboxes of %s. Look whether the address is spelled "
                    "rightly, or ask its provider.",
         .simple = "Most mail programs need no more than this address and its password: they find "
                   "the rest by themselves. Where one asks, enter what stands here.",
         .apple = "Set up this iPhone, iPad or Mac",
         .apple_then = "Then open Settings and choose \"Profile Downloaded\".",
         .two_ways = "There are two ways to receive: IMAP leaves mail on the server, for all your "
                     "devices; POP3 fetches it to one.",
         .heading = {[CLIENTS_IMAP] = "Receiving mail (IMAP)",
                     [CLIENTS_POP3] = "Receiving mail (POP3)",
                     [CLIENTS_SUBMISSION] = "Sending mail (SMTP)"},
         .server = "Server",
         .port = "Port",
         .port_in = "port",
         .sealing = "Encryption",
         .user = "User name",
         .password = "Password",
         .its_password = "that of your mailbox",
         .same_password = "the same; sending needs it too",
         .shut = "If a network does not let you through",
         .in_turn = "Some networks shut single ports. User name and password stay the same; try "
                    "these in turn:",
         .from = "From",
         .another = "Another address"},
    [PAGE_GERMAN] =
        {.tag = "de",
         .title = "Mail-Einstellungen",
         .title_for = "Mail-Einstellungen für",
         .what = "Was Sie im Mailprogramm oder Telefon eintragen. Ein Passwort wird hier nicht "
                 "gebraucht.",
         .address = "Ihre Mailadresse",
         .show = "Einstellungen zeigen",
         .none = "Das ist keine Mailadresse. Schreiben Sie sie ganz, wie sie@example.com.",
         .foreign = "Dieser Server hat keine Postfächer von %s. Prüfen Sie, ob die Adresse richtig "
                    "geschrieben ist, oder fragen Sie ihren Anbieter.",
         .simple = "Die meisten Mailprogramme brauchen nur diese Adresse und ihr Passwort und "
                   "finden den Rest selbst. Fragt eines nach mehr, tragen Sie ein, was hier steht.",
         .apple = "Dieses iPhone, iPad oder diesen Mac einrichten",
         .apple_then = "Öffnen Sie danach die Einstellungen und wählen Sie „Profil geladen“.",
         .two_ways = "Es gibt zwei Wege zu empfangen: IMAP lässt die Mail auf dem Server, für alle "
                     "Ihre Geräte; POP3 holt sie auf eines.",
         .heading = {[CLIENTS_IMAP] = "Mail empfangen (IMAP)",
                     [CLIENTS_POP3] = "Mail empfangen (POP3)",
                     [CLIENTS_SUBMISSION] = "Mail senden (SMTP)"},
         .server = "Server",
         .port = "Port",
         .port_in = "Port",
         .sealing = "Verschlüsselung",
         .user = "Benutzername",
         .password = "Passwort",
         .its_password = "das Ihres Postfachs",
         .same_password = "dasselbe; auch das Senden braucht es",
         .shut = "Wenn ein Netz Sie nicht durchlässt",
         .in_turn =
             "Manche Netze sperren einzelne Ports. Benutzername und Passwort bleiben gleich; "
             "versuchen Sie der Reihe nach:",
         .from = "Von",
         .another = "Eine andere Adresse"},
};

const struct page_texts *page_texts(enum page_language l)
{
    return &texts[(unsigned)l < PAGE_LANGUAGES ? l : PAGE_ENGLISH];
}
