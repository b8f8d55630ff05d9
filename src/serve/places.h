/* places: the keeper's record of the networks this machine has been in and how the relays' doors
 * fared there. Couriers tell what they see; it is kept in the file `places` beside the store and
 * told to couriers that start. What is lost with it is learnt again. */
#ifndef PORT26_SERVE_PLACES_H
#define PORT26_SERVE_PLACES_H

#include "conf/config.h"
#include "place/known.h"
#include "post/letter.h"

#include <jansson.h>

struct loop;
struct places;

/* Reads the record below this folder; a missing or damaged one is none. `l` NULL: only to look at
 * and to forget, saved at once. */
struct places *places_open(struct loop *l, const char *folder);
/* Saves what is not saved; nulls the pointer; NULL is fine. */
void places_close(struct places **p);

/* A courier tells where it is. Is it another place than before, or was the machine asleep? */
bool places_here(struct places *p, const struct letter_place *l);
/* Is one of this relay's doors sure to be open where we are (known_sure)? */
bool places_open_door(const struct places *p, const struct config *c, struct span relay);
void places_note(struct places *p, const struct letter_note *l);
const struct known *places_known(const struct places *p);
/* For a courier: all of it. */
void places_write(const struct places *p, struct text *out);
/* Names a place, "" takes the name away; the key "here" is where we are. False when there is no
 * such place. */
bool places_call(struct places *p, const char *key, struct span called);
/* False when there is no such place. */
bool places_forget(struct places *p, const char *key);

/* New references. All places, the latest first; where we are, null when nobody has told; and the
 * relays with their doors here. */
json_t *places_json(const struct places *p);
json_t *places_json_here(const struct places *p);
json_t *places_json_relays(const struct places *p, const struct config *c);

#endif
