/* Lines of the access log. Any thread. */
#include "obs/access.h"

#include <time.h>

#include "base/json.h"
#include "http/version.h"

/* The longest texts of a line, before escaping. The second row applies when a line does not fit
 * with the first; with it every line fits, even when all bytes are escaped. */
struct access_cut {
	size_t path, query, agent, name;
	size_t list; /* number of notes */
};
static const struct access_cut cuts[] = { { 2048, 2048, 512, 256, 32 }, { 512, 256, 128, 64, 12 } };

static sluice_str access_cut(sluice_str s, size_t max)
{
	return str_n(s.data, s.len < max ? s.len : max);
}

/* ---- time ---------------------------------------------------------------------------------- */

/* The second of the last line, formatted once for all lines of that second. */
static __thread struct access_second {
	int64_t second;
	char iso[20]; /* 2024-07-01T12:00:00. */
	char clf[26]; /* 01/Jul/2024:12:00:00 +0000 */
} now_text = { .second = -1 };

static void put2(char *p, int v)
{
	p[0] = (char)('0' + v / 10 % 10);
	p[1] = (char)('0' + v % 10);
}

static void access_second(uint64_t unix_ms)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm;
	time_t t = (time_t)(unix_ms / 1000);
	if (now_text.second == t || !gmtime_r(&t, &tm))
		return;
	now_text.second = t;
	memcpy(now_text.iso, "0000-00-00T00:00:00.", 20);
	put2(now_text.iso, (tm.tm_year + 1900) / 100);
	put2(now_text.iso + 2, tm.tm_year % 100);
	put2(now_text.iso + 5, tm.tm_mon + 1);
	put2(now_text.iso + 8, tm.tm_mday);
	put2(now_text.iso + 11, tm.tm_hour);
	put2(now_text.iso + 14, tm.tm_min);
	put2(now_text.iso + 17, tm.tm_sec);
	memcpy(now_text.clf, "00/Xxx/0000:00:00:00 +0000", 26);
	memcpy(now_text.clf, now_text.iso + 8, 2);
	memcpy(now_text.clf + 3, months + 3 * (tm.tm_mon % 12), 3);
	memcpy(now_text.clf + 7, now_text.iso, 4);
	memcpy(now_text.clf + 12, now_text.iso + 11, 8);
}

/* ---- secrets ------------------------------------------------------------------------------- */

/* The URL without its query: cut at the first '?' or '#', escaped or not, because a refused target
 * may be malformed and its query must not appear. */
static sluice_str url_without_query(sluice_str url)
{
	static const sluice_str marks[] = { { "?", 1 }, { "#", 1 }, { "%3f", 3 }, { "%3F", 3 },
		{ "%23", 3 } };
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		const char *p = url.len ? memmem(url.data, url.len, marks[i].data, marks[i].len)
					: NULL;
		if (p)
			url = str_n(url.data, (size_t)(p - url.data));
	}
	return url;
}

/* For a request that was refused before it had a path: show its target instead. */
static void access_target(struct access_record *r, struct access_url *room, bool drop)
{
	sluice_str url =
		secret_mask(r->secrets, SECRET_URL, r->target, room->path, sizeof(room->path));
	r->path = drop ? url_without_query(url) : str_cut(&url, '?');
	r->query = drop ? STR_NONE : url;
}

static void access_mask(const struct secrets *secrets, sluice_str *path, sluice_str *query,
	struct access_url *room, bool drop)
{
	if (path->len && (memchr(path->data, '=', path->len) || memchr(path->data, '%', path->len)))
		*path = secret_mask(secrets, SECRET_PATH, *path, room->path, sizeof(room->path));
	*query = drop
		? STR_NONE
		: secret_mask(secrets, SECRET_QUERY, *query, room->query, sizeof(room->query));
}

