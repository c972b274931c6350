/* Timelines of exchanges. See timeline.h. */
#include "policy/timeline.h"

#include <stdio.h>

#include "base/err.h"

struct timeline *timeline_new(struct arena *a)
{
	struct timeline *t = arena_spare(a, sizeof(*t));
	if (t) {
		t->n = 0;
		t->start_ns = clock_ns();
	}
	return t;
}

void timeline_add_entry(struct timeline *t, struct timeline_entry e)
{
	e.at_us = (uint32_t)((clock_ns() - t->start_ns) / 1000);
	t->v[t->n++ % TIMELINE_MAX] = e;
}

void timeline_add_err(struct timeline *t, const char *what, sluice_str which, int err)
{
	timeline_add_entry(t,
		(struct timeline_entry){ .what = what,
			.which = which,
			.more = err ? err_code(err) : NULL });
}

static int timeline_entry_text(const struct timeline_entry *e, bool first, char *out, size_t room)
{
	char took[32] = "";
	if (e->took_us)
		(void)snprintf(took, sizeof(took), " (%u.%03u ms)", (unsigned)(e->took_us / 1000),
			(unsigned)(e->took_us % 1000));
	return snprintf(out, room, "%s%u.%u ms %s%s%.*s%s%s%s", first ? "" : ", ",
		(unsigned)(e->at_us / 1000), (unsigned)(e->at_us % 1000 / 100), e->what,
		e->which.len ? " " : "", STR_ARG(e->which), took, e->more ? ": " : "",
		e->more ? e->more : "");
}

size_t timeline_text(const struct timeline *t, char out[TIMELINE_TEXT])
{
	uint32_t first = t->n > TIMELINE_MAX ? t->n - TIMELINE_MAX : 0;
	size_t n = 0;
	out[0] = 0;
	if (first)
		n = (size_t)snprintf(out, TIMELINE_TEXT, "(%u earlier), ", (unsigned)first);
	for (uint32_t i = first; i < t->n; i++) {
		int more = timeline_entry_text(&t->v[i % TIMELINE_MAX], i == first, out + n,
			TIMELINE_TEXT - n);
		if (more < 0 || (size_t)more >= TIMELINE_TEXT - n)
			break;
		n += (size_t)more;
	}
	out[n] = 0;
	return n;
}
