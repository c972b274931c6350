/* Reading answers of name servers. See dns_answer.h. */
#include "net/dns_answer.h"

enum {
	HEAD = 12,
	TYPE_CNAME = 5,
	CLASS_IN = 1,
	FLAG_RESPONSE = 0x80, /* of the third byte */
	RCODE_NONE = 0,
	RCODE_SERVFAIL = 2,
	RCODE_NXDOMAIN = 3,
	RCODE_NOTIMP = 4,
	RCODE_REFUSED = 5,
	POINTERS_MAX = 64, /* of one name */
	TTL_SIGN = 1,      /* a TTL with its first bit set is 0 (RFC 2181 8) */
	STRANGE = 1,       /* stands for a byte that no name of a host has */
	SRV_FIXED = 6,     /* bytes before the target */
	NAME_BYTES = 256,  /* with the NUL */
};

struct message {
	const uint8_t *p;
	size_t len, at;
};

/* A resource record; data is a slice of the message. */
struct record {
	char owner[NAME_BYTES];
	uint16_t type, class;
	uint32_t ttl;
	size_t data, data_len;
};

static bool read_u16(struct message *m, uint16_t *out)
{
	if (m->len - m->at < 2)
		return false;
	*out = (uint16_t)(m->p[m->at] << 8 | m->p[m->at + 1]);
	m->at += 2;
	return true;
}

static bool read_u32(struct message *m, uint32_t *out)
{
	uint16_t high, low;
	if (!read_u16(m, &high) || !read_u16(m, &low))
		return false;
	*out = (uint32_t)high << 16 | low;
	return true;
}

/* ---- names --------------------------------------------------------------------------------- */

static char name_byte(uint8_t c)
{
	bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
	if (c >= 'A' && c <= 'Z')
		return (char)(c | 0x20);
	return plain ? (char)c : STRANGE;
}

/* Append a label. False: the name gets too long. */
static bool name_add(char *out, size_t *n, const uint8_t *label, size_t len)
{
	if (*n + len + 1 > DNS_NAME_MAX + 1)
		return false;
	if (*n)
		out[(*n)++] = '.';
	for (size_t i = 0; i < len; i++)
		out[(*n)++] = name_byte(label[i]);
	return *n <= DNS_NAME_MAX;
}

/* A name, in lower case and without a dot at its end, that may be continued elsewhere (RFC 1035
 * 4.1.4). A pointer must lead backwards, so that there is no circle. */
static bool read_name(struct message *m, char out[NAME_BYTES])
{
	size_t at = m->at, lowest = m->at, n = 0;
	unsigned pointers = 0;

	for (;;) {
		if (at >= m->len)
			return false;
		uint8_t c = m->p[at++];
		if (c >= 0xc0) {
			if (at >= m->len || ++pointers > POINTERS_MAX)
				return false;
			size_t to = (size_t)(c & 0x3f) << 8 | m->p[at++];
			if (pointers == 1)
				m->at = at;
			if (to >= lowest)
				return false;
			at = lowest = to;
			continue;
		}
		if (c > 63 || c > m->len - at)
			return false;
		if (c == 0)
			break;
		if (!name_add(out, &n, m->p + at, c))
			return false;
		at += c;
	}
	if (pointers == 0)
		m->at = at;
	out[n] = 0;
	return true;
}

static bool name_is_host(const char *name)
{
	return name[0] && !strchr(name, STRANGE);
}

/* ---- records ------------------------------------------------------------------------------- */

static bool read_record(struct message *m, struct record *r)
{
	uint16_t len;
	if (!read_name(m, r->owner) || !read_u16(m, &r->type) || !read_u16(m, &r->class) ||
		!read_u32(m, &r->ttl) || !read_u16(m, &len) || len > m->len - m->at)
		return false;
	if (r->ttl >> 31 == TTL_SIGN)
		r->ttl = 0;
	r->data = m->at;
	r->data_len = len;
	m->at += len;
	return true;
}

static bool record_is(const struct record *r, const char *owner, uint16_t type)
{
	return r->type == type && r->class == CLASS_IN && strcmp(r->owner, owner) == 0;
}

/* A service is taken. False: it is none, or has no host (RFC 2782: a target "."). */
static bool service_read(const struct message *m, const struct record *r, struct dns_service *s)
{
	struct message d = { m->p, r->data + r->data_len, r->data };
	char target[NAME_BYTES];
	if (r->data_len < SRV_FIXED || !read_u16(&d, &s->priority) || !read_u16(&d, &s->weight) ||
		!read_u16(&d, &s->port) || !read_name(&d, target) || !name_is_host(target) ||
		s->port == 0)
		return false;
	memcpy(s->target, target, sizeof(s->target));
	return true;
}

