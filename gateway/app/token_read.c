/* Where the commands get their token from. See token.h. */
#include "app/token.h"

#include <stdio.h>

static char input[TOKEN_BYTES + 1];

static sluice_str token_input(void)
{
	size_t n = fread(input, 1, sizeof(input), stdin);
	if (n == sizeof(input)) {
		(void)fprintf(stderr, "sluice token: more than %d bytes on standard input\n",
			TOKEN_BYTES);
		return STR_NONE;
	}
	return str_n(input, n);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

sluice_str token_given(const char *arg)
{
	static const sluice_str scheme = { "bearer ", 7 };
	bool is_input = !arg || strcmp(arg, "-") == 0;
	sluice_str t = is_input ? token_input() : str_of(arg);
	if (!is_input)
		(void)fprintf(stderr,
			"sluice token: a token among the arguments is seen by all who may list "
			"processes; give it on standard input\n");
	while (t.len && is_blank(t.data[0]))
		t = str_n(t.data + 1, t.len - 1);
	while (t.len && is_blank(t.data[t.len - 1]))
		t.len--;
	if (t.len > scheme.len && str_ieq(str_n(t.data, scheme.len), scheme))
		t = str_n(t.data + scheme.len, t.len - scheme.len);
	if (t.len == 0 || t.len > TOKEN_BYTES) {
		if (t.data)
			(void)fprintf(stderr, "sluice token: there is no token\n");
		return STR_NONE;
	}
	return t;
}
