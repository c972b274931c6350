/* Storing responses. See the header. */
#include "keep.h"

#include <stdlib.h>

#include "validator.h"

enum {
	TAGS_GIVEN = 32, /* tags that the upstream may give */
	TAGS = 2 + SLUICE_TAG_FOLDERS + TAGS_GIVEN,
	PASS_MS = 10000, /* how long it is remembered that responses are not stored */
};

/* ---- tags ---------------------------------------------------------------------------------- */

struct tags {
	sluice_str v[TAGS];
	size_t n;
	char text[TAGS * SLUICE_TAG_MAX];
	size_t used;
};

static bool add_tag(struct tags *t, const char *kind, sluice_str name)
{
	sluice_str k = sluice_str_of(kind);
	if (t->n == TAGS || k.len + name.len > SLUICE_TAG_MAX)
		return false;
	char *at = t->text + t->used, *end = sluice_str_put(sluice_str_put(at, k), name);
	t->v[t->n++] = sluice_str_n(at, (size_t)(end - at));
	t->used += (size_t)(end - at);
	return true;
}

/* Names that the upstream gives, with blanks or commas between them. With one left out the response
 * could not be removed by it, so that it is not stored. */
static bool add_given(const struct reply *r, sluice_str field, struct tags *t, size_t *given)
{
	for (size_t i = 0; i < r->n; i++) {
		sluice_str rest = r->v[i].value;
		if (!sluice_str_ieq(r->v[i].name, field))
			continue;
		while (rest.len) {
			sluice_str words = sluice_str_cut(&rest, ',');
			while (words.len) {
				sluice_str word = sluice_str_trim(sluice_str_cut(&words, ' '));
				if (word.len &&
					((*given)++ == TAGS_GIVEN || !add_tag(t, "tag:", word)))
					return false;
			}
		}
	}
	return true;
}

static bool make_tags(const struct cache *c, const struct asked *a, const struct reply *r,
	struct tags *t)
{
	size_t given = 0;
	sluice_str folder;
	t->n = t->used = 0;
	if (!add_tag(t, "", a->uri))
		return false;
	/* one that is too long is removed by its folder */
	(void)add_tag(t, SLUICE_TAG_PATH, a->path);
	for (size_t at = 0, i = 0; sluice_tag_folder(a->path, &at, &i, &folder);)
		(void)add_tag(t, SLUICE_TAG_PREFIX, folder);
	for (size_t i = 0; i < c->tag_fields.n; i++) {
		if (!add_given(r, c->tag_fields.v[i], t, &given))
			return false;
	}
	return true;
}

/* ---- objects ------------------------------------------------------------------------------- */

/* An object without a response. */
static bool put_mark(const struct cache *c, sluice_str key, enum entry_kind kind, sluice_str data,
	uint64_t ttl_ms)
{
	struct entry_head h;
	memset(&h, 0, sizeof(h));
	h.kind = kind;
	const sluice_object_new n = { .size = sizeof(n),
		.data = data,
		.meta = { (const char *)&h, sizeof(h) },
		.ttl_ms = ttl_ms };
	return sluice_object_put(c->store, key, &n);
}

void keep_pass(const struct cache *c, sluice_str key)
{
	struct entry e;
	sluice_object *o = sluice_object_get(c->store, key);
	bool has_other = o && entry_read(sluice_object_meta(o), &e) && e.head.kind != ENTRY_PASS;
	sluice_object_release(o);
	if (!has_other)
		(void)put_mark(c, key, ENTRY_PASS, SLUICE_STR(""), PASS_MS);
}

/* Under the key of the target: the names of the fields by which variants are told apart. It has to
 * stay as long as the variants. */
static bool put_names(const struct cache *c, sluice_str key, sluice_str names, uint64_t ttl_ms)
{
	sluice_object *o = sluice_object_get(c->store, key);
	struct entry e;
	bool stays = o && entry_read(sluice_object_meta(o), &e) && e.head.kind == ENTRY_VARY &&
		sluice_str_eq(sluice_object_data(o), names);
	if (stays) {
		uint64_t left_ms = sluice_object_fresh_for(o);
		stays = left_ms >= ttl_ms;
	}
	sluice_object_release(o);
	return stays || put_mark(c, key, ENTRY_VARY, names, ttl_ms);
}

