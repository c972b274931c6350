/* Refusing and admitting. */
#include "answer.h"

#include <stdio.h>

#include "../oauth/challenge.h"

struct reason_info {
	int status;
	const char *code, *result, *sentence;
};

static const struct reason_info infos[REASON_COUNT] = {
#define REASON(name, status, code, result, sentence) \
	[REASON_##name] = { status, code, result, sentence },
#include "reason.def"
#undef REASON
};

/* ---- challenges ---------------------------------------------------------------------------- */

static void put_quoted(struct text *t, sluice_str s)
{
	text_put_char(t, '"');
	text_put(t, s);
	text_put_char(t, '"');
}

/* The parameters that have no value in a request for a signature (RFC 9421 5.1). */
static void put_asked_params(struct text *t, const struct hmac_auth *h)
{
	if (h->parameters & INPUT_CREATED)
		text_put(t, SLUICE_STR(";created"));
	if (h->parameters & INPUT_EXPIRES)
		text_put(t, SLUICE_STR(";expires"));
	if (!h->tag.len)
		return;
	text_put(t, SLUICE_STR(";tag="));
	put_quoted(t, h->tag);
}

/* Accept-Signature: what a signature has to cover (RFC 9421 5.1). */
static sluice_str make_asks(sluice_instance *inst, const struct hmac_auth *h)
{
	const sluice_str digest = SLUICE_STR("content-digest");
	size_t room = 512;
	for (size_t i = 0; i < h->components.n; i++)
		room += h->components.v[i].len + 4;
	struct text t = { .data = sluice_conf_alloc(inst, room), .room = room };
	text_put(&t, h->label.len ? h->label : SLUICE_STR("sig"));
	text_put(&t, SLUICE_STR("=("));
	for (size_t i = 0; i < h->components.n; i++) {
		if (i)
			text_put_char(&t, ' ');
		put_quoted(&t, h->components.v[i]);
	}
	if (h->content_digest == BODY_DIGEST_REQUIRED &&
		sluice_str_find(digest, h->components.v, h->components.n) == h->components.n) {
		text_put_char(&t, ' ');
		put_quoted(&t, digest);
	}
	text_put_char(&t, ')');
	put_asked_params(&t, h);
	return text_from(&t, 0);
}

int answer_check(sluice_instance *inst, struct hmac_auth *h)
{
	if (!challenge_printable(inst, "realm", h->realm))
		return -1;
	h->challenge = challenge_make(inst, SLUICE_STR("Signature"), h->realm, NULL, 0);
	h->asks = make_asks(inst, h);
	return 0;
}

/* ---- answers ------------------------------------------------------------------------------- */

static void count(const struct hmac_auth *h, const char *result)
{
	sluice_metric_add(h->checks, sluice_str_of(result), 1);
}

static void retry_after(sluice_exchange *x, uint64_t seconds)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)seconds);
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("Retry-After"),
		sluice_str_n(text, (size_t)n));
}

sluice_verdict answer_refuse(sluice_exchange *x, const struct hmac_auth *h, enum reason why,
	uint64_t retry_s)
{
	if (why >= REASON_COUNT)
		return SLUICE_FAIL;
	const struct reason_info *info = &infos[why];
	count(h, info->result);
	if (why == REASON_MISSING)
		sluice_credentials_absent(x);
	if (info->status == 401) {
		sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("WWW-Authenticate"), h->challenge);
		sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("Accept-Signature"), h->asks);
	}
	if (why == REASON_LIMITED || why == REASON_STORE)
		retry_after(x, retry_s);
	return sluice_refuse(x, info->status, info->code, info->sentence);
}

sluice_verdict answer_admit(sluice_exchange *x, const struct hmac_auth *h, const struct entry *who)
{
	if (h->groups.n && !entry_is_in(who, &h->groups))
		return answer_refuse(x, h, REASON_GROUP, 0);
	if (!entry_identify(who, x))
		return SLUICE_FAIL;
	if (!h->forward_signature) {
		sluice_field_remove(x, SLUICE_REQUEST, SLUICE_STR("signature"));
		sluice_field_remove(x, SLUICE_REQUEST, SLUICE_STR("signature-input"));
	}
	count(h, "admitted");
	return SLUICE_NEXT;
}
