/*
 * Names of certificates and names that clients ask for by SNI. Certificates are made in memory,
 * with names from the input; what a client is served must be what a plain search through all names
 * says: the exact name, else the wildcard one label above, else the first certificate; of each kind
 * of key the first certificate that has the name.
 */
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "heap.h"
#include "input.h"
#include "reach.h"
#include "tls/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CERTS = 6, NAMES = 12, ASKED = 24, TEXT = 512 };

/* One name of one certificate. */
struct entry {
	char text[TEXT];
	int kind, index;
};

static struct entry entries[CERTS * NAMES];
static unsigned n_entries, warnings;
static EVP_PKEY *keys[2];
static const int kinds[2] = { KEY_EC, KEY_ED25519 };

static void hear(void *ctx, bool is_warning, int index, const char *option, const char *text)
{
	(void)ctx;
	(void)option;
	check(is_warning && index >= 0 && text, "an error: %s", text);
	warnings++;
}

/* Labels that meet again, and bytes of any kind. Returns the length, without a NUL at the end. */
static size_t make_text(struct input *in, char *text, size_t room)
{
	static const char *const labels[] = { "a", "B", "www", "*", "example", "test", "",
		"xn--caf-dma", "a*", "**" };
	size_t n = 0;
	unsigned how = input_byte(in);
	if (how >= 240) {
		sluice_str raw = input_bytes(in);
		for (unsigned i = 0; raw.len && i <= how - 240 && n + raw.len <= room;
			i++, n += raw.len)
			memcpy(text + n, raw.data, raw.len);
		return n;
	}
	for (unsigned i = 0; i <= how % 4; i++) {
		const char *label = labels[input_below(in, sizeof(labels) / sizeof(labels[0]))];
		size_t len = strlen(label);
		if (i)
			text[n++] = '.';
		memcpy(text + n, label, len);
		n += len;
	}
	if (how & 128)
		text[n++] = '.';
	return n;
}

/* As it is compared: false when it is no name at all. */
static bool tame(const char *text, size_t n, char out[TEXT])
{
	if (n && text[n - 1] == '.')
		n--;
	if (n == 0 || n > NAME_MAX_LEN)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char byte = (unsigned char)text[i];
		if (byte <= ' ' || byte >= 0x7f)
			return false;
		if (byte == '*' && !(i == 0 && n > 2 && text[1] == '.' && text[2] != '.'))
			return false;
		out[i] = ascii_lower(text[i]);
	}
	out[n] = 0;
	return true;
}

static void entry_add(const char *text, size_t n, int kind, int index)
{
	struct entry *e = &entries[n_entries];
	e->kind = kind;
	e->index = index;
	if (tame(text, n, e->text))
		n_entries++;
	else
		REACH("a name that is none");
}

static void add_certificate(struct input *in, struct names *t, struct complaints *c, int index)
{
	unsigned how = input_byte(in), n = (how >> 1) % NAMES, which = how & 1;
	struct certificate cert = { .leaf = X509_new(), .key = keys[which] };
	GENERAL_NAMES *alt = sk_GENERAL_NAME_new_null();
	char text[TEXT];
	check(cert.leaf && alt, "no %s", "memory");
	for (unsigned i = 0; i < n; i++) {
		size_t len = make_text(in, text, NAME_MAX_LEN + 40);
		GENERAL_NAME *g = GENERAL_NAME_new();
		ASN1_IA5STRING *s = ASN1_IA5STRING_new();
		check(g && s && ASN1_STRING_set(s, text, (int)len) == 1, "no %s", "memory");
		GENERAL_NAME_set0_value(g, GEN_DNS, s);
		(void)sk_GENERAL_NAME_push(alt, g);
		entry_add(text, len, kinds[which], index);
	}
	if (n) {
		check(X509_add1_ext_i2d(cert.leaf, NID_subject_alt_name, alt, 0, 0) == 1, "no %s",
			"extension");
	} else {
		size_t len = make_text(in, text, 60);
		if (len &&
			X509_NAME_add_entry_by_NID(X509_get_subject_name(cert.leaf), NID_commonName,
				V_ASN1_UTF8STRING, (const unsigned char *)text, (int)len, -1,
				0) == 1) {
			entry_add(text, len, kinds[which], index);
			REACH("a common name alone");
		}
	}
	names_add(t, &cert, c, index);
	sk_GENERAL_NAME_pop_free(alt, GENERAL_NAME_free);
	X509_free(cert.leaf);
}

/* Of each kind, the first certificate with this name. False: none has it. */
static bool search(const char *text, struct choice *out)
{
	bool found = false;
	for (int k = 0; k < KEY_KINDS; k++)
		out->certificate[k] = NO_CERTIFICATE;
	for (unsigned i = n_entries; i-- > 0;) {
		if (strcmp(entries[i].text, text) != 0)
			continue;
		out->certificate[entries[i].kind] = entries[i].index;
		found = true;
	}
	return found;
}

static void ask(const struct names *t, const char *name)
{
	char text[TEXT], above[TEXT + 2] = "*";
	struct choice want;
	unsigned group = names_find(t, name);
	check(group < t->n_groups, "group %u of %u", group, t->n_groups);
	const struct choice *got = &t->groups[group];
	bool some = false, known = false;
	for (int k = 0; k < KEY_KINDS; k++)
		some |= got->certificate[k] != NO_CERTIFICATE;
	check(some, "nothing is served for %s", name);
	if (tame(name, strlen(name), text) && text[0] != '*') {
		const char *dot = strchr(text, '.');
		known = search(text, &want);
		REACH_IF(known, "an exact name");
		if (!known && dot && dot > text) {
			memcpy(above + 1, dot, strlen(dot) + 1);
			known = search(above, &want);
			REACH_IF(known, "a wildcard");
		}
	}
	REACH_IF(!known, "a name that nobody has");
	if (known)
		check(memcmp(got, &want, sizeof(want)) == 0, "%s is served by others", name);
	else
		check(group == 0, "group %u for %s", group, name);
}

static void run(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	struct complaints c = { hear, NULL, 0 };
	struct names t = { 0 };
	char name[TEXT];
	int n;
	if (!keys[0]) {
		keys[0] = EVP_EC_gen("P-256");
		keys[1] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		check(keys[0] && keys[1], "no %s", "keys");
	}
	n_entries = 0;
	n = 1 + (int)input_below(&in, CERTS);
	for (int i = 0; i < n; i++)
		add_certificate(&in, &t, &c, i);
	names_finish(&t);
	REACH_IF(t.n_groups > 2, "several groups");
	for (unsigned i = 0; i < ASKED && input_has_more(&in); i++) {
		name[make_text(&in, name, NAME_MAX_LEN + 40)] = 0;
		ask(&t, name);
	}
	ask(&t, "");
	names_fini(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	heap_watch(run, data, size);
	return 0;
}
