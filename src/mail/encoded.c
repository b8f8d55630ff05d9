#include "mail/encoded.h"

#include "mail/utf8.h"

#include <stdio.h>
#include <string.h>

enum {
    WIDTH = 76,
    WORD_MAX = 70,     /* of an encoded word, its marks included (RFC 2047 2: 75) */
    WORDS_MAX = 16384, /* octets taken */
};

static const char mark[] = "=?utf-8?q?";

/* The same without what must not stand in a header. */
static void clean(struct span s, struct text *out)
{
    while (s.len && out->len < WORDS_MAX) {
        uint32_t code = 0;
        size_t n = utf8_decode(s, &code);

        if (!n)
            text_addc(out, '?');
        else if (code < ' ' || code == 0x7f)
            text_addc(out, ' ');
        else
            text_add(out, span_head(s, n));
        s = span_from(s, n ? n : 1);
    }
}

/* Letters and digits stand for themselves everywhere (RFC 2047 5 (3)). */
static bool plain(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static void encode_char(struct span c, struct text *out)
{
    for (size_t i = 0; i < c.len; i++) {
        unsigned char byte = (unsigned char)c.at[i];

        if (byte == ' ')
            text_addc(out, '_');
        else if (plain(byte))
            text_addc(out, (char)byte);
        else
            text_addf(out, "=%02X", byte);
    }
}

/* As encoded words, one to a line, none broken inside a character. */
static void encode(struct span s, size_t column, struct text *out)
{
    size_t start = out->len;

    text_adds(out, mark);
    while (s.len) {
        uint32_t code;
        size_t n = utf8_decode(s, &code);

        if (column + (out->len - start) + 3 * n + 2 > WORD_MAX) {
            text_addf(out, "?=\r\n %s", mark);
            start = out->len - strlen(mark);
            column = 1;
        }
        encode_char(span_head(s, n), out);
        s = span_from(s, n);
    }
    text_adds(out, "?=");
}

static void fold(struct span s, size_t column, struct text *out)
{
    struct span word;

    for (bool first = true; (word = span_word(&s)).len; first = false) {
        bool breaks = !first && column + 1 + word.len > WIDTH;

        if (!first)
            text_adds(out, breaks ? "\r\n " : " ");
        text_add(out, word);
        column = breaks ? 1 + word.len : column + 1 + word.len;
    }
}

/* Text that could be taken for an encoded word must be one. */
static bool needs_code(struct span s)
{
    struct span copy = s, word;

    while ((word = span_word(&copy)).len)
        if (word.len > 900)
            return true;
    return utf8_high(s) || span_search(s, SPAN("=?")) >= 0;
}

bool encoded_field(const char *name, struct span words, struct text *out)
{
    struct text s = TEXT_INIT(WORDS_MAX + 8), field = TEXT_INIT((size_t)8 * WORDS_MAX);
    bool ok;

    clean(words, &s);
    text_addf(&field, "%s: ", name);
    if (needs_code(text_span(&s)))
        encode(text_span(&s), field.len, &field);
    else
        fold(text_span(&s), field.len, &field);
    text_adds(&field, "\r\n");
    ok = !field.full && text_add(out, text_span(&field));
    text_free(&s);
    text_free(&field);
    return ok;
}

static void quote(struct span s, struct text *out)
{
    text_addc(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '"' || s.at[i] == '\\')
            text_addc(out, '\\');
        text_addc(out, s.at[i]);
    }
    text_addc(out, '"');
}

static bool is_phrase(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!plain((unsigned char)s.at[i]) && s.at[i] != ' ' && s.at[i] != '-')
            return false;
    return true;
}

bool encoded_mailbox(const char *name, struct span person, struct span address, struct text *out)
{
    struct text s = TEXT_INIT(WORDS_MAX + 8), field = TEXT_INIT((size_t)8 * WORDS_MAX);
    struct span p;
    bool ok;

    clean(span_head(span_trim(person), 256), &s);
    p = text_span(&s);
    text_addf(&field, "%s: ", name);
    if (needs_code(p))
        encode(p, field.len, &field);
    else if (is_phrase(p))
        text_add(&field, p);
    else
        quote(p, &field);
    text_addf(&field, "%s<%.*s>\r\n",
              !p.len           ? ""
              : field.len > 40 ? "\r\n "
                               : " ",
              SPAN_ARG(address));
    ok = !field.full && text_add(out, text_span(&field));
    text_free(&s);
    text_free(&field);
    return ok;
}
