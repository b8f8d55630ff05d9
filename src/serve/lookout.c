#include "serve/lookout.h"

#include "base/clock.h"
#include "zone/zone_ask.h"

#include <assert.h>

void lookout_run(struct dns *d, const struct config *c, const struct letter_keys *keys,
                 struct arena *a, struct letter_sightings *out)
{
    static const enum letter_seen states[] = {[ZONE_RIGHT] = LETTER_SEEN_RIGHT,
                                              [ZONE_MISSING] = LETTER_SEEN_MISSING,
                                              [ZONE_WRONG] = LETTER_SEEN_WRONG,
                                              [ZONE_UNKNOWN] = LETTER_SEEN_UNKNOWN};
    struct zone *z = arena_alloc(a, sizeof *z);
    struct zone_found *found = arena_alloc(a, ZONE_RECORDS_MAX * sizeof *found);
    struct zone_verdict v;

    static_assert((int)LETTER_KEYS_MAX <= (int)ZONE_RECORDS_MAX, "all are asked at once");
    for (size_t i = 0; i < keys->count; i++)
        z->record[z->count++] = (struct zone_record){.purpose = ZONE_DKIM,
                                                     .type = DNS_TXT,
                                                     .name = keys->keys[i].name,
                                                     .data = keys->keys[i].text};
    zone_ask(d, c, z, clock_now() + LOOKOUT_MS, a, found);
    *out = (struct letter_sightings){arena_alloc(a, (z->count + 1) * sizeof *out->rows), z->count};
    for (size_t i = 0; i < z->count; i++) {
        zone_compare(&z->record[i], &found[i], a, &v);
        out->rows[i] = (struct letter_sighting){states[v.state], v.words};
    }
}
