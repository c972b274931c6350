/* Reading accounts: see accounts.h. */
#include "accounts.h"

#include <stdlib.h>

#include "credentials.h"
#include "hash.h"

enum { USERS_MAX = 100000, GROUP_NAME_MAX = 64, GROUPS_TEXT_MAX = 1024 };

/* ---- order and lookup ---------------------------------------------------------------------- */

static int compare_users(sluice_str a, sluice_str b)
{
	int rc = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
	return rc ? rc : (a.len > b.len) - (a.len < b.len);
}

static int compare(const void *a, const void *b)
{
	return compare_users(((const struct account *)a)->user, ((const struct account *)b)->user);
}

static struct account *find(const struct accounts *a, sluice_str user)
{
	size_t low = 0, high = a->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int rc = compare_users(user, a->v[mid].user);
		if (rc == 0)
			return &a->v[mid];
		low = rc > 0 ? mid + 1 : low;
		high = rc > 0 ? high : mid;
	}
	return NULL;
}

const struct account *accounts_find(const struct accounts *a, sluice_str user)
{
	return find(a, user);
}

/* ---- users --------------------------------------------------------------------------------- */

/* Why no client could send this name. NULL: it could. */
static const char *user_refused(sluice_str user)
{
	if (user.len == 0 || user.len > USER_MAX)
		return "has no name of 1 to 255 bytes";
	for (size_t i = 0; i < user.len; i++) {
		unsigned char c = (unsigned char)user.data[i];
		if (c < 0x20 || c == 0x7f || c == ':')
			return "has a name with a colon or a control character";
	}
	return NULL;
}

static const char *add_user(struct accounts *a, size_t room, sluice_str user, sluice_str hash,
	size_t line)
{
	const char *why = user_refused(user);
	if (!why && (why = hash_refused(hash)) == NULL && a->n == room)
		why = "is one too many: there may be 100000";
	if (why)
		return why;
	a->weak += hash_is_weak(hash);
	a->v[a->n++] = (struct account){ .user = user, .hash = hash, .line = (unsigned)line };
	return NULL;
}

static sluice_str next_line(sluice_str *text)
{
	sluice_str line = sluice_str_cut(text, '\n');
	while (line.len && line.data[line.len - 1] == '\r')
		line.len--;
	return sluice_str_trim(line);
}

static bool is_comment(sluice_str line)
{
	return line.len == 0 || line.data[0] == '#';
}

static bool read_users(struct accounts *a, size_t room, sluice_str text, struct accounts_mistake *m)
{
	for (m->line = 1, m->where = IN_FILE; text.len; m->line++) {
		sluice_str hash = next_line(&text);
		m->user = SLUICE_STR_NONE;
		if (is_comment(hash))
			continue;
		sluice_str user = sluice_str_cut(&hash, ':');
		if (!hash.data) {
			m->why = "has no colon; a line is `name:hash`, as htpasswd writes it";
			return false;
		}
		/* htpasswd files of other programs have comments behind a second colon */
		hash = sluice_str_cut(&hash, ':');
		m->user = user;
		m->why = add_user(a, room, user, hash, m->line);
		if (m->why)
			return false;
	}
	return true;
}

static size_t count_lines(sluice_str text)
{
	size_t n = 1;
	for (size_t i = 0; i < text.len; i++)
		n += text.data[i] == '\n';
	return n;
}

/* Sort, and look for users that are there twice. */
static bool order_users(struct accounts *a, struct accounts_mistake *m)
{
	if (a->n)
		qsort(a->v, a->n, sizeof(*a->v), compare);
	for (size_t i = 1; i < a->n; i++) {
		if (compare(&a->v[i - 1], &a->v[i]) != 0)
			continue;
		bool later = a->v[i].line > a->v[i - 1].line;
		const struct account *second = &a->v[later ? i : i - 1];
		*m = (struct accounts_mistake){ second->line ? IN_FILE : IN_USERS, second->line,
			second->user, "is there twice" };
		return false;
	}
	return true;
}

/* ---- groups -------------------------------------------------------------------------------- */

static const char *group_refused(sluice_str group)
{
	if (group.len == 0 || group.len > GROUP_NAME_MAX)
		return "has no group of 1 to 64 bytes before a colon";
	for (size_t i = 0; i < group.len; i++) {
		if (!sluice_is_alnum(group.data[i]) && !strchr("-_.@", group.data[i]))
			return "has a group whose name is not of letters, digits and -_.@";
	}
	return NULL;
}

