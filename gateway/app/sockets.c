/*
 * The listening sockets of the process. They are opened before a configuration is put in force,
 * because that can fail. The files of unix sockets are removed with their listener. Main thread.
 */
#include "app/process.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

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

static bool addr_is_any(const struct addr *a)
{
	return a->sa.sa_family == AF_INET ? a->in.sin_addr.s_addr == htonl(INADDR_ANY)
					  : IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr) != 0;
}

/* Whether one covers the other: 0.0.0.0:80 and 127.0.0.1:80. Sockets of IPv6 take no IPv4. */
static bool addr_overlaps(const struct addr *a, const struct addr *b)
{
	if (a->sa.sa_family != b->sa.sa_family || a->sa.sa_family == AF_UNIX ||
		addr_port(a) != addr_port(b))
		return false;
	return addr_is_any(a) || addr_is_any(b);
}

/* An address may overlap one that this process serves, as 0.0.0.0:80 and 127.0.0.1:80. No other
 * process can have bound it meanwhile without our consent, so our own socket must not count as a
 * conflict. */
static enum listener_claim sockets_claim(const struct process *p, const struct snapshot *s,
	const struct addr *a, size_t before)
{
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
	else if (err == -EPERM)
		diag_hint(d,
			"giving a socket file to another user or group needs CAP_CHOWN, or "
			"membership in the group");
}

void sockets_close(const struct process *p, const struct snapshot *s, int *fds)
{
	for (size_t i = 0; i < s->n_listeners; i++) {
		const struct snapshot_listener *l = &s->listeners[i];
		int *at = fds + i * p->n_workers;
		if (at[0] >= 0 && l->addr.sa.sa_family == AF_UNIX)
			(void)unlink(l->addr.un.sun_path); /* made a moment ago by this call */
		for (unsigned w = 0; w < p->n_workers; w++) {
			if (at[w] >= 0)
				(void)close(at[w]);
		}
	}
	free(fds);
}

int *sockets_open(struct process *p, const struct snapshot *s, struct diag *d)
{
	int *fds = mem_array(int, s->n_listeners * p->n_workers);
	char text[ADDR_TEXT];
	for (size_t i = 0; i < s->n_listeners * p->n_workers; i++)
		fds[i] = -1;
	for (size_t i = 0; i < s->n_listeners; i++) {
		const struct snapshot_listener *l = &s->listeners[i];
		const struct listener_how how = { p->n_workers, (int)l->conf->backlog,
			sockets_claim(p, s, &l->addr, i), l->access };
		int err = 0;
		if (!sockets_served(p, &l->addr))
			err = listener_open_how(&l->addr, &how, fds + i * p->n_workers);
		if (err == 0)
			continue;
		fds[i * p->n_workers] = -1;
		(void)addr_text(&l->addr, text);
		(void)diag_error(d, &(struct mark){ .file = s->file },
			"listener %.*s cannot listen on %s: %s", STR_ARG(l->conf->name), text,
			strerror(-err));
		apply_hint(d, err);
		sockets_close(p, s, fds);
		return NULL;
	}
	return fds;
}

/* ---- files of unix sockets ----------------------------------------------------------------- */

static void served_begin(struct served *v, const struct snapshot_listener *l)
{
	v->addr = l->addr;
	listener_file_note(&v->file, &v->addr);
}

/* Keep a socket that was served before, and apply its new mode and owner. */
static void served_go_on(struct served *v, const struct served *old,
	const struct snapshot_listener *l)
{
	*v = *old;
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

void sockets_settle(struct process *p, const struct snapshot *s)
{
	struct served *now = mem_array(struct served, s->n_listeners);
	for (size_t i = 0; i < s->n_listeners; i++) {
		const struct served *old = sockets_served(p, &s->listeners[i].addr);
		if (old)
			served_go_on(&now[i], old, &s->listeners[i]);
		else
			served_begin(&now[i], &s->listeners[i]);
	}
	for (size_t i = 0; i < p->n_served; i++) {
		if (!snapshot_serves(s, &p->served[i].addr))
			listener_file_unlink(&p->served[i].file, &p->served[i].addr);
	}
	free(p->served);
	p->served = now;
	p->n_served = s->n_listeners;
}

void sockets_unlink(struct process *p)
{
	for (size_t i = 0; i < p->n_served; i++)
		listener_file_unlink(&p->served[i].file, &p->served[i].addr);
}
