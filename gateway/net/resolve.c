/*
 * Name look-ups on threads of their own. Threads are made when questions wait and end in
 * resolve_fini(); what they share with the workers lies behind one lock, which no thread holds for
 * longer than it takes to move a few list nodes.
 */
#include "net/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/stat.h"
#include "base/threads.h"
#include "net/worker.h"

enum {
	/* a name whose servers are silent must not keep the others waiting */
	RESOLVE_THREADS = 4,
	RESOLVE_NAMES_MAX = 1024, /* names that wait or are looked up */
};

/* A name to be looked up, for all who asked for it. */
struct resolve_name {
	struct list at;    /* in resolver.queue, or resolver.running */
	struct list waits; /* of struct resolve_wait.at_name */
	char host[RESOLVE_HOST_MAX + 1];
};

/* of a worker */
struct resolve_part {
	struct list all;  /* the worker's thread alone */
	struct list done; /* under the lock: answered, and the worker was told */
};

struct resolve_wait {
	struct list at_part;       /* the worker's thread alone */
	struct list at_name;       /* under the lock: in name.waits, then in part.done */
	struct resolve_call *call; /* borrowed; the worker's thread alone */
	struct worker *worker;
	struct resolve_part *part;
	uint16_t port;
	char error[RESOLVE_ERROR_TEXT];
	struct resolve_answer answer;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t work, ended;
	struct list queue, running; /* of struct resolve_name */
	unsigned n_names, n_threads, n_resting;
	bool stop;
} resolver = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.work = PTHREAD_COND_INITIALIZER,
	.ended = PTHREAD_COND_INITIALIZER,
	.queue = { &resolver.queue, &resolver.queue },
	.running = { &resolver.running, &resolver.running },
};

/* ---- the threads --------------------------------------------------------------------------- */

static bool answer_has(const struct resolve_answer *a, const struct addr *addr)
{
	for (unsigned i = 0; i < a->n; i++) {
		if (addr_eq(&a->addrs[i], addr))
			return true;
	}
	return false;
}

static void answer_take(struct resolve_answer *a, const struct addrinfo *list)
{
	for (const struct addrinfo *ai = list; ai && a->n < RESOLVE_ADDRS_MAX; ai = ai->ai_next) {
		struct addr addr = { .len = ai->ai_addrlen };
		if ((ai->ai_family != AF_INET && ai->ai_family != AF_INET6) ||
			ai->ai_addrlen > sizeof(addr.in6))
			continue;
		memcpy(&addr.sa, ai->ai_addr, ai->ai_addrlen);
		if (!answer_has(a, &addr))
			a->addrs[a->n++] = addr;
	}
}

/* Blocks. */
static void resolver_ask(const char *host, struct resolve_answer *a, char *error)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	struct addrinfo *list = NULL;
	int code = getaddrinfo(host, NULL, &hints, &list);
	int system = errno;
	stat_inc(STAT_RESOLVES);

	a->n = 0;
	a->error = NULL;
	if (code == 0) {
		answer_take(a, list);
		freeaddrinfo(list);
	}
	if (code == 0 && a->n)
		return;
	a->error = error;
	stat_inc(STAT_RESOLVE_FAILURES);
	if (code == EAI_SYSTEM)
		(void)snprintf(error, RESOLVE_ERROR_TEXT, "the resolver failed with errno %d",
			system);
	else
		(void)snprintf(error, RESOLVE_ERROR_TEXT, "%s",
			code ? gai_strerror(code) : "the name has no address");
}

static void addr_set_port(struct addr *a, uint16_t port)
{
	if (a->sa.sa_family == AF_INET6)
		a->in6.sin6_port = htons(port);
	else
		a->in.sin_port = htons(port);
}

static void resolve_on_mail(struct worker *w, void *arg);

/* Under the lock, which is also what keeps the worker from going away. */
static void wait_finish(struct resolve_wait *v)
{
	bool told = !list_is_empty(&v->part->done);
	list_push(&v->part->done, &v->at_name);
	if (!told)
		worker_post(v->worker, resolve_on_mail, NULL);
}

static void wait_answer(struct resolve_wait *v, const struct resolve_answer *a)
{
	v->answer = *a;
	if (a->error) {
		(void)snprintf(v->error, sizeof(v->error), "%s", a->error);
		v->answer.error = v->error;
	}
	for (unsigned i = 0; i < v->answer.n; i++)
		addr_set_port(&v->answer.addrs[i], v->port);
	wait_finish(v);
}

static void *resolver_run(void *arg)
{
	struct resolve_answer answer;
	char error[RESOLVE_ERROR_TEXT];
	struct list *e;
	(void)arg;

	pthread_mutex_lock(&resolver.lock);
	while (!resolver.stop) {
		if (list_is_empty(&resolver.queue)) {
			resolver.n_resting++;
			pthread_cond_wait(&resolver.work, &resolver.lock);
			resolver.n_resting--;
			continue;
		}
		struct resolve_name *n =
			container_of(list_pop(&resolver.queue), struct resolve_name, at);
		list_push(&resolver.running, &n->at);
		pthread_mutex_unlock(&resolver.lock);
		resolver_ask(n->host, &answer, error);
		pthread_mutex_lock(&resolver.lock);
		while ((e = list_pop(&n->waits)))
			wait_answer(container_of(e, struct resolve_wait, at_name), &answer);
		list_del(&n->at);
		resolver.n_names--;
		free(n);
	}
	resolver.n_threads--;
	pthread_cond_signal(&resolver.ended);
	pthread_mutex_unlock(&resolver.lock);
	return NULL;
}

