/* The TLS transport. One OpenSSL object for each connection, over a BIO that reads and writes the
 * stream's socket. */
#include "tls/transport.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tls/session.h"
#include "tls/state.h"

enum {
	RECORD = SSL3_RT_MAX_PLAIN_LENGTH,
	/* most that one record takes on the wire, with room to spare */
	SEALED = RECORD + 256,
	STAGE = 4 * SEALED + 4096, /* a head and 64 KiB of body leave in one send */
	/* bound on sealed bytes that wait: the other side makes OpenSSL answer, and does not read
	 */
	LEFT_MAX = 4 * STAGE,
};

/* Of the thread. */
struct scratch {
	/* the stream for which OpenSSL was called: what it reads and writes goes to its socket */
	struct stream *at_work;
	/* owned: shared by all connections of the thread, so that none needs one of its own */
	BIO *bio;
	size_t len; /* sealed; 0 between two calls */
	char sealed[STAGE];
	char plain[RECORD]; /* small runs that are to be one record */
};

static __thread struct scratch *scratch;

/* ---- to the socket ------------------------------------------------------------------------- */

static void tls_broke(struct tls *t, unsigned how, int error_no)
{
	t->flags |= (uint16_t)how;
	if (!t->error_no)
		t->error_no = error_no;
}

/* Keep n bytes for when the socket takes some again. */
static enum io tls_keep(struct stream *s, const char *p, size_t n)
{
	struct tls *t = s->tls;
	size_t have = t->left_end - t->left_off;
	if (have + n > LEFT_MAX) {
		t->why = "the other side does not read what it asks for";
		tls_broke(t, TLS_BROKEN, EPROTO);
		return IO_FAIL;
	}
	char *grown = mem_array(char, have + n);
	if (have)
		memcpy(grown, t->left + t->left_off, have);
	memcpy(grown + have, p, n);
	free(t->left);
	t->left = grown;
	t->left_off = 0;
	t->left_end = (uint32_t)(have + n);
	s->flags |= STREAM_OWED;
	return IO_OK;
}

/* IO_OK: nothing is left. */
static enum io tls_send_left(struct stream *s)
{
	struct tls *t = s->tls;
	while (t->left) {
		struct iovec iov = { t->left + t->left_off, t->left_end - t->left_off };
		size_t n;
		enum io io = stream_raw_write(s, &iov, 1, iov.iov_len, &n);
		if (io == IO_FAIL)
			tls_broke(t, TLS_MUTE, errno);
		if (io != IO_OK)
			return io;
		t->left_off += (uint32_t)n;
		if (t->left_off == t->left_end) {
			free(t->left);
			t->left = NULL;
			t->left_off = t->left_end = 0;
			s->flags &= (uint16_t)~STREAM_OWED;
		}
	}
	return IO_OK;
}

/* Send what was sealed. IO_AGAIN: some of it is left. */
static enum io tls_push(struct stream *s)
{
	struct scratch *c = scratch;
	size_t n = 0, len = c->len;
	if (!len)
		return IO_OK;
	c->len = 0;
	if (((struct tls *)s->tls)->flags & TLS_MUTE)
		return IO_FAIL;
	enum io io = tls_send_left(s);
	if (io == IO_OK) {
		struct iovec iov = { c->sealed, len };
		io = stream_raw_write(s, &iov, 1, len, &n);
		if (io == IO_FAIL)
			tls_broke(s->tls, TLS_MUTE, errno);
	}
	if (io == IO_FAIL || n == len)
		return io;
	io = tls_keep(s, c->sealed + n, len - n);
	return io == IO_OK ? IO_AGAIN : io;
}

/* ---- the BIO ------------------------------------------------------------------------------- */

static BIO_METHOD *bio_method;
static pthread_once_t bio_once = PTHREAD_ONCE_INIT;

static int tls_bio_read(BIO *b, char *p, int n)
{
	struct stream *s = scratch->at_work;
	struct tls *t = s->tls;
	struct iovec iov = { p, (size_t)n };
	size_t got;
	BIO_clear_retry_flags(b);
	switch (stream_raw_read(s, &iov, 1, iov.iov_len, &got)) {
	case IO_OK:
		return (int)got;
	case IO_AGAIN:
		BIO_set_retry_read(b);
		return -1;
	case IO_EOF:
		t->flags |= TLS_RAW_EOF;
		return 0;
	case IO_FAIL:
		tls_broke(t, TLS_BROKEN, errno);
		break;
	}
	return -1;
}

/* Never short and never put off: OpenSSL need not know whether the socket takes bytes. */
static int tls_bio_write(BIO *b, const char *p, int n)
{
	struct scratch *c = scratch;
	size_t len = (size_t)n;
	BIO_clear_retry_flags(b);
	if (len > STAGE - c->len && tls_push(c->at_work) == IO_FAIL)
		return -1;
	check(len <= STAGE - c->len, "a TLS record of %zu bytes", len);
	memcpy(c->sealed + c->len, p, len);
	c->len += len;
	return n;
}