/* Whether the record was taken. */
static bool record_take(const struct message *m, const struct record *r, enum dns_type type,
	const struct dns_reader *to)
{
	struct dns_service s;
	switch (type) {
	case DNS_A:
	case DNS_AAAA:
		if (r->data_len != (type == DNS_A ? 4 : 16))
			return false;
		to->take(to->ctx, m->p + r->data);
		return true;
	case DNS_SRV:
		if (!service_read(m, r, &s))
			return false;
		to->take(to->ctx, &s);
		return true;
	}
	return false;
}

/* ---- the answer ---------------------------------------------------------------------------- */

struct answer {
	struct message first; /* at its first record */
	unsigned n;           /* records to be read */
	char owner[NAME_BYTES];
	uint32_t ttl;
};

static void answer_keep_ttl(struct answer *a, uint32_t ttl)
{
	a->ttl = ttl < a->ttl ? ttl : a->ttl;
}

/* Take all records of that type of the owner. 1: some, 0: none; negative: the message is broken. */
static int answer_take(struct answer *a, enum dns_type type, const struct dns_reader *to)
{
	struct message m = a->first;
	struct record r;
	int result = 0;
	for (unsigned i = 0; i < a->n; i++) {
		if (!read_record(&m, &r))
			return -1;
		if (!record_is(&r, a->owner, (uint16_t)type))
			continue;
		if (to && record_take(&m, &r, type, to))
			result = 1;
		else if (!to)
			result = 1;
		answer_keep_ttl(a, r.ttl);
	}
	return result;
}

/* Go over to the name that the owner is an alias of. 1: done, 0: it is none; negative: broken. */
static int answer_follow(struct answer *a)
{
	struct message m = a->first;
	struct record r;
	for (unsigned i = 0; i < a->n; i++) {
		if (!read_record(&m, &r))
			return -1;
		if (!record_is(&r, a->owner, TYPE_CNAME))
			continue;
		struct message d = { m.p, r.data + r.data_len, r.data };
		answer_keep_ttl(a, r.ttl);
		return read_name(&d, a->owner) ? 1 : -1;
	}
	return 0;
}

static enum dns_result result_of(uint8_t rcode)
{
	switch (rcode) {
	case RCODE_NONE:
		return DNS_FOUND;
	case RCODE_NXDOMAIN:
		return DNS_NO_NAME;
	case RCODE_SERVFAIL:
		return DNS_SERVER_FAILED;
	case RCODE_REFUSED:
	case RCODE_NOTIMP:
		return DNS_REFUSED;
	default:
		return DNS_BAD;
	}
}

/* The head, and the question, which must be the one that was asked. */
static bool answer_begin(struct answer *a, sluice_str name, enum dns_type type)
{
	struct message *m = &a->first;
	uint16_t questions, records, asked, class;
	if (name.len && name.data[name.len - 1] == '.')
		name.len--;
	if (m->len < HEAD || !(m->p[2] & FLAG_RESPONSE))
		return false;
	m->at = 4;
	if (!read_u16(m, &questions) || !read_u16(m, &records) || questions != 1)
		return false;
	m->at = HEAD;
	if (!read_name(m, a->owner) || !read_u16(m, &asked) || !read_u16(m, &class))
		return false;
	a->n = records < DNS_RECORDS_READ ? records : DNS_RECORDS_READ;
	a->ttl = UINT32_MAX;
	return asked == type && class == CLASS_IN && str_ieq(str_of(a->owner), name);
}

static enum dns_result answer_read(struct answer *a, enum dns_type type,
	const struct dns_reader *to)
{
	for (unsigned i = 0; i <= DNS_ALIASES_MAX; i++) {
		/* first look whether all can be read, so that nothing is taken of what is broken */
		int found = answer_take(a, type, NULL);
		if (found > 0)
			return answer_take(a, type, to) > 0 ? DNS_FOUND : DNS_NO_DATA;
		int follows = found < 0 ? -1 : answer_follow(a);
		if (follows < 0)
			return DNS_BAD;
		if (follows == 0)
			return DNS_NO_DATA;
	}
	return DNS_BAD;
}

enum dns_result dns_answer_read(const uint8_t *p, size_t len, sluice_str name, enum dns_type type,
	const struct dns_reader *to, uint32_t *ttl)
{
	struct answer a = { .first = { p, len, 0 } };
	if (!answer_begin(&a, name, type))
		return DNS_BAD;
	enum dns_result r = result_of(p[3] & 0x0f);
	if (r == DNS_FOUND)
		r = answer_read(&a, type, to);
	if (r == DNS_FOUND)
		*ttl = a.ttl;
	return r;
}
