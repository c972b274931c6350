/* Hash slots. Any thread. See slots.h. */
#include "redis/slots.h"

#include <stdlib.h>

#include "base/mem.h"

/* ---- keys ---------------------------------------------------------------------------------- */

uint16_t slots_crc16(sluice_str s)
{
	static const uint16_t of_nibble[16] = { 0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5,
		0x60c6, 0x70e7, 0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef };
	uint16_t crc = 0;
	for (size_t i = 0; i < s.len; i++) {
		unsigned c = (unsigned char)s.data[i];
		crc = (uint16_t)(crc << 4 ^ of_nibble[(crc >> 12 ^ c >> 4) & 15]);
		crc = (uint16_t)(crc << 4 ^ of_nibble[(crc >> 12 ^ c) & 15]);
	}
	return crc;
}

unsigned slots_of_key(sluice_str key)
{
	const char *open = key.len ? memchr(key.data, '{', key.len) : NULL;
	if (open) {
		sluice_str rest = str_n(open + 1, (size_t)(key.data + key.len - open - 1));
		const char *close = rest.len ? memchr(rest.data, '}', rest.len) : NULL;
		if (close && close != rest.data)
			key = str_n(rest.data, (size_t)(close - rest.data));
	}
	return slots_crc16(key) % SLOTS;
}

/* ---- the map ------------------------------------------------------------------------------- */

/* A node that does not know its own name sends an empty one: use the name of the host that was
 * asked. */
static bool slots_node_set(struct slots_node *n, sluice_str name, sluice_str asked, uint64_t port)
{
	return redis_host_set(&n->host, n->name, name.len ? name : asked, port);
}

/* The index of a node, which is added when it is new. When that fails, *wrong says why. */
static unsigned slots_enter(struct slots_map *m, const sluice_value *v, sluice_str asked,
	const char **wrong)
{
	struct slots_node n;
	*wrong = "a node has no valid address";
	if (v->type != SLUICE_V_LIST || v->n < 2 || v->v[1].type != SLUICE_V_INT || v->v[1].i < 0 ||
		(v->v[0].type != SLUICE_V_STR && v->v[0].type != SLUICE_V_NIL) ||
		!slots_node_set(&n, v->v[0].type == SLUICE_V_STR ? v->v[0].s : STR_NONE, asked,
			(uint64_t)v->v[1].i))
		return SLOTS_NONE;
	*wrong = NULL;
	for (unsigned i = 0; i < m->n; i++) {
		if (m->nodes[i].host.port == n.host.port &&
			str_ieq(m->nodes[i].host.name, n.host.name))
			return i;
	}
	if (m->n == SLOTS_NODES_MAX ||
		!slots_node_set(&m->nodes[m->n], n.host.name, asked, n.host.port)) {
		*wrong = "there are more than 128 nodes";
		return SLOTS_NONE;
	}
	return m->n++;
}

static const char *slots_read_range(const sluice_value *v, sluice_str asked, struct slots_map *m)
{
	if (v->type != SLUICE_V_LIST || v->n < 3 || v->v[0].type != SLUICE_V_INT ||
		v->v[1].type != SLUICE_V_INT)
		return "a range is malformed";
	long long first = v->v[0].i, last = v->v[1].i;
	if (first < 0 || first > last || last >= SLOTS)
		return "a range is out of bounds";
	const char *wrong;
	/* the primary is first, replicas follow */
	unsigned node = slots_enter(m, &v->v[2], asked, &wrong);
	if (wrong)
		return wrong;
	for (long long i = first; i <= last; i++) {
		if (m->owner[i] != SLOTS_NONE)
			return "a slot stands twice";
		m->owner[i] = (uint8_t)node;
	}
	return NULL;
}

static const char *slots_read_ranges(const sluice_value *v, sluice_str asked, struct slots_map *m)
{
	const char *wrong = NULL;
	if (v->type != SLUICE_V_LIST)
		return "the reply is not a list";
	if (v->n == 0)
		return "no node has slots";
	for (size_t i = 0; i < v->n && !wrong; i++)
		wrong = slots_read_range(&v->v[i], asked, m);
	return wrong;
}

struct slots_map *slots_read(const sluice_value *v, sluice_str asked, const char **wrong)
{
	struct slots_map *m = mem_new(struct slots_map);
	memset(m->owner, SLOTS_NONE, sizeof(m->owner));
	const char *fault = slots_read_ranges(v, asked, m);
	if (!fault)
		return m;
	free(m);
	*wrong = fault;
	return NULL;
}

/* ---- redirections -------------------------------------------------------------------------- */

/* "MOVED 3999 127.0.0.1:6381"; IPv6 stands without brackets, so the last colon counts. */
enum slots_redirect slots_redirect_read(sluice_str error, sluice_str asked, unsigned *slot,
	struct slots_node *to)
{
	sluice_str rest = error, kind = str_cut(&rest, ' '), number = str_cut(&rest, ' ');
	bool moved = str_eq(kind, STR("MOVED"));
	uint64_t n, port;
	if (!moved && !str_eq(kind, STR("ASK")))
		return SLOTS_STAY;
	size_t colon = rest.len;
	while (colon && rest.data[colon - 1] != ':')
		colon--;
	if (colon == 0 || !str_u64(number, &n) || n >= SLOTS ||
		!str_u64(str_n(rest.data + colon, rest.len - colon), &port) ||
		!slots_node_set(to, str_n(rest.data, colon - 1), asked, port))
		return SLOTS_STAY;
	*slot = (unsigned)n;
	return moved ? SLOTS_MOVED : SLOTS_ASK;
}