/* What is stored, and under which key. */
struct made {
	struct tags tags;
	struct key variant;
	sluice_str key;
	char *meta; /* owned */
	sluice_object_new object;
};

static bool make(const struct cache *c, const struct asked *a, const struct reply *r,
	const struct keeping *k, struct made *m)
{
	char names[KEY_NAMES_MAX];
	size_t n_names, n_meta = 0;
	m->meta = NULL;
	if (!key_vary(r->v, r->n, names, &n_names) || !make_tags(c, a, r, &m->tags))
		return false;
	m->key = a->key;
	m->object = (sluice_object_new){ .size = sizeof(m->object),
		.ttl_ms = !k->validate && k->lifetime_ms > k->age_ms ? k->lifetime_ms - k->age_ms
								     : 0,
		.keep_ms = k->keep_ms,
		.tags = { m->tags.v, m->tags.n } };
	if (n_names) {
		sluice_str text = sluice_str_n(names, n_names);
		if (!key_variant(a->key, text, a->v, a->n, &m->variant) ||
			!put_names(c, a->key, text, m->object.ttl_ms + m->object.keep_ms))
			return false;
		m->key = key_text(&m->variant);
	}
	m->meta = entry_new(c, r, k, &n_meta);
	m->object.meta = sluice_str_n(m->meta, n_meta);
	return m->meta != NULL;
}

bool keep_put(const struct cache *c, const struct asked *a, const struct reply *r,
	const struct keeping *k, sluice_str data)
{
	struct made *m = malloc(sizeof(*m));
	bool kept = m && make(c, a, r, k, m);
	if (kept) {
		m->object.data = data;
		kept = sluice_object_put(c->store, m->key, &m->object);
		free(m->meta);
	}
	free(m);
	return kept;
}

sluice_object_writer *keep_begin(const struct cache *c, const struct asked *a,
	const struct reply *r, const struct keeping *k)
{
	struct made *m = malloc(sizeof(*m));
	sluice_object_writer *w = NULL;
	uint64_t length = 0;
	(void)sluice_str_u64(rule_field(r->v, r->n, "content-length"), &length);
	if (m && make(c, a, r, k, m)) {
		w = sluice_object_begin(c->store, m->key, &m->object, length);
		free(m->meta);
	}
	free(m);
	return w;
}

/* ---- 304 ----------------------------------------------------------------------------------- */

/* RFC 9111 3.2: fields that say how the stored bytes are to be read stay. */
static bool is_updated(sluice_str name)
{
	static const char *const stay[] = { "content-length", "content-encoding", "content-type",
		"content-range", "transfer-encoding", "cache-status" };
	for (size_t i = 0; i < sizeof(stay) / sizeof(stay[0]); i++) {
		if (sluice_str_ieq(name, sluice_str_of(stay[i])))
			return false;
	}
	return true;
}

size_t keep_merge(const struct entry *e, const struct reply *r, sluice_pair *v)
{
	size_t n = 0;
	sluice_pair f;
	for (sluice_str rest = e->fields; entry_next(&rest, &f);) {
		/* an old Date would tell an age that the response does not have */
		bool is_replaced = sluice_str_ieq(f.name, SLUICE_STR("date"));
		for (size_t i = 0; !is_replaced && i < r->n; i++)
			is_replaced = is_updated(f.name) && sluice_str_ieq(r->v[i].name, f.name);
		if (!is_replaced)
			v[n++] = f;
	}
	for (size_t i = 0; i < r->n; i++) {
		if (is_updated(r->v[i].name))
			v[n++] = r->v[i];
	}
	return n;
}

bool keep_is_selected(const struct entry *e, const struct reply *r)
{
	sluice_str theirs = rule_field(r->v, r->n, "etag"), ours = entry_field(e, "etag");
	return !theirs.data || !ours.data || etag_equal(theirs, ours);
}