static void access_request(struct access_record *r, struct access_room *room, bool drop)
{
	if (!r->path.len && r->target.len)
		access_target(r, &room->asked, drop);
	else
		access_mask(r->secrets, &r->path, &r->query, &room->asked, drop);
	if (unlikely(r->rewritten_path.len))
		access_mask(r->secrets, &r->rewritten_path, &r->rewritten_query, &room->rewritten,
			drop);
}

void access_mask_target(const struct access_conf *conf, struct access_record *r,
	struct access_room *room)
{
	access_request(r, room, conf->query == ACCESS_QUERY_DROP);
}

static void access_referer(struct access_record *r, struct access_room *room, bool drop)
{
	sluice_str url = secret_mask(r->secrets, SECRET_URL, r->referer, room->referer,
		sizeof(room->referer) / 2);
	sluice_str page = drop ? url_without_query(url) : url;
	if (page.len != url.len) {
		if (url.data != room->referer)
			memcpy(room->referer, page.data, page.len);
		memcpy(room->referer + page.len, "?...", 4);
		page = str_n(room->referer, page.len + 4);
	}
	r->referer = page;
}

static void access_fields(struct access_record *r)
{
	if (likely(!r->secrets || !r->secrets->n_field))
		return;
	if (r->user_agent.len && secret_is_field(r->secrets, STR("user-agent")))
		r->user_agent = STR("***");
	if (r->referer.len && secret_is_field(r->secrets, STR("referer")))
		r->referer = STR("***");
}

/* ---- JSON ---------------------------------------------------------------------------------- */

/* Replace DEL and the C1 controls (U+0080 to U+009F) by "?": JSON permits them, but a terminal
 * obeys them. */
static sluice_str text_without_controls(sluice_str s, char *buf)
{
	if (s.len == 0 || (!memchr(s.data, 0x7f, s.len) && !memchr(s.data, 0xc2, s.len)))
		return s;
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i],
			      next = i + 1 < s.len ? (unsigned char)s.data[i + 1] : 0;
		bool c1 = c == 0xc2 && next >= 0x80 && next < 0xa0;
		buf[n++] = c == 0x7f || c1 ? '?' : (char)c;
		i += c1;
	}
	return str_n(buf, n);
}

static void json_text_value(struct json_out *o, sluice_str s, size_t max)
{
	char buf[4096];
	bool is_cut = s.len > max;
	/* json_str_cut() needs some bytes beyond max to cut between characters */
	s = text_without_controls(access_cut(s, max + 4), buf);
	if (is_cut)
		json_str_cut(o, s, max);
	else
		json_str(o, s);
}

/* key: ,"name": */
static void json_text_member(struct json_out *o, sluice_str key, sluice_str s, size_t max)
{
	if (!s.len)
		return;
	json_raw(o, key);
	json_text_value(o, s, max);
}

static void json_uint_member(struct json_out *o, sluice_str key, uint64_t v)
{
	json_raw(o, key);
	json_uint(o, v);
}

static void json_ms_member(struct json_out *o, sluice_str key, uint64_t us)
{
	json_raw(o, key);
	json_fixed(o, us, 3);
}

/* What a plugin made of the target. */
static void json_rewritten(struct json_out *o, const struct access_record *r,
	const struct access_cut *cut)
{
	json_text_member(o, STR(",\"rewritten_path\":"), r->rewritten_path, cut->path);
	json_text_member(o, STR(",\"rewritten_query\":"), r->rewritten_query, cut->query);
}

static void json_upstream(struct json_out *o, const struct access_record *r,
	const struct access_cut *cut)
{
	json_text_member(o, STR(",\"upstream\":"), r->upstream, cut->name);
	json_text_member(o, STR(",\"server\":"), r->server, cut->name);
	if (!r->tries)
		return;
	json_uint_member(o, STR(",\"tries\":"), r->tries);
	json_ms_member(o, STR(",\"connect_ms\":"), r->connect_us);
	json_ms_member(o, STR(",\"response_ms\":"), r->response_us);
}

