/* Proxies of fetches. See the header. */
#include "upstream/fetch_proxy.h"

#include <pthread.h>

#include "base/addr.h"

enum { CREDENTIALS_MAX = 1024, BASE64_MAX = (CREDENTIALS_MAX + 2) / 3 * 4 };

const sluice_option fetch_proxy_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct fetch_proxy_conf, url, .flags = SLUICE_F_SCALAR,
		.doc = "http://HOST:PORT of the proxy; https URLs are fetched through a tunnel "
		       "(CONNECT); left out: none"),
	SLUICE_OPTION(SLUICE_T_STR, struct fetch_proxy_conf, credentials, .flags = SLUICE_F_SECRET,
		.doc = "USER:PASSWORD for the proxy, or file:PATH with it"),
	SLUICE_OPTION(SLUICE_T_STRS, struct fetch_proxy_conf, except, .max = "256",
		.doc = "names and addresses of hosts that are asked without the proxy; *.NAME for "
		       "every name below one"),
	SLUICE_OPTIONS_END,
};

/* The proxy in force. */
static struct {
	pthread_mutex_t lock;
	struct arena arena; /* owned: of conf */
	struct fetch_proxy_conf conf;
} in_force = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- reading ------------------------------------------------------------------------------- */

/* RFC 4648 4. Returns how many characters it wrote. */
static int base64_write(sluice_str in, char out[static BASE64_MAX])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789+/";
	int n = 0;
	for (size_t i = 0; i < in.len; i += 3) {
		size_t left = in.len - i;
		uint32_t v = (uint32_t)(unsigned char)in.data[i] << 16;
		v |= left > 1 ? (uint32_t)(unsigned char)in.data[i + 1] << 8 : 0;
		v |= left > 2 ? (uint32_t)(unsigned char)in.data[i + 2] : 0;
		out[n++] = digits[v >> 18];
		out[n++] = digits[v >> 12 & 63];
		out[n++] = (char)(left > 1 ? digits[v >> 6 & 63] : '=');
		out[n++] = (char)(left > 2 ? digits[v & 63] : '=');
	}
	return n;
}

/* RFC 7617 2 */
static const char *proxy_authorization(sluice_str credentials, struct arena *a, sluice_str *out)
{
	char text[BASE64_MAX];
	if (credentials.len > CREDENTIALS_MAX)
		return "the credentials of the proxy are too long";
	if (!memchr(credentials.data, ':', credentials.len))
		return "the credentials of the proxy are not USER:PASSWORD";
	for (size_t i = 0; i < credentials.len; i++) {
		unsigned char c = (unsigned char)credentials.data[i];
		if (c < ' ' || c == 0x7f)
			return "the credentials of the proxy have a control character";
	}
	*out = arena_printf(a, "Basic %.*s", base64_write(credentials, text), text);
	return out->data ? NULL : "there is no memory for the credentials of the proxy";
}

const char *fetch_proxy_read(sluice_str text, sluice_str credentials, struct arena *a,
	struct fetch_proxy *out)
{
	struct url u;
	struct fetch_proxy p = { .authorization = STR("") };
	if (url_parse(text, &u) || u.https || u.has_query || !str_eq(u.path, STR("/")))
		return "the proxy is not http://HOST:PORT";
	const char *why = credentials.len ? proxy_authorization(credentials, a, &p.authorization)
					  : NULL;
	p.host = arena_str(a, u.host).data;
	p.port = u.port;
	if (!why && !p.host)
		why = "there is no memory for the name of the proxy";
	if (!why)
		*out = p;
	return why;
}

/* RFC 9112 3.2.3: the authority form has a port in any case. */
sluice_str fetch_proxy_connect(const struct fetch_proxy *p, const struct url *u, struct arena *a)
{
	bool brackets = memchr(u->host.data, ':', u->host.len) != NULL;
	sluice_str to = arena_printf(a, "%s%.*s%s:%u", brackets ? "[" : "", STR_ARG(u->host),
		brackets ? "]" : "", (unsigned)u->port);
	bool named = p->authorization.len > 0;
	return arena_printf(a, "CONNECT %.*s HTTP/1.1\r\nHost: %.*s\r\n%s%.*s%s\r\n", STR_ARG(to),
		STR_ARG(to), named ? "Proxy-Authorization: " : "", STR_ARG(p->authorization),
		named ? "\r\n" : "");
}

/* ---- that of the configuration ------------------------------------------------------------- */

int fetch_proxy_check(struct bind *b, const struct fetch_proxy_conf *conf)
{
	struct arena a;
	struct fetch_proxy p;
	arena_init(&a, 0);
	const char *why = conf->url.len ? fetch_proxy_read(conf->url, conf->credentials, &a, &p)
					: NULL;
	arena_fini(&a);
	if (!conf->url.len && (conf->credentials.len || conf->except.n))
		return bind_error(b, conf, NULL, "fetch_proxy has no url");
	return why ? bind_error(b, conf, NULL, "%s", why) : 0;
}

void fetch_proxy_configure(const struct fetch_proxy_conf *conf)
{
	struct arena a;
	struct fetch_proxy_conf copy = { .except = { NULL, conf->except.n } };
	arena_init(&a, 0);
	sluice_str *except = arena_zalloc(&a, (conf->except.n + 1) * sizeof(*except));
	copy.url = arena_str(&a, conf->url);
	copy.credentials = arena_str(&a, conf->credentials);
	for (size_t i = 0; i < conf->except.n; i++)
		except[i] = arena_str(&a, conf->except.v[i]);
	copy.except.v = except;
	pthread_mutex_lock(&in_force.lock);
	struct arena old = in_force.arena;
	in_force.arena = a;
	in_force.conf = copy;
	pthread_mutex_unlock(&in_force.lock);
	arena_fini(&old);
}

static bool host_is_own(sluice_str host)
{
	struct addr a;
	return str_ieq(host, STR("localhost")) || str_eq(host, STR("::1")) ||
		(str_starts(host, STR("127.")) && addr_from_ip(host, 1, &a));
}

static bool host_is_excepted(sluice_str host, const sluice_strs *except)
{
	for (size_t i = 0; i < except->n; i++) {
		sluice_str name = except->v[i];
		bool below = str_starts(name, STR("*."));
		size_t n = below ? name.len - 1 : name.len;
		if (below ? host.len > n : host.len == n) {
			sluice_str end = str_n(host.data + host.len - n, n);
			if (str_ieq(end, str_n(name.data + below, n)))
				return true;
		}
	}
	return false;
}

bool fetch_proxy_default(sluice_str host, struct arena *a, struct fetch_proxy *out)
{
	bool through = false;
	pthread_mutex_lock(&in_force.lock);
	const struct fetch_proxy_conf *c = &in_force.conf;
	if (c->url.len && !host_is_own(host) && !host_is_excepted(host, &c->except))
		through = !fetch_proxy_read(c->url, c->credentials, a, out);
	pthread_mutex_unlock(&in_force.lock);
	return through;
}
