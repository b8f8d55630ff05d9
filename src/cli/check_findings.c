#include "cli/check_findings.h"

#include "cli/check_cell.h"

#include <string.h>

static const char *const modes[] = {[MODE_UNKNOWN] = "",
                                    [MODE_PLAIN] = "none",
                                    [MODE_STARTTLS] = "starttls",
                                    [MODE_TLS] = "implicit"};
static const char *const lookups[] = {[LOOKUP_UNTRIED] = "untried",
                                      [LOOKUP_OK] = "ok",
                                      [LOOKUP_NO_NAME] = "no-name",
                                      [LOOKUP_FAILED] = "failed"};
static const char *const portals[] = {[PORTAL_UNTRIED] = "untried",
                                      [PORTAL_NO] = "no",
                                      [PORTAL_LOGIN] = "login",
                                      [PORTAL_NOTHING] = "no-answer"};

/* What tells nothing is left out. */
static void put(json_t *o, const char *key, const char *words)
{
    if (words[0])
        json_object_set_new(o, key, json_string(words));
}

static void put_number(json_t *o, const char *key, int64_t n)
{
    if (n)
        json_object_set_new(o, key, json_integer(n));
}

static void put_tls(json_t *o, const struct findings_door *d)
{
    if (d->tls == SEALED_FAILED)
        put(o, "tls", "failed");
    if (d->tls == SEALED_YES) {
        put(o, "tls", d->tls_version);
        put(o, "certificate", tls_verdict_name(d->verdict));
    }
    put(o, "tls_words", d->tls_words);
}

static json_t *door(const struct findings_door *d)
{
    json_t *o = json_object();
    char at[INET6_ADDRSTRLEN];

    check_cell_address(&d->address, at);
    put(o, "who", findings_who_name(d->who));
    put(o, "address", at);
    put_number(o, "port", d->port);
    put(o, "state", findings_state_name(d->state));
    json_object_set_new(o, "connect_ms", json_integer(d->connect_ms));
    put(o, "error", d->sys ? strerror(d->sys) : "");
    put_number(o, "sent_again", d->again);
    if (d->icmp) {
        json_object_set_new(o, "icmp_type", json_integer(d->icmp_type));
        json_object_set_new(o, "icmp_code", json_integer(d->icmp_code));
        put(o, "icmp_from", d->icmp_from);
    }
    put_number(o, "answered_at_hop", d->hop_answer);
    put_number(o, "last_router_hop", d->hop_last);
    put(o, "last_router", d->hop_router);
    put(o, "talk", findings_talk_name(d->talk));
    put(o, "encryption", modes[d->mode]);
    put(o, "name", d->name);
    put(o, "greeting", d->greeting);
    put(o, "login", findings_auth(d));
    put_tls(o, d);
    if (d->masked)
        json_object_set_new(o, "masked", json_true());
    put_number(o, "reply_code", d->reply.code);
    put(o, "reply", d->reply.text);
    return o;
}

json_t *check_findings_doors(const struct findings *f)
{
    json_t *all = json_array();

    for (size_t i = 0; i < f->door_count; i++)
        if (f->door[i].who == WHO_SERVER)
            json_array_append_new(all, door(&f->door[i]));
    return all;
}

static json_t *lookup(const char *what, const struct findings_dns *n)
{
    json_t *o = json_object(), *all = json_array();

    put(o, "what", what);
    put(o, "result", lookups[n->result]);
    json_object_set_new(o, "ms", json_integer(n->ms));
    for (size_t i = 0; i < n->count; i++) {
        char at[INET6_ADDRSTRLEN];

        check_cell_address(&n->address[i], at);
        json_array_append_new(all, json_string(at));
    }
    json_object_set_new(o, "addresses", all);
    return o;
}

static void add_step(json_t *all, const char *what, const struct findings_login *l)
{
    json_t *o;

    if (!l->tried)
        return;
    o = json_object();
    put(o, "what", what);
    put_number(o, "port", l->port);
    json_object_set_new(o, "ok", json_boolean(l->ok));
    put_number(o, "reply_code", l->reply.code);
    put(o, "reply", l->reply.text);
    json_array_append_new(all, o);
}

