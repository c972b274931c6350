/* TLS contexts for fetches. Any thread: fetches are rare, so a lock does. */
#include "app/fetch_tls.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/mem.h"
#include "tls/client.h"

struct entry {
	struct list link;
	struct tls_client *client; /* owned */
	char *ca;                  /* owned */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list entries = { &entries, &entries };
static unsigned n_workers;

void fetch_tls_init(unsigned workers)
{
	n_workers = workers;
}

void fetch_tls_fini(void)
{
	struct list *e;
	while ((e = list_pop(&entries))) {
		struct entry *it = container_of(e, struct entry, link);
		tls_client_free(&it->client);
		free(it->ca);
		free(it);
	}
}

static struct tls_client *fetch_tls_make(sluice_str ca_file)
{
	const struct tls_client_conf conf = { .verify = true, .ca = ca_file };
	const struct tls_client_args args = { .conf = &conf, .workers = n_workers };
	struct tls_client *client = tls_client_new(&args);
	if (!client)
		return NULL;
	struct entry *it = mem_new(struct entry);
	it->client = client;
	it->ca = mem_text(ca_file.data, ca_file.len);
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
	pthread_mutex_unlock(&lock);
	if (!found)
		*why = "the file of authorities cannot be read";
	return found;
}
