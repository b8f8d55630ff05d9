#include "cli/html.h"

#include <ctype.h>
#include <string.h>

void html_raw(struct html *h, const char *markup)
{
    text_adds(&h->out, markup);
}

void html_mask(struct html *h, struct span words)
{
    size_t at = 0;

    if (!words.len || h->mask_count == HTML_MASKS)
        return;
    while (at < h->mask_count && h->mask[at].len >= words.len)
        at++;
    memmove(&h->mask[at + 1], &h->mask[at], (h->mask_count - at) * sizeof *h->mask);
    h->mask[at] = words;
    h->mask_count++;
}

static void add_char(struct html *h, char c)
{
    static const struct {
        char c;
        const char *entity;
    } rows[] = {{'&', "&amp;"},  {'<', "&lt;"},   {'>', "&gt;"},
                {'"', "&quot;"}, {'\'', "&#39;"}, {'\n', "<br>"}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].c == c) {
            text_adds(&h->out, rows[i].entity);
            return;
        }
    }
    text_addc(&h->out, c);
}

static bool inside_word(struct span all, size_t at)
{
    return at < all.len && isalnum((unsigned char)all.at[at]) != 0;
}

/* The mask whose words begin here, as words of their own; 0 octets: none. */
static struct span masked(const struct html *h, struct span all, size_t at)
{
    for (size_t i = 0; i < h->mask_count; i++) {
        size_t n = h->mask[i].len;

        if (span_istarts(span_from(all, at), h->mask[i]) &&
            (at == 0 || !inside_word(all, at - 1)) && !inside_word(all, at + n))
            return span_head(span_from(all, at), n);
    }
    return SPAN_NONE;
}

static void add_masked(struct html *h, struct span words)
{
    ptrdiff_t at = span_rfind(words, '@');
    size_t first = 1;

    while (first < words.len && ((unsigned char)words.at[first] & 0xc0) == 0x80)
        first++;
    for (size_t i = 0; i < first; i++)
        add_char(h, words.at[i]);
    text_adds(&h->out, "***");
    for (size_t i = at > 0 ? (size_t)at : words.len; i < words.len; i++)
        add_char(h, words.at[i]);
}

void html_words(struct html *h, struct span words)
{
    for (size_t i = 0; i < words.len;) {
        struct span hidden = masked(h, words, i);

        if (hidden.len)
            add_masked(h, hidden);
        else
            add_char(h, words.at[i]);
        i += hidden.len ? hidden.len : 1;
    }
}

void html_tag(struct html *h, const char *tag, struct span words)
{
    text_addf(&h->out, "<%s>", tag);
    html_words(h, words);
    text_addf(&h->out, "</%.*s>\n", (int)strcspn(tag, " "), tag);
}
