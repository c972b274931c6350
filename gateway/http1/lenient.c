/* Responses that depart from the standard in a harmless way. See the header. Worker's thread. */
#include "http1/lenient.h"

#include "http/scan.h"

static char *put_byte(char *out, char c)
{
	bool control = !scan_is(c, SCAN_VALUE) && c != '\r' && c != 0;
	*out = control ? ' ' : c;
	return out + 1;
}

static sluice_str lenient_copy(const char *head, size_t len, struct arena *a)
{
	size_t lines = 0;
	for (size_t i = 0; i < len; i++)
		lines += head[i] == '\n';
	char *start = arena_alloc(a, len + lines), *out = start;
	if (!start)
		return STR_NONE;
	for (size_t i = 0; i < len; i++) {
		if (head[i] != '\n') {
			out = put_byte(out, head[i]);
			continue;
		}
		if (i == 0 || head[i - 1] != '\r')
			*out++ = '\r';
		*out++ = '\n';
	}
	return str_n(start, (size_t)(out - start));
}

int http1_lenient_parse(struct response_head *h, const char **head, size_t *len, struct arena *a,
	enum method m, const struct http1_limits *lim)
{
	sluice_str copy = lenient_copy(*head, *len, a);
	if (!copy.data)
		return ERR_NO_MEMORY;
	*head = copy.data;
	*len = copy.len;
	return http1_parse_response(h, copy.data, copy.len, a, m, lim);
}

bool http1_lenient_skip(struct buf *in, uint8_t *lines)
{
	uint8_t before = *lines;
	while (*lines < LENIENT_EMPTY_LINES && in->len) {
		sluice_str run = buf_pullup(in, in->len < 2 ? in->len : 2);
		size_t line = run.data[0] == '\n'                                    ? 1
			: run.len >= 2 && run.data[0] == '\r' && run.data[1] == '\n' ? 2
										     : 0;
		if (!line)
			break;
		buf_drain(in, line);
		++*lines;
	}
	return *lines != before;
}

void http1_lenient_cut(struct buf *in, size_t n)
{
	struct buf rest;
	buf_init(&rest);
	buf_move(&rest, in, in->len - n);
	buf_drain(in, in->len);
	buf_move_all(in, &rest);
}
