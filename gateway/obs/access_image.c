/*
 * Records of the access log as bytes. Any thread.
 *
 *   struct image | one after another: the texts of the table, then length and text of each
 *               failure and of each note
 */
#include "obs/access_image.h"

/* The texts of a record. A line shows at most `longest` bytes of each, a member of struct
 * access_cut, and CUT_MORE more tell where to cut between characters. */
static const struct image_text {
	uint16_t at;      /* in struct access_record */
	uint16_t longest; /* in struct access_cut */
} texts[] = {
#define TEXT(member, longest)                                                                \
	{                                                                                    \
		offsetof(struct access_record, member), offsetof(struct access_cut, longest) \
	}
	TEXT(request_id, name),
	TEXT(client, name),
	TEXT(peer, name),
	TEXT(listener, name),
	TEXT(route, name),
	TEXT(method, name),
	TEXT(host, name),
	TEXT(path, path),
	TEXT(query, query),
	TEXT(rewritten_path, path),
	TEXT(rewritten_query, query),
	TEXT(user_agent, agent),
	TEXT(referer, agent),
	TEXT(upstream, name),
	TEXT(server, name),
	TEXT(reason, name),
	TEXT(detail, name),
	TEXT(consumer, name),
	TEXT(tls, name),
	TEXT(trace_id, name),
#undef TEXT
};
enum { TEXTS = sizeof(texts) / sizeof(texts[0]), CUT_MORE = 4 };

struct image {
	uint32_t size; /* of all of it */
	uint8_t format, n_notes, n_failures, version, tries;
	uint16_t status, grpc_status;
	uint8_t has_grpc_status;
	uint16_t len[TEXTS];
	uint64_t unix_ms, duration_us, connect_us, response_us, bytes_in, bytes_out;
};

static uint16_t image_cut(sluice_str s, size_t longest)
{
	return (uint16_t)(s.len < longest + CUT_MORE ? s.len : longest + CUT_MORE);
}

static const sluice_str *text_of(const struct access_record *r, size_t i)
{
	return (const sluice_str *)(const void *)((const char *)r + texts[i].at);
}

static size_t longest_of(size_t i)
{
	const void *at = (const char *)&access_cuts[0] + texts[i].longest;
	return *(const size_t *)at;
}

static char *image_put(char *to, const char *from, size_t n)
{
	if (n)
		memcpy(to, from, n);
	return to + n;
}

static uint8_t image_count(sluice_strs list)
{
	size_t most = access_cuts[0].list;
	return (uint8_t)(list.n < most ? list.n : most);
}

static size_t image_list_size(sluice_strs list, size_t n)
{
	size_t size = 0;
	for (size_t i = 0; i < n; i++)
		size += sizeof(uint16_t) + image_cut(list.v[i], access_cuts[0].name);
	return size;
}

static char *image_put_list(char *to, sluice_strs list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint16_t len = image_cut(list.v[i], access_cuts[0].name);
		to = image_put(to, (const char *)&len, sizeof(len));
		to = image_put(to, list.v[i].data, len);
	}
	return to;
}

/* Set the lengths of the texts, and the length of all. */
static void image_measure(struct image *m, const struct access_record *r)
{
	size_t n = sizeof(*m);
	for (size_t i = 0; i < TEXTS; i++)
		n += m->len[i] = image_cut(*text_of(r, i), longest_of(i));
	n += image_list_size(r->failures, m->n_failures) + image_list_size(r->notes, m->n_notes);
	check(n <= ACCESS_IMAGE_MAX, "the record of a request has %zu bytes", n);
	m->size = (uint32_t)n;
}

size_t access_image_write(const struct access_conf *conf, const struct access_record *r, char *to,
	size_t room)
{
	struct image m = { .format = (uint8_t)conf->format,
		.n_notes = image_count(r->notes),
		.n_failures = image_count(r->failures),
		.version = r->version,
		.tries = r->tries,
		.status = r->status,
		.grpc_status = r->grpc_status,
		.has_grpc_status = r->has_grpc_status,
		.unix_ms = r->unix_ms,
		.duration_us = r->duration_us,
		.connect_us = r->connect_us,
		.response_us = r->response_us,
		.bytes_in = r->bytes_in,
		.bytes_out = r->bytes_out };
	image_measure(&m, r);
	if (m.size > room)
		return 0;
	to = image_put(to, (const char *)&m, sizeof(m));
	for (size_t i = 0; i < TEXTS; i++)
		to = image_put(to, text_of(r, i)->data, m.len[i]);
	to = image_put_list(to, r->failures, m.n_failures);
	(void)image_put_list(to, r->notes, m.n_notes);
	return m.size;
}

/* Take n bytes off. False: there are not so many. */
static bool image_take(sluice_str *from, size_t n, const char **at)
{
	if (from->len < n)
		return false;
	*at = from->data;
	*from = str_n(from->data + n, from->len - n);
	return true;
}

static bool image_list(size_t n, sluice_str *rest, sluice_str *list)
{
	for (size_t i = 0; i < n; i++) {
		const char *at;
		uint16_t len;
		if (!image_take(rest, sizeof(len), &at))
			return false;
		memcpy(&len, at, sizeof(len));
		if (!image_take(rest, len, &at))
			return false;
		list[i] = str_n(at, len);
	}
	return true;
}

static bool image_texts(const struct image *m, sluice_str *rest, struct access_record *r)
{
	for (size_t i = 0; i < TEXTS; i++) {
		const char *at;
		if (!image_take(rest, m->len[i], &at))
			return false;
		if (m->len[i])
			*(sluice_str *)(void *)((char *)r + texts[i].at) = str_n(at, m->len[i]);
	}
	return true;
}

size_t access_image_read(sluice_str bytes, struct access_image_read *out)
{
	_Static_assert((int)ACCESS_IMAGE_NOTES <= UINT8_MAX, "the number of notes fits");
	struct image m;
	struct access_record r;
	sluice_str notes[ACCESS_IMAGE_NOTES], failures[ACCESS_IMAGE_NOTES];
	if (bytes.len < sizeof(m))
		return 0;
	memcpy(&m, bytes.data, sizeof(m));
	if (m.size < sizeof(m) || m.size > bytes.len || m.n_notes > ACCESS_IMAGE_NOTES ||
		m.n_failures > ACCESS_IMAGE_NOTES)
		return 0;
	sluice_str rest = str_n(bytes.data + sizeof(m), m.size - sizeof(m));
	r = (struct access_record){ .version = m.version,
		.tries = m.tries,
		.status = m.status,
		.grpc_status = m.grpc_status,
		.has_grpc_status = m.has_grpc_status,
		.unix_ms = m.unix_ms,
		.duration_us = m.duration_us,
		.connect_us = m.connect_us,
		.response_us = m.response_us,
		.bytes_in = m.bytes_in,
		.bytes_out = m.bytes_out };
	if (!image_texts(&m, &rest, &r) || !image_list(m.n_failures, &rest, failures) ||
		!image_list(m.n_notes, &rest, notes) || rest.len)
		return 0;
	out->record = r;
	memcpy(out->failures, failures, m.n_failures * sizeof(failures[0]));
	out->record.failures = (sluice_strs){ out->failures, m.n_failures };
	memcpy(out->notes, notes, m.n_notes * sizeof(notes[0]));
	out->record.notes = (sluice_strs){ out->notes, m.n_notes };
	out->format = (enum access_format)m.format;
	return m.size;
}
