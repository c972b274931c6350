/* c-ares on the loop of a worker. See dns.h. */
#include "net/dns.h"

#include <ares.h>
#include <event2/event.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"

enum {
	TRIES = 2,          /* of each server */
	TIMEOUT_PARTS = 3,  /* c-ares doubles the time for the second try */
	TIMEOUT_LEAST = 20, /* ms */
	/* what passes everywhere without being cut in pieces (DNS flag day 2020) */
	UDP_SIZE = 1232,
	CLASS_IN = 1,
};
#define LOOK_NS NS_PER_S /* how often resolv.conf is looked at, at most */
#define RESOLV_CONF "/etc/resolv.conf"

struct dns_socket {
	struct list at; /* in channel.sockets */
	struct dns_channel *channel;
	struct event *event; /* owned */
	int fd;
};

/* ---- sockets and time ---------------------------------------------------------------------- */

static void channel_arm(struct dns_channel *c)
{
	struct timeval tv;
	if (!ares_timeout(c->ares, NULL, &tv)) {
		timer_stop(&c->timer);
		return;
	}
	worker_timer(c->dns->worker, &c->timer,
		(uint64_t)tv.tv_sec * NS_PER_S + (uint64_t)tv.tv_usec * 1000);
}

static void channel_process(struct dns_channel *c, int read_fd, int write_fd)
{
	ares_process_fd(c->ares, read_fd, write_fd);
	channel_arm(c);
	worker_at_turn_end(c->dns->worker, &c->dns->hook);
}

static void channel_on_due(struct timer *t)
{
	channel_process(container_of(t, struct dns_channel, timer), ARES_SOCKET_BAD,
		ARES_SOCKET_BAD);
}

static void socket_on_event(evutil_socket_t fd, short what, void *arg)
{
	channel_process(arg, what & EV_READ ? fd : ARES_SOCKET_BAD,
		what & EV_WRITE ? fd : ARES_SOCKET_BAD);
}

static void socket_free(struct dns_socket *s)
{
	list_del(&s->at);
	if (s->event)
		event_free(s->event);
	free(s);
}

/* c-ares has made a socket, wants to hear of something else, or is about to close it. */
static void channel_on_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns_channel *c = arg;
	struct dns_socket *s = NULL;
	list_each (e, &c->sockets) {
		if (container_of(e, struct dns_socket, at)->fd == fd)
			s = container_of(e, struct dns_socket, at);
	}
	if (s)
		socket_free(s);
	if (!readable && !writable)
		return;
	s = mem_new(struct dns_socket);
	s->fd = fd;
	s->channel = c;
	list_push(&c->sockets, &s->at);
	s->event = event_new(c->dns->worker->base, fd,
		(short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0) | EV_PERSIST),
		socket_on_event, c);
	/* without an event the question ends by its time */
	if (!s->event || event_add(s->event, NULL) < 0)
		log_error("resolve", "no event for a socket to a name server");
}

/* ---- channels ------------------------------------------------------------------------------ */

static void channel_take_domains(struct dns_channel *c)
{
	struct ares_options o = { 0 };
	int mask = 0;
	if (ares_save_options(c->ares, &o, &mask) != ARES_SUCCESS)
		return;
	c->ndots = o.ndots > 0 ? (unsigned)o.ndots : 0;
	for (int i = 0; i < o.ndomains && c->n_domains < DNS_DOMAINS_MAX; i++) {
		size_t len = strlen(o.domains[i]);
		if (len && len <= DNS_NAME_MAX)
			memcpy(c->domains[c->n_domains++], o.domains[i], len + 1);
	}
	ares_destroy_options(&o);
}

static int channel_open(struct dns_channel *c)
{
	const struct dns_conf *conf = &c->dns->conf;
	char lookups[] = "b", *path = (char *)(uintptr_t)c->dns->path;
	struct ares_options o = { .flags = ARES_FLAG_EDNS,
		.timeout = (int)(conf->timeout_ms / TIMEOUT_PARTS),
		.tries = TRIES,
		.ednspsz = UDP_SIZE,
		.lookups = lookups,
		.sock_state_cb = channel_on_socket,
		.sock_state_cb_data = c,
		.resolvconf_path = path };
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
		ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB | (path ? ARES_OPT_RESOLVCONF : 0);
	if (o.timeout < TIMEOUT_LEAST)
		o.timeout = TIMEOUT_LEAST;
	int status = ares_init_options(&c->ares, &o, mask);
	if (status != ARES_SUCCESS)
		return status;
	return conf->servers[0] ? ares_set_servers_ports_csv(c->ares, conf->servers) : status;
}

/* No callback comes from a question that is under way: it was forgotten before. */
static void channel_free(struct dns_channel *c)
{
	struct list *e;
	if (c->ares)
		ares_destroy(c->ares);
	while ((e = list_pop(&c->failed)))
		free(container_of(e, struct dns_ask, at));
	while (!list_is_empty(&c->sockets))
		socket_free(container_of(c->sockets.next, struct dns_socket, at));
	timer_drop(&c->timer);
	list_del(&c->at);
	free(c);
}

