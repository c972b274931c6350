/* A deny list from within. deny_list.c has what is known, deny_read.c reads it from Redis, deny.c
 * is the way in. Main thread. */
#ifndef OAUTH_DENY_IMPL_H
#define OAUTH_DENY_IMPL_H

#include "deny.h"

enum { DENY_CURSOR_MAX = 24, DENY_WHY = 200 };

#define MS_TO_NS(ms) ((ms)*UINT64_C(1000000))

/* A reading of the whole set, page by page. */
struct deny_reading {
	bool is_under_way;
	bool again; /* it began too early: another one has to follow */
	bool has_expired;
	char cursor[DENY_CURSOR_MAX];
	struct deny_map found;
	/* what messages said meanwhile; it counts more than what pages say */
	struct deny_map news;
	uint64_t begun_ns;
	uint64_t malformed;
	uint32_t full_until;     /* as in struct deny_list */
	struct deny_sub *reader; /* borrowed: whose commands they are */
};

struct deny_list {
	struct deny_list *next;
	const sluice_store *store; /* borrowed: as long as there are subs */
	sluice_str key;            /* owned */
	struct deny_sub *subs;

	struct deny_map map;
	struct deny_table *table; /* a reference */
	bool is_dirty;            /* map says more than table */
	/* Members had no room that matter until then: the list is not whole. 0: it is. */
	uint32_t full_until;
	uint32_t purged_s;           /* the map has no rows that were over then, but newer ones */
	uint64_t made_ns, making_ns; /* when the table was made, and how long it took */

	bool is_connected; /* to the channel, by the leader */
	bool was_read;
	bool is_current;     /* connected, and since then read into the table */
	bool no_trim;        /* Redis does not let us remove */
	uint64_t current_ns; /* while it is not current: when it was last */
	uint64_t read_ns;    /* when to read next; UINT64_MAX: not planned */
	unsigned failed;     /* readings in a row */
	uint64_t failures;
	uint64_t malformed; /* members of the last reading, and messages since */
	char why[DENY_WHY];
	struct deny_reading reading;
};

/* ---- deny_list.c --------------------------------------------------------------------------- */

static inline uint32_t deny_now_s(void)
{
	return (uint32_t)(sluice_unix_ms() / 1000);
}
/* The first that is in force; it alone reads and listens. NULL: none is. */
struct deny_sub *deny_leader(const struct deny_list *l);
uint64_t deny_max_entries(const struct deny_list *l);
/* The longest of all who are in force. */
uint64_t deny_leeway(const struct deny_list *l);
/* Rows that end by then matter to nobody. */
uint32_t deny_over_s(const struct deny_list *l);
void deny_put_row(struct deny_list *l, const struct deny_row *row);
/* When the next table is due; UINT64_MAX: it is not. */
uint64_t deny_table_due(const struct deny_list *l);
/* Make it if it is due, and tell the subscribers. */
void deny_make_table(struct deny_list *l);
/* Make it now, and tell nobody. False: there is no memory, and the old one stays. */
bool deny_replace_table(struct deny_list *l);
enum deny_state deny_state_of(const struct deny_list *l, const struct deny_terms *terms);
/* Have all subscribers take another look. */
void deny_tell_subs(struct deny_list *l, bool has_news);
/* The connection is lost, or a reading failed. */
void deny_set_not_current(struct deny_list *l);

/* ---- deny_read.c --------------------------------------------------------------------------- */

void deny_read_begin(struct deny_list *l);
/* The reader goes: give it up, and read again soon. */
void deny_read_drop(struct deny_list *l);

#endif