static void json_plugins(struct json_out *o, const struct access_record *r,
	const struct access_cut *cut)
{
	if (r->notes.n) {
		json_raw(o, STR(",\"notes\":"));
		json_open(o, '[');
		for (size_t i = 0; i < r->notes.n && i < cut->list; i++)
			json_text_value(o, r->notes.v[i], cut->name);
		json_close(o, ']');
	}
	json_text_member(o, STR(",\"consumer\":"), r->consumer, cut->name);
}

static void access_json(struct json_out *o, const struct access_record *r,
	const struct access_cut *cut)
{
	char ms[5] = { '0', '0', '0', 'Z', '"' };
	unsigned rest = (unsigned)(r->unix_ms % 1000);
	ms[0] = (char)('0' + rest / 100);
	put2(ms + 1, (int)(rest % 100));
	json_raw(o, STR("{\"time\":\""));
	json_raw(o, str_n(now_text.iso, sizeof(now_text.iso)));
	json_raw(o, str_n(ms, sizeof(ms)));
	json_text_member(o, STR(",\"id\":"), r->request_id, cut->name);
	json_text_member(o, STR(",\"client\":"), r->client, cut->name);
	if (!str_eq(r->peer, r->client))
		json_text_member(o, STR(",\"peer\":"), r->peer, cut->name);
	json_text_member(o, STR(",\"method\":"), r->method, cut->name);
	json_text_member(o, STR(",\"host\":"), r->host, cut->name);
	json_text_member(o, STR(",\"path\":"), r->path, cut->path);
	json_text_member(o, STR(",\"query\":"), r->query, cut->query);
	if (unlikely(r->rewritten_path.len))
		json_rewritten(o, r, cut);
	json_text_member(o, STR(",\"protocol\":"), http_version_of(r->version)->name, cut->name);
	json_uint_member(o, STR(",\"status\":"), r->status);
	if (r->has_grpc_status)
		json_uint_member(o, STR(",\"grpc_status\":"), r->grpc_status);
	json_text_member(o, STR(",\"reason\":"), r->reason, cut->name);
	json_text_member(o, STR(",\"detail\":"), r->detail, cut->name);
	json_uint_member(o, STR(",\"bytes_in\":"), r->bytes_in);
	json_uint_member(o, STR(",\"bytes_out\":"), r->bytes_out);
	json_ms_member(o, STR(",\"duration_ms\":"), r->duration_us);
	json_text_member(o, STR(",\"listener\":"), r->listener, cut->name);
	json_text_member(o, STR(",\"route\":"), r->route, cut->name);
	json_upstream(o, r, cut);
	json_plugins(o, r, cut);
	json_text_member(o, STR(",\"tls\":"), r->tls, cut->name);
	json_text_member(o, STR(",\"user_agent\":"), r->user_agent, cut->agent);
	json_text_member(o, STR(",\"referer\":"), r->referer, cut->agent);
	json_text_member(o, STR(",\"trace_id\":"), r->trace_id, cut->name);
	json_raw(o, STR("}\n"));
}

/* ---- the common log format, and what is called combined ------------------------------------ */

static bool clf_is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* The number of bytes at p that need no escape. Eight are looked at at a time, the rest one by
 * one. */
static size_t clf_plain(const char *p, size_t n)
{
	const uint64_t ones = 0x0101010101010101ull, tops = 0x8080808080808080ull;
	size_t i = 0;
	for (; i + 8 <= n; i += 8) {
		uint64_t w;
		memcpy(&w, p + i, 8);
		uint64_t quote = w ^ (ones * '"'), slash = w ^ (ones * '\\');
		/* sets the top bit of each byte that needs an escape. A borrow may set one more;
		 * the loop below is exact. */
		if (((w - ones * 0x20) | (quote - ones) | (slash - ones) | (w + ones) | w) & tops)
			break;
	}
	while (i < n && clf_is_plain((unsigned char)p[i]))
		i++;
	return i;
}

