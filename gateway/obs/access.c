/* Lines of the access log. Any thread. */
#include "obs/access.h"

#include <time.h>

#include "base/json.h"
#include "http/version.h"

/* The second row applies when a line does not fit with the first; with it every line fits, even
 * when all bytes are escaped. */
const struct access_cut access_cuts[2] = { { 2048, 2048, 512, 256, 32 },
	{ 512, 256, 128, 64, 12 } };

static sluice_str cut_at(sluice_str s, size_t max)
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

static void mask_target(const struct secrets *secrets, sluice_str *path, sluice_str *query,
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
		mask_target(r->secrets, &r->path, &r->query, &room->asked, drop);
	if (unlikely(r->rewritten_path.len))
		mask_target(r->secrets, &r->rewritten_path, &r->rewritten_query, &room->rewritten,
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
	s = text_without_controls(cut_at(s, max + 4), buf);
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

static void json_list_member(struct json_out *o, sluice_str key, sluice_strs list, size_t most,
	size_t max)
{
	json_raw(o, key);
	json_open(o, '[');
	for (size_t i = 0; i < list.n && i < most; i++)
		json_text_value(o, list.v[i], max);
	json_close(o, ']');
}

/* "2024-07-01T12:00:00.042Z" of this second; n: ACCESS_TIME bytes */
static void access_time(char to[ACCESS_TIME], uint64_t unix_ms)
{
	unsigned rest = (unsigned)(unix_ms % 1000);
	memcpy(to, now_text.iso, sizeof(now_text.iso));
	to += sizeof(now_text.iso);
	to[0] = (char)('0' + rest / 100);
	put2(to + 1, (int)(rest % 100));
	to[3] = 'Z';
}

static void access_json(struct json_out *o, const struct access_record *r,
	const struct access_cut *cut)
{
	char time[ACCESS_TIME];
	access_time(time, r->unix_ms);
	json_raw(o, STR("{\"time\":\""));
	json_raw(o, str_n(time, sizeof(time)));
	json_raw(o, STR("\""));
#define KEY(name) STR(",\"" name "\":")
#define TEXT(name, text, longest, when) \
	if (when)                       \
		json_text_member(o, KEY(name), text, cut->longest);
#define NUMBER(name, number, when) \
	if (when)                  \
		json_uint_member(o, KEY(name), number);
#define MS(name, us, when) \
	if (when)          \
		json_ms_member(o, KEY(name), us);
#define LIST(name, texts, longest) \
	if (unlikely((texts).n))   \
		json_list_member(o, KEY(name), texts, cut->list, cut->longest);
#include "obs/access_field.def"
#undef TEXT
#undef NUMBER
#undef MS
#undef LIST
#undef KEY
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
	s = cut_at(s, max);
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
	clf_text(o, s.len ? cut_at(s, max) : STR("-"));
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
		clf_text(o, cut_at(r->method, cut->name));
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

static size_t access_write(enum access_format format, const struct access_record *r,
	const struct access_cut *cut, char *buf, size_t room)
{
	struct json_out o;
	json_init(&o, buf, room);
	if (format == ACCESS_JSON)
		access_json(&o, r, cut);
	else
		access_clf(&o, r, cut, format == ACCESS_COMBINED);
	return o.full ? 0 : json_text(&o).len;
}

void access_mask(const struct access_conf *conf, const struct access_record *r,
	struct access_record *masked, struct access_room *room)
{
	bool drop = conf->query == ACCESS_QUERY_DROP;
	*masked = *r;
	if (str_eq(r->peer, r->client))
		masked->peer = STR_NONE;
	access_request(masked, room, drop);
	if (r->referer.len)
		access_referer(masked, room, drop);
	access_fields(masked);
}

size_t access_masked_line(enum access_format format, const struct access_record *masked, char *buf,
	size_t room)
{
	access_second(masked->unix_ms);
	size_t n = access_write(format, masked, &access_cuts[0], buf, room);
	return n || room < ACCESS_LINE_MAX
		? n
		: access_write(format, masked, &access_cuts[1], buf, room);
}

size_t access_line(const struct access_conf *conf, const struct access_record *r, char *buf,
	size_t room)
{
	struct access_record masked;
	struct access_room texts;
	access_mask(conf, r, &masked, &texts);
	return access_masked_line((enum access_format)conf->format, &masked, buf, room);
}

/* ---- fields -------------------------------------------------------------------------------- */

/* Where fields are written: their values, and the texts that are made for them. */
struct fields_out {
	sluice_log_field *v;
	size_t n;
	struct json_out text;
};

/* s, without the rest of a character that would be cut. */
static sluice_str cut_between(sluice_str s, size_t max)
{
	if (s.len <= max)
		return s;
	while (max && ((unsigned char)s.data[max] & 0xc0) == 0x80)
		max--;
	return str_n(s.data, max);
}

static void field_add(struct fields_out *o, const char *name, sluice_log_kind kind, sluice_str text,
	uint64_t number)
{
	o->v[o->n++] = (sluice_log_field){ name, text, (int64_t)number, kind };
}

static void field_text(struct fields_out *o, const char *name, sluice_str text, size_t max)
{
	if (text.len)
		field_add(o, name, SLUICE_LOG_IS_TEXT, cut_between(text, max), 0);
}

/* decimals: as of json_fixed() */
static void field_number(struct fields_out *o, const char *name, sluice_log_kind kind, uint64_t v,
	unsigned decimals)
{
	char *from = o->text.at;
	json_init(&o->text, from, (size_t)(o->text.end - from));
	if (decimals)
		json_fixed(&o->text, v, decimals);
	else
		json_uint(&o->text, v);
	field_add(o, name, kind, json_text(&o->text), v);
}

static void field_list(struct fields_out *o, const char *name, sluice_strs list, size_t most,
	size_t max)
{
	char *from = o->text.at;
	for (size_t i = 0; i < list.n && i < most; i++) {
		if (i)
			json_raw(&o->text, STR(","));
		json_raw(&o->text, cut_between(list.v[i], max));
	}
	if (list.n)
		field_add(o, name, SLUICE_LOG_IS_LIST, str_n(from, (size_t)(o->text.at - from)), 0);
}

size_t access_fields_of(const struct access_record *r, sluice_log_field v[ACCESS_FIELDS],
	char room[ACCESS_FIELDS_ROOM])
{
	const struct access_cut *cut = &access_cuts[0];
	struct fields_out out = { .v = v }, *o = &out;
	access_second(r->unix_ms);
	access_time(room, r->unix_ms);
	json_init(&out.text, room + ACCESS_TIME, ACCESS_FIELDS_ROOM - ACCESS_TIME);
	field_add(o, "time", SLUICE_LOG_IS_TIME, str_n(room, ACCESS_TIME), r->unix_ms);
#define TEXT(name, text, longest, when) \
	if (when)                       \
		field_text(o, name, text, cut->longest);
#define NUMBER(name, number, when) \
	if (when)                  \
		field_number(o, name, SLUICE_LOG_IS_NUMBER, number, 0);
#define MS(name, us, when) \
	if (when)          \
		field_number(o, name, SLUICE_LOG_IS_MS, us, 3);
#define LIST(name, texts, longest) field_list(o, name, texts, cut->list, cut->longest);
#include "obs/access_field.def"
#undef TEXT
#undef NUMBER
#undef MS
#undef LIST
	return out.n;
}
