/* Collected mistakes. Main thread. */
#include "config/diag.h"

#include "base/log.h"
#include "base/utf8.h"

enum { TEXT_MAX = 1024 };

void diag_init(struct diag *d)
{
	*d = (struct diag){ .n_items = 0 };
	arena_init(&d->arena, 0);
}

void diag_fini(struct diag *d)
{
	arena_fini(&d->arena);
	*d = (struct diag){ .n_items = 0 };
}

/* How many bytes at p can be shown unescaped: a whole character that is not a control. C1 controls
 * count as such, since terminals obey them. */
static size_t shown_len(const char *p, size_t n)
{
	unsigned char c = (unsigned char)*p;
	if (c < 0x20 || c == 0x7f || (c == 0xc2 && n > 1 && (unsigned char)p[1] < 0xa0))
		return 0;
	return utf8_len(p, n);
}

/* A copy that is safe to print. */
static const char *diag_text(struct diag *d, sluice_str s)
{
	static const char hex[] = "0123456789abcdef";
	char *out = arena_alloc(&d->arena, 4 * s.len + 1), *at = out;
	for (size_t i = 0; i < s.len;) {
		size_t len = shown_len(s.data + i, s.len - i);
		unsigned char c = (unsigned char)s.data[i];
		if (len) {
			memcpy(at, s.data + i, len);
			at += len;
			i += len;
			continue;
		}
		*at++ = '\\';
		if (c == '\n' || c == '\t' || c == '\r') {
			*at++ = c == '\n' ? 'n' : c == '\t' ? 't' : 'r';
		} else {
			*at++ = 'x';
			*at++ = hex[c >> 4];
			*at++ = hex[c & 15];
		}
		i++;
	}
	*at = 0;
	return out;
}

static const char *diag_format(struct diag *d, const char *fmt, va_list ap)
{
	char buf[TEXT_MAX];
	int n = vsnprintf(buf, sizeof(buf), fmt, ap);
	check(n >= 0, "bad format %s", fmt);
	if ((size_t)n < sizeof(buf))
		return diag_text(d, str_n(buf, (size_t)n));
	size_t cut = utf8_cut(buf, sizeof(buf) - 1, sizeof(buf) - 4);
	memcpy(buf + cut, "...", 3);
	return diag_text(d, str_n(buf, cut + 3));
}

static bool item_is_before(const struct diag_item *a, const struct diag_item *b)
{
	int file = strcmp(a->file, b->file);
	if (file)
		return file < 0;
	return a->line != b->line ? a->line < b->line : a->col < b->col;
}

void diag_add(struct diag *d, bool warning, const struct mark *at, const char *fmt, va_list ap)
{
	unsigned *count = warning ? &d->n_warnings : &d->n_errors;
	char path[NODE_PATH] = "";

	d->last = NULL;
	if ((*count)++ >= DIAG_KEPT)
		return;
	if (at->node)
		(void)node_path(at->node, path);
	struct diag_item *it = arena_new(&d->arena, struct diag_item);
	*it = (struct diag_item){ .warning = warning, .line = at->line, .col = at->col };
	it->file = diag_text(d, str_of(at->file ? at->file : "configuration"));
	it->path = diag_text(d, str_of(path));
	it->text = diag_format(d, fmt, ap);

	unsigned i = d->n_items++;
	for (; i > 0 && item_is_before(it, d->items[i - 1]); i--)
		d->items[i] = d->items[i - 1];
	d->items[i] = it;
	d->last = it;
}

int diag_error(struct diag *d, const struct mark *at, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	diag_add(d, false, at, fmt, ap);
	va_end(ap);
	return -1;
}

void diag_warn(struct diag *d, const struct mark *at, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	diag_add(d, true, at, fmt, ap);
	va_end(ap);
}

int diag_error_node(struct diag *d, const struct node *n, const char *fmt, ...)
{
	struct mark at = node_mark(n);
	va_list ap;
	va_start(ap, fmt);
	diag_add(d, false, &at, fmt, ap);
	va_end(ap);
	return -1;
}

void diag_warn_node(struct diag *d, const struct node *n, const char *fmt, ...)
{
	struct mark at = node_mark(n);
	va_list ap;
	va_start(ap, fmt);
	diag_add(d, true, &at, fmt, ap);
	va_end(ap);
}

