/* html: words for a page, escaped, with what must not be read masked. */
#ifndef PORT26_CLI_HTML_H
#define PORT26_CLI_HTML_H

#include "base/text.h"

enum { HTML_MASKS = 8 };

struct html {
    struct text out;
    size_t mask_count;
    struct span mask[HTML_MASKS]; /* the longest first; the caller's */
};

/* `words`, in any case of letters, is shown as "y***@example.com", or "y***" without a domain.
 * Empty words and those past the maximum are left out. */
void html_mask(struct html *h, struct span words);
/* Markup of ours, as it is. */
void html_raw(struct html *h, const char *markup);
/* Words of anybody, between tags or in quotes. Line ends become <br>. */
void html_words(struct html *h, struct span words);
/* <tag>words</tag>; the tag may have attributes. */
void html_tag(struct html *h, const char *tag, struct span words);

#endif
