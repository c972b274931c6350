/* Who may connect to a unix socket: mode, user and group of a listener. Main thread. */
#include "proxy/build.h"

#include <grp.h>
#include <pwd.h>

enum { MODE_BITS = 0777 };

static bool access_is_number(sluice_str text, int64_t *out)
{
	uint64_t n;
	if (!str_u64(text, &n) || n >= UINT32_MAX) /* the highest means: leave it */
		return false;
	*out = (int64_t)n;
	return true;
}

static bool access_mode(sluice_str text, int *out)
{
	int mode = 0;
	if (text.len < 3 || text.len > 4)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '7')
			return false;
		mode = mode << 3 | (text.data[i] - '0');
	}
	*out = mode;
	return mode <= MODE_BITS;
}

/* The main thread reads configurations, and nobody else asks for users.
 * NOLINTBEGIN(concurrency-mt-unsafe) */
static bool access_user(sluice_str name, int64_t *out)
{
	char text[64];
	(void)snprintf(text, sizeof(text), "%.*s", STR_ARG(name));
	const struct passwd *p = access_is_number(name, out) ? NULL : getpwnam(text);
	if (p)
		*out = p->pw_uid;
	return *out >= 0;
}

static bool access_group(sluice_str name, int64_t *out)
{
	char text[64];
	(void)snprintf(text, sizeof(text), "%.*s", STR_ARG(name));
	const struct group *g = access_is_number(name, out) ? NULL : getgrnam(text);
	if (g)
		*out = g->gr_gid;
	return *out >= 0;
}
/* NOLINTEND(concurrency-mt-unsafe) */

void build_access(struct build *b, const struct listener_conf *c, struct snapshot_listener *l)
{
	struct listener_access *a = &l->access;
	*a = (struct listener_access){ LISTENER_AS_IS, LISTENER_AS_IS, LISTENER_AS_IS };
	if (!c->mode.len && !c->user.len && !c->group.len)
		return;
	if (l->addr.len && l->addr.sa.sa_family != AF_UNIX) {
		const char *option = c->mode.len ? "mode" : c->user.len ? "user" : "group";
		(void)bind_error(&b->bind, c, option,
			"only unix sockets have files, this listener is on %.*s",
			STR_ARG(c->address));
		return;
	}
	if (c->mode.len && !access_mode(c->mode, &a->mode)) {
		(void)bind_error(&b->bind, c, "mode", "\"%.*s\" are no permissions",
			STR_ARG(c->mode));
		diag_hint(b->diag,
			"write three octal digits for owner, group and others, such as mode: "
			"\"0660\"");
	}
	if (c->user.len && !access_user(c->user, &a->uid))
		(void)bind_error(&b->bind, c, "user", "there is no user \"%.*s\"",
			STR_ARG(c->user));
	if (c->group.len && !access_group(c->group, &a->gid))
		(void)bind_error(&b->bind, c, "group", "there is no group \"%.*s\"",
			STR_ARG(c->group));
}