/* An end is not told by BIO_CTRL_EOF: OpenSSL would end the other direction as well. */
static long tls_bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)b, (void)num, (void)ptr;
	return cmd == BIO_CTRL_FLUSH || cmd == BIO_CTRL_DUP;
}

static int tls_bio_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

static void tls_bio_once(void)
{
	bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
	check(bio_method && BIO_meth_set_read(bio_method, tls_bio_read) &&
			BIO_meth_set_write(bio_method, tls_bio_write) &&
			BIO_meth_set_ctrl(bio_method, tls_bio_ctrl) &&
			BIO_meth_set_create(bio_method, tls_bio_create),
		"out of memory: %s", "a BIO method");
}

static struct scratch *scratch_new(void)
{
	(void)pthread_once(&bio_once, tls_bio_once);
	scratch = mem_new(struct scratch);
	scratch->bio = BIO_new(bio_method);
	check(scratch->bio, "out of memory: %s", "a BIO");
	return scratch;
}

static struct scratch *scratch_get(void)
{
	return likely(scratch) ? scratch : scratch_new();
}

void tls_thread_fini(void)
{
	if (scratch)
		BIO_free(scratch->bio);
	free(scratch);
	scratch = NULL;
}

/* ---- state --------------------------------------------------------------------------------- */

struct tls *tls_state_new(SSL *ssl, unsigned flags)
{
	struct tls *t = mem_new(struct tls);
	BIO *bio = scratch_get()->bio;
	(void)BIO_up_ref(bio);
	SSL_set_bio(ssl, bio, bio);
	t->ssl = ssl;
	t->flags = (uint16_t)flags;
	return t;
}

/* Before OpenSSL is called for s. Its queue of errors belongs to the thread: calls for other
 * streams may have left something there. */
static void tls_begin(struct stream *s)
{
	scratch->at_work = s;
	if (unlikely(ERR_peek_error()))
		ERR_clear_error();
}

/* Why the call before did not do it. */
static enum io tls_why(struct tls *t)
{
	unsigned long error = ERR_get_error();
	if (error) {
		ERR_clear_error();
		if (!t->error)
			t->error = error;
		tls_broke(t, TLS_BROKEN, 0);
	}
	if (t->flags & TLS_BROKEN)
		return IO_FAIL;
	if ((t->flags & TLS_RAW_EOF) || (SSL_get_shutdown(t->ssl) & SSL_RECEIVED_SHUTDOWN))
		return IO_EOF;
	if (SSL_want_read(t->ssl)) {
		t->flags |= TLS_STARVED;
		return IO_AGAIN;
	}
	t->why = "the TLS library gave no reason";
	tls_broke(t, TLS_BROKEN, 0);
	return IO_FAIL;
}

/* ---- handshake ----------------------------------------------------------------------------- */

static enum io tls_handshake(struct stream *s)
{
	struct tls *t = s->tls;
	if (t->flags & TLS_BROKEN)
		return IO_FAIL;
	(void)tls_send_left(s);
	if (!(s->flags & (STREAM_RD | STREAM_EOF)) && (t->flags & TLS_STARVED))
		return IO_AGAIN;
	tls_begin(s);
	t->flags &= (uint16_t)~TLS_STARVED;
	enum io io = SSL_do_handshake(t->ssl) == 1 ? IO_OK : tls_why(t);
	if (tls_push(s) == IO_FAIL && io == IO_AGAIN) {
		s->flags |= STREAM_RD; /* the other side may have said why before it left */
		io = SSL_do_handshake(t->ssl) == 1 ? IO_OK : tls_why(t);
	}
	if (t->flags & TLS_MUTE)
		io = IO_FAIL;
	if (io == IO_OK) {
		t->flags |= TLS_OPEN;
		(void)SSL_free_buffers(t->ssl);
		if (t->slot)
			tls_session_opened(t->slot, t->ssl);
		s->bytes_in = s->bytes_out = 0;
	} else if (io != IO_AGAIN && t->slot) {
		/* not again with a session that may be the reason */
		tls_session_slot_fini(t->slot);
	}
	return io;
}

/* ---- reading ------------------------------------------------------------------------------- */

static bool tls_pending(const struct stream *s)
{
	const struct tls *t = s->tls;
	return !(t->flags & (TLS_STARVED | TLS_BROKEN)) && SSL_has_pending(t->ssl);
}

static enum io tls_fill(struct stream *s, struct tls *t, struct buf_room *room, size_t *got)
{
	for (int i = 0; i < room->n; i++) {
		char *at = room->iov[i].iov_base;
		size_t len = room->iov[i].iov_len, n;
		while (len) {
			if (SSL_read_ex(t->ssl, at, len, &n) != 1)
				return tls_why(t);
			*got += n;
			at += n;
			len -= n;
			if (!(s->flags & STREAM_RD) && !SSL_has_pending(t->ssl))
				return IO_OK;
		}
	}
	return IO_OK;
}

