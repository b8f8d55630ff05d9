#include "cli/check_report.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/check_cell.h"
#include "cli/check_evidence.h"
#include "cli/html.h"
#include "cli/verdict_view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE_MAX = 4 << 20 };

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "style-src 'unsafe-inline'\">\n"
    "<meta name=\"referrer\" content=\"no-referrer\">\n<title>port26 check</title>\n<style>\n"
    ":root{color-scheme:light dark;--ink:#1b1f24;--soft:#59636e;--line:#d8dde3;--back:#fff;"
    "--good:#14702f;--bad:#b3261e;--tint:#f3f5f8}\n"
    "@media (prefers-color-scheme:dark){:root{--ink:#e6e9ed;--soft:#9aa4af;--line:#39414a;"
    "--back:#15181c;--good:#6fd08c;--bad:#ff8a80;--tint:#1e2329}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--back);color:var(--ink);"
    "font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,sans-serif}\n"
    "main{max-width:46rem;margin:0 auto;padding:1.25rem 1rem 2.5rem;overflow-wrap:anywhere}\n"
    "h1{font-size:1.35rem;line-height:1.3;margin:.25rem 0 1rem}\n"
    "h2{font-size:1.05rem;margin:1.75rem 0 .5rem}\n"
    "p,ul,ol,dl{margin:.25rem 0}\nul,ol{padding-left:1.4rem}\nli{margin:.2rem 0}\n"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1rem}\n"
    "dt,.soft{color:var(--soft)}\ndd{margin:0}\n"
    ".box{background:var(--tint);border:1px solid var(--line);border-radius:.5rem;"
    "padding:.75rem 1rem}\n"
    "table{border-collapse:collapse;width:100%;font-size:.9rem}\n"
    "th,td{text-align:left;vertical-align:top;padding:.35rem .6rem .35rem 0;"
    "border-bottom:1px solid var(--line)}\n"
    "td:first-child,th:first-child{white-space:nowrap;font-variant-numeric:tabular-nums}\n"
    ".good{color:var(--good)}.bad{color:var(--bad)}\n"
    "code{font:.85rem/1.45 ui-monospace,Menlo,Consolas,monospace}\n"
    "details{margin-top:1.75rem}summary{cursor:pointer;font-weight:600}\n"
    "@media (max-width:30rem){dl{grid-template-columns:1fr;gap:0}dd{margin:0 0 .5rem}}\n"
    "</style></head><body><main>\n";

static struct span words(const char *s)
{
    return span_of(s);
}

/* ---- the parts of the page, from top to bottom ---- */

static void add_setting(struct html *h, const struct check *c)
{
    const struct verdict *v = &c->set.verdict;

    html_raw(h, "<p class=\"soft\">port26 check of ");
    html_words(h, words(c->findings.host));
    html_raw(h, "</p>\n");
    html_tag(h, "h1", v->sentence);
    html_raw(h, "<dl class=\"box\">");
    if (strcmp(v->id, VERDICT_OK) != 0) {
        html_tag(h, "dt", SPAN("Who can repair it"));
        html_tag(h, "dd", words(verdict_view_owner(v->owner)));
    }
    if (v->setting.len) {
        html_tag(h, "dt", SPAN("Setting"));
        html_tag(h, "dd", v->setting);
    }
    html_tag(h, "dt", SPAN("Cause"));
    html_tag(h, "dd", words(v->id));
    html_raw(h, "</dl>\n");
}

static void add_list(struct html *h, const char *title, const char *list, const struct span *items,
                     size_t count)
{
    if (!count)
        return;
    html_tag(h, "h2", words(title));
    text_addf(&h->out, "<%s>\n", list);
    for (size_t i = 0; i < count; i++)
        html_tag(h, "li", items[i]);
    text_addf(&h->out, "</%s>\n", list);
}

static void add_cell(struct html *h, const struct findings *f, unsigned port, int family)
{
    static const char *const tags[] = {[MOOD_WAIT] = "td",
                                       [MOOD_GOOD] = "td class=\"good\"",
                                       [MOOD_BAD] = "td class=\"bad\"",
                                       [MOOD_PLAIN] = "td class=\"soft\""};
    struct check_cell cell;

    check_cell(f, check_cell_door(f, WHO_SERVER, port, family), CELL_DONE, &cell);
    html_tag(h, tags[cell.mood], words(cell.words));
}

static void add_doors(struct html *h, const struct findings *f)
{
    unsigned ports[CHECK_CELL_PORTS];
    size_t n = check_cell_ports(f, WHO_SERVER, ports);
    bool four = false, six = false;

    for (size_t i = 0; i < f->dns.count; i++) {
        four = four || f->dns.address[i].ss_family == AF_INET;
        six = six || f->dns.address[i].ss_family == AF_INET6;
    }
    if (!four && !six)
        return;
    html_tag(h, "h2", SPAN("Doors of the server"));
    html_raw(h, "<table><tr><th>Port</th>");
    html_raw(h, four ? "<th>IPv4</th>" : "");
    html_raw(h, six ? "<th>IPv6</th></tr>\n" : "</tr>\n");
    for (size_t i = 0; i < n; i++) {
        text_addf(&h->out, "<tr><td>%u</td>\n", ports[i]);
        if (four)
            add_cell(h, f, ports[i], AF_INET);
        if (six)
            add_cell(h, f, ports[i], AF_INET6);
        html_raw(h, "</tr>\n");
    }
    html_raw(h, "</table>\n");
}