void diag_hint(struct diag *d, const char *fmt, ...)
{
	if (!d->last)
		return;
	va_list ap;
	va_start(ap, fmt);
	d->last->hint = diag_format(d, fmt, ap);
	va_end(ap);
}

static void diag_print_rest(FILE *to, unsigned count, const char *what)
{
	if (count > DIAG_KEPT)
		(void)fprintf(to, "and %u more %s%s\n", count - DIAG_KEPT, what,
			count - DIAG_KEPT == 1 ? "" : "s");
}

void diag_print(const struct diag *d, FILE *to)
{
	for (unsigned i = 0; i < d->n_items; i++) {
		const struct diag_item *it = d->items[i];
		(void)fputs(it->file, to);
		if (it->line)
			(void)fprintf(to, ":%u:%u", it->line, it->col);
		(void)fprintf(to, ": %s: %s%s%s\n", it->warning ? "warning" : "error", it->path,
			*it->path ? ": " : "", it->text);
		if (it->hint)
			(void)fprintf(to, "    hint: %s\n", it->hint);
	}
	diag_print_rest(to, d->n_errors, "error");
	diag_print_rest(to, d->n_warnings, "warning");
}

char *diag_printed(const struct diag *d, size_t *n)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, n);
	check(f, "out of memory: the mistakes of a configuration");
	diag_print(d, f);
	check(fclose(f) == 0, "out of memory: the mistakes of a configuration");
	return text;
}

void diag_log(const struct diag *d)
{
	char place[32];
	for (unsigned i = 0; i < d->n_items; i++) {
		const struct diag_item *it = d->items[i];
		(void)snprintf(place, sizeof(place), ":%u:%u", it->line, it->col);
		log_write(it->warning ? LOG_WARN : LOG_ERROR, "config", "%s%s: %s: %s%s%s%s%s",
			it->file, it->line ? place : "", it->warning ? "warning" : "error",
			it->path, *it->path ? ": " : "", it->text, it->hint ? "; hint: " : "",
			it->hint ? it->hint : "");
	}
	if (d->n_errors > DIAG_KEPT)
		log_error("config", "and %u more errors", d->n_errors - DIAG_KEPT);
	if (d->n_warnings > DIAG_KEPT)
		log_warn("config", "and %u more warnings", d->n_warnings - DIAG_KEPT);
}

static void diag_json_item(const struct diag_item *it, struct json_out *o)
{
	json_open(o, '{');
	json_key(o, STR("severity"));
	json_str(o, it->warning ? STR("warning") : STR("error"));
	json_key(o, STR("file"));
	json_str(o, str_of(it->file));
	if (it->line) {
		json_key(o, STR("line"));
		json_uint(o, it->line);
		json_key(o, STR("column"));
		json_uint(o, it->col);
	}
	json_key(o, STR("path"));
	json_str(o, str_of(it->path));
	json_key(o, STR("message"));
	json_str(o, str_of(it->text));
	if (it->hint) {
		json_key(o, STR("hint"));
		json_str(o, str_of(it->hint));
	}
	json_close(o, '}');
}

void diag_json(const struct diag *d, struct json_out *o)
{
	json_open(o, '{');
	json_key(o, STR("errors"));
	json_uint(o, d->n_errors);
	json_key(o, STR("warnings"));
	json_uint(o, d->n_warnings);
	json_key(o, STR("items"));
	json_open(o, '[');
	for (unsigned i = 0; i < d->n_items; i++)
		diag_json_item(d->items[i], o);
	json_close(o, ']');
	json_close(o, '}');
}

const char *quote_str(struct quoted *q, sluice_str s)
{
	enum { SHOWN = 64 };
	size_t n = utf8_cut(s.data, s.len, SHOWN);
	(void)snprintf(q->s, sizeof(q->s), "\"%.*s%s\"", STR_ARG(str_n(s.data, n)),
		n < s.len ? "..." : "");
	return q->s;
}

const char *quote_node(struct quoted *q, const struct node *n)
{
	struct quoted raw;
	if (n->kind != NODE_SCALAR || node_is_null(n))
		return node_kind_text(n);
	if (!n->raw)
		return quote_str(q, n->text);
	(void)snprintf(q->s, sizeof(q->s), "the value of %s", quote_str(&raw, str_of(n->raw)));
	return q->s;
}
