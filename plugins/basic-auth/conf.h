/* The configuration of an instance of basic-auth. */
#ifndef PLUGINS_BASIC_AUTH_CONF_H
#define PLUGINS_BASIC_AUTH_CONF_H

#include <sluice/str.h>

#include "../shared/guess.h"
#include "../shared/watch.h"
#include "pool.h"

/* a file that is watched, and the last content of it that was right */
struct source {
	struct watched file; /* path.data NULL: there is none */
	char *text;          /* owned */
	size_t len;
	bool is_refused; /* the content that was taken last has a mistake */
};

enum { SOURCE_USERS, SOURCE_GROUPS, SOURCES };

struct basic_auth {
	sluice_str file, groups_file, realm;
	sluice_pairs users;
	sluice_strs groups;
	bool forward_credentials;
	uint64_t cache, cache_ttl;
	sluice_rate failures;
	uint64_t threads, queue, timeout, refresh;

	/* set by check() and start() */
	sluice_instance *inst;
	sluice_str challenge;
	const uint64_t *key; /* of all hashes of this process */
	struct guess guess;
	sluice_cache *remembered; /* NULL: nothing is remembered */
	struct pool *pool;        /* owned */
	size_t n_users;           /* that were published last */
	const sluice_metric *logins, *users_known, *refused_files;

	struct source sources[SOURCES]; /* main thread */
};

#endif
