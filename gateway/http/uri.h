/*
 * Request targets: their four forms, the path as it is matched and forwarded, and the host. This is
 * the only place that defines what a path means; routes, plugins and upstreams all see its result.
 * No I/O. Any thread.
 *
 * Bytes. A target consists of visible ASCII (0x21 to 0x7e). Controls, spaces and bytes above 0x7e
 * are refused, and so is
 * '#': a fragment never travels. Other characters that RFC 3986 would have escaped ('[', '|', '"'
 * ...) pass untouched, because clients do send them and none of them means anything to a route.
 *
 * Path, in this order:
 *  1. '\' is refused; "%5C" stays as it is.
 *  2. Escapes of unreserved characters (ALPHA DIGIT - . _ ~) are decoded; the others stay, with
 *     upper-case digits. An escape without two hexadecimal digits is refused, and so is "%00".
 *  3. Empty segments vanish ("//" is "/"); a slash at the end stays.
 *  4. "." and ".." segments are resolved (RFC 3986 5.2.4); ".." above the root is refused.
 *  5. "%2F" is never a separator, and stays. What some servers would take for a dot segment all the
 *     same is refused: "." or ".." between separators of which one is "%2F" or "%5C" ("/a/..%2Fb"),
 *     or followed by parameters ("/a/..;x/b").
 * The result is a fixed point: normalising it again changes nothing. A path without escapes, empty
 * segments and segments that start with a dot is normal, and is not copied.
 *
 * A listener may have rules of its own (enum path_rule), for upstreams that read paths differently.
 * They hold in step 4, before dot segments are resolved, and for what is sent as for what is
 * matched: PATH_ESCAPED_DECODED has "%2F" for '/', PATH_PARAMETERS_CUT takes ";" and what follows
 * off a segment. Refused by them is ERR_PATH_AMBIGUOUS. "..;x" stays refused, and "%252F" is none
 * of them.
 *
 * With PATH_SLASHES_KEPT the upstream gets the path with its empty segments, and everybody else
 * sees it without: a route for /admin also takes //admin, whatever the upstream makes of it. A ".."
 * behind an empty segment is refused then, since it can be read in two ways. Merged, what is sent
 * is the path that was matched.
 *
 * Query: what stands after the first '?', as received; its bytes are checked, its escapes are not
 * touched.
 *
 * Host: a name of letters, digits, '-', '_', '~' and single dots, of at most 255 bytes, an IPv4
 * address, or an IPv6 address in brackets (no zone). Then nothing, ':', or ':' and a port of at
 * most 5 digits up to 65535. Escapes and user information are refused. One dot at the end is cut,
 * letters become lower case, the brackets stay; an IPv6 address has one spelling, that of RFC 5952.
 */
#ifndef HTTP_URI_H
#define HTTP_URI_H

#include "http/head.h"

/*
 * From h->method, h->version, h->path_rules, h->target and the Host field's value in h->authority
 * to form, path, sent_path, query, has_query, host and, for absolute and authority targets, which
 * win over Host, authority (RFC 9112 3.2). The results are slices of the target and of the
 * authority, or of the arena.
 *  - authority form ("host:port"): for CONNECT, and only there; path is empty. The port is
 *    required.
 *  - asterisk form: for OPTIONS only; path is "*". "OPTIONS http://host" is the same (RFC 9112
 *    3.2.4).
 *  - absolute form: http and https; an empty path becomes "/". The Host field must still be
 *    well-formed.
 *  - origin form: anything else that starts with '/'.
 * An empty authority is ERR_BAD_HOST unless the version is 10. Else ERR_BAD_TARGET,
 * ERR_PATH_AMBIGUOUS or ERR_NO_MEMORY. After an error path and query are empty and has_query is
 * false; host and authority are as they would be without the fault, or host is empty.
 */
must_use int uri_parse_target(struct request_head *h, struct arena *a);

/* Normalise a path that starts with '/' and has no query. *out is set on success only, and may be
 * raw itself. ERR_BAD_TARGET, ERR_NO_MEMORY. */
must_use int uri_normalise_path(sluice_str raw, struct arena *a, sluice_str *out);

/* Whether s can stand behind the '?' of a target. */
bool uri_is_query(sluice_str s);

/* The host of an authority that is not empty. *host is set on success only. ERR_BAD_HOST,
 * ERR_NO_MEMORY. */
must_use int uri_parse_authority(sluice_str authority, struct arena *a, sluice_str *host);

/* An IPv6 address in brackets as RFC 5952 writes it, with its brackets. buf of URI_IP6 bytes, *out
 * lies in it. False: it is none. */
enum { URI_IP6 = 48 };
must_use bool uri_ip6_host(sluice_str text, char *buf, sluice_str *out);

#endif
