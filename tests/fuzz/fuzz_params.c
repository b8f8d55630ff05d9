/* Whatever is taken as a parameter holds no control character and no xtext that hides one. */
#include "mail/params.h"
#include "mail/xtext.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        assert(s.at[i] > ' ' && s.at[i] <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct params_offer offer = {.extensions = 31, .size_max = 1 << 20};
    struct span rest = {(const char *)data, size};
    struct params_mail mail;
    struct params_rcpt rcpt;
    struct params_bdat bdat;
    struct error e = {0};
    struct arena *a = arena_new();

    if (params_mail(rest, &offer, &mail, &e) == PARAMS_OK) {
        assert(!mail.has_size || mail.size <= offer.size_max);
        assert(mail.envid.len <= 100 && mail.auth.len <= 500);
        assert(xtext_printable(mail.envid));
        check_text(mail.envid);
        check_text(mail.auth);
    } else {
        assert(e.words[0] && e.enhanced[0]);
    }
    if (params_rcpt(rest, &offer, &rcpt, NULL) == PARAMS_OK) {
        assert(rcpt.orcpt.len <= 500 && rcpt.notify <= 15);
        assert(!(rcpt.notify & NOTIFY_NEVER) || rcpt.notify == NOTIFY_NEVER);
        check_text(params_orcpt(&rcpt, a));
        assert(params_orcpt(&rcpt, a).len <= 500);
    }
    if (params_bdat(rest, &bdat, &e) == PARAMS_OK)
        assert(bdat.size <= INT64_MAX);
    arena_free(&a);
    return 0;
}
