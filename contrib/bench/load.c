/*
 * load: sends HTTP/1.1 requests and says how they went, as one line of JSON. Each connection has
 * one request at a time. Without --rate the next request leaves when one is answered. With it
 * requests leave at fixed moments, and a time counts from the moment at which the request was to
 * leave: a server that stalls is charged for every request that it kept waiting. load [OPTION]...
 * http[s]://ADDRESS:PORT/TARGET        load --help tells the options
 */
#define _GNU_SOURCE
#include "gate.h"
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 512, STUCK_SECONDS = 5, OPENING_MAX = 256, FAILED_MAX = 20000 };

static volatile sig_atomic_t asked_to_end;

static const char *const failure_names[FAILURES] = { "connect", "tls", "raced", "broken", "status",
	"stuck" };

/* One run. */
struct run {
	struct plan plan;
	struct count count;
	struct conn *conns;
	struct conn *free_first, *free_last; /* wait for work, longest waiting first */
	unsigned in_flight;
	uint64_t begun;       /* requests given out */
	uint64_t events;      /* on any connection */
	uint64_t start, stop; /* in ns; stop is 0 without a time */
	int epoll;
};

uint64_t now_ns(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
	(void)fprintf(stderr, "load: %s\n", what);
	exit(2);
}

/* ---- the queue of connections without work ------------------------------------------------- */

static void free_push(struct run *r, struct conn *c)
{
	c->next = NULL;
	if (r->free_first)
		r->free_last->next = c;
	else
		r->free_first = c;
	r->free_last = c;
}

static struct conn *free_pop(struct run *r)
{
	struct conn *c = r->free_first;
	r->free_first = c->next;
	return c;
}

/* ---- requests ------------------------------------------------------------------------------ */

static uint64_t all_failed(const struct count *n)
{
	uint64_t sum = 0;
	for (int i = 0; i < FAILURES; i++)
		sum += n->failed[i];
	return sum;
}

/* When the next request leaves, or UINT64_MAX when none will. */
static uint64_t next_due(const struct run *r, uint64_t now)
{
	const struct plan *p = &r->plan;
	if (p->requests && r->begun >= p->requests)
		return UINT64_MAX;
	if (all_failed(&r->count) > FAILED_MAX && !r->count.done)
		return UINT64_MAX;
	uint64_t due = p->rate > 0 ? r->start + (uint64_t)((double)r->begun * 1e9 / p->rate) : now;
	return r->stop && due >= r->stop ? UINT64_MAX : due;
}

static void settle(struct run *r, struct conn *c, enum conn_event event, enum failure why)
{
	if (event == CONN_NOTHING || event == CONN_OPENED)
		return;
	if (event == CONN_ANSWERED) {
		r->count.done++;
		histogram_add(&r->count.took, (now_ns() - c->due) / 1000);
	} else {
		r->count.failed[why]++;
	}
	c->asked = false;
	r->in_flight--;
	if (c->error || c->close || r->plan.fresh || event == CONN_FAILED)
		conn_close(c);
	free_push(r, c);
}

static void work(struct run *r, struct conn *c)
{
	enum failure why = FAIL_BROKEN;
	enum conn_event event = conn_work(c, &r->plan, &r->count, &why);
	if (c->asked)
		settle(r, c, event, why);
	else if (c->close || c->error)
		conn_close(c); /* stays where it is in the queue; the next request opens it again */
}

static void begin(struct run *r, struct conn *c, uint64_t due)
{
	c->asked = true;
	c->due = due;
	conn_compose(c, &r->plan, r->plan.skip + r->begun++);
	r->in_flight++;
	if (c->state == CONN_CLOSED && !conn_open(c, &r->plan, r->epoll)) {
		settle(r, c, CONN_FAILED, FAIL_CONNECT);
		return;
	}
	if (c->state == CONN_IDLE)
		work(r, c);
}

/* Gives out what is due. Returns how long nothing more will be, in ns; -1: until an answer
 * comes. */
