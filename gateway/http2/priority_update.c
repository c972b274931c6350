/* PRIORITY_UPDATE: one frame that is coming in, and the table. See the header. Worker's thread
 * only. */
#include "http2/priority_update.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"

enum { PAYLOAD_MAX = UPDATE_ID_LEN + UPDATE_VALUE_MAX };

struct updates {
	unsigned n;   /* of kept */
	uint32_t len; /* of payload; PAYLOAD_MAX + 1: the payload was longer */
	uint8_t payload[PAYLOAD_MAX];
	struct update kept[UPDATES_MAX]; /* in no order */
};

static struct updates *updates_have(struct updates **u)
{
	if (!*u)
		*u = mem_new(struct updates);
	return *u;
}

void updates_free(struct updates **u)
{
	free(*u);
	*u = NULL;
}

static void updates_free_empty(struct updates **u)
{
	if (*u && (*u)->n == 0)
		updates_free(u);
}

unsigned updates_kept(const struct updates *u)
{
	return u ? u->n : 0;
}

/* ---- the frame ----------------------------------------------------------------------------- */

void updates_add(struct updates **u, const void *bytes, size_t n)
{
	struct updates *t = updates_have(u);
	size_t room = t->len < PAYLOAD_MAX ? PAYLOAD_MAX - t->len : 0;
	if (n > room) { /* the part that has room includes the stream's number */
		memcpy(t->payload + (PAYLOAD_MAX - room), bytes, room);
		t->len = PAYLOAD_MAX + 1;
	} else if (n) {
		memcpy(t->payload + t->len, bytes, n);
		t->len += (uint32_t)n;
	}
}

enum update_kind updates_end(struct updates **u, struct update *out)
{
	struct updates *t = *u;
	enum update_kind kind = UPDATE_TOO_SHORT;
	if (t && t->len >= UPDATE_ID_LEN) {
		const uint8_t *p = t->payload;
		sluice_str value = str_n((const char *)p + UPDATE_ID_LEN, t->len - UPDATE_ID_LEN);
		out->id = ((uint32_t)p[0] & 0x7f) << 24 | (uint32_t)p[1] << 16 |
			(uint32_t)p[2] << 8 | p[3];
		kind = t->len <= PAYLOAD_MAX && priority_parse(value, &out->priority)
			? UPDATE_SAYS
			: UPDATE_SAYS_NONE;
	}
	if (t)
		t->len = 0;
	updates_free_empty(u);
	return kind;
}

/* ---- the table ----------------------------------------------------------------------------- */

bool updates_keep(struct updates **u, const struct update *it)
{
	struct updates *t = updates_have(u);
	unsigned i = 0;
	while (i < t->n && t->kept[i].id != it->id)
		i++;
	if (i == UPDATES_MAX)
		return false;
	t->kept[i] = *it;
	if (i == t->n)
		t->n++;
	return true;
}

bool updates_take(struct updates **u, uint32_t id, struct priority *out)
{
	struct updates *t = *u;
	bool found = false;
	if (!t)
		return false;
	for (unsigned i = 0; i < t->n;) {
		if (t->kept[i].id > id) {
			i++;
			continue;
		}
		if (t->kept[i].id == id) {
			*out = t->kept[i].priority;
			found = true;
		}
		t->kept[i] = t->kept[--t->n];
	}
	if (t->len == 0)
		updates_free_empty(u);
	return found;
}
