/*
 * Structured fields (RFC 8941), as far as signatures and digests need them: dictionaries whose
 * members are items or inner lists. What it reads comes from the network. It is stricter than RFC
 * 8941 in three things, because another reader might understand such a text differently: a key that
 * is there twice in a dictionary or among parameters is refused, and so is Base64 without its
 * padding or with bits beyond its last byte. Nothing is allocated. Any thread.
 */
#ifndef HTTPSIG_SF_H
#define HTTPSIG_SF_H

#include "text.h"

enum {
	SF_PARAMS_MAX = 8,   /* parameters of an item or of an inner list */
	SF_ITEMS_MAX = 32,   /* of an inner list */
	SF_MEMBERS_MAX = 16, /* of a dictionary */
	SF_TEXT_MAX = 16384, /* bytes of a field */
};

enum sf_type { SF_INTEGER, SF_DECIMAL, SF_STRING, SF_TOKEN, SF_BYTES, SF_BOOLEAN };

/* Texts are borrowed from what was read. */
struct sf_bare {
	enum sf_type type;
	int64_t number;  /* of a decimal: thousandths; of a boolean: 0 or 1 */
	sluice_str text; /* a string between its quotes, with its escapes; a token; Base64 */
};

struct sf_param {
	sluice_str key;
	struct sf_bare value;
};

struct sf_params {
	struct sf_param v[SF_PARAMS_MAX];
	size_t n;
};

struct sf_item {
	struct sf_bare value;
	struct sf_params params;
};

struct sf_list {
	struct sf_item v[SF_ITEMS_MAX];
	size_t n;
	struct sf_params params;
};

/* A dictionary that is being read; zeroed but for the rest at first. */
struct sf_dictionary {
	sluice_str rest;
	sluice_str keys[SF_MEMBERS_MAX]; /* so far */
	size_t n;
	bool is_malformed;
};

struct sf_member {
	sluice_str key;
	bool is_list;
	struct sf_item item; /* unless it is a list */
	sluice_str list;     /* the text of an inner list, for sf_list_read() */
};

/* Begin with a field's value. */
void sf_dictionary_init(struct sf_dictionary *d, sluice_str value);
/* The next member. False: there is none, or is_malformed is set. Nothing of a dictionary counts
 * unless all of it was read. */
bool sf_dictionary_next(struct sf_dictionary *d, struct sf_member *out);

/* Read an inner list with its parameters, and nothing behind it. */
bool sf_list_read(sluice_str text, struct sf_list *out);
/* NULL: there is no such parameter. */
const struct sf_bare *sf_param(const struct sf_params *p, const char *key);

/* The one way to write it (RFC 8941 4.1). */
void sf_put_item(struct text *t, const struct sf_item *item);
void sf_put_params(struct text *t, const struct sf_params *p);
void sf_put_list(struct text *t, const struct sf_list *list);
/* The value of a member, without its key (RFC 9421 2.1.2). False: a list that is malformed. */
bool sf_put_value(struct text *t, const struct sf_member *m);

#endif
