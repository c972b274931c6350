/*
 * Recognises names of secrets, and masks their values in URLs. The names are those of common use
 * (RFC 6749, RFC 6750, signed URLs of the clouds) and those that plugins declare. Immutable: any
 * thread.
 *
 * Names are compared in a plain form: decoded, in lower case, letters and digits only, because some
 * programs accept such variants. So `access%5Ftoken`, `Access-Token` and `access.token` are one
 * name. A name that ends in token, secret, password, signature, credential and the like is secret
 * as well.
 */
#ifndef OBS_SECRET_H
#define OBS_SECRET_H

#include "base/arena.h"

enum { SECRET_NAMES_MAX = 64, SECRET_NAME_BYTES = 128 };

/* The names that the plugins of one configuration declared. Zeroed: none. */
struct secrets {
	sluice_str query[SECRET_NAMES_MAX], field[SECRET_NAMES_MAX]; /* in their plain form */
	unsigned n_query, n_field;
};

/* false: there are SECRET_NAMES_MAX names, the name is longer than SECRET_NAME_BYTES, or it has no
 * letter or digit. A name may be added twice. The text is copied to a. */
must_use bool secrets_add_query(struct secrets *s, struct arena *a, sluice_str name);
must_use bool secrets_add_field(struct secrets *s, struct arena *a, sluice_str name);

/* s may be NULL. */
bool secret_is_parameter(const struct secrets *s, sluice_str name);
bool secret_is_field(const struct secrets *s, sluice_str name);

enum secret_url {
	SECRET_QUERY, /* the part behind '?' */
	SECRET_PATH,  /* a path: parameters behind ';' */
	SECRET_URL,   /* a target or a Referer, well-formed or not */
};
/* Write text to buf with "***" for each secret value, and for the user information of a URL; cut to
 * room bytes with "..." at the end when it is longer. Returns text itself when nothing is masked
 * and it fits. room is at least 8. */
sluice_str secret_mask(const struct secrets *s, enum secret_url kind, sluice_str text, char *buf,
	size_t room);

#endif
