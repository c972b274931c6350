/*
 * Which names carry secrets, and URLs without them. The names are those of common use (RFC 6749,
 * RFC 6750, signed URLs of the clouds) and those that plugins declare. Immutable: any thread.
 *
 * Names are compared as lenient programs do: decoded, without case, and without anything but
 * letters and digits, so that `access%5Ftoken`, `Access-Token` and `access.token` are one. A name
 * that ends with one of the words of secrecy (token, secret, password, signature, credential ...)
 * is secret as well.
 */
#ifndef OBS_SECRET_H
#define OBS_SECRET_H

#include "base/arena.h"

enum { SECRET_NAMES_MAX = 64, SECRET_NAME_BYTES = 128 };

/* What plugins of one configuration declared. Zeroed: nothing. */
struct secrets {
	sluice_str query[SECRET_NAMES_MAX], field[SECRET_NAMES_MAX]; /* in their plain form */
	unsigned n_query, n_field;
};

/* Names beyond SECRET_NAMES_MAX, too long ones and those without a letter or digit: false. Once
 * more: true. The text goes to a. */
must_use bool secrets_add_query(struct secrets *s, struct arena *a, sluice_str name);
must_use bool secrets_add_field(struct secrets *s, struct arena *a, sluice_str name);

/* s may be NULL. */
bool secret_is_parameter(const struct secrets *s, sluice_str name);
bool secret_is_field(const struct secrets *s, sluice_str name);

enum secret_url {
	SECRET_QUERY, /* what stands behind '?' */
	SECRET_PATH,  /* a path: parameters behind ';' */
	SECRET_URL,   /* anything that a client has written for a target or a Referer */
};
/* Write text to buf with "***" for each secret value, and for the user information of a URL; cut to
 * room bytes with "..." at the end where it is longer. The text itself when there is nothing to
 * hide and it fits. room is at least 8. */
sluice_str secret_mask(const struct secrets *s, enum secret_url kind, sluice_str text, char *buf,
	size_t room);

#endif
