/*
 * file-servers: the servers of upstreams stand in a file, which a deployment writes anew. Shows
 * discovery: a file that is read again and again, and servers that come and go. A line of the file:
 *
 *     UPSTREAM ADDRESS [WEIGHT]            # a comment
 */
#include <sluice/plugin.h>
#include <sluice/str.h>
#include <stdlib.h>

enum { UPSTREAMS = 64, SERVERS = 10000, FILE_MAX = 4 << 20 };

struct file_servers {
	sluice_str file;
	uint64_t every; /* ms */
	/* the main thread's: the upstreams that ask for servers */
	sluice_str upstreams[UPSTREAMS];
	size_t n;
	bool unreadable; /* and the log says so */
};

#define F struct file_servers
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_STR, F, file, .flags = SLUICE_F_REQUIRED,
		.doc = "path of the file, relative to the configuration file"),
	SLUICE_OPTION(SLUICE_T_DURATION, F, every, .def = "2s", .min = "100ms", .max = "1h",
		.doc = "how often the file is read"),
	SLUICE_OPTIONS_END,
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Take the next word off *line; empty: there is none. */
static sluice_str next_word(sluice_str *line)
{
	size_t from = 0;
	while (from < line->len && is_blank(line->data[from]))
		from++;
	size_t to = from;
	while (to < line->len && !is_blank(line->data[to]))
		to++;
	sluice_str word = { line->data + from, to - from };
	*line = (sluice_str){ line->data + to, line->len - to };
	return word;
}

/* Whether the line is one of this upstream's servers. */
static bool read_line(sluice_str line, sluice_str upstream, sluice_server_entry *out)
{
	uint64_t weight = 1;
	line = sluice_str_cut(&line, '#');
	if (!sluice_str_eq(next_word(&line), upstream))
		return false;
	out->address = next_word(&line);
	sluice_str word = next_word(&line);
	/* what is no weight is passed on as one that cannot be: the set is refused, the log says so
	 */
	if (word.len && (!sluice_str_u64(word, &weight) || weight == 0))
		weight = UINT32_MAX;
	out->weight = weight < UINT32_MAX ? (uint32_t)weight : UINT32_MAX;
	return true;
}

/* An upstream of which the file has no line keeps its servers: the file may be half written. */
static int set_servers(sluice_instance *inst, sluice_str text, sluice_str upstream)
{
	sluice_server_entry *v = malloc((SERVERS + 1) * sizeof(*v));
	size_t n = 0;
	int err = 0;
	while (v && text.len && n <= SERVERS)
		n += read_line(sluice_str_cut(&text, '\n'), upstream, &v[n]);
	if (n)
		err = sluice_servers_set(inst, upstream, v, n); /* copies */
	free(v);
	return err;
}

/* False: the file cannot be read; the servers stay. */
static bool read_file(sluice_instance *inst, struct file_servers *f, sluice_str *text)
{
	int err = sluice_read_file(inst, f->file, FILE_MAX, text);
	if (err && !f->unreadable)
		sluice_log(inst, SLUICE_LOG_WARN, "%.*s cannot be read (error %d): servers stay",
			(int)f->file.len, f->file.data, -err);
	f->unreadable = err != 0;
	return !err;
}

static void on_timer(sluice_instance *inst, void *conf)
{
	struct file_servers *f = conf;
	sluice_str text;
	bool is_read = read_file(inst, f, &text);
	for (size_t i = f->n; is_read && i-- > 0;) {
		if (set_servers(inst, text, f->upstreams[i]) == SLUICE_SERVERS_GONE)
			f->upstreams[i] = f->upstreams[--f->n];
	}
	sluice_timer(inst, f->every, on_timer);
}

static int file_servers_discover(sluice_instance *inst, void *conf, sluice_str upstream)
{
	struct file_servers *f = conf;
	sluice_str text;
	size_t i = 0;
	while (i < f->n && !sluice_str_eq(f->upstreams[i], upstream))
		i++;
	if (i == UPSTREAMS) {
		sluice_log(inst, SLUICE_LOG_ERROR, "more than %d upstreams", UPSTREAMS);
		return -1;
	}
	if (i == f->n) {
		char *name = sluice_conf_alloc(inst, upstream.len);
		memcpy(name, upstream.data, upstream.len);
		f->upstreams[f->n++] = (sluice_str){ name, upstream.len };
	}
	if (read_file(inst, f, &text)) /* the first requests find servers */
		(void)set_servers(inst, text, upstream);
	sluice_timer(inst, f->every, on_timer);
	return 0;
}

SLUICE_PLUGIN("file-servers", .version = "1.0", .summary = "servers of upstreams from a file",
	.options = options, .conf_size = sizeof(struct file_servers),
	.discover = file_servers_discover);
