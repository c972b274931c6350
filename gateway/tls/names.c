/* Names of certificates. See names.h. */
#include "tls/names.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

static int kind_of(EVP_PKEY *key)
{
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		return KEY_RSA;
	case EVP_PKEY_RSA_PSS:
		return KEY_RSA_PSS;
	case EVP_PKEY_EC:
		return KEY_EC;
	case EVP_PKEY_ED25519:
		return KEY_ED25519;
	case EVP_PKEY_ED448:
		return KEY_ED448;
	default:
		return -1;
	}
}

static const struct choice no_choice = { { NO_CERTIFICATE, NO_CERTIFICATE, NO_CERTIFICATE,
	NO_CERTIFICATE, NO_CERTIFICATE } };

/* ---- building ------------------------------------------------------------------------------ */

/* Convert to lower case without a final dot. False when it is not a host name. text has
 * NAME_MAX_LEN + 1 bytes. */
static bool normalise(sluice_str in, char *text)
{
	if (in.len && in.data[in.len - 1] == '.')
		in.len--;
	if (in.len == 0 || in.len > NAME_MAX_LEN)
		return false;
	for (size_t i = 0; i < in.len; i++) {
		unsigned char ch = (unsigned char)in.data[i];
		bool star = ch == '*' && i == 0 && in.len > 2 && in.data[1] == '.' &&
			in.data[2] != '.';
		/* other letters have an A-label there: RFC 5890 2.3.2.1 */
		if (ch <= ' ' || ch >= 0x7f || (ch == '*' && !star))
			return false;
		text[i] = ascii_lower(in.data[i]);
	}
	text[in.len] = '\0';
	return true;
}

static struct name *name_get(struct names *t, const char *text)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->v[i].text, text) == 0)
			return &t->v[i];
	if ((t->n & (t->n - 1)) == 0) /* the array is full: its size is a power of two */
		t->v = mem_resize(t->v, t->n ? 2 * t->n : 1, sizeof(*t->v), "struct name");
	struct name *e = &t->v[t->n++];
	*e = (struct name){ .text = mem_text(text, strlen(text)), .choice = no_choice };
	return e;
}

static void add_text(struct names *t, const ASN1_STRING *s, int kind, struct complaints *c,
	int index)
{
	sluice_str raw =
		str_n((const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
	char text[NAME_MAX_LEN + 1];
	if (!normalise(raw, text)) {
		complain_mildly(c, index, "certificate",
			"a name of the certificate is not a host name and is ignored");
		return;
	}
	int *at = &name_get(t, text)->choice.certificate[kind];
	if (*at == NO_CERTIFICATE)
		*at = index;
	else if (*at != index)
		complain_mildly(c, index, "certificate",
			"%s is already served by certificates[%d], which has the same kind of key",
			text, *at);
}

static void add_common_name(struct names *t, X509 *leaf, int kind, struct complaints *c, int index)
{
	const X509_NAME *subject = X509_get_subject_name(leaf);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (at >= 0)
		add_text(t, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)), kind, c,
			index);
}

void names_add(struct names *t, const struct certificate *cert, struct complaints *c, int index)
{
	int kind = kind_of(cert->key), n_dns = 0;
	if (kind < 0) {
		complain(c, index, "certificate",
			"the kind of key is not supported: use RSA, EC, Ed25519 or Ed448");
		return;
	}
	GENERAL_NAMES *alt = X509_get_ext_d2i(cert->leaf, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(alt); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(alt, i);
		if (g->type != GEN_DNS)
			continue;
		add_text(t, g->d.dNSName, kind, c, index);
		n_dns++;
	}
	if (!alt)
		add_common_name(t, cert->leaf, kind, c, index);
	GENERAL_NAMES_free(alt);
	if (index == 0) {
		/* the first group is that of the first certificate, even when it has no names */
		t->groups = mem_new(struct choice);
		t->groups[0] = no_choice;
		t->groups[0].certificate[kind] = 0;
		t->n_groups = 1;
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static unsigned group_of(struct names *t, const struct choice *want)
{
	for (unsigned i = 0; i < t->n_groups; i++)
		if (memcmp(&t->groups[i], want, sizeof(*want)) == 0)
			return i;
	t->groups = mem_resize(t->groups, t->n_groups + 1, sizeof(*t->groups), "struct choice");
	t->groups[t->n_groups] = *want;
	return t->n_groups++;
}

void names_finish(struct names *t)
{
	/* clients without a known name get the group of the first certificate's first name, which
	 * may have certificates with other kinds of key too */
	for (size_t i = 0; i < t->n; i++) {
		bool found = false;
		for (int k = 0; k < KEY_KINDS; k++)
			found = found || t->v[i].choice.certificate[k] == 0;
		if (found) {
			t->groups[0] = t->v[i].choice;
			break;
		}
	}
	for (size_t i = 0; i < t->n; i++)
		t->v[i].group = group_of(t, &t->v[i].choice);
	if (t->n) /* certificates that are only for addresses have no names */
		qsort(t->v, t->n, sizeof(*t->v), by_text);
}

void names_fini(struct names *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i].text);
	free(t->v);
	free(t->groups);
	*t = (struct names){ 0 };
}

/* ---- asking -------------------------------------------------------------------------------- */

static const struct name *find_text(const struct names *t, const char *text)
{
	struct name key = { .text = (char *)(uintptr_t)text };
	return t->n ? bsearch(&key, t->v, t->n, sizeof(*t->v), by_text) : NULL;
}

unsigned names_find(const struct names *t, const char *name)
{
	char text[NAME_MAX_LEN + 1];
	if (!normalise(str_of(name), text) || text[0] == '*')
		return 0;
	const struct name *e = find_text(t, text);
	char *dot = strchr(text, '.');
	if (!e && dot && dot > text) {
		dot[-1] = '*';
		e = find_text(t, dot - 1);
	}
	return e ? e->group : 0;
}
