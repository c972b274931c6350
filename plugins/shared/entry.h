/*
 * What is known of one key: whose it is, until when it counts, groups, and facts. A draft collects
 * it from a line of a file, from an option or from a store, and checks each piece. Packed, it is
 * one piece of memory, in a table of keys or in a cache; an entry shows what is packed. Any thread.
 * Compiled into each module whose clients have keys.
 */
#ifndef PLUGINS_SHARED_ENTRY_H
#define PLUGINS_SHARED_ENTRY_H

#include <sluice/str.h>

enum { ENTRY_NAME_MAX = 255, ENTRY_GROUPS_MAX = 1024, ENTRY_FACTS_MAX = 16 };
enum { ENTRY_FACT_NAME_MAX = 64, ENTRY_FACT_MAX = 256 };

struct draft {
	bool expires;
	int64_t expires_ms;
	sluice_str name, groups; /* borrowed, as all texts of a draft */
	sluice_pair facts[ENTRY_FACTS_MAX];
	size_t n_facts;
};

struct entry {
	bool expires;
	int64_t expires_ms;      /* since 1970 */
	sluice_str name, groups; /* groups: "a,b"; empty: none */
	sluice_str facts;        /* NAME NUL VALUE NUL ...: see entry_fact() */
};

/* Add a piece by its name: name, expires, groups; any other name is a fact. NULL, or the rest of a
 * sentence that says why not. */
const char *draft_add(struct draft *d, sluice_str name, sluice_str value);
/* The same for one group of a list that has to be joined: why it is no name of a group. */
const char *draft_group_refused(sluice_str group);
/* Whether all is there that must be. NULL, or as above. */
const char *draft_refused(const struct draft *d);

/* How many bytes it takes packed; and packing it there. */
size_t draft_size(const struct draft *d);
void draft_pack(const struct draft *d, char *to);

/* False: these are not bytes that draft_pack() has written. The entry's texts lie in them. */
bool entry_unpack(sluice_str packed, struct entry *out);
/* Take the next fact off; *rest is e->facts at first. */
bool entry_fact(sluice_str *rest, sluice_pair *out);

bool entry_is_expired(const struct entry *e, uint64_t now_ms);
/* Whether it is in one of the groups. */
bool entry_is_in(const struct entry *e, const sluice_strs *groups);

/* Tell the gateway, and so later plugins and the log, whose request this is. Worker. False: that
 * cannot be done. */
bool entry_identify(const struct entry *e, sluice_exchange *x);

#endif
