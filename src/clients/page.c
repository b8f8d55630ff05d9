#include "clients/page.h"

#include "clients/xml.h"

#include "base/memory.h"

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

enum page_language page_language(struct span accepted)
{
    struct span one, tag;

    while (span_cut(&accepted, ',', &one)) {
        span_cut(&one, ';', &tag);
        tag = span_head(span_trim(tag), 3);
        for (int l = 0; l < PAGE_LANGUAGES; l++) {
            struct span ours = span_of(page_texts((enum page_language)l)->tag);

            if (span_istarts(tag, ours) && (tag.len == ours.len || tag.at[ours.len] == '-'))
                return (enum page_language)l;
        }
    }
    return PAGE_ENGLISH;
}

/* A page under way. */
struct page {
    const struct page_texts *say;
    struct text *out;
};

static void begin(const struct page *p, const char *title, struct span whose)
{
    const char *blank = whose.len ? " " : "";

    text_addf(p->out,
              "<!doctype html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
              "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
              "<meta name=\"robots\" content=\"noindex\">\n<title>%s%s",
              p->say->tag, title, blank);
    xml_text(p->out, whose);
    text_addf(p->out,
              "</title>\n<link rel=\"stylesheet\" href=\"" PAGE_STYLE_PATH "\">\n</head>\n"
              "<body>\n<main>\n<h1>%s%s",
              title, blank);
    xml_text(p->out, whose);
    text_adds(p->out, "</h1>\n");
}

static bool end(const struct page *p)
{
    text_adds(p->out, "</main>\n</body>\n</html>\n");
    return !p->out->full;
}

static void add_trouble(const struct page *p, enum page_trouble trouble, struct span domain)
{
    struct text words = TEXT_INIT(1024);

    if (trouble == PAGE_FOREIGN) {
        struct span before = span_of(p->say->foreign), mark = SPAN("%s");
        ptrdiff_t at = span_search(before, mark);

        text_add(&words, span_head(before, (size_t)at));
        text_add(&words, domain);
        text_add(&words, span_from(before, (size_t)at + mark.len));
    } else {
        text_adds(&words, p->say->none);
    }
    text_adds(p->out, "<p class=\"trouble\" role=\"alert\">");
    xml_text(p->out, text_span(&words));
    text_adds(p->out, "</p>\n");
    text_free(&words);
}

bool page_ask(enum page_language l, enum page_trouble trouble, struct span domain, struct text *out)
{
    struct page p = {page_texts(l), out};

    begin(&p, p.say->title, SPAN_NONE);
    if (trouble != PAGE_FINE)
        add_trouble(&p, trouble, domain);
    /* Not of the type "email": browsers refuse addresses in other alphabets there. */
    text_addf(out,
              "<p>%s</p>\n<form action=\"/settings\" method=\"get\">\n"
              "<label for=\"email\">%s</label>\n"
              "<input id=\"email\" name=\"email\" inputmode=\"email\" autocomplete=\"email\" "
              "autocapitalize=\"none\" spellcheck=\"false\" maxlength=\"254\" required>\n"
              "<button>%s</button>\n</form>\n",
              p.say->what, p.say->address, p.say->show);
    return end(&p);
}

static void row(const struct page *p, const char *name, struct span value)
{
    text_addf(p->out, "<tr><th scope=\"row\">%s</th><td>", name);
    xml_text(p->out, value);
    text_adds(p->out, "</td></tr>\n");
}

static const char *sealing(const struct clients_door *d)
{
    return d->implicit ? "SSL/TLS" : "STARTTLS";
}

static void add_server(const struct page *p, const struct clients_offer *o,
                       const struct clients_door *d)
{
    const struct page_texts *say = p->say;
    struct text port = TEXT_INIT(8);

    text_addf(&port, "%u", d->port);
    text_addf(p->out, "<h2>%s</h2>\n<table>\n", say->heading[d->kind]);
    row(p, say->server, span_of(d->host));
    row(p, say->port, text_span(&port));
    row(p, say->sealing, span_of(sealing(d)));
    row(p, say->user, clients_login(o));
    row(p, say->password,
        span_of(d->kind == CLIENTS_SUBMISSION ? say->same_password : say->its_password));
    text_adds(p->out, "</table>\n");
    text_free(&port);
}

/* All but the best of each kind, which stand above. */
static void add_others(const struct page *p, const struct clients_offer *o)
{
    bool any = false;

    for (size_t i = 0; i < o->count; i++) {
        const struct clients_door *d = &o->doors[i];

        if (d == clients_best(o, d->kind))
            continue;
        if (!any)
            text_addf(p->out, "<h2>%s</h2>\n<p>%s</p>\n<ul>\n", p->say->shut, p->say->in_turn);
        any = true;
        text_addf(p->out, "<li>%s: ", p->say->heading[d->kind]);
        xml_text(p->out, span_of(d->host));
        text_addf(p->out, ", %s %u, %s</li>\n", p->say->port_in, d->port, sealing(d));
    }
    if (any)
        text_adds(p->out, "</ul>\n");
}

bool page_settings(const struct clients_offer *o, enum page_language l, const char *profile,
                   struct text *out)
{
    struct page p = {page_texts(l), out};

    begin(&p, p.say->title_for, o->address);
    text_addf(out, "<p>%s</p>\n", p.say->simple);
    if (profile)
        text_addf(out, "<p><a class=\"button\" href=\"%s\">%s</a><br>\n%s</p>\n", profile,
                  p.say->apple, p.say->apple_then);
    if (clients_best(o, CLIENTS_IMAP) && clients_best(o, CLIENTS_POP3))
        text_addf(out, "<p>%s</p>\n", p.say->two_ways);
    for (int kind = CLIENTS_IMAP; kind <= CLIENTS_SUBMISSION; kind++) {
        const struct clients_door *best = clients_best(o, (enum clients_kind)kind);

        if (best)
            add_server(&p, o, best);
    }
    add_others(&p, o);
    text_addf(out, "<p>%s ", p.say->from);
    xml_text(out, o->display_name);
    text_addf(out, ". <a href=\"/settings\">%s</a></p>\n", p.say->another);
    return end(&p);
}
