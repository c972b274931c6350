/*
 * Targets, paths and hosts. The first byte chooses a method, the second the length of the
 * authority; authority and target follow. What is accepted must be a fixed point, and hold no byte
 * that a neighbour could read otherwise.
 */
#include <stdlib.h>

#include "http/scan.h"
#include "http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void path_is_normal(sluice_str path)
{
	static const char *const never[] = { "//", "/./", "/../", "\\", "%2e", "%2E", "%2f", "%00",
		"#", "?", " " };
	check(path.len > 0 && path.data[0] == '/', "path \"%.*s\" has no root", STR_ARG(path));
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		check(!memmem(path.data, path.len, never[i], strlen(never[i])), "%s in \"%.*s\"",
			never[i], STR_ARG(path));
	check(!str_ends(path, STR("/.")) && !str_ends(path, STR("/..")), "dots end \"%.*s\"",
		STR_ARG(path));
}

static void check_path(sluice_str raw, struct arena *a)
{
	sluice_str path, again;
	if (uri_normalise_path(raw, a, &path))
		return;
	path_is_normal(path);
	check(path.len <= raw.len, "the path grew from \"%.*s\"", STR_ARG(raw));
	check(uri_normalise_path(path, a, &again) == 0 && str_eq(again, path),
		"\"%.*s\" is no fixed point", STR_ARG(path));
}

static void check_authority(sluice_str authority, struct arena *a)
{
	sluice_str host, again;
	if (uri_parse_authority(authority, a, &host))
		return;
	check(host.len > 0 && host.len <= 255, "host of %zu bytes", host.len);
	for (size_t i = 0; i < host.len; i++)
		check(ascii_lower(host.data[i]) == host.data[i] &&
				!memchr("/@?#%\\, ", host.data[i], 8),
			"bad host \"%.*s\"", STR_ARG(host));
	check(uri_parse_authority(host, a, &again) == 0 && again.data == host.data &&
			again.len == host.len,
		"\"%.*s\" is no fixed point", STR_ARG(host));
}

/* What the rules of a listener leave is normal, and has none of what they are about, whether it is
 * matched or sent. */
static void rules_are_kept(sluice_str path, unsigned rules)
{
	static const char *const escaped[] = { "%2F", "%5C" };
	unsigned any = PATH_ESCAPED_REFUSED | PATH_ESCAPED_DECODED;
	for (size_t i = 0; i < sizeof(escaped) / sizeof(escaped[0]); i++)
		check(!(rules & any) || !path.len || !memmem(path.data, path.len, escaped[i], 3),
			"%s stays in \"%.*s\"", escaped[i], STR_ARG(path));
	check(!(rules & PATH_PARAMETERS) || !path.len || !memchr(path.data, ';', path.len),
		"a parameter stays in \"%.*s\"", STR_ARG(path));
	check(!(rules & PATH_PARAMETERS_REFUSED) || !path.len ||
			!memmem(path.data, path.len, "%3B", 3),
		"an escaped parameter stays in \"%.*s\"", STR_ARG(path));
}

static void check_rules(const struct request_head *plain, unsigned rules, struct arena *a)
{
	struct request_head h = { .method = plain->method,
		.version = 11,
		.authority = plain->authority,
		.target = plain->target,
		.path_rules = (uint8_t)rules };
	sluice_str merged;
	int err = uri_parse_target(&h, a);
	if (err) {
		check(h.path.len == 0 && h.sent_path.len == 0, "a refused target leaves a path");
		return;
	}
	if (h.form == TARGET_AUTHORITY || h.form == TARGET_ASTERISK)
		return;
	path_is_normal(h.path);
	rules_are_kept(h.path, rules);
	rules_are_kept(h.sent_path, rules);
	check(uri_normalise_path(h.path, a, &merged) == 0 && str_eq(merged, h.path),
		"\"%.*s\" is no fixed point", STR_ARG(h.path));
	check(h.sent_path.len == 0 ||
			(uri_normalise_path(h.sent_path, a, &merged) == 0 &&
				str_eq(merged, h.path)),
		"\"%.*s\" is sent, and is not what was matched", STR_ARG(h.sent_path));
}

