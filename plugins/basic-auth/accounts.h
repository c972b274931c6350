/* Who may log in: users with the hashes of their passwords, and their groups. Made on the main
 * thread, then immutable, and read by any thread. */
#ifndef PLUGINS_BASIC_AUTH_ACCOUNTS_H
#define PLUGINS_BASIC_AUTH_ACCOUNTS_H

#include <sluice/str.h>

#include "../shared/siphash.h"

struct account {
	sluice_str user, hash;
	unsigned line;     /* of the file; 0: of the option users */
	sluice_str groups; /* owned: "admins,ops", in the order of the file */
	struct siphash id; /* of the hash, under the key of the process */
	bool is_member;    /* of one of the groups that are asked for, or none is asked for */
};

struct accounts {
	struct account *v; /* owned; sorted by user */
	size_t n;
	size_t weak; /* how many have a hash that is guessed fast */
	char *text;  /* owned: the password file */
};

/* where accounts come from; borrowed while they are made, users for as long as the accounts live */
struct accounts_from {
	sluice_pairs users;  /* of the options: names and hashes */
	sluice_str file;     /* an htpasswd file: lines `name:hash` */
	sluice_str groups;   /* an htgroup file: lines `group: name name`; data NULL: none */
	sluice_strs members; /* groups that are asked for */
	const uint64_t *key;
};

enum accounts_place { IN_USERS, IN_FILE, IN_GROUPS };

/* a mistake: in which line of the file, or for which name of users */
struct accounts_mistake {
	enum accounts_place where;
	size_t line;
	sluice_str user; /* may be empty */
	const char *why; /* the rest of a sentence; never shows a hash */
};

/* NULL: *mistake says why. */
struct accounts *accounts_new(const struct accounts_from *from, struct accounts_mistake *mistake);
void accounts_free(void *accounts);

const struct account *accounts_find(const struct accounts *a, sluice_str user);

#endif
