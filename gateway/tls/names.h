/*
 * Maps names to certificates. A name may have one certificate for each kind of key. Names with the
 * same certificates form a group, and each group has a context of OpenSSL. Built by the main
 * thread, then immutable.
 */
#ifndef TLS_NAMES_H
#define TLS_NAMES_H

#include "tls/context.h"

enum key_kind { KEY_RSA, KEY_RSA_PSS, KEY_EC, KEY_ED25519, KEY_ED448, KEY_KINDS };

enum { NO_CERTIFICATE = -1, NAME_MAX_LEN = 255 };

struct choice {
	int certificate[KEY_KINDS]; /* indexes of certificates, or NO_CERTIFICATE */
};

struct name {
	char *text; /* owned: lower case; *.example.com for all names one label longer */
	unsigned group;
	struct choice choice;
};

struct names {
	struct name *v; /* owned; sorted by text once finished */
	size_t n;
	/* owned; the first is for clients without SNI or with an unknown name */
	struct choice *groups;
	unsigned n_groups;
};

/* Add the names of the next certificate: the dNSNames of its subjectAltName, else the common name.
 * A kind of key that is not supported is an error. An invalid name, or one that already has a
 * certificate with this kind of key, is a warning. */
void names_add(struct names *t, const struct certificate *cert, struct complaints *c, int index);
/* Sort and group, after the last certificate. At least one must have been added. */
void names_finish(struct names *t);
/* The group for the name in a client's SNI. Exact names come before wildcards; 0 when none
 * matches. */
unsigned names_find(const struct names *t, const char *name);
void names_fini(struct names *t);

#endif
