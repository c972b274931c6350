/*
 * tenant: which tenant an API key belongs to, asked of a service once. While a question about a key
 * is under way, all requests with that key wait for its answer, which is then kept for a while.
 * Shows coalescing: a ticket for each request that waits, a fetch in the background that does not
 * end with the request that began it, and state of a worker.
 */
#include <sluice/plugin.h>
#include <sluice/str.h>

enum { KEYS = 64, WAITERS = 256, TEXT = 64 };

struct tenant {
	sluice_str url;
	uint64_t timeout, keep; /* milliseconds */
};

#define T struct tenant
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_STR, T, url, .flags = SLUICE_F_REQUIRED,
		.doc = "http(s) URL that answers 200 and the tenant of X-Api-Key, or 404"),
	SLUICE_OPTION(SLUICE_T_DURATION, T, timeout, .def = "500ms", .min = "10ms", .max = "10s",
		.doc = "how long it may take"),
	SLUICE_OPTION(SLUICE_T_DURATION, T, keep, .def = "30s", .min = "1s", .max = "1h",
		.doc = "how long an answer is kept"),
	SLUICE_OPTIONS_END,
};

/* one key, and who waits to hear of it; a worker has KEYS of them */
struct entry {
	char key[TEXT], name[TEXT];
	size_t key_len, name_len; /* name_len 0: it is nobody's key */
	uint64_t until_ns;        /* what is known holds until then; 0: nothing is known */
	bool is_asked;            /* a question is under way: the entry stays */
	sluice_ticket waiters[WAITERS];
	size_t n_waiters;
};

static int tenant_check(sluice_instance *inst, void *conf)
{
	(void)conf;
	sluice_secret(inst, SLUICE_SECRET_FIELD, SLUICE_STR("x-api-key"));
	return 0;
}

static sluice_str key_of(sluice_exchange *x)
{
	return sluice_field(x, SLUICE_REQUEST, SLUICE_STR("x-api-key"));
}

static struct entry *entry_find(struct entry *v, sluice_str key)
{
	for (size_t i = 0; i < KEYS; i++) {
		if (sluice_str_eq((sluice_str){ v[i].key, v[i].key_len }, key))
			return &v[i];
	}
	return NULL;
}

/* The one that ends soonest makes room; NULL when all wait for answers. */
static struct entry *entry_take(struct entry *v, sluice_str key)
{
	struct entry *found = NULL;
	for (size_t i = 0; i < KEYS; i++) {
		struct entry *e = &v[i];
		if (!e->is_asked && (!found || e->until_ns < found->until_ns))
			found = e;
	}
	if (found) {
		memcpy(found->key, key.data, key.len);
		found->key_len = key.len;
		found->until_ns = 0;
	}
	return found;
}

static sluice_verdict tenant_known(sluice_exchange *x, const struct entry *e)
{
	if (!e || e->until_ns <= sluice_now_ns())
		return sluice_refuse(x, 503, "tenant-down", "Whose key this is cannot be said.");
	if (e->name_len == 0)
		return sluice_refuse(x, 401, "key-unknown", "This key is not known.");
	sluice_attr_set(x, SLUICE_STR("tenant"), (sluice_str){ e->name, e->name_len });
	return SLUICE_NEXT;
}

/* The time is up, or there is an answer, or none: what counts is what the worker knows now. */
static sluice_verdict tenant_resumed(sluice_exchange *x, const void *conf, sluice_status st)
{
	(void)conf, (void)st;
	return tenant_known(x, entry_find(sluice_worker_state(x), key_of(x)));
}

/* No exchange may be left of those that asked: there are the worker's state and tickets. */
static void tenant_answered(sluice_work *k, const void *conf, const sluice_fetch_response *r)
{
	const struct tenant *t = conf;
	struct entry *e = r->user;
	if (r->status == SLUICE_OK && r->body.len <= TEXT && (r->code == 200 || r->code == 404)) {
		e->name_len = r->code == 200 ? r->body.len : 0;
		memcpy(e->name, r->body.data, e->name_len);
		e->until_ns = sluice_now_ns() + t->keep * 1000000;
	} else {
		sluice_log(sluice_work_instance(k), SLUICE_LOG_WARN, "no tenant: %s",
			r->error ? r->error : "it answers with another status than 200 and 404");
	}
	for (size_t i = 0; i < e->n_waiters; i++)
		(void)sluice_resume(e->waiters[i]); /* who has left is not woken */
	e->n_waiters = 0;
	e->is_asked = false;
}

static bool tenant_ask(sluice_exchange *x, const struct tenant *t, struct entry *e)
{
	const sluice_pair headers[] = { { SLUICE_STR("x-api-key"), { e->key, e->key_len } } };
	const sluice_fetch_request r = { .size = sizeof(r),
		.url = t->url,
		.headers = { headers, 1 },
		.timeout_ms = t->timeout,
		.user = e };
	e->is_asked = e->is_asked || sluice_background(x, &r, tenant_answered) == 0;
	return e->is_asked && e->n_waiters < WAITERS;
}

static sluice_verdict tenant_on_request(sluice_exchange *x, const void *conf)
{
	const struct tenant *t = conf;
	struct entry *v = sluice_worker_state(x);
	sluice_str key = key_of(x);
	if (key.len == 0 || key.len > TEXT)
		return sluice_refuse(x, 401, "key-missing", "Send an API key.");
	struct entry *e = entry_find(v, key);
	if (e && e->until_ns > sluice_now_ns())
		return tenant_known(x, e);
	if (!e)
		e = entry_take(v, key);
	if (!e || !tenant_ask(x, t, e))
		return sluice_refuse(x, 503, "tenant-busy", "Too many wait to be told.");
	sluice_ticket *at = &e->waiters[e->n_waiters];
	sluice_verdict verdict = sluice_park(x, t->timeout, at, tenant_resumed);
	e->n_waiters += verdict == SLUICE_WAIT;
	return verdict;
}

static const char *const provides[] = { "tenant", NULL };

SLUICE_PLUGIN("tenant", .version = "1.0", .summary = "ask once whose key it is", .options = options,
	.conf_size = sizeof(struct tenant), .check = tenant_check,
	.worker_size = KEYS * sizeof(struct entry), .on_request = tenant_on_request,
	.provides = provides);
