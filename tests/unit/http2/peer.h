/*
 * The peer of an HTTP/2 connection under test: it writes frames byte by byte and keeps what it
 * gets. It is a client of an http2_server (peer_client.h) or a server for an http2_conn
 * (peer_server.h), on a worker that the test turns. This file has what both do.
 */
#ifndef PEER_H
#define PEER_H

#include <nghttp2/nghttp2.h>

#include "unit.h"

#include "http2/client.h"
#include "http2/limits.h"
#include "http2/server.h"
#include "finish.h"
#include "net/worker.h"

struct peer;

enum { CALLS_MAX = 4096, PROBES_MAX = 512, PEER_STREAMS = 4096, PEER_TEXT = 65536 };

/* A request at the handler of the server under test. */
struct call {
	struct peer *peer;
	struct client *c; /* NULL: the test is done with it */
	struct finish finish;
	char head[2048];   /* "GET /path?query host=h body=N" */
	char fields[4096]; /* "name: value\n" ... */
	char trailers[1024];
	char *body; /* first PEER_TEXT bytes */
	uint64_t body_len;
	uint64_t pushed; /* of the response */
	unsigned ended, drained, sent, gone;
	int bad, gone_err;
	bool can_answer;
	bool take_nothing; /* on_body leaves the bytes in the buffer */
	bool keep;         /* not finished when its client is lost */
	bool answered;
	bool full;
};

/* A request of the client under test, with what its exchange would see. */
struct probe {
	struct peer *peer;
	struct origin *o; /* NULL: released */
	struct arena arena;
	int status; /* of the final head */
	unsigned interim, heads;
	uint8_t kind;    /* enum body_kind of the final head */
	uint64_t length; /* its body_length */
	bool has_length;
	char fields[4096], trailers[1024];
	char *body; /* first PEER_TEXT bytes */
	uint64_t body_len;
	unsigned ended, drained, failed;
	int err;
	bool full;
	bool keep; /* not released when it ends or fails */
	bool take_nothing;
	bool tunnel; /* on_drained also reports that everything was sent */
	void (*on_head)(struct probe *v);
	void (*on_fail)(struct probe *v);
	/* of the origin, when it failed or was released */
	bool not_processed, sent, answered;
	uint64_t pushed;
};

/* What the peer got on one stream. */
struct peer_stream {
	uint32_t id;
	int status;                        /* a client's: of the last head; a server's: 0 */
	unsigned interim;                  /* 1xx heads */
	char fields[8192], trailers[1024]; /* "name: value\n" ... without :status */
	char *body;                        /* first PEER_TEXT bytes */
	uint64_t body_len;
	unsigned n_heads, frames; /* HEADERS and DATA frames */
	bool ended, reset;
	uint32_t reset_code;
	uint64_t credit; /* given by WINDOW_UPDATEs */
	/* how many DATA bytes the connection had got before, and with the last */
	uint64_t first_data, last_data;
};

struct peer {
	struct worker w;
	void (*fini)(struct peer *p); /* ends the connection under test */
	void (*rest)(struct peer *p); /* makes it rest if it can; NULL: it never does */
	int fd;                       /* -1: none */
	bool eof;                     /* the connection under test was closed */
	bool quiet;                   /* the peer answers neither SETTINGS nor PING */
	bool no_updates;              /* it sends no WINDOW_UPDATE for what it gets */
	bool no_read;                 /* it leaves everything in the socket */
	bool takes_pings;             /* a PING is no failure of the test */
	bool said, owes_ack;          /* a server's own SETTINGS come before its acknowledgement */
	size_t preface_left;          /* of the preface that a server waits for */
	nghttp2_hd_inflater *inflater;
	struct buf in;
	struct peer_stream streams[PEER_STREAMS];
	unsigned n_streams;
	uint64_t data;         /* DATA bytes of all streams */
	uint64_t credit;       /* given to the connection by WINDOW_UPDATEs */
	uint32_t settings[16]; /* by identifier */
	unsigned n_settings, n_settings_acks, n_pings, n_ping_acks, n_updates, n_goaway;
	uint32_t goaway_code, goaway_last, first_goaway_last;
	union {
		struct { /* the peer is a client */
			struct stream s;
			struct conn_info info;
			struct codec_conf conf;
			struct http2_server *server; /* NULL: closed */
			bool restless;               /* peer_run() does not make it rest */
			void (*on_request)(struct call *call); /* NULL: "200 ok" */
			void (*on_sent)(struct call *call);    /* NULL: finish */
			struct call calls[CALLS_MAX];
			unsigned n_calls;
		};
		struct { /* the peer is a server */
			int listen_fd;
			struct http2_conn_conf conn_conf;
			struct http2_conn *conn; /* NULL: gone */
			unsigned opened, changes, gone;
			int gone_err;
			char why[256];
			void (*on_change)(struct peer *p); /* may be NULL */
			struct probe probes[PROBES_MAX];
			unsigned n_probes;
		};
	};
};

/* Without a connection. For the two kinds of peers. */
struct peer *peer_new(void);
void peer_free(struct peer **p);

/* Turn the loop and read until nothing moves any more. A server under test rests whenever it
 * can. */
void peer_run(struct peer *p);
/* Turn the loop for that long, at least. */
void peer_wait(struct peer *p, unsigned ms);
/* Turn the loop until *n is not 0, at most so long: whether it is. */
bool peer_until(struct peer *p, const unsigned *n, unsigned ms);
void peer_close(struct peer *p);
/* Made when it is not there yet. */
struct peer_stream *peer_stream(struct peer *p, uint32_t id);

/* ---- frames -------------------------------------------------------------------------------- */
void peer_bytes(struct peer *p, const void *bytes, size_t n);
void peer_frame(struct peer *p, unsigned type, unsigned flags, uint32_t stream, const void *payload,
	size_t n);
/* "id", value pairs; id 0 ends. */
void peer_settings(struct peer *p, ...);
/* A header block of literals: "name", "value", ..., NULL. Returns its length. */
size_t peer_block(char *to, ...) __attribute__((sentinel));
/* HEADERS with END_HEADERS and these flags. */
void peer_headers(struct peer *p, uint32_t stream, unsigned flags, ...) __attribute__((sentinel));
void peer_data(struct peer *p, uint32_t stream, const char *text, bool end);
/* n bytes in frames of 16 KiB. */
void peer_fill(struct peer *p, uint32_t stream, size_t n, bool end);
void peer_reset(struct peer *p, uint32_t stream, uint32_t code);
void peer_goaway(struct peer *p, uint32_t last, uint32_t code);
void peer_update(struct peer *p, uint32_t stream, uint32_t n);

/* ---- texts --------------------------------------------------------------------------------- */
void text_add(char *to, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* "name: value\n" for each field that is not dropped. */
void fields_text(char *to, size_t size, const struct fields *f);
/* Move data to the end of a body of which the first PEER_TEXT bytes are kept. */
void body_add(char *body, uint64_t *body_len, struct buf *data);
/* n bytes of a body whose bytes are known by their position, which is *pushed. */
void body_make(struct buf *to, uint64_t *pushed, size_t n);

#endif
