/*
 * What compresses: one interface for gzip, brotli and zstd. A coder serves one response at a time,
 * and then another one; pool.h keeps them. Worker's thread, but for the tables.
 */
#ifndef PLUGINS_COMPRESS_CODER_H
#define PLUGINS_COMPRESS_CODER_H

#include "conf.h"

enum coder_op {
	CODER_MORE,  /* more comes soon: bytes may be held */
	CODER_FLUSH, /* all that was given can be read by the client from what comes out */
	CODER_END    /* the same, and the body ends */
};

enum coder_result {
	CODER_DONE,  /* all bytes were taken, and what op promises came out */
	CODER_AGAIN, /* out is full: call again with the rest */
	CODER_FAILED
};

/* What one call of step() takes and gives. */
struct coder_io {
	sluice_str in; /* step() moves it on; at most CODER_PIECE bytes */
	char *out;
	size_t room, n; /* bytes of out, and how many step() wrote */
};

enum { CODER_PIECE = 16 * 1024 };

struct coder {
	const struct coder_ops *ops;
	struct coder *next; /* among those that rest */
};

struct coder_ops {
	enum coding coding;
	sluice_str name; /* as in Accept-Encoding and Content-Encoding */
	unsigned level_max;
	/* bytes that a coder of that level takes at most */
	size_t (*cost)(unsigned level);
	/* NULL: no memory */
	struct coder *(*new)(unsigned level);
	/* A new response. False: no memory. */
	bool (*begin)(struct coder *c, unsigned level);
	enum coder_result (*step)(struct coder *c, enum coder_op op, struct coder_io *io);
	void (*free)(struct coder *c);
};

/* NULL: the plugin was built without it. */
extern const struct coder_ops coder_gzip;
const struct coder_ops *coder_brotli(void);
const struct coder_ops *coder_zstd(void);

#endif
