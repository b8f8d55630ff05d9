#include "mail/dsn_texts.h"

#include "base/memory.h"

static const struct dsn_texts texts[DSN_LANGUAGES] = {
    [DSN_ENGLISH] =
        {.kind =
             {[DSN_FAILED] = {"Not delivered",
                              "Your mail could not be delivered as told below, and it is not tried "
                              "any more.",
                              "What happened:"},
              [DSN_DELAYED] = {"Delayed, still trying",
                               "Your mail has not been delivered yet as told below. It is tried "
                               "again by itself: you need not send it again.",
                               "What happened:"},
              [DSN_SUCCESS] = {"Delivered",
                               "Your mail was delivered as told below. You asked to be told.",
                               "Delivered:"}},
         .passed = {"Handed on", "Your mail was handed on as told below. You asked to be told.",
                    "Handed on:"},
         .subject_to = "your mail to",
         .recipient = "recipient",
         .recipients = "recipients",
         .who = "Who can repair it:",
         .owner = {[OWNER_YOU] = "you can.",
                   [OWNER_NETWORK] = "whoever runs the network this mail system stands in.",
                   [OWNER_PROVIDER] = "whoever runs this mail system, or the one it sends through.",
                   [OWNER_RECIPIENT] = "the recipient, or whoever runs their mail system."},
         .far = "The other server said",
         .note = "Note:",
         .relayed = "That server does not send such reports: no more is heard of this mail, unless "
                    "it fails.",
         .expanded = "This address stands for several. The mail goes on to all of them: no more is "
                     "heard of it, unless it fails or has to wait.",
         .maybe = "The connection broke after the mail was sent. It may have arrived.",
         .unsaid = "The reason stands further below, as Diagnostic-Code.",
         .date = "",
         .month = {"January", "February", "March", "April", "May", "June", "July", "August",
                   "September", "October", "November", "December"},
         .tried = "Tried:",
         .time = "time",
         .times = "times",
         .last_try = "Last try:",
         .until = "Given up after:",
         .their_subject = "Subject of your mail:",
         .accepted = "Accepted here:",
         .help = "If you need help, write to %.*s%.*s and name the message id %s. What follows is "
                 "the same for programs, and %s.",
         .whole = "your mail",
         .header = "the header of your mail",
         .system = "The mail system of ",
         .many = "reports about your mail",
         .bundle = "There were many reports about your mail within one hour. So that they do not "
                   "flood your mailbox, those that came last are together in this one. Each of "
                   "them stands below as it would have come alone:",
         .from = "port26 mail system",
         .mime = "This is a report about your mail, made of several parts (MIME).",
         .mime_bundle = "These are reports about your mail, in several parts (MIME)."},
    [DSN_GERMAN] =
        {.kind =
             {[DSN_FAILED] = {"Nicht zugestellt",
                              "Ihre Mail konnte nicht zugestellt werden; den Grund lesen Sie "
                              "unten. Die Zustellung wird nicht weiter versucht.",
                              "Was geschah:"},
              [DSN_DELAYED] = {"Noch nicht zugestellt",
                               "Ihre Mail konnte noch nicht zugestellt werden; den Grund lesen Sie "
                               "unten. Es wird automatisch weiter versucht: Sie brauchen sie nicht "
                               "noch einmal zu senden.",
                               "Was geschah:"},
              [DSN_SUCCESS] =
                  {"Zugestellt",
                   "Ihre Mail wurde zugestellt, wie unten beschrieben. Sie haben um "
                   "diese Nachricht gebeten.",
                   "Zugestellt:"}},
         .passed = {"Weitergegeben",
                    "Ihre Mail wurde weitergegeben, wie unten beschrieben. Sie haben um diese "
                    "Nachricht gebeten.",
                    "Weitergegeben:"},
         .subject_to = "Ihre Mail an",
         .recipient = "Adresse",
         .recipients = "Adressen",
         .who = "Wer das beheben kann:",
         .owner = {[OWNER_YOU] = "Sie selbst.",
                   [OWNER_NETWORK] = "wer das Netz betreibt, in dem dieses Mailsystem steht.",
                   [OWNER_PROVIDER] =
                       "wer dieses Mailsystem betreibt, oder das, über das es sendet.",
                   [OWNER_RECIPIENT] = "der Empfänger, oder wer sein Mailsystem betreibt."},
         .far = "Der andere Server sagte",
         .note = "Hinweis:",
         .relayed =
             "Dieser Server sendet selbst keine solchen Berichte: Von dieser Mail hören Sie nur "
             "noch, wenn die Zustellung scheitert.",
         .expanded = "Diese Adresse steht für mehrere. Die Mail geht an alle weiter: Sie "
                     "hören nur noch von ihr, wenn die Zustellung scheitert oder sich verzögert.",
         .maybe = "Die Verbindung brach ab, nachdem die Mail gesendet war. Vielleicht ist sie "
                  "angekommen.",
         .unsaid = "Den Grund nennt das Feld Diagnostic-Code weiter unten, auf Englisch.",
         .date = "%d. %s %d, %s Uhr (%s)",
         .month = {"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August",
                   "September", "Oktober", "November", "Dezember"},
         .tried = "Versucht:",
         .time = "Mal",
         .times = "Mal",
         .last_try = "Letzter Versuch:",
         .until = "Wird versucht bis:",
         .their_subject = "Betreff Ihrer Mail:",
         .accepted = "Hier angenommen:",
         .help =
             "Wenn Sie Hilfe brauchen, schreiben Sie an %.*s%.*s und nennen Sie die Kennung %s. "
             "Es folgen dieselben Angaben für Programme und %s.",
         .whole = "Ihre Mail",
         .header = "der Kopf Ihrer Mail",
         .system = "Das Mailsystem von ",
         .many = "Berichte zu Ihrer Mail",
         .bundle = "Innerhalb einer Stunde gab es viele Berichte über Ihre Mail. Damit sie Ihr "
                   "Postfach nicht überfluten, stehen die letzten zusammen in dieser einen Mail. "
                   "Jeder steht unten so, wie er allein gekommen wäre:",
         .from = "port26 Mailsystem",
         .mime = "Dies ist ein Bericht zu Ihrer Mail, aus mehreren Teilen (MIME).",
         .mime_bundle = "Dies sind Berichte zu Ihrer Mail, in mehreren Teilen (MIME)."},
};

const struct dsn_texts *dsn_texts(enum dsn_language l)
{
    return &texts[(unsigned)l < DSN_LANGUAGES ? l : DSN_ENGLISH];
}
