/* Rows of a deny list. Places are probed one after another, from that of the print on. */
#include "deny_table.h"

#include <stdlib.h>

enum { ROOM_FIRST = 64 };

static size_t place_of(const struct siphash *print, size_t room)
{
	return (size_t)((unsigned __int128)print->hi * room >> 64);
}

static bool is_free(const struct deny_row *row)
{
	return !row->print.hi;
}

static bool is_print(const struct deny_row *row, const struct siphash *print)
{
	return row->print.lo == print->lo && row->print.hi == print->hi;
}

/* Where the row is, or the free place where it would be. There is a free one. */
static struct deny_row *place_for(struct deny_row *rows, size_t room, const struct deny_row *row)
{
	size_t at = place_of(&row->print, room);
	while (!is_free(&rows[at]) &&
		!(is_print(&rows[at], &row->print) && rows[at].before == row->before))
		at = at + 1 < room ? at + 1 : 0;
	return &rows[at];
}

/* ---- maps ---------------------------------------------------------------------------------- */

static bool map_grow(struct deny_map *m)
{
	size_t room = m->room ? m->room + m->room / 2 : ROOM_FIRST;
	struct deny_row *rows = calloc(room, sizeof *rows);
	if (!rows)
		return false;
	for (size_t i = 0; i < m->room; i++) {
		if (!is_free(&m->rows[i]))
			*place_for(rows, room, &m->rows[i]) = m->rows[i];
	}
	free(m->rows);
	m->rows = rows;
	m->room = room;
	return true;
}

enum deny_put deny_map_put(struct deny_map *m, const struct deny_row *row, size_t max)
{
	if ((m->n + 1) * 4 > m->room * 3 && !map_grow(m))
		return DENY_PUT_NO_MEMORY;
	struct deny_row *at = place_for(m->rows, m->room, row);
	if (is_free(at)) {
		if (m->n >= max)
			return DENY_PUT_FULL;
		m->n++;
	}
	*at = *row;
	return DENY_PUT;
}

/* The rows behind the place move up, as far as they stand behind their own places. */
void deny_map_remove(struct deny_map *m, const struct deny_row *row)
{
	if (!m->room)
		return;
	size_t hole = (size_t)(place_for(m->rows, m->room, row) - m->rows);
	if (is_free(&m->rows[hole]))
		return;
	for (size_t at = hole;;) {
		at = at + 1 < m->room ? at + 1 : 0;
		if (is_free(&m->rows[at]))
			break;
		size_t own = place_of(&m->rows[at].print, m->room);
		bool is_between = hole <= at ? hole < own && own <= at : hole < own || own <= at;
		if (is_between)
			continue;
		m->rows[hole] = m->rows[at];
		hole = at;
	}
	m->rows[hole] = (struct deny_row){ .until = 0 };
	m->n--;
}

void deny_map_purge(struct deny_map *m, uint32_t now_s)
{
	struct deny_map kept = { .n = 0 };
	size_t gone = 0;
	for (size_t i = 0; i < m->room; i++)
		gone += !is_free(&m->rows[i]) && m->rows[i].until <= now_s;
	if (!gone)
		return;
	for (size_t i = 0; i < m->room; i++) {
		if (is_free(&m->rows[i]) || m->rows[i].until <= now_s)
			continue;
		if (deny_map_put(&kept, &m->rows[i], SIZE_MAX) == DENY_PUT)
			continue;
		deny_map_free(&kept); /* no memory: later, then */
		return;
	}
	deny_map_free(m);
	*m = kept;
}

void deny_map_free(struct deny_map *m)
{
	free(m->rows);
	*m = (struct deny_map){ .n = 0 };
}

/* ---- tables -------------------------------------------------------------------------------- */

bool deny_table_make(const struct deny_map *m, uint32_t now_s, struct deny_table **out)
{
	size_t n = 0;
	for (size_t i = 0; i < m->room; i++)
		n += !is_free(&m->rows[i]) && m->rows[i].until > now_s;
	*out = NULL;
	if (!n)
		return true;
	size_t room = n + n / 3 + 8;
	struct deny_table *t = calloc(1, sizeof *t + room * sizeof t->rows[0]);
	if (!t)
		return false;
	atomic_init(&t->refs, 1);
	t->n = n;
	t->room = room;
	for (size_t i = 0; i < m->room; i++) {
		if (!is_free(&m->rows[i]) && m->rows[i].until > now_s)
			*place_for(t->rows, room, &m->rows[i]) = m->rows[i];
	}
	*out = t;
	return true;
}

struct deny_table *deny_table_ref(struct deny_table *t)
{
	if (t)
		atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void deny_table_unref(struct deny_table *t)
{
	if (t && atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1)
		free(t);
}

bool deny_table_has(const struct deny_table *t, const struct siphash *print, uint32_t iat,
	uint32_t now_s)
{
	size_t at = place_of(print, t->room);
	for (; !is_free(&t->rows[at]); at = at + 1 < t->room ? at + 1 : 0) {
		const struct deny_row *row = &t->rows[at];
		/* DENY_ALL_TIMES is later than any iat */
		if (is_print(row, print) && now_s < row->until && iat <= row->before)
			return true;
	}
	return false;
}
