/*
 * The listening sockets of the process. They are opened, or taken from those it was started with,
 * before a configuration is put in force, because that can fail. The files of unix sockets are
 * removed with their listener. Main thread.
 */
#include "app/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/inherited.h"
#include "base/log.h"
#include "base/mem.h"

static struct served *sockets_served(struct process *p, const struct addr *a)
{
	for (size_t i = 0; i < p->n_served; i++) {
		if (addr_eq(&p->served[i].addr, a))
			return &p->served[i];
	}
	return NULL;
}

/* An address may overlap one that this process serves, as 0.0.0.0:80 and 127.0.0.1:80. No other
 * process can have bound it meanwhile without our consent, so our own socket must not count as a
 * conflict. */
static enum listener_claim sockets_claim(const struct process *p, const struct snapshot *s,
	const struct addr *a, size_t before)
{
	if (inherited_overlaps(a))
		return LISTENER_BESIDE_OURS;
	for (size_t i = 0; i < p->n_served; i++) {
		if (addr_overlaps(&p->served[i].addr, a))
			return LISTENER_BESIDE_OURS;
	}
	for (size_t i = 0; i < before; i++) {
		if (addr_overlaps(&s->listeners[i].addr, a))
			return LISTENER_BESIDE_OURS;
	}
	return LISTENER_ALONE;
}

void apply_hint(struct diag *d, int err)
{
	if (err == -EADDRINUSE)
		diag_hint(d, "another program has this address; `ss -ltnp` tells which");
	else if (err == -EACCES)
		diag_hint(d,
			"ports below 1024 need root or CAP_NET_BIND_SERVICE; for a unix socket, "
			"the folder must be writable");
	else if (err == -EAFNOSUPPORT)
		diag_hint(d, "say BindIPv6Only=ipv6-only in the socket unit");
	else if (err == -EPERM)
		diag_hint(d,
			"giving a socket file to another user or group needs CAP_CHOWN, or "
			"membership in the group");
}

static void opened_close(struct opened *o, const struct addr *a)
{
	for (unsigned i = 0; i < o->n; i++)
		(void)close(o->fds[i]);
	if (o->n && o->inherited == INHERITED_NONE && a->sa.sa_family == AF_UNIX)
		(void)unlink(a->un.sun_path); /* made a moment ago by this call */
	free(o->fds);
}

void sockets_close(const struct snapshot *s, struct opened *v)
{
	for (size_t i = 0; i < s->n_listeners; i++)
		opened_close(&v[i], &s->listeners[i].addr);
	free(v);
}

/* Duplicates of the n sockets that the process was started with for a: each worker gets one, and
 * all of them are with a worker. */
static int opened_duplicate(struct opened *o, const int *fds, unsigned n, unsigned n_workers)
{
	unsigned most = n > n_workers ? n : n_workers;
	o->fds = mem_array(int, most);
	o->n_own = n;
	for (; o->n < most; o->n++) {
		o->fds[o->n] = fcntl(fds[o->n % n], F_DUPFD_CLOEXEC, 0);
		if (o->fds[o->n] < 0)
			return -errno;
	}
	return 0;
}

static int opened_adopt(struct opened *o, const struct snapshot_listener *l, const int *fds,
	unsigned n, unsigned n_workers)
{
	int err = opened_duplicate(o, fds, n, n_workers);
	for (unsigned i = 0; i < n && !err; i++)
		err = listener_adopt(o->fds[i], &l->addr, (int)l->conf->backlog);
	return err;
}

static int opened_bind(struct opened *o, const struct snapshot_listener *l,
	enum listener_claim claim, unsigned n_workers)
{
	const struct listener_how how = { n_workers, (int)l->conf->backlog, claim, l->access };
	o->fds = mem_array(int, n_workers);
	int err = listener_open_how(&l->addr, &how, o->fds);
	if (err)
		return err;
	o->n = n_workers;
	o->n_own = l->addr.sa.sa_family == AF_UNIX ? 1 : n_workers;
	return 0;
}

