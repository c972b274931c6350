/* Bodies of application/x-www-form-urlencoded (WHATWG URL 5.2; RFC 6749 appendix B), written. */
#ifndef OAUTH_FORM_H
#define OAUTH_FORM_H

#include <sluice/str.h>

struct form {
	char *text; /* owned */
	size_t len, room;
	bool has_failed; /* there was no memory: it must not be sent */
};

/* Begin with nothing: a zeroed form. */
void form_add(struct form *f, sluice_str name, sluice_str value);
/* Overwrites the bytes before it frees them: they are credentials. */
void form_free(struct form *f);

/* Bytes of the encoded text; and write it, n bytes, without a NUL. Returns the end. */
size_t form_encoded(sluice_str s);
char *form_encode(char *out, sluice_str s);

#endif
