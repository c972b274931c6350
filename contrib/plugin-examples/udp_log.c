/*
 * udp-log: sends each request that ended as a datagram, to syslog (RFC 5424), Graylog (GELF) or
 * whatever reads JSON. Shows a log sink: code that may block, the line and the fields of a record,
 * and state of the sink's own thread.
 */
#define _GNU_SOURCE
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sluice/plugin.h>

enum format { JSON, SYSLOG, GELF };
enum { DATAGRAM = 8192 };

struct udp_log {
	sluice_str host, port, name;
	int32_t format;
	int *fd; /* the sink's thread uses it, and stop() when that has ended; -1: none */
	const sluice_metric *lost;
};

#define U struct udp_log
static const char *const formats[] = { "json", "syslog", "gelf", NULL };
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_STR, U, host, .flags = SLUICE_F_REQUIRED, .doc = "where to send"),
	SLUICE_OPTION(SLUICE_T_STR, U, port, .def = "514", .doc = "its port"),
	SLUICE_OPTION(SLUICE_T_STR, U, name, .def = "sluice", .min = "1",
		.doc = "how this gateway calls itself"),
	SLUICE_OPTION(SLUICE_T_ENUM, U, format, .def = "json", .choices = formats,
		.doc = "what a datagram is"),
	SLUICE_OPTIONS_END,
};

static int udp_check(sluice_instance *inst, void *conf)
{
	struct udp_log *u = conf;
	u->fd = sluice_conf_alloc(inst, sizeof(*u->fd));
	*u->fd = -1;
	u->lost = sluice_metric_declare(inst,
		&(sluice_metric_desc){ .size = sizeof(sluice_metric_desc),
			.name = "lost",
			.help = "Records that could not be sent." });
	return u->lost ? 0 : -1;
}

static void udp_stop(sluice_instance *inst, void *conf)
{
	const struct udp_log *u = conf;
	(void)inst;
	if (u->fd && *u->fd >= 0)
		(void)close(*u->fd);
}

/* May take its time: no request waits for it. */
static int udp_open(sluice_instance *inst, const struct udp_log *u)
{
	const struct addrinfo want = { .ai_socktype = SOCK_DGRAM };
	struct addrinfo *found = NULL;
	int err = getaddrinfo(u->host.data, u->port.data, &want, &found), fd = -1;
	for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
			(void)close(fd);
			fd = -1;
		}
	}
	if (fd < 0)
		sluice_log(inst, SLUICE_LOG_WARN, "%s:%s cannot be reached%s%s", u->host.data,
			u->port.data, err ? ": " : "", err ? gai_strerror(err) : "");
	if (found)
		freeaddrinfo(found);
	return fd;
}

/* A JSON string; what could be no UTF-8 becomes '?'. */
static void put_string(FILE *to, sluice_str s)
{
	(void)fputc('"', to);
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];
		if (c == '"' || c == '\\' || c < ' ')
			fprintf(to, "\\u%04x", c);
		else
			(void)fputc(c < 0x7f ? c : '?', to);
	}
	(void)fputc('"', to);
}

static void put_gelf(FILE *to, const struct udp_log *u, const sluice_log_record *r, sluice_str line)
{
	fprintf(to, "{\"version\":\"1.1\",\"host\":");
	put_string(to, u->name);
	fprintf(to, ",\"short_message\":");
	put_string(to, line);
	for (size_t i = 0; i < r->n; i++) {
		const sluice_log_field *f = &r->v[i];
		if (f->kind == SLUICE_LOG_IS_TIME) {
			fprintf(to, ",\"timestamp\":%.3f", (double)f->number / 1000);
			continue;
		}
		/* GELF keeps `_id` for itself */
		fprintf(to, ",\"_%s\":", strcmp(f->name, "id") ? f->name : "request_id");
		if (f->kind == SLUICE_LOG_IS_NUMBER || f->kind == SLUICE_LOG_IS_MS)
			fprintf(to, "%.*s", (int)f->text.len, f->text.data);
		else
			put_string(to, f->text);
	}
	(void)fputc('}', to);
}

static void udp_send(const struct udp_log *u, sluice_log_batch *batch, const sluice_log_record *r)
{
	char datagram[DATAGRAM];
	sluice_str line = sluice_log_line(batch,
		u->format == GELF ? SLUICE_LOG_AS_COMMON : SLUICE_LOG_AS_JSON);
	const sluice_log_field *time = sluice_log_find(r, "time");
	FILE *to = fmemopen(datagram, sizeof(datagram), "w");
	if (to && u->format == GELF)
		put_gelf(to, u, r, line);
	else if (to && u->format == SYSLOG) /* facility local0, severity informational */
		fprintf(to, "<134>1 %.*s - %s %d access - %.*s", (int)time->text.len,
			time->text.data, u->name.data, (int)getpid(), (int)line.len, line.data);
	else if (to)
		(void)fwrite(line.data, 1, line.len, to);
	long n = to && fflush(to) == 0 && !ferror(to) ? ftell(to) : -1; /* -1: too long */
	if (to)
		(void)fclose(to);
	if (n < 0 || *u->fd < 0 || send(*u->fd, datagram, (size_t)n, 0) < 0)
		sluice_metric_add(u->lost, SLUICE_STR(""), 1);
}

static void udp_on_records(sluice_instance *inst, const void *conf, sluice_log_batch *batch)
{
	const struct udp_log *u = conf;
	const sluice_log_record *r;
	if (*u->fd < 0)
		*u->fd = udp_open(inst, u);
	while ((r = sluice_log_next(batch)))
		udp_send(u, batch, r);
}

SLUICE_PLUGIN("udp-log", .version = "1.0", .summary = "send the access log as datagrams",
	.options = options, .conf_size = sizeof(struct udp_log), .check = udp_check,
	.stop = udp_stop, .on_records = udp_on_records);
