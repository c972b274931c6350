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
	/* an upper bound of the bytes of one record on the wire */
	SEALED = RECORD + 256,
	STAGE = 4 * SEALED + 4096, /* a head and 64 KiB of body leave in one send */
	/* bound on encrypted bytes that wait, for a peer that makes OpenSSL answer (key updates)
	 * but does not read */
	LEFT_MAX = 4 * STAGE,
};

/* The working memory of a thread. */
struct scratch {
	/* the stream for which OpenSSL is called: the BIO uses its socket */
	struct stream *current;
	/* owned: shared by all connections of the thread, to save memory */
	BIO *bio;
	size_t len; /* encrypted bytes; 0 between two calls */
	char sealed[STAGE];
	char plain[RECORD]; /* small runs, joined into one record */
};

static __thread struct scratch *scratch;

/* ---- to the socket ------------------------------------------------------------------------- */

static void tls_broke(struct tls *t, unsigned how, int error_no)
{
	t->flags |= (uint16_t)how;
	if (!t->error_no)
		t->error_no = error_no;
}

/* Keep n bytes until the socket accepts more. */
static enum io tls_keep(struct stream *s, const char *p, size_t n)
{
	struct tls *t = s->tls;
	size_t have = t->left_end - t->left_off;
	if (have + n > LEFT_MAX) {
		t->why = "the other side does not read the answers that it asks for";
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

/* Send the bytes that were left. IO_OK: all were sent. */
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

/* Send the encrypted bytes. IO_AGAIN: some are left. */
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
	struct stream *s = scratch->current;
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

/* Accepts all bytes always: they go to the scratch buffer, so OpenSSL never waits for the
 * socket. */
static int tls_bio_write(BIO *b, const char *p, int n)
{
	struct scratch *c = scratch;
	size_t len = (size_t)n;
	BIO_clear_retry_flags(b);
	if (len > STAGE - c->len && tls_push(c->current) == IO_FAIL)
		return -1;
	check(len <= STAGE - c->len, "a TLS record of %zu bytes", len);
	memcpy(c->sealed + c->len, p, len);
	c->len += len;
	return n;
}

/* BIO_CTRL_EOF always says no: OpenSSL would end the other direction as well. */
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

/* To be called before OpenSSL is called for s. The error queue belongs to the thread, so calls for
 * other streams may have left errors there. */
static void tls_begin(struct stream *s)
{
	scratch->current = s;
	if (unlikely(ERR_peek_error()))
		ERR_clear_error();
}

/* Why the last call of OpenSSL failed. */
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
		/* an alert with the reason may have arrived before the close */
		s->flags |= STREAM_RD;
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
		/* the session may be the reason: do not try it again */
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
	/* reading may make OpenSSL write alerts or key updates. If sending them fails, the next
	 * write reports it. */
	(void)tls_push(s);
	/* frees buffers that a ticket needed; does nothing while they hold bytes */
	(void)SSL_free_buffers(t->ssl);
	if (io == IO_EOF)
		s->flags |= STREAM_EOF;
	return got ? IO_OK : io; /* the same condition will be reported by the next call */
}

/* ---- writing ------------------------------------------------------------------------------- */

/* The plaintext of the next record: a full record in place, or as many runs as fit, joined in
 * `plain`. */
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

/* Encrypt as much as one send takes. */
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
			(void)SSL_shutdown(t->ssl); /* close_notify leaves in the same send */
		enum io pushed = tls_push(s);
		if (io == IO_OK || pushed == IO_FAIL)
			io = pushed;
	}
	s->bytes_out = before + (len - s->out.len);
	if (ticket)
		(void)SSL_free_buffers(t->ssl); /* a ticket leaves a read buffer allocated */
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
	/* OpenSSL would discard the session of a connection that ends without close_notify */
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
