#include "clients/page.h"

#include "clients/xml.h"

const char page_style[] =
    ":root { color-scheme: light dark; font: 100%/1.5 system-ui, sans-serif; }\n"
    "body { max-width: 42rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }\n"
    "h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 1.5rem 0 .25rem; }\n"
    "table { border-collapse: collapse; width: 100%; }\n"
    "th, td { text-align: left; vertical-align: top; padding: .3rem .5rem .3rem 0;\n"
    "    border-bottom: 1px solid #8888; }\n"
    "th { font-weight: normal; width: 11rem; } td { font-weight: bold; }\n"
    "input, button, .button { font: inherit; padding: .5rem .75rem; margin: .25rem 0; }\n"
    "input { width: 100%; box-sizing: border-box; }\n"
    ".button { display: inline-block; border: 1px solid; border-radius: .4rem; }\n"
    ".trouble { border-left: .3rem solid #c33; padding-left: .6rem; }\n";

static void begin(struct span title, struct text *out)
{
    text_adds(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                   "<meta name=\"robots\" content=\"noindex\">\n<title>Mail settings");
    if (title.len)
        text_adds(out, ": ");
    xml_text(out, title);
    text_adds(out, "</title>\n<link rel=\"stylesheet\" href=\"" PAGE_STYLE_PATH "\">\n</head>\n"
                   "<body>\n<main>\n");
}

static bool end(struct text *out)
{
    text_adds(out, "</main>\n</body>\n</html>\n");
    return !out->full;
}

bool page_ask(struct span trouble, struct text *out)
{
    begin(SPAN_NONE, out);
    text_adds(out, "<h1>Mail settings</h1>\n");
    if (trouble.len) {
        text_adds(out, "<p class=\"trouble\" role=\"alert\">");
        xml_text(out, trouble);
        text_adds(out, "</p>\n");
    }
    /* Not of the type "email": browsers refuse addresses in other alphabets there. */
    text_adds(out,
              "<p>What to enter in your mail program or phone. No password is needed here.</p>\n"
              "<form action=\"/settings\" method=\"get\">\n"
              "<label for=\"email\">Your mail address</label>\n"
              "<input id=\"email\" name=\"email\" inputmode=\"email\" autocomplete=\"email\" "
              "autocapitalize=\"none\" spellcheck=\"false\" maxlength=\"254\" required>\n"
              "<button>Show the settings</button>\n</form>\n");
    return end(out);
}

static void row(struct text *out, const char *name, struct span value)
{
    text_addf(out, "<tr><th scope=\"row\">%s</th><td>", name);
    xml_text(out, value);
    text_adds(out, "</td></tr>\n");
}

static struct span sealing(const struct clients_door *d)
{
    return d->implicit ? SPAN("SSL/TLS") : SPAN("STARTTLS");
}

static void add_server(const struct clients_offer *o, const struct clients_door *d,
                       const char *heading, struct text *out)
{
    struct text port = TEXT_INIT(8);

    text_addf(&port, "%u", d->port);
    text_addf(out, "<h2>%s</h2>\n<table>\n", heading);
    row(out, "Server", span_of(d->host));
    row(out, "Port", text_span(&port));
    row(out, "Encryption", sealing(d));
    row(out, "User name", clients_login(o));
    row(out, "Password",
        d->kind == CLIENTS_SUBMISSION ? SPAN("the same; sending needs it too")
                                      : SPAN("that of your mailbox"));
    text_adds(out, "</table>\n");
    text_free(&port);
}

static const char *heading_of(enum clients_kind k)
{
    static const char *const words[] = {[CLIENTS_IMAP] = "Receiving mail (IMAP)",
                                        [CLIENTS_POP3] = "Receiving mail (POP3)",
                                        [CLIENTS_SUBMISSION] = "Sending mail (SMTP)"};

    return words[k];
}

/* All but the best of each kind, which stand above. */
static void add_others(const struct clients_offer *o, struct text *out)
{
    bool any = false;

    for (size_t i = 0; i < o->count; i++) {
        const struct clients_door *d = &o->doors[i];

        if (d == clients_best(o, d->kind))
            continue;
        if (!any)
            text_adds(out, "<h2>If a network does not let you through</h2>\n<p>Some networks shut "
                           "single ports. User name and password stay the same; try these in "
                           "turn:</p>\n<ul>\n");
        any = true;
        text_addf(out, "<li>%s: ", heading_of(d->kind));
        xml_text(out, span_of(d->host));
        text_addf(out, ", port %u, %.*s</li>\n", d->port, SPAN_ARG(sealing(d)));
    }
    if (any)
        text_adds(out, "</ul>\n");
}

bool page_settings(const struct clients_offer *o, const char *profile, struct text *out)
{
    begin(o->address, out);
    text_adds(out, "<h1>Mail settings for ");
    xml_text(out, o->address);
    text_adds(out,
              "</h1>\n<p>Most mail programs need no more than this address and its password: "
              "they find the rest by themselves. Where one asks, enter what stands here.</p>\n");
    if (profile)
        text_addf(out,
                  "<p><a class=\"button\" href=\"%s\">Set up this iPhone, iPad or Mac</a><br>\n"
                  "Then open Settings and choose \"Profile Downloaded\".</p>\n",
                  profile);
    if (clients_best(o, CLIENTS_IMAP) && clients_best(o, CLIENTS_POP3))
        text_adds(out, "<p>There are two ways to receive: IMAP leaves mail on the server, for all "
                       "your devices; POP3 fetches it to one.</p>\n");
    for (int kind = CLIENTS_IMAP; kind <= CLIENTS_SUBMISSION; kind++) {
        const struct clients_door *best = clients_best(o, (enum clients_kind)kind);

        if (best)
            add_server(o, best, heading_of(best->kind), out);
    }
    add_others(o, out);
    text_adds(out, "<p>From ");
    xml_text(out, o->display_name);
    text_adds(out, ". <a href=\"/settings\">Another address</a></p>\n");
    return end(out);
}
