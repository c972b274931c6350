/* The field Authorization of the plugin basic-auth: what is read can be written again, and is then
 * the same; and its files of users and groups. */
#include <openssl/evp.h>
#include <stdlib.h>

#include "accounts.h"
#include "credentials.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void read_field(sluice_str value)
{
	struct credentials *c = malloc(sizeof(*c));
	char again[2 * CREDENTIALS_MAX];
	must(c != NULL);
	if (credentials_read(value, c) == CREDENTIALS_GOOD) {
		must(c->user.len <= USER_MAX && c->password.len <= PASSWORD_MAX);
		must(strlen(c->password.data) == c->password.len);
		must(!memchr(c->user.data, ':', c->user.len));
		int n = EVP_EncodeBlock((unsigned char *)again, (unsigned char *)c->text,
			(int)(c->user.len + 1 + c->password.len));
		must(value.len >= (size_t)n &&
			memcmp(again, value.data + value.len - n, (size_t)n) == 0);
	}
	free(c);
}

/* The file and the groups, with an empty line between them. */
static void read_files(sluice_str text)
{
	struct accounts_mistake m;
	static const uint64_t key[2] = { 1, 2 };
	struct accounts_from from = { .file = text, .groups = SLUICE_STR(""), .key = key };
	for (size_t i = 0; i + 1 < text.len; i++) {
		if (text.data[i] == '\n' && text.data[i + 1] == '\n') {
			from.file.len = i;
			from.groups = sluice_str_skip(text, i + 2);
			break;
		}
	}
	struct accounts *a = accounts_new(&from, &m);
	must(a || m.why);
	for (size_t i = 0; a && i < a->n; i++)
		must(accounts_find(a, a->v[i].user) == &a->v[i]);
	accounts_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char nothing[] = "";
	sluice_str text = { size ? (const char *)data : nothing, size };
	read_field(text);
	read_files(text);
	return 0;
}