static int64_t begin_due(struct run *r)
{
	for (;;) {
		uint64_t now = now_ns(), due = next_due(r, now);
		if (due == UINT64_MAX || !r->free_first || r->in_flight >= r->plan.in_flight)
			return -1;
		if (due > now)
			return (int64_t)(due - now);
		begin(r, free_pop(r), due);
	}
}

static void turn(struct run *r, int64_t wait_ns)
{
	struct epoll_event ev[EVENTS];
	struct timespec wait = { .tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000 };
	int n = epoll_pwait2(r->epoll, ev, EVENTS, wait_ns < 0 ? NULL : &wait, NULL);
	if (n < 0 && errno != EINTR)
		die("epoll");
	for (int i = 0; i < n; i++) {
		struct conn *c = ev[i].data.ptr;
		r->events++;
		if (c->fd >= 0)
			work(r, c);
	}
}

/* ---- the run ------------------------------------------------------------------------------- */

/* Opens all connections, some at a time. */
static void open_all(struct run *r)
{
	unsigned opened = 0, done = 0;
	uint64_t until = now_ns() + 60000000000U;
	while (done < r->plan.connections) {
		if (now_ns() > until)
			die("the connections do not open");
		while (opened < r->plan.connections && opened - done < OPENING_MAX) {
			if (!conn_open(&r->conns[opened++], &r->plan, r->epoll))
				die("cannot connect");
		}
		turn(r, 100000000);
		for (done = 0; done < opened && r->conns[done].state != CONN_CONNECTING &&
			r->conns[done].state != CONN_SHAKING;
			done++) {
			if (r->conns[done].state == CONN_CLOSED)
				die("a connection does not open");
		}
	}
}

static void on_term(int number)
{
	(void)number;
	asked_to_end = 1;
}

/* Requests under way when the run was asked to end have not failed; what they brought so far
 * counts. */
static void count_unfinished(struct run *r)
{
	for (unsigned i = 0; i < r->plan.connections; i++)
		r->count.bytes += r->conns[i].asked ? r->conns[i].got : 0;
}

static void run_requests(struct run *r)
{
	r->start = now_ns();
	r->stop = r->plan.seconds > 0 ? r->start + (uint64_t)(r->plan.seconds * 1e9) : 0;
	uint64_t stuck = 0, events = 0;
	for (;;) {
		if (asked_to_end) {
			count_unfinished(r);
			return;
		}
		int64_t wait = begin_due(r);
		uint64_t now = now_ns();
		bool more = next_due(r, now) != UINT64_MAX;
		if (!more && !r->in_flight)
			return;
		/* it counts from the last sign of life */
		if (!more && (!stuck || events != r->events))
			stuck = now + STUCK_SECONDS * 1000000000U;
		events = r->events;
		if (stuck && now > stuck) {
			r->count.failed[FAIL_STUCK] += r->in_flight;
			return;
		}
		turn(r, wait >= 0 && wait < 100000000 ? wait : 100000000);
	}
}

static void report(const struct run *r, double seconds)
{
	const struct count *n = &r->count;
	(void)printf("{\"requests\": %llu, \"seconds\": %.6f, \"failed\": {",
		(unsigned long long)n->done, seconds);
	for (int i = 0; i < FAILURES; i++)
		(void)printf("%s\"%s\": %llu", i ? ", " : "", failure_names[i],
			(unsigned long long)n->failed[i]);
	(void)printf("}, \"bytes\": %llu, \"connections\": %llu, \"handshakes\": %llu, "
		     "\"resumed\": %llu, \"tls\": \"%s\", ",
		(unsigned long long)n->bytes, (unsigned long long)n->connections,
		(unsigned long long)n->handshakes, (unsigned long long)n->resumed, n->tls);
	(void)printf("\"latency_us\": ");
	histogram_print(&n->took, stdout);
	gate(r->plan.gate, "}");
}

/* ---- options ------------------------------------------------------------------------------- */