static void check_all_rules(enum method m, sluice_str authority, sluice_str target, struct arena *a)
{
	static const uint8_t escaped[] = { 0, PATH_ESCAPED_REFUSED, PATH_ESCAPED_DECODED };
	static const uint8_t parameters[] = { 0, PATH_PARAMETERS_CUT, PATH_PARAMETERS_REFUSED };
	const struct request_head plain = { .method = (uint8_t)m,
		.authority = authority,
		.target = target };
	for (unsigned i = 0; i < 2 * 9; i++)
		check_rules(&plain,
			(i % 2 ? PATH_SLASHES_KEPT : 0) | escaped[i / 2 % 3] | parameters[i / 6],
			a);
}

static void check_target(enum method m, sluice_str authority, sluice_str target, struct arena *a)
{
	struct request_head h = { .method = (uint8_t)m,
		.version = 11,
		.authority = authority,
		.target = target };
	if (uri_parse_target(&h, a)) {
		check(h.path.len == 0 && h.sent_path.len == 0 && h.query.len == 0 && !h.has_query,
			"a refused target leaves a path: \"%.*s\"", STR_ARG(target));
		return;
	}
	struct request_head kept = { .method = (uint8_t)m,
		.version = 11,
		.authority = authority,
		.target = target,
		.path_rules = PATH_SLASHES_KEPT };
	sluice_str merged;
	if (uri_parse_target(&kept, a) == 0) {
		check(str_eq(kept.path, h.path), "kept slashes of \"%.*s\" are matched otherwise",
			STR_ARG(target));
		check(kept.sent_path.len == 0 ||
				(uri_normalise_path(kept.sent_path, a, &merged) == 0 &&
					str_eq(merged, h.path)),
			"\"%.*s\" is sent, and is not what was matched", STR_ARG(kept.sent_path));
	}
	check(h.host.len > 0, "a target without host: \"%.*s\"", STR_ARG(target));
	for (size_t i = 0; i < h.query.len; i++)
		check(scan_is(h.query.data[i], SCAN_VISIBLE) && h.query.data[i] != '#',
			"query \"%.*s\"", STR_ARG(h.query));
	check(h.has_query || h.query.len == 0, "query \"%.*s\" that is not there",
		STR_ARG(h.query));
	switch ((enum target_form)h.form) {
	case TARGET_ORIGIN:
	case TARGET_ABSOLUTE:
		path_is_normal(h.path);
		break;
	case TARGET_ASTERISK:
		check(m == METHOD_OPTIONS && str_eq(h.path, STR("*")), "asterisk for \"%.*s\"",
			STR_ARG(target));
		break;
	case TARGET_AUTHORITY:
		check(m == METHOD_CONNECT && h.path.len == 0, "authority for \"%.*s\"",
			STR_ARG(target));
		break;
	}
}

static void check_twins(const char *p, const char *end)
{
#if SCAN_SIMD
	check(scan_path_simd(p, end) == scan_path_scalar(p, end), "scan_path differs");
	check(scan_visible_simd(p, end) == scan_visible_scalar(p, end), "scan_visible differs");
#else
	(void)p;
	(void)end;
#endif
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	if (size < 2)
		return 0;
	enum method m = (enum method)(data[0] % METHOD_COUNT);
	size_t n = data[1] < size - 2 ? data[1] : size - 2;
	const char *text = (const char *)data + 2;
	sluice_str authority = { text, n }, target = { text + n, size - 2 - n };

	arena_init(&a, 1 << 20);
	check_twins(target.data, target.data + target.len);
	check_path(target, &a);
	check_authority(authority, &a);
	check_target(m, authority, target, &a);
	check_all_rules(m, authority, target, &a);
	arena_fini(&a);
	return 0;
}
