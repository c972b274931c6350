/* Nodes as texts. Main thread. */
#include "policy/text.h"

#include <stdio.h>
#include <stdlib.h>

static void text_write(const struct node *n, FILE *to)
{
	if (node_is_null(n)) { /* null differs from an empty text */
		(void)fputc('~', to);
		return;
	}
	if (n->kind == NODE_SCALAR) {
		(void)fprintf(to, "%zu:", n->text.len);
		(void)fwrite(n->text.data, 1, n->text.len, to);
		return;
	}
	(void)fputc(n->kind == NODE_MAP ? '{' : '[', to);
	for (uint32_t i = 0; i < n->n; i++) {
		const struct node *m = n->kind == NODE_MAP ? n->sorted[i] : n->v[i];
		if (n->kind == NODE_MAP)
			(void)fprintf(to, "%zu:%s=", m->key.len, m->key.data);
		text_write(m, to);
	}
	(void)fputc(n->kind == NODE_MAP ? '}' : ']', to);
}

sluice_str node_text(const struct node *n, struct arena *a)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	check(f, "out of memory: the text of a node");
	text_write(n, f);
	(void)fclose(f);
	sluice_str s = arena_str(a, str_n(text, len));
	free(text);
	return s;
}