/* What is known of the network beside its doors. */
static json_t *around(const struct findings *f)
{
    json_t *o = json_object();

    put(o, "what", "network");
    put(o, "isp_server", f->isp);
    put(o, "hosting_company", f->cloud);
    json_object_set_new(o, "uneven", json_boolean(f->uneven));
    json_object_set_new(o, "limited", json_boolean(f->limited));
    return o;
}

json_t *check_findings_facts(const struct findings *f)
{
    json_t *all = json_array(), *web = json_object();

    json_array_append_new(all, lookup("dns", &f->dns));
    json_array_append_new(all, lookup("dns-second", &f->dns_second));
    put(web, "what", "captive-portal");
    put(web, "result", portals[f->portal]);
    put(web, "answer", f->portal_words);
    json_array_append_new(all, web);
    json_array_append_new(all, around(f));
    for (size_t i = 0; i < f->door_count; i++) {
        json_t *o;

        if (f->door[i].who == WHO_SERVER)
            continue;
        o = door(&f->door[i]);
        put(o, "what", "door");
        json_array_append_new(all, o);
    }
    add_step(all, "login", &f->login);
    add_step(all, "mail", &f->mail);
    add_step(all, "rcpt", &f->rcpt);
    add_step(all, "sent", &f->sent);
    return all;
}

static void print_talk(const struct findings_door *d, FILE *to)
{
    if (d->talk == TALK_SMTP)
        fprintf(to, ", %s", d->name);
    else if (d->talk != TALK_NONE)
        fprintf(to, ", %s", findings_talk_name(d->talk));
    if (d->tls == SEALED_YES)
        fprintf(to, ", %s, certificate %s", d->tls_version, tls_verdict_name(d->verdict));
    else if (d->tls == SEALED_FAILED)
        fprintf(to, ", TLS failed");
    if (findings_auth(d)[0])
        fprintf(to, ", login %s", findings_auth(d));
}

void check_findings_line(const struct findings_door *d, FILE *to)
{
    char at[INET6_ADDRSTRLEN];

    check_cell_address(&d->address, at);
    fprintf(to, "  %-8s %-5u %-16s %-12s %4lld ms", findings_who_name(d->who), d->port, at,
            findings_state_name(d->state), (long long)d->connect_ms);
    print_talk(d, to);
    if (d->icmp)
        fprintf(to, ", ICMP %u/%u from %s", d->icmp_type, d->icmp_code, d->icmp_from);
    if (d->hop_answer)
        fprintf(to, ", answers at hop %u", d->hop_answer);
    if (d->hop_last)
        fprintf(to, ", last router %s (hop %u)", d->hop_router, d->hop_last);
    fputc('\n', to);
}

static void print_lookup(const char *what, const struct findings_dns *n, FILE *to)
{
    fprintf(to, "  %s: %s", what, lookups[n->result]);
    for (size_t i = 0; i < n->count; i++) {
        char at[INET6_ADDRSTRLEN];

        check_cell_address(&n->address[i], at);
        fprintf(to, " %s", at);
    }
    fputc('\n', to);
}

void check_findings_print(const struct findings *f, FILE *to)
{
    print_lookup("this network's DNS", &f->dns, to);
    print_lookup("second resolver", &f->dns_second, to);
    fprintf(to, "  login page of the network: %s %s\n", portals[f->portal], f->portal_words);
    if (f->isp[0])
        fprintf(to, "  mail server of this network's operator: %s\n", f->isp);
    if (f->cloud[0])
        fprintf(to, "  this machine is of: %s\n", f->cloud);
    if (f->uneven)
        fprintf(to, "  what opened did not open again\n");
    if (f->limited)
        fprintf(to, "  what opened did not open again at the server, and did at the other\n");
    for (size_t i = 0; i < f->door_count; i++)
        check_findings_line(&f->door[i], to);
}
