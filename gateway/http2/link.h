/*
 * The parts of an HTTP/2 connection that are the same for client and server: the session of the
 * library, its input and output, the meter that judges what comes, the news for exchanges, and the
 * PING that checks whether the peer is alive. server.h and client.h are the ends; they begin and
 * end streams, and know what a message may be.
 *
 *   socket -> http2_link_read -> meter -> library -> the end's callbacks -> news -> exchanges
 *   exchanges -> stream.out, frames -> library -> http2_link_pump -> socket
 *
 * The library gets its input frame by frame. So the meter judges a frame before the library sees
 * it, exchanges are told their news between two frames, when no function of the library is on the
 * stack, and the library gets no more input once it has given up. The library's checks of messages
 * are off: those of Sluice are stricter, and answer with a reason. The library's limits are on,
 * behind the meter.
 *
 * What exchanges send waits in the library's queues and is written when the turn of the loop ends
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
	LINK_ENDING, /* no more is read or framed; exchanges in progress finish */
	LINK_LINGER, /* none is left; the socket closes politely */
	LINK_DEAD,   /* the socket is broken; exchanges in progress finish */
	LINK_CLOSED,
};

/* What differs between the two ends. */
struct http2_end {
	/* Callbacks for what is received, and options of the end's own. Once for the process. */
	void (*set_up)(nghttp2_session_callbacks *cb, nghttp2_option *o);
	/* A frame begins that the meter lets through. False: the library does not get it, and
	 * link.error says why. NULL: it gets all. */
	bool (*admit)(struct http2_link *l, const struct frame_head *f);
	/* After each frame: act on link.error, and on the streams' news. */
	void (*settle)(struct http2_link *l);
	/* News for the exchange of a stream. It may do anything. */
	void (*tell)(struct http2_stream *st, unsigned news);
	/* A DATA frame with n bytes of st->out went into the socket's queue. */
	void (*data_sent)(struct http2_stream *st, size_t n);
	/* Frames were put into the socket's queue, as far as it takes them. NULL: ignored. */
	void (*pumped)(struct http2_link *l);
	/* The error that exchanges get when the connection ends with this code. */
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
	/* when a PING was sent; if later than heard_ns, nothing has come since */
	uint64_t ping_ns;
	uint32_t queue_max;  /* frames other than DATA that may wait to be sent */
	uint8_t state;       /* enum link_state */
	bool invalid;        /* the library refused a frame, and may have given up */
	bool discards_input; /* input is discarded; exchanges in progress finish */
};

/* The socket need not be open yet. on_turn runs at the end of each turn that http2_link_wake() was
 * called in. */
void http2_link_init(struct http2_link *l, const struct http2_end *end, struct stream *s,
	enum link_state state, void (*on_turn)(struct turn_hook *h));
/* Set the state; asserts that the transition is allowed. */
void http2_link_set_state(struct http2_link *l, enum link_state to);

/* Settings of a new session. */
struct http2_opening {
	const nghttp2_settings_entry *settings;
	size_t n_settings;
	int32_t window;    /* bytes of all bodies that may be on their way */
	uint32_t max_head; /* bytes of the largest head */
	bool is_server;
};
/* Create the session, which takes its memory from mem. Its SETTINGS are queued. */
void http2_link_open(struct http2_link *l, const struct http2_opening *o, nghttp2_mem *mem);
/* Free the session. When the link is CLOSED, its turn hook is not called any more. */
void http2_link_close(struct http2_link *l);

/* Something waits to be framed or told: do it at the end of the turn. */
void http2_link_wake(struct http2_link *l);
/* Wake it if the library has something to write. */
static inline void http2_link_wake_to_write(struct http2_link *l)
{
	if (l->state == LINK_OPEN && nghttp2_session_want_write(l->h2))
		http2_link_wake(l);
}
/* The connection has to end: end->settle() ends it. */
void http2_link_fail(struct http2_link *l, uint32_t code);
/* Read, and pass to the library, until no bytes wait or other connections have their turn; awaits:
 * bytes of the peer are due (stream_turn_goes_on). IO_EOF, IO_FAIL: it has ended; IO_AGAIN: more
 * will come, or the end has taken the link out of LINK_OPEN. */
enum io http2_link_read(struct http2_link *l, bool awaits);
/* Frame what there is to send, as much as the socket's queue wants. */
void http2_link_pump(struct http2_link *l);
/* Tell the exchanges their news. */
void http2_link_tell(struct http2_link *l);
/*
 * Check whether the peer is alive, for a stream that may be silent for long. When nothing has come
 * for quiet_ns, one PING is sent for all streams, and must be answered within answer_ns. Returns
 * after how many ns to call this again; 0: there was no answer.
 */
uint64_t http2_link_probe(struct http2_link *l, uint64_t quiet_ns, uint64_t answer_ns);

/* ---- its streams --------------------------------------------------------------------------- */

/* The stream of that number; NULL: it has ended, or was released. */
static inline struct http2_stream *http2_link_stream(const struct http2_link *l, int32_t id)
{
	return nghttp2_session_get_stream_user_data(l->h2, id);
}
/* Add st to l. It is zeroed, except for what the end has set. */
void http2_stream_init(struct http2_stream *st, struct http2_link *l,
	void (*on_due)(struct timer *t));
/* Remove st from its link, and free what it holds. The end frees st itself. */
void http2_stream_fini(struct http2_stream *st);
/* Note news for the exchange, unless it has had its last event. It is told when the turn ends. */
void http2_stream_note(struct http2_stream *st, unsigned news);
/* The same where somebody tells it before that: in callbacks while bytes are fed, and before
 * http2_link_tell(). */
void http2_stream_news(struct http2_stream *st, unsigned news);
/* Send RST_STREAM, and drop what was not framed. False: it is too late for that. */
bool http2_stream_reset(struct http2_stream *st, uint32_t code);
/* There is more in `out`, or its end: have the library ask for it. */
void http2_stream_offer(struct http2_stream *st);
/* For HEADERS with a body: where DATA comes from. */
nghttp2_data_provider http2_stream_body(void);

#endif
