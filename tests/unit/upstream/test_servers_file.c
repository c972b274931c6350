/* upstream/servers_file: lists of servers as other programs write them. */
#include "upstream/servers_file.h"

#include <stdio.h>

#include "unit.h"

/* The servers as "address*weight ...", or the mistakes as "line:column path: text; ...". */
static const char *parse(const char *text)
{
	static char out[1024];
	size_t n = 0;
	struct diag d;
	diag_init(&d);
	struct server_set *s = servers_file_parse("f", str_of(text), &d);
	assert_int_equal(s == NULL, d.n_errors > 0);
	out[0] = 0;
	for (size_t i = 0; s && i < s->n; i++)
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%.*s*%llu", i ? " " : "",
			STR_ARG(s->v[i].address), (unsigned long long)s->v[i].weight);
	for (unsigned i = 0; i < d.n_items; i++)
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%u:%u %s: %s", i ? "; " : "",
			(unsigned)d.items[i]->line, (unsigned)d.items[i]->col, d.items[i]->path,
			d.items[i]->text);
	server_set_unref(&s);
	diag_fini(&d);
	return out;
}

TEST(json_and_yaml)
{
	assert_string_equal(parse("[]"), "");
	assert_string_equal(
		parse("[\"10.0.0.2:80\", {\"address\": \"A.test:80\", \"weight\": 3}]\n"),
		"10.0.0.2:80*1 a.test:80*3");
	assert_string_equal(parse("- 10.0.0.2:80\n- { address: '[::1]:80', weight: 2 }\n"),
		"10.0.0.2:80*1 [::1]:80*2");
	assert_string_equal(parse("servers: [10.0.0.2:80]\n"), "10.0.0.2:80*1");
}

TEST(mistakes_have_their_place)
{
	assert_string_equal(parse("[\"10.0.0.2:80\",\n {\"address\": \"http://a\"}]"),
		"2:14 [1].address: a server is host:port, without a scheme");
	assert_string_equal(parse("- 10.0.0.2:80\n- { address: a:1, weight: 101 }\n"),
		"2:27 [1].weight: must be at most 100, not \"101\"");
	assert_string_equal(parse("- 10.0.0.2:80\n- b:1\n- 10.0.0.2:80\n"),
		"3:3 [2]: this server stands in the list already");
	assert_non_null(strstr(parse("- { adress: a:1 }\n"), "1:5 [0]: unknown key \"adress\""));
}

TEST(what_is_no_list)
{
	assert_string_equal(parse(""), "1:1 : must be a list of servers, not nothing");
	assert_string_equal(parse("{}"), "1:1 : must be a list of servers, not nothing");
	assert_string_equal(parse("hello"), "1:1 : must be a list of servers, not text");
	assert_non_null(strstr(parse("[\"10.0.0.2:80\""), "not YAML"));
	assert_string_equal(parse("hosts: [a:1]"), "1:1 : unknown key \"hosts\"");
	assert_string_equal(parse("- a:1\n- A:1\n"), "0:0 : \"a:1\" is there twice");
}

TEST(the_environment_is_not_read)
{
	assert_non_null(strstr(parse("- ${HOME}:80\n"), "HOME"));
}

TEST(files_that_cannot_be_read)
{
	struct diag d;
	diag_init(&d);
	assert_null(servers_file_read("/no/such/file", &d));
	assert_int_equal(d.n_errors, 1);
	assert_int_equal(d.items[0]->line, 0);
	assert_non_null(strstr(d.items[0]->text, "cannot be read"));
	assert_null(servers_file_read("/tmp", &d));
	diag_fini(&d);
}
