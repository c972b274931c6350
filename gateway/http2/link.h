/*
 * One HTTP/2 connection, as its two ends have it in common: the session of the library, what it is
 * fed and what it has to send, the meter that judges what comes, the news for exchanges, and the
 * PING that asks whether the peer is alive. server.h and client.h are the ends; they begin and end
 * streams, and know what a message may be.
 *
 *   socket -> http2_link_read -> meter -> library -> the end's callbacks -> news -> exchanges
 *   exchanges -> stream.out, frames -> library -> http2_link_pump -> socket
 *
 * The library is fed frame by frame. So the meter judges a frame before the library sees it,
 * exchanges hear their news between two frames, when no function of the library is on the stack,
 * and nothing is fed to it once it has given up. Its own checks of messages are off: ours are
 * stricter, and answer with a reason. Its limits stand, and behind the meter.
 *
 * What exchanges do ends in the library's queues and leaves when the turn of the loop ends
 * (http2_link_wake): one write for all streams. Worker's thread only.
 */
#ifndef HTTP2_LINK_H
#define HTTP2_LINK_H

#include <nghttp2/nghttp2.h>

#include "http2/limits.h"
#include "http2/stream.h"
#include "net/stream.h"

enum link_state {
	LINK_OPENING, /* to an upstream server, and not connected yet */
	LINK_OPEN,
	LINK_ENDING, /* nothing is read or framed any more; exchanges in progress finish */
	LINK_LINGER, /* none is left; the socket closes politely */
	LINK_DEAD,   /* the socket is broken; exchanges in progress finish */
	LINK_CLOSED,
};

/* What the ends do differently. */
struct http2_end {
	/* Callbacks for what is received, and options of the end's own. Once for the process. */
	void (*set_up)(nghttp2_session_callbacks *cb, nghttp2_option *o);
	/* A frame begins that the meter lets through. False: it is not fed, and link.error says
	 * why. NULL: all are. */
	bool (*admit)(struct http2_link *l, const struct frame_head *f);
	/* After each frame: act on link.error, and on the streams' news. */
	void (*settle)(struct http2_link *l);
	/* News for the exchange of a stream. It may do anything. */
	void (*tell)(struct http2_stream *st, unsigned news);
	/* A DATA frame with n bytes of st->out went into the socket's queue. */
	void (*data_sent)(struct http2_stream *st, size_t n);
	/* Frames were put into the socket's queue, as far as it takes them. NULL: no matter. */
	void (*pumped)(struct http2_link *l);
	/* What exchanges hear of a connection that ends with this code. */
	int (*why)(uint32_t code);
};

struct http2_link {
	const struct http2_end *end; /* borrowed: const table */
	struct stream *stream;       /* borrowed: of the owner */
	nghttp2_session *h2;         /* owned; NULL: not open, or not any more */
	struct list streams;         /* all that are not freed or released */
	struct list news;            /* those with something to tell */
	struct turn_hook turn;
	struct grave grave;
	struct meter meter;
	struct http2_error error; /* of the connection, which has to end; the first counts */
	uint64_t heard_ns;        /* when bytes came last */
	uint64_t ping_ns;         /* when a PING asked; after heard_ns: there is no answer yet */
	uint32_t queue_max;       /* frames other than DATA that may wait to be sent */
	uint8_t state;            /* enum link_state */
	bool invalid;             /* the library refused a frame, and may have given up */
	bool discards_input;      /* what comes in is thrown away; exchanges in progress finish */
};

/* The socket need not be open yet. on_turn runs at the end of each turn that http2_link_wake() was
 * called in. */
void http2_link_init(struct http2_link *l, const struct http2_end *end, struct stream *s,
	enum link_state state, void (*on_turn)(struct turn_hook *h));
/* The door of its states. */
void http2_link_set_state(struct http2_link *l, enum link_state to);

/* What a new session says of itself. */
struct http2_opening {
	const nghttp2_settings_entry *settings;
	size_t n_settings;
	int32_t window;    /* bytes of all bodies on their way */
	uint32_t max_head; /* bytes of the largest head */
	bool is_server;
};
/* Create the session, which takes its memory from mem. Its SETTINGS are queued. */
void http2_link_open(struct http2_link *l, const struct http2_opening *o, nghttp2_mem *mem);
/* Free the session. The link is not in its turn hook any more when it is CLOSED. */
void http2_link_close(struct http2_link *l);

/* Something waits to be framed or told: at the end of the turn. */
void http2_link_wake(struct http2_link *l);
/* The connection has to end: end->settle() sees to it. */
void http2_link_fail(struct http2_link *l, uint32_t code);
/* Read and feed until nothing waits, or others are to have their turn; awaits: the peer owes bytes
 * (stream_turn_goes_on). IO_EOF, IO_FAIL: it has ended; IO_AGAIN: more will come, or the end has
 * taken the link out of LINK_OPEN. */
enum io http2_link_read(struct http2_link *l, bool awaits);
/* Frame what there is to send, as much as the socket's queue wants. */
void http2_link_pump(struct http2_link *l);
/* Tell the exchanges what they have to hear. */
void http2_link_tell(struct http2_link *l);
/*
 * Whether the peer is still there, asked on behalf of a stream that may be silent for long. Once
 * nothing came for quiet_ns a PING asks, for all streams, and is to be answered within answer_ns.
 * Returns in how many ns to ask again; 0: there was no answer.
 */
uint64_t http2_link_probe(struct http2_link *l, uint64_t quiet_ns, uint64_t answer_ns);

/* ---- its streams --------------------------------------------------------------------------- */

/* The stream of that number; NULL: it has ended, or nobody has it any more. */
static inline struct http2_stream *http2_link_stream(const struct http2_link *l, int32_t id)
{
	return nghttp2_session_get_stream_user_data(l->h2, id);
}
/* It joins l. st is all zeros, but for what its end has set. */
void http2_stream_init(struct http2_stream *st, struct http2_link *l,
	void (*on_due)(struct timer *t));
/* It leaves, and gives back what it holds. Its memory is the end's. */
void http2_stream_fini(struct http2_stream *st);
/* Something for the exchange to hear, unless it has heard the last. */
void http2_stream_note(struct http2_stream *st, unsigned news);
/* RST_STREAM. What was not framed is dropped. False: too late for that. */
bool http2_stream_reset(struct http2_stream *st, uint32_t code);
/* More of `out`, or its end: have the library ask for it. */
void http2_stream_offer(struct http2_stream *st);
/* For HEADERS with a body: where DATA comes from. */
nghttp2_data_provider http2_stream_body(void);

#endif
