/* Who may ask what. */
#include "admin/permit.h"

static bool conn_is_unix(const struct conn_info *conn)
{
	return str_eq(str_n(conn->peer_ip, conn->peer_ip_len), STR("unix"));
}

static bool conn_is_loopback(const struct conn_info *conn)
{
	sluice_str ip = str_n(conn->peer_ip, conn->peer_ip_len);
	return str_starts(ip, STR("127.")) || str_eq(ip, STR("::1"));
}

static bool host_is_ip(sluice_str host)
{
	struct addr a;
	if (host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']')
		host = str_n(host.data + 1, host.len - 2);
	return addr_from_ip(host, 1, &a);
}

static bool host_is_ours(sluice_str host, bool changes)
{
	/* HTTP/1.0 may leave it out, browsers never do */
	if (host.len == 0 || host_is_ip(host) || str_eq(host, STR("localhost")) ||
		str_ends(host, STR(".localhost")))
		return true;
	/* a name of a local network, such as a container's: pages of the Internet have no such
	 * name */
	return !changes && !memchr(host.data, '.', host.len);
}

/* host is in lower case; the operator may have written the name in upper case. */
static bool host_is_listed(sluice_str host, const sluice_strs *hosts)
{
	for (size_t i = 0; i < hosts->n; i++) {
		sluice_str name = hosts->v[i];
		if (str_starts(name, STR("*."))) {
			name = str_n(name.data + 1, name.len - 1);
			if (host.len > name.len &&
				str_ieq(str_n(host.data + host.len - name.len, name.len), name))
				return true;
		} else if (str_ieq(host, name)) {
			return true;
		}
	}
	return false;
}

static bool head_has(const struct request_head *h, const char *name)
{
	return fields_find_name(&h->fields, str_of(name)) != NULL;
}

/* Whether a proxy passed the request on. The peer's address then says nothing about who asks. */
static bool head_is_passed_on(const struct request_head *h)
{
	return head_has(h, "forwarded") || head_has(h, "x-forwarded-for") ||
		head_has(h, "x-real-ip") || head_has(h, "via");
}

/* Whether a web page sent the request. Browsers add one of these fields to every POST of a page,
 * and the page cannot prevent it. */
static bool head_is_from_page(const struct request_head *h)
{
	return head_has(h, "origin") || head_has(h, "referer") || head_has(h, "sec-fetch-site");
}

enum admin_problem permit(bool changes, const struct request_head *h, const struct conn_info *conn,
	const sluice_strs *hosts)
{
	bool is_unix = conn_is_unix(conn);
	if (!is_unix && !host_is_ours(h->host, changes) && !host_is_listed(h->host, hosts))
		return PROBLEM_FOREIGN_HOST;
	if (!changes)
		return PROBLEM_COUNT;
	if (!is_unix && !conn_is_loopback(conn))
		return PROBLEM_NOT_LOCAL;
	if (head_is_passed_on(h))
		return PROBLEM_PASSED_ON;
	return head_is_from_page(h) ? PROBLEM_FROM_BROWSER : PROBLEM_COUNT;
}
