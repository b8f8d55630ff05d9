/* amounts: quotas and sending limits as people write them, "10G" and "1000/h,5000/d", and back. */
#ifndef PORT26_SERVE_AMOUNTS_H
#define PORT26_SERVE_AMOUNTS_H

#include "base/error.h"
#include "base/text.h"

/* Octets from 1, with K, M, G or T (of 1024). */
bool amounts_size(struct span s, uint64_t *out);
/* The same, or "none": STORE_NO_QUOTA; "default": 0. 0, or -1 and *e. */
int amounts_quota(struct span s, uint64_t *out, struct error *e);
/* Numbers by the hour and the day, "1000/h,5000/d" or one of them alone (the other is then the
 * default, 0); "none": STORE_NO_LIMIT for both; "default": 0 for both. 0, or -1 and *e. */
int amounts_rate(struct span s, uint32_t *hour, uint32_t *day, struct error *e);
/* The same as text, in the form that is read. */
void amounts_quota_text(uint64_t quota, struct text *out);
void amounts_rate_text(uint32_t hour, uint32_t day, struct text *out);

#endif