static enum io tls_read(struct stream *s, size_t want)
{
	struct tls *t = s->tls;
	struct buf_room room;
	uint64_t before = s->bytes_in;
	size_t got = 0;
	if (t->flags & TLS_BROKEN)
		return IO_FAIL;
	if (!(s->flags & (STREAM_RD | STREAM_EOF)) && !tls_pending(s))
		return IO_AGAIN;
	tls_begin(s);
	t->flags &= (uint16_t)~TLS_STARVED;
	buf_room(&s->in, want, &room);
	enum io io = tls_fill(s, t, &room, &got);
	buf_room_take(&s->in, &room, got);
	s->bytes_in = before + got;
	/* reading makes OpenSSL write now and then: alerts, key updates. Whether that went, the
	 * next write tells. */
	(void)tls_push(s);
	/* those it made for a ticket or the like; does nothing while bytes wait in them */
	(void)SSL_free_buffers(t->ssl);
	if (io == IO_EOF)
		s->flags |= STREAM_EOF;
	return got ? IO_OK : io; /* what stopped it will do so again */
}

/* ---- writing ------------------------------------------------------------------------------- */

/* What the next record holds: a full one from where it lies, or all runs that fit into one as they
 * are. */
static sluice_str tls_next_record(const struct buf *out, char *plain)
{
	struct iovec iov[BUF_IOV_MAX];
	size_t total, len = 0;
	int n = buf_iov(out, iov, BUF_IOV_MAX, &total), fit = 0;
	while (fit < n && len + iov[fit].iov_len <= RECORD)
		len += iov[fit++].iov_len;
	if (fit == 0)
		return str_n(iov[0].iov_base, RECORD);
	if (fit == 1)
		return str_n(iov[0].iov_base, len);
	char *at = plain;
	for (int i = 0; i < fit; i++) {
		memcpy(at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	return str_n(plain, len);
}

/* Seal as much as is sent at once. */
static enum io tls_seal(struct stream *s, struct tls *t)
{
	struct scratch *c = scratch;
	while (s->out.len && STAGE - c->len >= SEALED) {
		sluice_str record = tls_next_record(&s->out, c->plain);
		size_t n;
		if (SSL_write_ex(t->ssl, record.data, record.len, &n) != 1) {
			enum io io = tls_why(t);
			return io == IO_EOF ? IO_FAIL : io;
		}
		buf_drain(&s->out, n);
	}
	return IO_OK;
}

static enum io tls_write(struct stream *s)
{
	struct tls *t = s->tls;
	uint64_t before = s->bytes_out;
	size_t len = s->out.len;
	if (t->flags & (TLS_BROKEN | TLS_MUTE)) {
		errno = t->error_no ? t->error_no : EPROTO;
		return IO_FAIL;
	}
	tls_begin(s);
	enum io io = tls_send_left(s);
	bool ticket = io == IO_OK && s->out.len && (t->flags & TLS_TICKET_DUE);
	if (ticket) {
		t->flags &= (uint16_t)~TLS_TICKET_DUE;
		(void)SSL_new_session_ticket(t->ssl);
	}
	while (io == IO_OK && s->out.len) {
		io = tls_seal(s, t);
		if (io == IO_OK && !s->out.len && (s->flags & STREAM_LAST))
			(void)SSL_shutdown(t->ssl); /* goes out in the same call */
		enum io pushed = tls_push(s);
		if (io == IO_OK || pushed == IO_FAIL)
			io = pushed;
	}
	s->bytes_out = before + (len - s->out.len);
	if (ticket)
		(void)SSL_free_buffers(t->ssl); /* a ticket leaves one for reading behind */
	if (io == IO_FAIL)
		errno = t->error_no ? t->error_no : EPROTO;
	return io;
}

/* ---- the end ------------------------------------------------------------------------------- */

static void tls_finish(struct stream *s)
{
	struct tls *t = s->tls;
	uint64_t before = s->bytes_out;
	if (!(t->flags & TLS_OPEN) || (t->flags & (TLS_BROKEN | TLS_MUTE)) ||
		(SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN))
		return;
	tls_begin(s);
	(void)SSL_shutdown(t->ssl);
	(void)tls_push(s);
	ERR_clear_error();
	s->bytes_out = before;
}

static void tls_free(struct stream *s)
{
	struct tls *t = s->tls;
	if (!t)
		return;
	/* a session stays good when its connection ends without a farewell */
	if ((t->flags & TLS_OPEN) && !t->error)
		SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(t->ssl);
	free(t->left);
	free(t);
}

const struct transport transport_tls = {
	.read = tls_read,
	.write = tls_write,
	.handshake = tls_handshake,
	.pending = tls_pending,
	.finish = tls_finish,
	.free = tls_free,
};
