/*
 * Members of a deny list, as operators and other programs write them:
 *
 *      [ISSUER|]KIND[@TIME]:VALUE
 *
 * KIND is jti, sub or sid. With @TIME, in seconds since 1970, only tokens are meant that were
 * issued until then. Without ISSUER, tokens of every issuer are meant. A message is a member, a
 * blank, and the time until which it matters; 0 takes the member back. Any thread.
 */
#ifndef OAUTH_DENY_MEMBER_H
#define OAUTH_DENY_MEMBER_H

#include <sluice/str.h>

#include "../shared/siphash.h"

enum deny_kind { DENY_JTI, DENY_SUB, DENY_SID, DENY_KINDS };
#define DENY_BIT(kind) (1U << (kind))

enum { DENY_TEXTS_MAX = 1024 };   /* bytes of issuer and value */
#define DENY_ALL_TIMES UINT32_MAX /* in the place of @TIME: there is none */
#define DENY_FOREVER UINT32_MAX

extern const char *const deny_kind_names[DENY_KINDS + 1];

/* Times are seconds since 1970; later ones than 2106 count as for ever. */
struct deny_entry {
	enum deny_kind kind;
	sluice_str issuer; /* empty: of every issuer */
	sluice_str value;
	uint32_t before; /* tokens that were issued until then; or DENY_ALL_TIMES */
	uint32_t until;  /* how long it matters; 0: not at all */
};

/* All but `until`; the texts are borrowed of text. False: it is no member. */
bool deny_member_read(sluice_str text, struct deny_entry *out);
/* A score, as Redis writes it, or a number of seconds. */
bool deny_until_read(sluice_str text, uint32_t *until);
bool deny_message_read(sluice_str text, struct deny_entry *out);

/* What the entry is found by: a hash of kind, issuer and value. False: they are too long for a
 * list.
 */
bool deny_fingerprint(const uint64_t key[2], enum deny_kind kind, sluice_str issuer,
	sluice_str value, struct siphash *out);

#endif