static struct lines read_lines(const char *path)
{
	struct lines l = { 0 };
	size_t room = 0, space = 0;
	char *line = NULL;
	ssize_t n;
	FILE *f = fopen(path, "re");
	if (!f)
		die("cannot read a list");
	while ((n = getline(&line, &space, f)) > 0) {
		while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
			n--;
		if (!n || n > 4096)
			continue;
		if (l.n == room) {
			room = room ? room * 2 : 64;
			l.v = reallocarray(l.v, room, sizeof(*l.v));
			if (!l.v)
				abort();
		}
		l.v[l.n++] = (struct text){ strndup(line, (size_t)n), (size_t)n };
	}
	free(line);
	(void)fclose(f);
	if (!l.n)
		die("a list is empty");
	return l;
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct conn *c = SSL_get_app_data(ssl);
	SSL_SESSION_free(c->session);
	c->session = session;
	return 1;
}

/*
 * One suite and one group, so that every server does the same work (in TLS 1.2 the curve of the
 * certificate is among the groups). Certificates are not verified: that is a client's cost.
 */
static SSL_CTX *tls_context(int version)
{
	const char *groups = version == TLS1_3_VERSION ? "X25519" : "X25519:P-256";
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx || SSL_CTX_set_min_proto_version(ctx, version) != 1 ||
		SSL_CTX_set_max_proto_version(ctx, version) != 1 ||
		SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") != 1 ||
		SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-GCM-SHA256") != 1 ||
		SSL_CTX_set1_groups_list(ctx, groups) != 1)
		die("TLS");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	(void)SSL_CTX_set_session_cache_mode(ctx,
		SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, keep_session);
	(void)SSL_CTX_set_mode(ctx,
		SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return ctx;
}

static void parse_url(struct plan *p, char *url, int version)
{
	bool https = strncmp(url, "https://", 8) == 0;
	char *host = url + (https ? 8 : 7),
	     *path = strncmp(url, "http", 4) == 0 ? strchr(host, '/') : NULL;
	if (!path)
		die("the URL is http://ADDRESS:PORT/TARGET or https://...");
	p->target = (struct text){ strdup(path), strlen(path) };
	*path = '\0';
	p->host = (struct text){ strdup(host), strlen(host) };
	char *port = strchr(host, ':');
	if (!port)
		die("the URL has no port");
	*port++ = '\0';
	p->server = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)) };
	if (inet_pton(AF_INET, host, &p->server.sin_addr) != 1 || p->target.len > 2048 ||
		p->host.len > 64)
		die("the host of the URL is no IPv4 address, or the target is too long");
	p->tls = https ? tls_context(version) : NULL;
}

static const char usage[] =
	"usage: load [OPTION]... http[s]://ADDRESS:PORT/TARGET\n"
	"  -c, --connections N   connections (1)\n"
	"  -n, --requests N      requests in all\n"
	"  -d, --seconds S       time in which requests leave; without -n or -d: 1 request\n"
	"  -r, --rate R          requests a second\n"
	"  -i, --in-flight N     most requests at once (as many as connections)\n"
	"  -u, --upload BYTES    POST with a body\n"
	"  -H, --field LINE      one more field\n"
	"  -p, --targets FILE    a target on each line, asked for in turn\n"
	"  -t, --tokens FILE     a bearer token on each line, sent in turn\n"
	"      --heads FILE      fields on each line, with tabs between them, sent in turn\n"
	"  -s, --skip N          leave out so many targets, tokens and heads at first\n"
	"  -f, --fresh           a connection for each request\n"
	"  -R, --resume          with --fresh: TLS sessions continue earlier ones\n"
	"      --until-term      TERM ends the run, and what came until then is told\n"
	"      --tls12           TLS 1.2 instead of 1.3\n"
	"  -l, --length          a body must have the length that the target names\n"
	"      --status N        responses must have this status, not just one of success\n"
	"  -g, --gate            say \"ready\" once connected, and \"}\" at the end, and wait for "
	"a line each time\n";

