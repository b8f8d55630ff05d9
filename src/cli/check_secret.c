#include "cli/check_secret.h"

#include "base/memory.h"
#include "sasl/base64.h"

#include <string.h>

#define HIDDEN "***"

enum { SHORTEST = 4 };

static void hide(char *words, const char *secret)
{
    size_t n = strlen(secret);

    if (n < SHORTEST)
        return;
    for (char *at = words; (at = strstr(at, secret)) != NULL; at += strlen(HIDDEN)) {
        memcpy(at, HIDDEN, strlen(HIDDEN)); /* always as long, so that its length is not told */
        memmove(at + strlen(HIDDEN), at + n, strlen(at + n) + 1);
    }
}

/* What all alignments of base64 have in common is too much; the two forms a login has are whole
 * tokens: the password alone (LOGIN), and after the name (PLAIN). */
static void hide_all(char *words, const char *const forms[3])
{
    for (size_t i = 0; i < 3; i++)
        hide(words, forms[i]);
}

void check_secret_hide(struct findings *f, const char *password)
{
    struct text login = TEXT_INIT(4096), plain = TEXT_INIT(4096), raw = TEXT_INIT(2048);
    struct findings_login *steps[] = {&f->login, &f->mail, &f->rcpt, &f->sent};
    const char *forms[3] = {password};

    if (!*password)
        return;
    base64_encode(span_of(password), &login);
    text_addc(&raw, '\0');
    text_adds(&raw, f->user);
    text_addc(&raw, '\0');
    text_adds(&raw, password);
    base64_encode(text_span(&raw), &plain);
    forms[1] = text_cstr(&login);
    forms[2] = text_cstr(&plain);
    for (size_t i = 0; i < COUNT(steps); i++)
        hide_all(steps[i]->reply.text, forms);
    for (size_t i = 0; i < f->door_count; i++)
        hide_all(f->door[i].reply.text, forms);
    text_wipe(&raw);
    text_wipe(&login);
    text_wipe(&plain);
}
