/* Event loops. See worker.h for the order within a turn. */
#include "net/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/stream.h"

struct mail {
	struct list link;
	void (*fn)(struct worker *w, void *arg);
	void *arg;
};

__thread struct worker *worker_self;

static struct shares unbounded; /* for workers that were given none */

static void worker_on_mail(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	struct list batch, *e;
	uint64_t n;
	(void)what;
	if (read(fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		log_error("worker", "mailbox: errno %d", errno);
	list_init(&batch);
	pthread_mutex_lock(&w->mail_lock);
	while ((e = list_pop(&w->mails)))
		list_push(&batch, e);
	pthread_mutex_unlock(&w->mail_lock);
	while ((e = list_pop(&batch))) {
		struct mail *m = container_of(e, struct mail, link);
		m->fn(w, m->arg);
		free(m);
		streams_flush(w);
	}
}

static void worker_on_wake(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	((struct worker *)arg)->wake_ns = TIMER_NEVER; /* the turn's end advances the wheel */
}

int worker_init(struct worker *w, unsigned id)
{
	*w = (struct worker){ .id = id,
		.mail_fd = -1,
		.wake_fd = -1,
		.wake_ns = TIMER_NEVER,
		.shares = &unbounded };
	list_init(&w->dirty);
	list_init(&w->ready);
	list_init(&w->hooks);
	list_init(&w->graves);
	list_init(&w->mails);
	pthread_mutex_init(&w->mail_lock, NULL);
	wheel_init(&w->wheel, clock_ns());

	struct event_config *c = event_config_new();
	if (!c)
		return -ENOMEM;
	(void)event_config_set_flag(c, EVENT_BASE_FLAG_NOLOCK);
	/* the base has no timers of its own, and then need not ask for the time in each turn */
	(void)event_config_set_flag(c, EVENT_BASE_FLAG_NO_CACHE_TIME);
	(void)event_config_require_features(c, EV_FEATURE_ET | EV_FEATURE_O1);
	w->base = event_base_new_with_config(c);
	event_config_free(c);
	if (!w->base)
		return -ENOSYS;
	w->mail_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->mail_fd < 0)
		return -errno;
	w->wake_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (w->wake_fd < 0)
		return -errno;
	w->mail = event_new(w->base, w->mail_fd, EV_READ | EV_PERSIST, worker_on_mail, w);
	/* by edges, so that nobody has to read how often it went off */
	w->wake = event_new(w->base, w->wake_fd, EV_READ | EV_PERSIST | EV_ET, worker_on_wake, w);
	return w->mail && w->wake && event_add(w->mail, NULL) == 0 && event_add(w->wake, NULL) == 0
		? 0
		: -ENOMEM;
}

static void worker_bury_all(struct worker *w)
{
	struct list *e;
	while ((e = list_pop(&w->graves))) {
		struct grave *g = container_of(e, struct grave, link);
		g->free(g);
	}
}

void worker_set_part(struct worker *w, enum worker_part which, void *part, void (*end)(void *part))
{
	check(!w->part[which], "a worker has part %d already", which);
	w->part[which] = part;
	w->end_part[which] = end;
}

void worker_end_part(struct worker *w, enum worker_part which)
{
	void (*end)(void *part) = w->end_part[which];
	if (w->part[which] && end)
		end(w->part[which]);
	w->part[which] = NULL;
	w->end_part[which] = NULL;
}

void worker_fini(struct worker *w)
{
	struct list *e;
	for (int i = PART_COUNT; i-- > 0;)
		worker_end_part(w, (enum worker_part)i);
	worker_bury_all(w);
	while ((e = list_pop(&w->mails)))
		free(container_of(e, struct mail, link));
	if (w->mail)
		event_free(w->mail);
	if (w->wake)
		event_free(w->wake);
	if (w->mail_fd >= 0)
		(void)close(w->mail_fd);
	if (w->wake_fd >= 0)
		(void)close(w->wake_fd);
	if (w->base)
		event_base_free(w->base);
	pthread_mutex_destroy(&w->mail_lock);
}

void worker_post(struct worker *w, void (*fn)(struct worker *w, void *arg), void *arg)
{
	struct mail *m = mem_new(struct mail);
	uint64_t one = 1;
	m->fn = fn;
	m->arg = arg;
	pthread_mutex_lock(&w->mail_lock);
	list_push(&w->mails, &m->link);
	pthread_mutex_unlock(&w->mail_lock);
	ssize_t n = write(w->mail_fd, &one, sizeof(one));
	(void)n; /* fails only when the counter is full, and then it wakes all the same */
}

static void worker_ignore(struct worker *w, void *arg)
{
	(void)w, (void)arg;
}

void worker_stop(struct worker *w)
{
	atomic_store(&w->stop, true);
	worker_post(w, worker_ignore, NULL);
}

/* Let the loop wake for the wheel's next slot. In most turns it will already wake early enough; the
 * next slot is looked up again then. */
static void worker_arm(struct worker *w)
{
	if (likely(w->wake_ns != TIMER_NEVER && wheel_moved_ns(&w->wheel) >= w->wake_ns))
		return;
	uint64_t next = wheel_next_ns(&w->wheel);
	if (next >= w->wake_ns)
		return;
	struct itimerspec at = { .it_value = { (time_t)(next / NS_PER_S),
					 (long)(next % NS_PER_S) } };
	if (timerfd_settime(w->wake_fd, TFD_TIMER_ABSTIME, &at, NULL) == 0)
		w->wake_ns = next;
}

static void worker_end_turn(struct worker *w)
{
	struct list *e;
	wheel_advance(&w->wheel, worker_now(w));
	streams_flush(w);
	streams_run_ready(w);
	while ((e = list_pop(&w->hooks))) {
		struct turn_hook *h = container_of(e, struct turn_hook, link);
		h->run(h);
		streams_flush(w);
	}
	worker_bury_all(w);
}

void worker_turn(struct worker *w)
{
	worker_self = w;
	w->clock_is_fresh = false;
	(void)event_base_loop(w->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	worker_end_turn(w);
}

void worker_run(struct worker *w)
{
	worker_self = w;
	while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		int how = EVLOOP_ONCE;
		if (!list_is_empty(&w->ready) || !list_is_empty(&w->hooks))
			how |= EVLOOP_NONBLOCK;
		worker_arm(w);
		w->clock_is_fresh = false;
		if (event_base_loop(w->base, how) < 0) {
			log_error("worker", "event loop: errno %d", errno);
			break;
		}
		worker_end_turn(w);
	}
	worker_end_turn(w);
}
