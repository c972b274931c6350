/* Discovery documents. */
#include "discovery.h"

#include <stdlib.h>

#include "../jose/strict.h"
#include "../shared/url.h"

enum { DEPTH_MAX = 16 };

static const sluice_str suffixes[DISCOVERY_WAYS] = {
	[DISCOVERY_OPENID] = SLUICE_STR("/.well-known/openid-configuration"),
	[DISCOVERY_OAUTH] = SLUICE_STR("/.well-known/oauth-authorization-server"),
};

/* How many bytes scheme and authority have. */
static size_t origin_length(sluice_str url)
{
	size_t n = url_is_https(url) ? 8 : 7;
	while (n < url.len && url.data[n] != '/')
		n++;
	return n;
}

bool discovery_is_possible(sluice_str issuer)
{
	size_t scheme = url_is_https(issuer) ? 8 : 7;
	return url_is_http(issuer) && !memchr(issuer.data, '?', issuer.len) &&
		!memchr(issuer.data, '#', issuer.len) && origin_length(issuer) > scheme;
}

/* A slash at the end of the issuer's path goes in both ways. That of OpenID stands behind the path
 * (Discovery 4.1), that of RFC 8414 between host and path (section 3.1). */
char *discovery_url(sluice_str issuer, enum discovery_way way)
{
	sluice_str suffix = suffixes[way];
	size_t len = issuer.len - (issuer.data[issuer.len - 1] == '/');
	size_t head = way == DISCOVERY_OAUTH ? origin_length(issuer) : len;
	char *url = malloc(len + suffix.len + 1);
	if (!url)
		return NULL;
	char *at = sluice_str_put(url, sluice_str_n(issuer.data, head));
	at = sluice_str_put(at, suffix);
	at = sluice_str_put(at, sluice_str_n(issuer.data + head, len - head));
	*at = '\0';
	return url;
}

const char *discovery_read(sluice_str document, sluice_str issuer, json_t **out)
{
	sluice_str name;
	json_t *root = json_read_object(document.data, document.len, DEPTH_MAX);
	const char *wrong = NULL;
	if (!root || !json_member_str(root, "issuer", &name))
		wrong = "it is not a discovery document";
	else if (!name.data || !sluice_str_eq(name, issuer))
		wrong = "it names another issuer";
	if (wrong)
		json_decref(root);
	else
		*out = root;
	return wrong;
}

const char *discovery_endpoint(const json_t *document, const char *name, sluice_str *out)
{
	sluice_str issuer, url;
	if (!json_member_str(document, "issuer", &issuer) ||
		!json_member_str(document, name, &url) || !url_is_http(url))
		return "is missing or not a URL";
	if (url_is_https(issuer) && !url_is_https(url))
		return "is not https";
	*out = url;
	return NULL;
}