/* Start one more thread, when there is work and no idle thread. */
static void resolver_wake(void)
{
	sigset_t before;
	pthread_attr_t attr;
	pthread_t t;

	if (resolver.n_resting || resolver.n_threads == RESOLVE_THREADS) {
		pthread_cond_signal(&resolver.work);
		return;
	}
	threads_begin(&before);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&t, &attr, resolver_run, NULL) == 0)
		resolver.n_threads++;
	(void)pthread_attr_destroy(&attr);
	threads_end(&before);
}

/* ---- the workers' side --------------------------------------------------------------------- */

static void resolve_on_mail(struct worker *w, void *arg)
{
	struct resolve_part *p = w->part[PART_RESOLVE];
	struct list done, *e;
	(void)arg;
	if (!p)
		return;
	list_init(&done);
	pthread_mutex_lock(&resolver.lock);
	while ((e = list_pop(&p->done)))
		list_push(&done, e);
	pthread_mutex_unlock(&resolver.lock);
	/* an answer may cancel others of this batch: they leave the list */
	while ((e = list_pop(&done))) {
		struct resolve_wait *v = container_of(e, struct resolve_wait, at_name);
		list_del(&v->at_part);
		v->call->wait = NULL;
		v->call->on_answer(v->call, &v->answer);
		free(v);
	}
}

static void resolve_part_end(void *part)
{
	struct resolve_part *p = part;
	while (!list_is_empty(&p->all))
		resolve_cancel(container_of(p->all.next, struct resolve_wait, at_part)->call);
	free(p);
}

static struct resolve_part *resolve_part_of(struct worker *w)
{
	struct resolve_part *p = w->part[PART_RESOLVE];
	if (p)
		return p;
	p = mem_new(struct resolve_part);
	list_init(&p->all);
	list_init(&p->done);
	worker_set_part(w, PART_RESOLVE, p, resolve_part_end);
	return p;
}

static struct resolve_name *name_find(const struct list *in, sluice_str host)
{
	list_each (e, in) {
		struct resolve_name *n = container_of(e, struct resolve_name, at);
		if (str_ieq(str_of(n->host), host))
			return n;
	}
	return NULL;
}

/* Under the lock. NULL: too many. */
static struct resolve_name *name_join(sluice_str host)
{
	struct resolve_name *n = name_find(&resolver.queue, host);
	if (!n)
		n = name_find(&resolver.running, host);
	if (n || resolver.n_names == RESOLVE_NAMES_MAX)
		return n;
	n = mem_new(struct resolve_name);
	list_init(&n->waits);
	memcpy(n->host, host.data, host.len);
	list_push(&resolver.queue, &n->at);
	resolver.n_names++;
	resolver_wake();
	return n;
}

static void wait_start(struct resolve_wait *v, sluice_str host)
{
	struct addr addr;
	struct resolve_name *n;

	if (host.len == 0 || host.len > RESOLVE_HOST_MAX || memchr(host.data, 0, host.len)) {
		v->answer.error = "not a name";
	} else if (addr_from_ip(host, v->port, &addr)) {
		v->answer.addrs[v->answer.n++] = addr;
	} else {
		resolver.stop = false;
		n = name_join(host);
		if (n && resolver.n_threads) {
			list_push(&n->waits, &v->at_name);
			return;
		}
		v->answer.error = n ? "no thread could be made for look-ups"
				    : "too many look-ups are waiting";
	}
	wait_finish(v);
}

void resolve_start(struct worker *w, struct resolve_call *c, sluice_str host, uint16_t port)
{
	struct resolve_wait *v = mem_new(struct resolve_wait);
	check(!c->wait, "a call is started that still waits");
	v->part = resolve_part_of(w);
	v->worker = w;
	v->call = c;
	v->port = port;
	c->wait = v;
	list_push(&v->part->all, &v->at_part);
	pthread_mutex_lock(&resolver.lock);
	wait_start(v, host);
	pthread_mutex_unlock(&resolver.lock);
}

void resolve_cancel(struct resolve_call *c)
{
	struct resolve_wait *v = c->wait;
	if (!v)
		return;
	pthread_mutex_lock(&resolver.lock);
	/* take it off its list; a look-up that runs goes on, even without callers */
	list_del(&v->at_name);
	pthread_mutex_unlock(&resolver.lock);
	list_del(&v->at_part);
	c->wait = NULL;
	free(v);
}

void resolve_fini(void)
{
	struct timespec until;
	struct list *e;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec++;
	pthread_mutex_lock(&resolver.lock);
	resolver.stop = true;
	pthread_cond_broadcast(&resolver.work);
	while (resolver.n_threads &&
		pthread_cond_timedwait(&resolver.ended, &resolver.lock, &until) == 0)
		;
	while ((e = list_pop(&resolver.queue))) {
		resolver.n_names--;
		free(container_of(e, struct resolve_name, at));
	}
	pthread_mutex_unlock(&resolver.lock);
}
