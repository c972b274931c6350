/*
 * Which certificates serve which name. A name may have one certificate of each kind of key; names
 * with the same choice of certificates form a group, and each group is one context of OpenSSL.
 * Built by the main thread, then immutable.
 */
#ifndef TLS_NAMES_H
#define TLS_NAMES_H

#include "tls/context.h"

enum key_kind { KEY_RSA, KEY_RSA_PSS, KEY_EC, KEY_ED25519, KEY_ED448, KEY_KINDS };

enum { NO_CERTIFICATE = -1, NAME_MAX_LEN = 255 };

struct choice {
	int certificate[KEY_KINDS]; /* places in the list, or NO_CERTIFICATE */
};

struct name {
	char *text; /* owned: lower case; *.example.com for all names one label longer */
	unsigned group;
	struct choice choice;
};

struct names {
	struct name *v; /* owned; sorted by text once finished */
	size_t n;
	/* owned; the first is for clients that ask for no name, or one not known */
	struct choice *groups;
	unsigned n_groups;
};

/* All names of the certificate that is next in the list: dNSName of its subjectAltName, else the
 * common name. A kind of key that is not supported is an error; a name that has such a certificate
 * already, or that is none, is a warning. */
void names_add(struct names *t, const struct certificate *cert, struct complaints *c, int index);
/* After the last: sort and group. There was at least one certificate. */
void names_finish(struct names *t);
/* The group of what a client asks for; exact names before wildcards; 0 when none fits. */
unsigned names_find(const struct names *t, const char *name);
void names_fini(struct names *t);

#endif
