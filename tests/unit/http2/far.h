/*
 * What the tests of connections to upstream servers stand on: a connection on a worker that the
 * test turns, exchanges that keep what they hear, and a server at the far end that writes frames
 * byte by byte and keeps what it gets.
 */
#ifndef FAR_H
#define FAR_H

#include <nghttp2/nghttp2.h>

#include "unit.h"

#include "http2/client.h"
#include "http2/limits.h"
#include "net/worker.h"

struct far;

enum { WAYS_MAX = 512, FAR_STREAMS = 1024, FAR_TEXT = 65536 };

/* One request as its exchange sees it. */
struct way {
	struct far *far;
	struct origin *o; /* NULL: released */
	struct arena arena;
	int status; /* of the final head */
	unsigned interim, heads;
	uint8_t kind;    /* enum body_kind of the final head */
	uint64_t length; /* and its body_length */
	bool has_length;
	char fields[4096], trailers[1024];
	char *body; /* first FAR_TEXT bytes */
	uint64_t body_len;
	unsigned ended, drained, failed;
	int err;
	bool full;
	bool keep; /* is not released by itself when it ends or fails */
	bool take_nothing;
	bool tunnel; /* on_drained also says that all is out */
	void (*on_head)(struct way *v);
	void (*on_fail)(struct way *v);
	/* of the origin, when it failed or was released */
	bool not_processed, sent, answered;
	uint64_t pushed;
};

/* What the server got on one stream. */
struct got {
	uint32_t stream;
	char head[8192], trailers[1024]; /* "name: value\n" ... */
	char *body;
	uint64_t body_len;
	unsigned n_heads, frames;
	bool ended, reset;
	uint32_t reset_code;
	uint64_t credit; /* that WINDOW_UPDATEs gave */
};

struct far {
	struct worker w;
	struct http2_conn_conf conf;
	struct http2_conn *conn; /* NULL: gone */
	unsigned opened, changes, gone;
	int gone_err;
	char why[256];
	void (*on_change)(struct far *f); /* may be NULL */
	struct way ways[WAYS_MAX];
	unsigned n_ways;
	/* the server */
	int listen_fd, fd; /* -1: none */
	bool eof;          /* the gateway closed the connection */
	bool no_updates;   /* WINDOW_UPDATEs only when the test says so */
	bool no_read;
	bool said, owes_ack; /* its own SETTINGS come first */
	size_t preface_left;
	nghttp2_hd_inflater *inflater;
	struct buf in;
	struct got gots[FAR_STREAMS];
	unsigned n_gots;
	uint32_t settings[16];
	bool takes_pings; /* the gateway may ask */
	bool quiet;       /* and gets no answer */
	unsigned n_settings, n_settings_acks, n_ping_acks, n_pings, n_goaway;
	uint32_t goaway_code;
	uint64_t credit; /* of the connection */
	uint64_t data;   /* bytes of DATA */
};

struct far *far_new(void);
/* Connect; the server has said nothing yet. */
void far_open(struct far *f);
/* The same, with the server's SETTINGS: most requests at a time. */
void far_start(struct far *f, uint32_t max_requests);
void far_free(struct far **f);
/* Turn the loop and read, until nothing moves any more. */
void far_run(struct far *f);
void far_wait(struct far *f, unsigned ms);
/* Until *n is not 0, at most so long. */
bool far_until(struct far *f, const unsigned *n, unsigned ms);

/* ---- exchanges ----------------------------------------------------------------------------- */
struct way *way_begin(struct far *f);
/* Begin, and send a head; of a call, where content-type says so. body_length -1: none; -2: of
 * unknown length. The fields: "name", "value", ..., NULL. */
struct way *way_send(struct far *f, const char *method, const char *path, int64_t body_length, ...)
	__attribute__((sentinel));
/* A GET, complete. */
struct way *way_get(struct far *f, const char *path);
/* Push n bytes of a body that can be told: whether it is full. */
bool way_push(struct way *v, size_t n);
bool way_push_text(struct way *v, const char *text);
void way_end(struct way *v);
void way_release(struct way *v);

/* ---- the server's frames ------------------------------------------------------------------- */
void far_bytes(struct far *f, const void *bytes, size_t n);
void far_frame(struct far *f, unsigned type, unsigned flags, uint32_t stream, const void *payload,
	size_t n);
/* "id", value pairs; id 0 ends. */
void far_settings(struct far *f, ...);
size_t far_block(char *to, ...) __attribute__((sentinel));
/* HEADERS with END_HEADERS and these flags. */
void far_headers(struct far *f, uint32_t stream, unsigned flags, ...) __attribute__((sentinel));
void far_data(struct far *f, uint32_t stream, const char *text, bool end);
void far_fill(struct far *f, uint32_t stream, size_t n, bool end); /* n bytes in frames of 16 KiB */
void far_reset(struct far *f, uint32_t stream, uint32_t code);
void far_goaway(struct far *f, uint32_t last, uint32_t code);
void far_update(struct far *f, uint32_t stream, uint32_t n);
void far_close(struct far *f);
struct got *far_got(struct far *f, uint32_t stream);

#endif
