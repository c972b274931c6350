/*
 * deny-list: refuse callers that a file lists, one on each line. The file is read again now and
 * then, without a reload. Shows a key expression as an option, files and timers on the main thread,
 * and publishing to the workers.
 */
#include <sluice/plugin.h>

#include <errno.h>
#include <stdlib.h>

enum { FILE_MAX = 1 << 20 };

struct deny_list {
	sluice_str file;
	const sluice_expr *by;
	uint64_t every; /* milliseconds */
};

#define D struct deny_list
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_STR, D, file, .flags = SLUICE_F_REQUIRED,
		.doc = "file of those to refuse, one on each line"),
	SLUICE_OPTION(SLUICE_T_EXPR, D, by, .def = "ip",
		.doc = "what the lines of the file are: ip, consumer, claim:sub ..."),
	SLUICE_OPTION(SLUICE_T_DURATION, D, every, .def = "30s", .min = "1s",
		.doc = "how often the file is read again"),
	SLUICE_OPTIONS_END,
};

/* ---- the list: made on the main thread, then only read ------------------------------------- */

struct list {
	size_t n;
	sluice_str *v; /* sorted; slices of the text behind it */
};

static int compare(const void *a, const void *b)
{
	const sluice_str *p = a, *q = b;
	size_t n = p->len < q->len ? p->len : q->len;
	int c = n ? memcmp(p->data, q->data, n) : 0;
	return c ? c : (p->len > q->len) - (p->len < q->len);
}

static struct list *list_new(sluice_str text)
{
	struct list *l = malloc(sizeof(*l) + text.len + 1);
	sluice_str *v = malloc((text.len / 2 + 1) * sizeof(*v));
	if (!l || !v) {
		free(l);
		free(v);
		return NULL;
	}
	char *copy = memcpy(l + 1, text.data, text.len);
	*l = (struct list){ .v = v };
	for (char *p = copy, *end = copy + text.len; p < end;) {
		char *line_end = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((line_end ? line_end : end) - p);
		if (len > 0)
			v[l->n++] = (sluice_str){ p, len };
		p += len + 1;
	}
	qsort(v, l->n, sizeof(*v), compare);
	return l;
}

static void list_free(void *value)
{
	struct list *l = value;
	free(l->v);
	free(l);
}

/* ---- main thread --------------------------------------------------------------------------- */

/* 0, or a negative errno and nothing has changed. */
static int deny_list_load(sluice_instance *inst, const struct deny_list *d)
{
	sluice_str text;
	int rc = sluice_read_file(inst, d->file, FILE_MAX, &text);
	struct list *l = rc == 0 ? list_new(text) : NULL;
	if (l)
		sluice_publish(inst, l, list_free); /* the workers' from here on */
	return l ? 0 : rc ? rc : -ENOMEM;
}

/* What an operator sees of it. rc: of the last try. */
static void deny_list_tell(sluice_instance *inst, const struct deny_list *d, int rc)
{
	const sluice_dependency state = { .size = sizeof(state),
		.name = SLUICE_STR("list"),
		.state = rc < 0 ? SLUICE_DEPENDENCY_FAILING : SLUICE_DEPENDENCY_OK,
		.source = d->file,
		.text = { rc < 0 ? strerror(-rc) : "", rc < 0 ? strlen(strerror(-rc)) : 0 } };
	sluice_dependency_set(inst, &state);
}

static void deny_list_again(sluice_instance *inst, void *conf)
{
	const struct deny_list *d = conf;
	int rc = deny_list_load(inst, d);
	if (rc < 0)
		sluice_log(inst, SLUICE_LOG_WARN, "cannot read %.*s: %s; the list stays as it was",
			(int)d->file.len, d->file.data, strerror(-rc));
	deny_list_tell(inst, d, rc);
	sluice_timer(inst, d->every, deny_list_again);
}

static int deny_list_check(sluice_instance *inst, void *conf)
{
	const struct deny_list *d = conf;
	int rc = deny_list_load(inst, d);
	if (rc < 0)
		sluice_conf_error(inst, "file", "cannot read %.*s: %s", (int)d->file.len,
			d->file.data, strerror(-rc));
	return rc < 0 ? -1 : 0;
}

static int deny_list_start(sluice_instance *inst, void *conf)
{
	const struct deny_list *d = conf;
	deny_list_tell(inst, d, 0); /* check() has read it */
	sluice_timer(inst, d->every, deny_list_again);
	return 0;
}

/* ---- worker -------------------------------------------------------------------------------- */

static sluice_verdict deny_list_on_request(sluice_exchange *x, const void *conf)
{
	const struct deny_list *d = conf;
	const struct list *l = sluice_published(x);
	sluice_str who;
	sluice_reading r = sluice_expr_read(x, d->by, &who);
	if (r == SLUICE_READ_FAIL)
		return SLUICE_FAIL;
	if (r == SLUICE_READ_MANY) /* the service may take another one than we would look up */
		return sluice_refuse(x, 400, "repeated",
			"The request says several times who it is.");
	if (who.data && l && bsearch(&who, l->v, l->n, sizeof(*l->v), compare))
		return sluice_refuse(x, 403, "denied", "You are not welcome here.");
	return SLUICE_NEXT;
}

SLUICE_PLUGIN("deny-list", .version = "1.0", .summary = "refuse callers that a file lists",
	.options = options, .conf_size = sizeof(struct deny_list), .check = deny_list_check,
	.start = deny_list_start, .on_request = deny_list_on_request);
