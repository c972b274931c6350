/* The configuration of an instance of key-auth. */
#ifndef PLUGINS_KEY_AUTH_CONF_H
#define PLUGINS_KEY_AUTH_CONF_H

#include "../shared/guess.h"
#include "../shared/watch.h"
#include "keys.h"
#include "source.h"

enum on_store_failure { ON_FAILURE_DENY, ON_FAILURE_STALE };

struct key_auth {
	sluice_strs from;
	sluice_blocks keys; /* of struct key_option */
	sluice_str file;
	const sluice_store *store; /* NULL: none */
	sluice_str prefix;
	uint64_t timeout, cache, cache_ttl, wrong_ttl;
	int32_t on_store_failure; /* enum on_store_failure */
	uint64_t stale_for;
	sluice_strs groups;
	sluice_str realm;
	bool forward_key;
	sluice_rate failures;
	uint64_t refresh;

	/* set by check() */
	sluice_instance *inst;
	struct place sources[SOURCES_MAX];
	size_t n_sources;
	sluice_str challenge;
	const char *missing; /* a sentence: where a key is expected */
	struct guess guess;
	const sluice_store *wrong; /* a table of cells: keys that were wrong */
	sluice_cache *remembered;  /* keys of the store; NULL: none is remembered */
	uint64_t generation;       /* of this instance: what older ones remembered does not count */
	const sluice_metric *checks, *lookups, *keys_known, *refused_files;

	/* main thread */
	struct watched watched;
	bool file_is_refused;
	size_t n_keys; /* that were published last */
};

/* Of one worker. */
struct key_auth_worker {
	void *digest; /* owned: EVP_MD_CTX */
};

#endif
