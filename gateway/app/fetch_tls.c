/* TLS contexts for fetches. Any thread: fetches are rare, so a lock is good enough. */
#include "app/fetch_tls.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/list.h"
#include "base/mem.h"
#include "tls/client.h"

/* What tells a file from the one that took its place. All 0: there is none. */
struct file_stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
};

struct entry {
	struct list link;
	struct tls_client *client; /* ref */
	char *ca;                  /* owned */
	struct file_stamp stamp;   /* of ca, before it was read */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list entries = { &entries, &entries };
static unsigned n_workers;

void fetch_tls_init(unsigned workers)
{
	n_workers = workers;
}

static void entry_free(struct entry *it)
{
	list_del(&it->link);
	tls_client_free(&it->client);
	free(it->ca);
	free(it);
}

void fetch_tls_fini(void)
{
	list_each_safe (e, &entries)
		entry_free(container_of(e, struct entry, link));
}

static struct file_stamp stamp_of(const char *path)
{
	struct stat st;
	if (!*path || stat(path, &st) < 0)
		return (struct file_stamp){ 0 };
	return (struct file_stamp){ st.st_dev, st.st_ino, st.st_size, st.st_mtim };
}

static bool stamp_is_equal(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
		a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

void fetch_tls_renew(void)
{
	pthread_mutex_lock(&lock);
	list_each_safe (e, &entries) {
		struct entry *it = container_of(e, struct entry, link);
		struct file_stamp now = stamp_of(it->ca);
		if (!stamp_is_equal(&it->stamp, &now))
			entry_free(it); /* fetches in progress keep theirs */
	}
	pthread_mutex_unlock(&lock);
}

static struct tls_client *fetch_tls_make(sluice_str ca_file)
{
	char *ca = mem_text(ca_file.data, ca_file.len);
	struct file_stamp stamp = stamp_of(ca);
	const struct tls_client_conf conf = { .verify = true, .ca = ca_file };
	const struct tls_client_args args = { .conf = &conf, .workers = n_workers };
	struct tls_client *client = tls_client_new(&args);
	if (!client) {
		free(ca);
		return NULL;
	}
	struct entry *it = mem_new(struct entry);
	it->client = client;
	it->ca = ca;
	it->stamp = stamp;
	list_push(&entries, &it->link);
	return client;
}

struct tls_client *fetch_tls(sluice_str ca_file, const char **why)
{
	struct tls_client *found = NULL;
	pthread_mutex_lock(&lock);
	list_each (e, &entries) {
		struct entry *it = container_of(e, struct entry, link);
		if (str_eq(str_of(it->ca), ca_file))
			found = it->client;
	}
	if (!found)
		found = fetch_tls_make(ca_file);
	found = tls_client_ref(found);
	pthread_mutex_unlock(&lock);
	if (!found)
		*why = "the file of authorities cannot be read";
	return found;
}
