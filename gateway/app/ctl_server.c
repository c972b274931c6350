/* What `sluice server` asks of a gateway. */
#include <string.h>

#include "app/ctl.h"

/* The orders: the word, and what it sets. */
static const struct {
	const char *word, *sets;
} orders[] = {
	{ "drain", "state=drain" },
	{ "disable", "state=disabled" },
	{ "enable", "state=ready" },
};

static bool server_usage(void)
{
	(void)fprintf(stderr,
		"sluice server: say list; or drain, disable or enable, then UPSTREAM ADDRESS; or "
		"weight N UPSTREAM ADDRESS\n");
	return false;
}

/* Percent-encode (RFC 3986 2.1) what is not a plain character. False: there is no room. */
static bool server_encode(char *path, size_t *at, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (*at + 4 > CTL_PATH_MAX)
			return false;
		bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			(c >= 'A' && c <= 'Z') || strchr("-._~:/", c);
		if (plain) {
			path[(*at)++] = (char)c;
			continue;
		}
		path[(*at)++] = '%';
		path[(*at)++] = hex[c >> 4];
		path[(*at)++] = hex[c & 15];
	}
	path[*at] = 0;
	return true;
}

static bool server_order(const char *sets, const char *value, char *const *names, char *path,
	struct ctl_action *out)
{
	int n = snprintf(path, CTL_PATH_MAX, "/servers?%s", sets);
	size_t at = (size_t)n;
	bool fits = server_encode(path, &at, value);
	for (int i = 0; i < 2 && fits; i++) {
		static const char *const keys[] = { "&upstream=", "&server=" };
		fits = at + strlen(keys[i]) < CTL_PATH_MAX;
		if (fits) {
			memcpy(path + at, keys[i], strlen(keys[i]) + 1);
			at += strlen(keys[i]);
			fits = server_encode(path, &at, names[i]);
		}
	}
	if (!fits) {
		(void)fprintf(stderr, "sluice server: the names are too long\n");
		return false;
	}
	*out = (struct ctl_action){ "server", "POST", path, ctl_print_done };
	return true;
}

bool ctl_server(char *const *words, int n, char *path, struct ctl_action *out)
{
	if (n == 1 && strcmp(words[0], "list") == 0) {
		*out = (struct ctl_action){ "server", "GET", "/status", ctl_print_servers };
		return true;
	}
	if (n == 4 && strcmp(words[0], "weight") == 0)
		return server_order("weight=", words[1], words + 2, path, out);
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]) && n == 3; i++) {
		if (strcmp(words[0], orders[i].word) == 0)
			return server_order(orders[i].sets, "", words + 1, path, out);
	}
	return server_usage();
}