static const struct option options[] = {
	{ "connections", required_argument, NULL, 'c' },
	{ "requests", required_argument, NULL, 'n' },
	{ "seconds", required_argument, NULL, 'd' },
	{ "rate", required_argument, NULL, 'r' },
	{ "in-flight", required_argument, NULL, 'i' },
	{ "upload", required_argument, NULL, 'u' },
	{ "field", required_argument, NULL, 'H' },
	{ "targets", required_argument, NULL, 'p' },
	{ "tokens", required_argument, NULL, 't' },
	{ "heads", required_argument, NULL, 'F' },
	{ "skip", required_argument, NULL, 's' },
	{ "fresh", no_argument, NULL, 'f' },
	{ "resume", no_argument, NULL, 'R' },
	{ "until-term", no_argument, NULL, 'T' },
	{ "tls12", no_argument, NULL, '2' },
	{ "length", no_argument, NULL, 'l' },
	{ "status", required_argument, NULL, 'S' },
	{ "gate", no_argument, NULL, 'g' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void parse_options(struct plan *p, int argc, char **argv)
{
	int o, version = TLS1_3_VERSION;
	p->connections = 1;
	while ((o = getopt_long(argc, argv, "c:n:d:r:i:u:H:p:t:s:fRlgh", options, NULL)) != -1) {
		switch (o) {
		case 'c':
			p->connections = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'n':
			p->requests = strtoull(optarg, NULL, 10);
			break;
		case 'd':
			p->seconds = strtod(optarg, NULL);
			break;
		case 'r':
			p->rate = strtod(optarg, NULL);
			break;
		case 'i':
			p->in_flight = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'u':
			p->upload = strtoull(optarg, NULL, 10);
			break;
		case 'H':
			p->field = (struct text){ optarg, strlen(optarg) };
			break;
		case 'p':
			p->targets = read_lines(optarg);
			break;
		case 't':
			p->tokens = read_lines(optarg);
			break;
		case 'F':
			p->heads = read_lines(optarg);
			break;
		case 's':
			p->skip = strtoull(optarg, NULL, 10);
			break;
		case 'f':
			p->fresh = true;
			break;
		case 'R':
			p->resume = true;
			break;
		case 'l':
			p->verify_length = true;
			break;
		case 'S':
			p->status = (int)strtol(optarg, NULL, 10);
			break;
		case 'g':
			p->gate = true;
			break;
		case 'T':
			p->until_term = true;
			break;
		case '2':
			version = TLS1_2_VERSION;
			break;
		case 'h':
			(void)fputs(usage, stdout);
			exit(0);
		default:
			(void)fputs(usage, stderr);
			exit(2);
		}
	}
	if (optind != argc - 1 || !p->connections || p->field.len > 512)
		die("see load --help");
	if (!p->requests && p->seconds <= 0)
		p->requests = 1;
	if (!p->in_flight)
		p->in_flight = p->connections;
	parse_url(p, argv[optind], version);
}

int main(int argc, char **argv)
{
	static struct run r;
	struct sigaction ignore = { .sa_handler = SIG_IGN }, end = { .sa_handler = on_term };
	struct rlimit files;

	parse_options(&r.plan, argc, argv);
	(void)sigaction(SIGPIPE, &ignore, NULL);
	if (r.plan.until_term)
		(void)sigaction(SIGTERM, &end, NULL);
	(void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	r.epoll = epoll_create1(EPOLL_CLOEXEC);
	r.conns = calloc(r.plan.connections, sizeof(*r.conns));
	if (!r.conns)
		die("no memory");
	for (unsigned i = 0; i < r.plan.connections; i++) {
		r.conns[i].fd = -1;
		r.conns[i].id = i;
		free_push(&r, &r.conns[i]);
	}
	if (!r.plan.fresh)
		open_all(&r);
	gate(r.plan.gate, "ready");
	uint64_t start = now_ns();
	run_requests(&r);
	report(&r, (double)(now_ns() - start) / 1e9);
	for (unsigned i = 0; i < r.plan.connections; i++) {
		conn_close(&r.conns[i]);
		SSL_SESSION_free(r.conns[i].session);
	}
	return 0;
}
