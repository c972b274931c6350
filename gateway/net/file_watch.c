/* Watching files. See file_watch.h. */
#include "net/file_watch.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/worker.h"

#define POLL_NS (5 * NS_PER_S)
/* several events about one change come together */
#define SETTLE_NS (20 * NS_PER_MS)

/* of the worker that watches */
static struct {
	struct worker *worker; /* borrowed; NULL: nothing is watched */
	int fd;
	struct event *event; /* owned; NULL: without inotify */
	struct list all;     /* of struct file_watch */
} notify = { .all = { &notify.all, &notify.all } };

/* What changes when the file does. */
static void file_stamp(const char *path, uint64_t stamp[6])
{
	struct stat st;
	memset(stamp, 0, 6 * sizeof(stamp[0]));
	if (stat(path, &st) < 0)
		return;
	stamp[0] = (uint64_t)st.st_dev;
	stamp[1] = (uint64_t)st.st_ino;
	stamp[2] = (uint64_t)st.st_size;
	stamp[3] = (uint64_t)st.st_mtim.tv_sec;
	stamp[4] = (uint64_t)st.st_mtim.tv_nsec;
	stamp[5] = 1; /* it is there */
}

static void watch_add(struct file_watch *f)
{
	const uint32_t what = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;
	if (!notify.event || f->wd >= 0)
		return;
	const char *slash = strrchr(f->path, '/');
	char *folder = slash ? mem_text(f->path, slash == f->path ? 1 : (size_t)(slash - f->path))
			     : mem_text(".", 1);
	f->wd = inotify_add_watch(notify.fd, folder, what | IN_ONLYDIR);
	free(folder);
}

static void watch_remove(struct file_watch *f)
{
	int wd = f->wd;
	f->wd = -1;
	if (wd < 0)
		return;
	list_each (e, &notify.all) {
		if (container_of(e, struct file_watch, at)->wd == wd)
			return; /* another file of that folder */
	}
	(void)inotify_rm_watch(notify.fd, wd);
}

static void watch_on_due(struct timer *t)
{
	struct file_watch *f = container_of(t, struct file_watch, timer);
	uint64_t stamp[6];
	watch_add(f);
	worker_timer(notify.worker, &f->timer, POLL_NS);
	file_stamp(f->path, stamp);
	if (memcmp(stamp, f->stamp, sizeof(stamp)) == 0)
		return;
	memcpy(f->stamp, stamp, sizeof(stamp));
	f->on_change(f);
}

static void notify_folder(const struct inotify_event *ev)
{
	list_each (e, &notify.all) {
		struct file_watch *f = container_of(e, struct file_watch, at);
		if (f->wd != ev->wd && !(ev->mask & IN_Q_OVERFLOW))
			continue;
		if (ev->mask & IN_IGNORED) /* the folder is gone: look for it from time to time */
			f->wd = -1;
		else
			worker_timer(notify.worker, &f->timer, SETTLE_NS);
	}
}

static void notify_on_event(evutil_socket_t fd, short what, void *arg)
{
	_Alignas(struct inotify_event) char buf[4096];
	ssize_t n;
	(void)what, (void)arg;
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (char *at = buf; at < buf + n;) {
			const struct inotify_event *ev = (const void *)at;
			notify_folder(ev);
			at += sizeof(*ev) + ev->len;
		}
	}
}

static void notify_open(struct worker *w)
{
	notify.worker = w;
	notify.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (notify.fd >= 0)
		notify.event =
			event_new(w->base, notify.fd, EV_READ | EV_PERSIST, notify_on_event, NULL);
	if (notify.event && event_add(notify.event, NULL) < 0) {
		event_free(notify.event);
		notify.event = NULL;
	}
	if (!notify.event)
		log_warn("process", "files are looked at every 5 s: there is no inotify: %s",
			strerror(errno));
}

static void notify_close(void)
{
	if (notify.event)
		event_free(notify.event);
	if (notify.fd >= 0)
		(void)close(notify.fd);
	notify.event = NULL;
	notify.worker = NULL;
}

void file_watch_start(struct file_watch *f, struct worker *w, const char *path,
	void (*on_change)(struct file_watch *f))
{
	if (!notify.worker)
		notify_open(w);
	check(notify.worker == w, "files are watched by two workers");
	*f = (struct file_watch){ .on_change = on_change, .wd = -1 };
	f->path = mem_text(path, strlen(path));
	timer_init(&f->timer, watch_on_due);
	list_push(&notify.all, &f->at);
	watch_add(f);
	file_stamp(path, f->stamp);
	worker_timer(w, &f->timer, POLL_NS);
}

void file_watch_stop(struct file_watch *f)
{
	list_del(&f->at);
	watch_remove(f);
	timer_drop(&f->timer);
	free(f->path);
	f->path = NULL;
	if (list_is_empty(&notify.all))
		notify_close();
}