static struct dns_channel *channel_new(struct dns *d)
{
	struct dns_channel *c = mem_new(struct dns_channel);
	c->dns = d;
	list_init(&c->at);
	list_init(&c->sockets);
	list_init(&c->failed);
	timer_init(&c->timer, channel_on_due);
	int status = channel_open(c);
	if (status != ARES_SUCCESS) {
		log_error("resolve", "the resolver cannot be set up: %s", ares_strerror(status));
		channel_free(c);
		return NULL;
	}
	channel_take_domains(c);
	list_push(&d->channels, &c->at);
	return c;
}

/* What changes when the file does. */
static bool dns_file_changed(struct dns *d)
{
	struct stat st;
	uint64_t stamp[4] = { 0 };
	if (stat(d->path ? d->path : RESOLV_CONF, &st) == 0) {
		stamp[0] = (uint64_t)st.st_ino;
		stamp[1] = (uint64_t)st.st_size;
		stamp[2] = (uint64_t)st.st_mtim.tv_sec;
		stamp[3] = (uint64_t)st.st_mtim.tv_nsec;
	}
	bool same = memcmp(stamp, d->stamp, sizeof(stamp)) == 0;
	memcpy(d->stamp, stamp, sizeof(stamp));
	return !same;
}

struct dns_channel *dns_channel_now(struct dns *d)
{
	uint64_t now = worker_now(d->worker);
	if (now - d->looked_ns >= LOOK_NS || !d->looked_ns) {
		d->looked_ns = now;
		if (dns_file_changed(d))
			d->now = NULL;
	}
	if (!d->now)
		d->now = channel_new(d);
	worker_at_turn_end(d->worker, &d->hook); /* an older channel may have ended */
	return d->now;
}

/* ---- questions ----------------------------------------------------------------------------- */

static void ask_end(struct dns_ask *a, int status, const uint8_t *p, size_t len)
{
	a->channel->n_asks--;
	if (a->on_answer)
		a->on_answer(a->user, status, p, len);
	free(a);
}

static void ask_on_reply(void *arg, int status, int timeouts, unsigned char *p, int len)
{
	struct dns_ask *a = arg;
	(void)timeouts;
	if (a->channel->asking) {
		a->status = status;
		list_push(&a->channel->failed, &a->at);
		worker_at_turn_end(a->channel->dns->worker, &a->channel->dns->hook);
		return;
	}
	ask_end(a, status, p, len > 0 && p ? (size_t)len : 0);
}

struct dns_ask *dns_ask_start(struct dns_channel *c, const char *name, enum dns_type type,
	void (*on_answer)(void *user, int status, const uint8_t *p, size_t len), void *user)
{
	struct dns_ask *a = mem_new(struct dns_ask);
	a->channel = c;
	a->on_answer = on_answer;
	a->user = user;
	c->n_asks++;
	c->asking = true;
	ares_query(c->ares, name, CLASS_IN, type, ask_on_reply, a);
	c->asking = false;
	channel_arm(c);
	return a;
}

/* At the end of a turn: tell of questions that failed at once, and end channels of an earlier
 * resolv.conf that wait for nothing. */
static void dns_settle(struct turn_hook *h)
{
	struct dns *d = container_of(h, struct dns, hook);
	struct list *e;
	list_each_safe (at, &d->channels) {
		struct dns_channel *c = container_of(at, struct dns_channel, at);
		while ((e = list_pop(&c->failed))) {
			struct dns_ask *a = container_of(e, struct dns_ask, at);
			ask_end(a, a->status, NULL, 0);
		}
		if (c != d->now && c->n_asks == 0)
			channel_free(c);
	}
}

bool dns_hosts_look(struct dns_channel *c, const char *name, bool ipv6, const struct dns_reader *to)
{
	struct hostent *h = NULL;
	if (ares_gethostbyname_file(c->ares, name, ipv6 ? AF_INET6 : AF_INET, &h) != ARES_SUCCESS)
		return false;
	bool found = h->h_addr_list[0] != NULL;
	for (char **at = h->h_addr_list; *at; at++)
		to->take(to->ctx, *at);
	ares_free_hostent(h);
	return found;
}

const char *dns_status_text(int status, bool *timed_out)
{
	*timed_out = status == ARES_ETIMEOUT;
	switch (status) {
	case ARES_SUCCESS:
	case ARES_ENODATA:
	case ARES_ENOTFOUND:
	case ARES_EFORMERR:
	case ARES_ESERVFAIL:
	case ARES_EREFUSED:
	case ARES_ENOTIMP:
		return NULL;
	case ARES_ETIMEOUT:
		return "no name server answers in time";
	case ARES_ECONNREFUSED:
		return "each name server failed, refused to answer or cannot be reached";
	default:
		return ares_strerror(status);
	}
}

/* ---- the whole ----------------------------------------------------------------------------- */

void dns_init(struct dns *d, struct worker *w, const struct dns_conf *conf, const char *resolv_conf)
{
	*d = (struct dns){ .worker = w, .conf = *conf, .path = resolv_conf };
	list_init(&d->channels);
	turn_hook_init(&d->hook, dns_settle);
}

void dns_configure(struct dns *d, const struct dns_conf *conf)
{
	d->conf = *conf;
	d->now = NULL;
	worker_at_turn_end(d->worker, &d->hook);
}

void dns_fini(struct dns *d)
{
	d->now = NULL;
	while (!list_is_empty(&d->channels))
		channel_free(container_of(d->channels.next, struct dns_channel, at));
	list_del(&d->hook.link);
}
