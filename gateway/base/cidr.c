/* Sets of IP addresses: sorted ranges that do not touch, and binary search. Any thread. */
#include "base/cidr.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"

typedef unsigned __int128 ip; /* an IPv4 or IPv6 address as a number */

struct range {
	ip first, last; /* inclusive */
};

struct ranges {
	struct range *v; /* owned */
	size_t n;
};

struct cidr_set {
	atomic_uint refs;
	bool unix_sockets;
	struct ranges v4, v6;
};

static ip ip_from(const uint8_t *p, int n)
{
	ip v = 0;
	for (int i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

/* The number of bits of the address, 32 or 128; 0 when it is no IP address. */
static unsigned ip_of(const struct addr *a, ip *out)
{
	if (!a->len || (a->sa.sa_family != AF_INET && a->sa.sa_family != AF_INET6))
		return 0;
	const uint8_t *v6 = a->in6.sin6_addr.s6_addr;
	bool mapped = a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr);
	if (a->sa.sa_family == AF_INET6 && !mapped) {
		*out = ip_from(v6, 16);
		return 128;
	}
	*out = mapped ? ip_from(v6 + 12, 4) : ntohl(a->in.sin_addr.s_addr);
	return 32;
}

/* ---- making -------------------------------------------------------------------------------- */

static bool prefix_parse(sluice_str text, unsigned most, unsigned *out)
{
	uint64_t n;
	if (text.len == 0 || text.len > 3 || (text.len > 1 && text.data[0] == '0') ||
		!str_u64(text, &n) || n > most)
		return false;
	*out = (unsigned)n;
	return true;
}

/* Add the range that a text names. NULL, or what is wrong with the text. */
static const char *set_add(struct cidr_set *s, sluice_str text)
{
	sluice_str prefix_text = text, ip_text = str_cut(&prefix_text, '/');
	struct addr a;
	ip first = 0;

	if (!addr_from_ip(ip_text, 0, &a))
		return "expected an address such as 192.0.2.1, a range such as 10.0.0.0/8 or "
		       "2001:db8::/32, or unix";
	unsigned bits = ip_of(&a, &first), written = a.sa.sa_family == AF_INET ? 32 : 128,
		 prefix = written;
	if (prefix_text.data && !prefix_parse(prefix_text, written, &prefix))
		return written == 32 ? "the prefix is a number from 0 to 32"
				     : "the prefix is a number from 0 to 128";
	if (bits != written && prefix < 96)
		return "a range that is more than the mapped IPv4 addresses cannot begin among "
		       "them";
	prefix -= written - bits;
	ip wild = prefix == 0 ? (bits == 32 ? UINT32_MAX : ~(ip)0) : ((ip)1 << (bits - prefix)) - 1;
	if (first & wild)
		return "bits are set behind the prefix";
	struct ranges *r = bits == 32 ? &s->v4 : &s->v6;
	r->v[r->n++] = (struct range){ first, first | wild };
	return NULL;
}

static int range_compare(const void *a, const void *b)
{
	const struct range *x = a, *y = b;
	return (x->first > y->first) - (x->first < y->first);
}

static void ranges_merge(struct ranges *r)
{
	size_t n = 0;
	qsort(r->v, r->n, sizeof(*r->v), range_compare);
	for (size_t i = 0; i < r->n; i++) {
		if (n == 0 || r->v[i].first > r->v[n - 1].last)
			r->v[n++] = r->v[i];
		else if (r->v[i].last > r->v[n - 1].last)
			r->v[n - 1].last = r->v[i].last;
	}
	r->n = n;
}

struct cidr_set *cidr_set_new(sluice_strs texts, size_t *bad, const char **why)
{
	struct cidr_set *s = mem_new(struct cidr_set);
	s->v4.v = mem_array(struct range, texts.n + 1);
	s->v6.v = mem_array(struct range, texts.n + 1);
	atomic_init(&s->refs, 1);
	for (size_t i = 0; i < texts.n; i++) {
		if (str_eq(texts.v[i], STR("unix"))) {
			s->unix_sockets = true;
			continue;
		}
		const char *wrong = set_add(s, texts.v[i]);
		if (wrong) {
			*bad = i;
			*why = wrong;
			cidr_set_unref(&s);
			return NULL;
		}
	}
	ranges_merge(&s->v4);
	ranges_merge(&s->v6);
	return s;
}

struct cidr_set *cidr_set_ref(struct cidr_set *s)
{
	if (s)
		atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void cidr_set_unref(struct cidr_set **at)
{
	struct cidr_set *s = *at;
	*at = NULL;
	if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	free(s->v4.v);
	free(s->v6.v);
	free(s);
}

/* ---- looking up ---------------------------------------------------------------------------- */

static bool ranges_have(const struct ranges *r, ip v)
{
	size_t lo = 0, hi = r->n; /* the range that may hold v is among lo .. hi - 1 */
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (v < r->v[mid].first)
			hi = mid;
		else if (v > r->v[mid].last)
			lo = mid + 1;
		else
			return true;
	}
	return false;
}

bool cidr_set_has(const struct cidr_set *s, const struct addr *a)
{
	ip v;
	if (!s)
		return false;
	if (a->len && a->sa.sa_family == AF_UNIX)
		return s->unix_sockets;
	unsigned bits = ip_of(a, &v);
	return bits && ranges_have(bits == 32 ? &s->v4 : &s->v6, v);
}

/* ---- comparing ----------------------------------------------------------------------------- */

static bool ranges_overlap(const struct ranges *a, const struct ranges *b)
{
	size_t i = 0, k = 0;
	while (i < a->n && k < b->n) {
		if (a->v[i].last < b->v[k].first)
			i++;
		else if (b->v[k].last < a->v[i].first)
			k++;
		else
			return true;
	}
	return false;
}

static bool ranges_cover(const struct ranges *a, const struct ranges *b)
{
	size_t i = 0;
	for (size_t k = 0; k < b->n; k++) {
		ip from = b->v[k].first; /* what of the range is not covered yet */
		for (;; i++) {
			if (i == a->n || a->v[i].first > from)
				return false;
			if (a->v[i].last >= b->v[k].last)
				break;
			if (a->v[i].last >= from)
				from = a->v[i].last + 1; /* ranges may lie side by side */
		}
	}
	return true;
}

bool cidr_set_overlaps(const struct cidr_set *a, const struct cidr_set *b)
{
	return (a->unix_sockets && b->unix_sockets) || ranges_overlap(&a->v4, &b->v4) ||
		ranges_overlap(&a->v6, &b->v6);
}

bool cidr_set_covers(const struct cidr_set *a, const struct cidr_set *b)
{
	return (a->unix_sockets || !b->unix_sockets) && ranges_cover(&a->v4, &b->v4) &&
		ranges_cover(&a->v6, &b->v6);
}
