/*
 * Signatures of requests: the input is lines. The first is Signature-Input, the second the query,
 * and each further one a header field, whose value is read as Content-Digest, too. What is read is
 * written in one way, which reads the same; and what a signature covers stays in its bounds, is
 * verified where the key k signs it, and nothing else is.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "../httpsig/base.h"
#include "../httpsig/digest.h"
#include "../httpsig/input.h"
#include "../httpsig/sig_key.h"
#include "reach.h"
#include "signers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS_MAX = 32 };

struct request {
	sluice_pair fields[FIELDS_MAX];
	size_t n;
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool next_field(void *ctx, size_t *at, sluice_pair *out)
{
	const struct request *r = ctx;
	if (*at == r->n)
		return false;
	*out = r->fields[(*at)++];
	return true;
}

/* What was written reads the same. */
static void write_again(const struct sf_list *list)
{
	static char once[SF_TEXT_MAX * 2], twice[SF_TEXT_MAX * 2];
	static struct sf_list again;
	struct text a = { .data = once, .room = sizeof(once) };
	struct text b = { .data = twice, .room = sizeof(twice) };
	sf_put_list(&a, list);
	must(!a.is_full && sf_list_read(text_from(&a, 0), &again));
	sf_put_list(&b, &again);
	must(sluice_str_eq(text_from(&a, 0), text_from(&b, 0)));
}

static void verify(const struct signers *signers, const struct sig_message *m,
	const struct sig_input *in)
{
	static const unsigned char secret[] = "0123456789abcdef0123456789abcdef";
	static char room[BASE_MAX], spare[BASE_SCRATCH];
	static struct verifier v;
	struct text base = { .data = room, .room = sizeof(room) };
	struct text scratch = { .data = spare, .room = sizeof(spare) };
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	struct entry who;
	if (!v.digest_ctx && verifier_init(&v) < 0)
		abort();
	enum base_result r = base_write(&base, &scratch, m, &in->covers);
	must(base.len <= base.room && scratch.len <= scratch.room);
	REACH_IF(r == BASE_ABSENT, "a component that is not there");
	REACH_IF(r == BASE_UNSUPPORTED, "a component that is not known");
	const struct key *key = in->given & INPUT_KEYID ? signers_find(signers, in->keyid, &who)
							: NULL;
	if (r != BASE_OK || !key)
		return;
	must(HMAC(EVP_sha256(), secret, sizeof(secret) - 1, (unsigned char *)room, base.len, mac,
		     &n) != NULL);
	must(sig_verify(&v, signers->set, key, text_from(&base, 0), sluice_str_n((char *)mac, n)) ==
		JOSE_OK);
	mac[0] ^= 1;
	must(sig_verify(&v, signers->set, key, text_from(&base, 0), sluice_str_n((char *)mac, n)) !=
		JOSE_OK);
	REACH("a signature that is right");
	REACH_IF(in->covers.n > 3, "one that covers much");
}

static void read_inputs(const struct signers *signers, const struct sig_message *m, sluice_str text)
{
	static struct sig_input in;
	struct sf_dictionary d;
	struct sf_member member;
	for (sf_dictionary_init(&d, text); sf_dictionary_next(&d, &member);) {
		if (!member.is_list || !input_read(member.list, &in))
			continue;
		write_again(&in.covers);
		verify(signers, m, &in);
	}
	REACH_IF(!d.is_malformed && d.n > 1, "a dictionary of several");
}

static void read_digest(sluice_str text)
{
	struct content_digest d;
	if (!content_digest_read(text, &d))
		return;
	REACH("a digest");
	(void)content_digest_is_of(&d, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct signers *signers;
	static const char nothing[] = "";
	struct request r = { .n = 0 };
	struct signers_mistake mistake;
	sluice_str text = { size ? (const char *)data : nothing, size };
	if (!signers)
		signers = signers_new(NULL, 0,
			SLUICE_STR("k a secret=0123456789abcdef0123456789abcdef\n"), &mistake);
	must(signers != NULL);
	sluice_str inputs = sluice_str_cut(&text, '\n');
	struct sig_message m = { .method = SLUICE_STR("GET"),
		.scheme = SLUICE_STR("https"),
		.authority = SLUICE_STR("a.example"),
		.path = SLUICE_STR("/b"),
		.query = sluice_str_cut(&text, '\n'),
		.next = next_field,
		.ctx = &r };
	while (text.len && r.n < FIELDS_MAX) {
		sluice_str value = sluice_str_cut(&text, '\n'), name = sluice_str_cut(&value, ':');
		value.data = value.data ? value.data : nothing;
		r.fields[r.n++] = (sluice_pair){ name, value };
		read_digest(value);
	}
	read_inputs(signers, &m, inputs);
	return 0;
}
