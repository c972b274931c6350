/* What an authorization server says of itself: its discovery document, and the fields of its
 * answers. The first byte says which. */
#include <stdlib.h>

#include "discovery.h"
#include "document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void read_discovery(sluice_str text)
{
	static const char *const names[] = { "jwks_uri", "token_endpoint", "issuer" };
	const sluice_str issuer = SLUICE_STR("https://idp.example/");
	json_t *document;
	sluice_str url;
	if (discovery_read(text, issuer, &document))
		return;
	for (int i = 0; i < 3; i++) {
		if (discovery_endpoint(document, names[i], &url))
			continue;
		must(sluice_str_starts(url, SLUICE_STR("https://")));
		must(strlen(url.data) == url.len);
	}
	json_decref(document);
}

/* The text is an issuer. */
static void find_documents(sluice_str text)
{
	if (!discovery_is_possible(text))
		return;
	for (int way = 0; way < DISCOVERY_WAYS; way++) {
		char *url = discovery_url(text, (enum discovery_way)way);
		must(url && strstr(url, "/.well-known/") && strlen(url) <= text.len + 40);
		free(url);
	}
}

/* Lines of `name: value`. */
static void read_answer(sluice_str text)
{
	sluice_pair fields[16];
	char why[DOCUMENT_WHY];
	sluice_fetch_response r = { .size = sizeof r,
		.status = SLUICE_OK,
		.code = 200,
		.headers = fields };
	while (text.len && r.n_headers < 16) {
		sluice_str line = sluice_str_cut(&text, '\n');
		sluice_str name = sluice_str_cut(&line, ':');
		fields[r.n_headers++] = (sluice_pair){ name, sluice_str_trim(line) };
	}
	const char *refused = document_refused(&r, why);
	must(!refused || strlen(refused) < DOCUMENT_WHY);
	uint64_t lifetime = document_lifetime(&r, 1700000000000);
	must(lifetime == DOCUMENT_UNTOLD || lifetime <= (UINT64_C(1) << 31) * 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(
		sluice_str) = { read_discovery, find_documents, read_answer };
	if (size == 0)
		return 0;
	/* in memory of its very size */
	char *copy = malloc(size);
	memcpy(copy, data + 1, size - 1);
	readers[data[0] % 3]((sluice_str){ copy, size - 1 });
	free(copy);
	return 0;
}