static void add_tries(struct html *h, const struct check *c)
{
    if (c->looks < 2)
        return;
    html_tag(h, "h2", SPAN("Over all looks"));
    html_raw(h, "<table><tr><th>Port</th><th>Address</th><th>Tries</th><th>Failed</th></tr>\n");
    for (size_t i = 0; i < c->tally_count; i++) {
        const struct check_tally *t = &c->tally[i];
        char at[INET6_ADDRSTRLEN];

        check_cell_address(&t->address, at);
        text_addf(&h->out, "<tr><td>%u</td><td>%s</td><td>%u</td><td>%u</td></tr>\n", t->port, at,
                  t->tries, t->failures);
    }
    html_raw(h, "</table>\n");
}

static void add_said(struct html *h, const char *what, const char *said)
{
    if (!said[0])
        return;
    text_addf(&h->out, "<br><span class=\"soft\">%s:</span> ", what);
    html_tag(h, "code", words(said));
}

static void add_row(struct html *h, const struct findings_door *d)
{
    char at[INET6_ADDRSTRLEN], line[400];

    check_cell_address(&d->address, at);
    snprintf(line, sizeof line, "%s %s port %u: %s, %s", findings_who_name(d->who), at, d->port,
             findings_state_name(d->state), findings_talk_name(d->talk));
    html_raw(h, "<li>");
    html_words(h, words(line));
    add_said(h, "ICMP from", d->icmp_from);
    add_said(h, "last router", d->hop_router);
    add_said(h, "greeting", d->greeting);
    add_said(h, "name", d->name);
    add_said(h, "login", findings_auth(d));
    add_said(h, "certificate", d->tls_words);
    add_said(h, "answer", d->reply.text);
    html_raw(h, "</li>\n");
}

static void add_findings(struct html *h, const struct check *c)
{
    const struct findings *f = &c->findings;

    html_raw(h, "<details><summary>All findings</summary>\n<p class=\"soft\">Rule that fired: ");
    html_words(h, words(c->set.verdict.rule));
    html_raw(h, "</p>\n<ul>\n");
    for (size_t i = 0; i < f->door_count; i++)
        add_row(h, &f->door[i]);
    html_raw(h, "</ul></details>\n");
}

static void add_foot(struct html *h, const struct check *c)
{
    char now[60];

    check_run_time(clock_wall(), "%A %e %B %Y, %H:%M:%S %z", now, sizeof now);
    html_raw(h, "<p class=\"soft\" style=\"margin-top:2rem\">");
    html_words(h, words(now));
    if (c->placed && c->place.name[0]) {
        html_raw(h, "; network: ");
        html_words(h, words(c->place.name));
    }
    text_addf(&h->out, "; it took %lld ms. Made by port26 " PORT26_VERSION ".%s</p>\n",
              (long long)c->findings.elapsed_ms,
              c->o.report_full ? "" : " User name and mail addresses are masked.");
    html_raw(h, "</main></body></html>\n");
}

static void write_page(const struct check *c, struct html *h)
{
    struct span list[CHECK_EVIDENCE_MAX];
    struct arena *a = arena_new();
    size_t n = check_evidence(c, a, list);
    const struct verdict *v = &c->set.verdict;
    struct span also[VERDICT_ALSO_MAX];

    for (size_t i = 0; i < c->set.also_count; i++)
        also[i] = c->set.also[i].sentence;
    html_raw(h, head);
    add_setting(h, c);
    add_list(h, "What to do", "ol", v->steps, v->step_count);
    add_list(h, "Besides", "ul", also, c->set.also_count);
    add_list(h, "Evidence", "ul", list, n);
    add_doors(h, &c->findings);
    add_tries(h, c);
    add_list(h, "Not ruled out", "ul", c->set.not_ruled_out, c->set.doubt_count);
    add_findings(h, c);
    add_foot(h, c);
    arena_free(&a);
}

/* ---- the file ---- */

static int save(const char *path, struct span page, struct error *e)
{
    struct text beside = TEXT_INIT(PATH_MAX);
    int fd, result = 0;

    text_addf(&beside, "%s.XXXXXX", path);
    fd = beside.full ? (errno = ENAMETOOLONG, -1) : mkostemp(beside.at, O_CLOEXEC); /* mode 0600 */
    if (fd < 0) {
        result = error_sys(e, errno, "cannot write the report %s", path);
    } else {
        if (file_write(fd, page) < 0 || fsync(fd) < 0 || rename(beside.at, path) < 0) {
            result = error_sys(e, errno, "cannot write the report %s", path);
            unlink(beside.at);
        }
        close(fd);
    }
    text_free(&beside);
    return result;
}

static void mask(struct html *h, const struct check *c)
{
    html_mask(h, words(c->o.user));
    html_mask(h, words(c->o.sender));
    html_mask(h, words(c->o.receiver));
    if (strchr(c->o.target, '@'))
        html_mask(h, words(c->o.target));
}

int check_report_write(const struct check *c, const char *path, struct error *e)
{
    struct html h = {.out = TEXT_INIT(PAGE_MAX)};
    int result;

    if (!c->o.report_full)
        mask(&h, c);
    write_page(c, &h);
    result = h.out.full ? error_set(e, ERROR_INPUT, "the report %s would be too long", path)
                        : save(path, text_span(&h.out), e);
    text_free(&h.out);
    return result;
}