/* Write s; bytes that could end a field or a line, and those that are not ASCII, become \xHH. */
static void clf_text(struct json_out *o, sluice_str s)
{
	static const char hex[] = "0123456789abcdef";
	while (s.len) {
		size_t n = clf_plain(s.data, s.len);
		if (n) {
			json_raw(o, str_n(s.data, n));
		} else {
			unsigned char c = (unsigned char)s.data[0];
			char e[4] = { '\\', 'x', hex[c >> 4], hex[c & 15] };
			json_raw(o, str_n(e, 4));
			n = 1;
		}
		s = str_n(s.data + n, s.len - n);
	}
}

/* Write a field that is not quoted; a blank would end it and is escaped too. */
static void clf_word(struct json_out *o, sluice_str s, size_t max)
{
	s = access_cut(s, max);
	if (!s.len)
		json_raw(o, STR("-"));
	while (s.len) {
		sluice_str word = str_cut(&s, ' ');
		clf_text(o, word);
		if (s.data)
			json_raw(o, STR("\\x20"));
	}
}

static void clf_quoted(struct json_out *o, sluice_str s, size_t max)
{
	json_raw(o, STR(" \""));
	clf_text(o, s.len ? access_cut(s, max) : STR("-"));
	json_raw(o, STR("\""));
}

static void clf_uint(struct json_out *o, uint64_t v)
{
	char buf[20], *p = buf + sizeof(buf);
	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	json_raw(o, str_n(p, (size_t)(buf + sizeof(buf) - p)));
}

static void access_clf(struct json_out *o, const struct access_record *r,
	const struct access_cut *cut, bool combined)
{
	clf_word(o, r->client, cut->name);
	json_raw(o, STR(" - "));
	clf_word(o, r->consumer, cut->name);
	json_raw(o, STR(" ["));
	json_raw(o, str_n(now_text.clf, sizeof(now_text.clf)));
	json_raw(o, STR("] \""));
	if (r->method.len) {
		clf_text(o, access_cut(r->method, cut->name));
		json_raw(o, STR(" "));
		clf_word(o, r->path, cut->path);
		if (r->query.len) {
			json_raw(o, STR("?"));
			clf_word(o, r->query, cut->query);
		}
		json_raw(o, STR(" "));
		json_raw(o, http_version_of(r->version)->name);
	} else {
		json_raw(o, STR("-"));
	}
	json_raw(o, STR("\" "));
	clf_uint(o, r->status);
	json_raw(o, STR(" "));
	clf_uint(o, r->bytes_out);
	if (combined) {
		clf_quoted(o, r->referer, cut->agent);
		clf_quoted(o, r->user_agent, cut->agent);
	}
	json_raw(o, STR("\n"));
}

/* ---- lines --------------------------------------------------------------------------------- */

static size_t access_write(const struct access_conf *conf, const struct access_record *r,
	const struct access_cut *cut, char *buf, size_t room)
{
	struct json_out o;
	json_init(&o, buf, room);
	if (conf->format == ACCESS_JSON)
		access_json(&o, r, cut);
	else
		access_clf(&o, r, cut, conf->format == ACCESS_COMBINED);
	return o.full ? 0 : json_text(&o).len;
}

size_t access_line(const struct access_conf *conf, const struct access_record *r, char *buf,
	size_t room)
{
	struct access_record safe = *r;
	struct access_room texts;
	bool drop = conf->query == ACCESS_QUERY_DROP;

	access_second(r->unix_ms);
	access_mask_target(conf, &safe, &texts);
	if (r->referer.len)
		access_referer(&safe, &texts, drop);
	access_fields(&safe);
	size_t n = access_write(conf, &safe, &cuts[0], buf, room);
	return n || room < ACCESS_LINE_MAX ? n : access_write(conf, &safe, &cuts[1], buf, room);
}