/* Whether "a,b,c" has the name. */
static bool has_name(sluice_str names, sluice_str name)
{
	while (names.len) {
		if (sluice_str_eq(sluice_str_cut(&names, ','), name))
			return true;
	}
	return false;
}

static const char *join_group(struct account *u, sluice_str group)
{
	if (has_name(u->groups, group))
		return NULL;
	size_t n = u->groups.len + (u->groups.len > 0) + group.len;
	if (n > GROUPS_TEXT_MAX)
		return "gives a user more groups than 1024 bytes can name";
	char *text = malloc(n + 1), *at = text;
	if (!text)
		return "finds no memory";
	at = sluice_str_put(at, u->groups);
	if (at > text)
		*at++ = ',';
	*sluice_str_put(at, group) = '\0';
	free((char *)(uintptr_t)u->groups.data);
	u->groups = sluice_str_n(text, n);
	return NULL;
}

/* A user that has no account is passed over, since he cannot log in. */
static const char *read_group(struct accounts *a, sluice_str line)
{
	sluice_str users = line, group = sluice_str_trim(sluice_str_cut(&users, ':'));
	const char *why = users.data ? group_refused(group)
				     : "has no colon; a line is `group: name name`";
	while (!why && users.len) {
		sluice_str user = sluice_str_trim(sluice_str_cut(&users, ' '));
		struct account *u = user.len ? find(a, user) : NULL;
		why = u ? join_group(u, group) : NULL;
	}
	return why;
}

static bool read_groups(struct accounts *a, sluice_str text, struct accounts_mistake *m)
{
	for (m->line = 1, m->where = IN_GROUPS; text.len; m->line++) {
		sluice_str line = next_line(&text);
		m->why = is_comment(line) ? NULL : read_group(a, line);
		if (m->why)
			return false;
	}
	return true;
}

static void set_derived(struct accounts *a, const sluice_strs *members, const uint64_t key[2])
{
	for (size_t i = 0; i < a->n; i++) {
		a->v[i].id = siphash(key, a->v[i].hash);
		a->v[i].is_member = members->n == 0;
		for (size_t j = 0; j < members->n && !a->v[i].is_member; j++)
			a->v[i].is_member = has_name(a->v[i].groups, members->v[j]);
	}
}

/* ---- life ---------------------------------------------------------------------------------- */

static bool fill(struct accounts *a, const struct accounts_from *from, struct accounts_mistake *m)
{
	size_t room = from->users.n + count_lines(from->file);
	room = room < USERS_MAX ? room : USERS_MAX;
	a->v = calloc(room, sizeof(*a->v));
	a->text = malloc(from->file.len + 1);
	if (!a->v || !a->text) {
		*m = (struct accounts_mistake){ .where = IN_USERS, .why = "finds no memory" };
		return false;
	}
	for (size_t i = 0; i < from->users.n; i++) {
		const sluice_pair *p = &from->users.v[i];
		m->user = p->name;
		m->why = add_user(a, room, p->name, p->value, 0);
		if (m->why)
			return false;
	}
	(void)sluice_str_put(a->text, from->file);
	if (!read_users(a, room, sluice_str_n(a->text, from->file.len), m) || !order_users(a, m))
		return false;
	m->user = SLUICE_STR_NONE;
	if (!read_groups(a, from->groups, m))
		return false;
	set_derived(a, &from->members, from->key);
	return true;
}

struct accounts *accounts_new(const struct accounts_from *from, struct accounts_mistake *mistake)
{
	struct accounts *a = calloc(1, sizeof(*a));
	*mistake = (struct accounts_mistake){ .where = IN_USERS, .why = "finds no memory" };
	if (a && fill(a, from, mistake))
		return a;
	/* the name lies in memory that goes with the accounts: show it from the caller's text */
	if (a && mistake->where == IN_FILE && mistake->user.data)
		mistake->user.data = from->file.data + (mistake->user.data - a->text);
	accounts_free(a);
	return NULL;
}

void accounts_free(void *accounts)
{
	struct accounts *a = accounts;
	if (!a)
		return;
	for (size_t i = 0; i < a->n; i++)
		free((char *)(uintptr_t)a->v[i].groups.data);
	free(a->v);
	free(a->text);
	free(a);
}
