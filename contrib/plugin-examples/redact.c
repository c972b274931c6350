/*
 * redact: write asterisks over a word wherever a response has it, and refuse requests whose body
 * has it. Shows a body as a stream, which holds back what may be the beginning of the word, and a
 * body as a whole.
 */
#define _GNU_SOURCE
#include <sluice/plugin.h>

struct redact {
	sluice_str word;
	uint64_t max;
	sluice_str stars; /* as long as the word */
};

#define R struct redact
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_STR, R, word, .flags = SLUICE_F_REQUIRED, .min = "1", .max = "64",
		.doc = "word nobody may see"),
	SLUICE_OPTION(SLUICE_T_SIZE, R, max, .def = "64KiB", .min = "1", .max = "16MiB",
		.doc = "largest request body that is let in"),
	SLUICE_OPTIONS_END,
};

static int redact_check(sluice_instance *inst, void *conf)
{
	struct redact *r = conf;
	char *stars = sluice_conf_alloc(inst, r->word.len);
	memset(stars, '*', r->word.len);
	r->stars = (sluice_str){ stars, r->word.len };
	return 0;
}

static sluice_verdict redact_on_request(sluice_exchange *x, const void *conf)
{
	const struct redact *r = conf;
	const sluice_body_plan plan = { .size = sizeof(plan),
		.mode = SLUICE_BODY_BUFFER,
		.max = r->max,
		.read_only = true };
	return sluice_body_want(x, SLUICE_REQUEST, &plan) ? SLUICE_NEXT : SLUICE_FAIL;
}

/* All of it at once: nothing of the request has gone to the upstream. */
static sluice_verdict redact_on_request_body(sluice_exchange *x, const void *conf, sluice_str data,
	bool end)
{
	const struct redact *r = conf;
	(void)end;
	if (memmem(data.data, data.len, r->word.data, r->word.len))
		return sluice_refuse(x, 422, "word-in-body",
			"The body has a word that must not be passed on.");
	return SLUICE_NEXT;
}

static sluice_verdict redact_on_response(sluice_exchange *x, const void *conf)
{
	const struct redact *r = conf;
	const sluice_body_plan plan = { .size = sizeof(plan),
		.mode = SLUICE_BODY_STREAM,
		.max = r->word.len };
	if (sluice_field(x, SLUICE_RESPONSE, SLUICE_STR("content-encoding")).data)
		return SLUICE_NEXT; /* compressed: the gateway does not look inside */
	sluice_field_remove(x, SLUICE_RESPONSE, SLUICE_STR("etag")); /* it is another text now */
	return sluice_body_want(x, SLUICE_RESPONSE, &plan) ? SLUICE_NEXT : SLUICE_FAIL;
}

/* How many bytes at the end of data are a beginning of the word. */
static size_t begun(const struct redact *r, sluice_str data)
{
	size_t n = data.len < r->word.len - 1 ? data.len : r->word.len - 1;
	while (n && memcmp(data.data + data.len - n, r->word.data, n) != 0)
		n--;
	return n;
}

static sluice_verdict redact_on_response_body(sluice_exchange *x, const void *conf, sluice_str data,
	bool end)
{
	const struct redact *r = conf;
	const char *at;
	while ((at = memmem(data.data, data.len, r->word.data, r->word.len))) {
		size_t before = (size_t)(at - data.data), n = before + r->word.len;
		sluice_body_pass(x, before);
		sluice_body_drop(x, r->word.len);
		data = (sluice_str){ data.data + n, data.len - n };
		if (!sluice_body_write(x, r->stars))
			return SLUICE_NEXT; /* the client is slow: the rest comes again */
	}
	/* what is left is shown again, with more behind it */
	sluice_body_pass(x, data.len - (end ? 0 : begun(r, data)));
	return SLUICE_NEXT;
}

SLUICE_PLUGIN("redact", .version = "1.0", .summary = "keep a word out of bodies",
	.options = options, .conf_size = sizeof(struct redact), .check = redact_check,
	.on_request = redact_on_request, .on_request_body = redact_on_request_body,
	.on_response = redact_on_response, .on_response_body = redact_on_response_body);
