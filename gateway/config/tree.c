/* Configuration trees. Main thread. */
#include "config/tree.h"

#include <stdio.h>

#include "base/utf8.h"

struct mark node_mark(const struct node *n)
{
	return (struct mark){ .file = n->file, .line = n->line, .col = n->col, .node = n };
}

struct mark node_key_mark(const struct node *n)
{
	if (!n->key_line)
		return node_mark(n);
	return (struct mark){ .file = n->file, .line = n->key_line, .col = n->key_col, .node = n };
}

static int key_compare(sluice_str a, sluice_str b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int c = len ? memcmp(a.data, b.data, len) : 0;
	return c ? c : a.len < b.len ? -1 : a.len > b.len;
}

const struct node *node_find(const struct node *n, sluice_str key)
{
	size_t low = 0, high = n->kind == NODE_MAP ? n->n : 0;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = key_compare(key, n->sorted[mid]->key);
		if (c == 0)
			return n->sorted[mid];
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

bool node_is_null(const struct node *n)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };
	if (n->kind != NODE_SCALAR || n->quoted || n->raw)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (str_eq(n->text, str_of(words[i])))
			return true;
	}
	return false;
}

const char *node_kind_text(const struct node *n)
{
	if (n->kind == NODE_SCALAR)
		return node_is_null(n) ? "nothing" : "text";
	return n->kind == NODE_LIST ? "a list" : "a block";
}

static bool key_is_word(sluice_str key)
{
	for (size_t i = 0; i < key.len; i++) {
		char c = ascii_lower(key.data[i]);
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
			return false;
	}
	return key.len > 0;
}

/* Append to the NODE_PATH bytes at buf. What does not fit is cut. */
__attribute__((format(printf, 3, 4))) static void path_add(char *buf, size_t *at, const char *fmt,
	...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(buf + *at, NODE_PATH - *at, fmt, ap);
	va_end(ap);
	*at = n < 0 || (size_t)n >= NODE_PATH - *at ? NODE_PATH - 1 : *at + (size_t)n;
}

static void path_walk(const struct node *n, char *buf, size_t *at)
{
	enum { KEY_SHOWN = 48 };
	if (!n->parent)
		return;
	path_walk(n->parent, buf, at); /* no deeper than the file is nested */
	sluice_str key = str_n(n->key.data, utf8_cut(n->key.data, n->key.len, KEY_SHOWN));
	if (!n->key.data)
		path_add(buf, at, "[%u]", n->index);
	else if (key_is_word(key) && key.len == n->key.len)
		path_add(buf, at, "%s%.*s", *at ? "." : "", STR_ARG(key));
	else
		path_add(buf, at, "[\"%.*s%s\"]", STR_ARG(key), key.len < n->key.len ? "..." : "");
}

const char *node_path(const struct node *n, char *buf)
{
	size_t at = 0;
	buf[0] = 0;
	path_walk(n, buf, &at);
	return buf;
}
