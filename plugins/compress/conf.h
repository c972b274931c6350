/* The configuration of the plugin compress, and what is derived from it. */
#ifndef PLUGINS_COMPRESS_CONF_H
#define PLUGINS_COMPRESS_CONF_H

#include <sluice/plugin.h>

/* Content codings, the one that the gateway prefers first. */
enum coding { CODING_ZSTD, CODING_BR, CODING_GZIP, CODINGS };

struct levels {
	uint64_t zstd, br, gzip;
};

struct compress {
	sluice_strs encodings, types;
	uint64_t min_size, memory;
	struct levels level;
	bool strip_accept_encoding;

	/* set by check() */
	const struct coder_ops *order[CODINGS]; /* as in encodings */
	size_t n_order;
	unsigned level_of[CODINGS];
	const sluice_expr *accept; /* Accept-Encoding of the request, all lines */
	const sluice_metric *responses, *input, *output, *full, *held;
};

#endif