static void sockets_say(struct diag *d, const struct snapshot *s, const struct snapshot_listener *l,
	int err)
{
	char text[ADDR_TEXT];
	(void)addr_text(&l->addr, text);
	(void)diag_error(d, &(struct mark){ .file = s->file },
		"listener %.*s cannot listen on %s: %s", STR_ARG(l->conf->name), text,
		err == -EAFNOSUPPORT ? "the socket that it was given takes IPv4 as well"
				     : strerror(-err));
	apply_hint(d, err);
}

/* Sockets of listener i; o stays empty where its address is served already. */
static int sockets_open_one(struct process *p, const struct snapshot *s, size_t i, struct opened *o)
{
	const struct snapshot_listener *l = &s->listeners[i];
	const int *fds;
	unsigned n;
	if (sockets_served(p, &l->addr))
		return 0;
	o->inherited = inherited_find(&l->addr, &fds, &n);
	if (o->inherited != INHERITED_NONE)
		return opened_adopt(o, l, fds, n, p->n_workers);
	return opened_bind(o, l, sockets_claim(p, s, &l->addr, i), p->n_workers);
}

struct opened *sockets_open(struct process *p, const struct snapshot *s, struct diag *d)
{
	struct opened *v = mem_array(struct opened, s->n_listeners);
	for (size_t i = 0; i < s->n_listeners; i++) {
		int err = sockets_open_one(p, s, i, &v[i]);
		if (err == 0)
			continue;
		sockets_say(d, s, &s->listeners[i], err);
		sockets_close(s, v);
		return NULL;
	}
	return v;
}

/* ---- what is served ------------------------------------------------------------------------ */

static void served_begin(struct served *v, const struct snapshot_listener *l,
	const struct opened *o)
{
	v->addr = l->addr;
	v->lent = o->inherited == INHERITED_LENT;
	if (!v->lent)
		listener_file_note(&v->file, &v->addr);
	if (o->inherited == INHERITED_TAKEN && v->addr.sa.sa_family == AF_UNIX) {
		/* the file may say otherwise than when the socket was made */
		int err = listener_set_access(&v->addr, &l->access);
		if (err)
			log_error("listener", "%.*s: the mode or owner of its file stays: %s",
				STR_ARG(l->conf->name), strerror(-err));
	}
	v->fds = mem_array(int, o->n_own);
	v->n_fds = o->n_own;
	memcpy(v->fds, o->fds, o->n_own * sizeof(int));
}

/* Keep a socket that was served before, and apply its new mode and owner. */
static void served_go_on(struct served *v, const struct served *old,
	const struct snapshot_listener *l)
{
	*v = *old; /* fds too: the caller frees those of others */
	int err = listener_file_is_ours(&v->file, &v->addr)
		? listener_set_access(&v->addr, &l->access)
		: 0;
	if (err)
		log_error("listener", "%.*s: the mode or owner of %s stays: %s",
			STR_ARG(l->conf->name), v->addr.un.sun_path, strerror(-err));
}

static bool snapshot_serves(const struct snapshot *s, const struct addr *a)
{
	for (size_t i = 0; i < s->n_listeners; i++) {
		if (addr_eq(&s->listeners[i].addr, a))
			return true;
	}
	return false;
}

static void served_end(struct served *v)
{
	listener_file_unlink(&v->file, &v->addr);
	free(v->fds);
}

void sockets_settle(struct process *p, const struct snapshot *s, const struct opened *v)
{
	struct served *now = mem_array(struct served, s->n_listeners);
	for (size_t i = 0; i < s->n_listeners; i++) {
		const struct served *old = sockets_served(p, &s->listeners[i].addr);
		if (old)
			served_go_on(&now[i], old, &s->listeners[i]);
		else
			served_begin(&now[i], &s->listeners[i], &v[i]);
	}
	for (size_t i = 0; i < p->n_served; i++) {
		if (!snapshot_serves(s, &p->served[i].addr))
			served_end(&p->served[i]);
	}
	free(p->served);
	p->served = now;
	p->n_served = s->n_listeners;
}

void sockets_end(struct process *p)
{
	for (size_t i = 0; i < p->n_served; i++) {
		if (p->handed_over)
			p->served[i].file = (struct listener_file){ 0 };
		served_end(&p->served[i]);
	}
	free(p->served);
	p->served = NULL;
	p->n_served = 0;
}
