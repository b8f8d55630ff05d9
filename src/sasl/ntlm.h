/* ntlm: the client's side of NTLM ("SPA" in Outlook), for servers that offer nothing else. The
 * messages are made by the system's GSSAPI with the plug-in gss-ntlmssp; without the plug-in the
 * mechanism does not exist. NTLM proves nothing about the server, so it needs a verified link. The
 * plug-in of Debian 12 loses some kilobytes with each login; we cannot mend that from here. */
#ifndef PORT26_SASL_NTLM_H
#define PORT26_SASL_NTLM_H

#include "base/text.h"

struct ntlm;
struct ntlm_ready;

/* Loads all that the plug-in loads when it is first used, and holds it: for processes that cannot
 * load a library later, behind their jail's walls. NULL: there is no plug-in. */
struct ntlm_ready *ntlm_prepare(void);
/* Nulls the pointer; NULL is fine. */
void ntlm_unprepare(struct ntlm_ready **r);

/* Is the plug-in there? Reads files the first time. */
bool ntlm_available(void);
/* `name` is "user", "user@domain" or "DOMAIN\user"; `host` the server's name. NULL: no plug-in, or
 * name or password cannot be written. */
struct ntlm *ntlm_start(struct span name, struct span password, struct span host);
/* Adds the answer to the server's message (empty: the first). False when the message is none of
 * NTLM, or comes out of turn. */
bool ntlm_step(struct ntlm *n, struct span challenge, struct text *out);
/* Wipes and frees; nulls the pointer; NULL is fine. */
void ntlm_free(struct ntlm **n);

#endif
