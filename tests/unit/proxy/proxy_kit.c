/* Exchanges for the tests of proxy/. */
#include "proxy_kit.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <poll.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "net/resolve.h"
#include "policy/host.h"
#include "store/store.h"

char kit_folder[] = "/tmp/sluice-proxy-XXXXXX";
struct script *script;
struct worker kit_worker;
struct proxy kit_proxy;
char *kit_report;
struct visitor *guest;
static const struct conn_listener listener_in = { .name = { "in", 2 } };
const struct conn_listener *kit_listener = &listener_in;
bool kit_is_trusted;
uint64_t kit_max_body;
struct done done;
struct origin_side up = { .listening = -1, .fd = -1 };

static struct worker *workers[] = { &kit_worker };
static const char *const dirs_v[] = { MODULES_DIR };
struct policy kit_policy = { .dirs = { dirs_v, 1, &host_table },
	.main = &kit_worker,
	.workers = workers,
	.n_workers = 1 };

/* As in a module: the inline functions of the public header call through it. */
const sluice_host *sluice_host_table = &host_table;

/* ---- the configuration --------------------------------------------------------------------- */

void kit_put(const char *name, const char *text)
{
	char path[256];
	(void)snprintf(path, sizeof(path), "%s/%s", kit_folder, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	for (const char *at = text, *mark; *at; at = mark) {
		mark = strstr(at, "@port@");
		int n = mark ? (int)(mark - at) : (int)strlen(at);
		(void)fprintf(f, "%.*s", n, at);
		if (!mark)
			break;
		(void)fprintf(f, "%u", up.port);
		mark += 6;
	}
	(void)fclose(f);
}

void kit_take_away(const char *name)
{
	char path[256];
	(void)snprintf(path, sizeof(path), "%s/%s", kit_folder, name);
	(void)unlink(path);
}

struct snapshot *kit_load(const char *text, const struct snapshot *old)
{
	const struct snapshot_env env = { .policy = &kit_policy, .workers = 1, .old = old };
	char path[256];
	struct diag d;
	size_t n;
	kit_put("conf.yaml", text);
	(void)snprintf(path, sizeof(path), "%s/conf.yaml", kit_folder);
	diag_init(&d);
	struct snapshot *s = snapshot_load(path, &env, &d);
	free(kit_report);
	FILE *to = open_memstream(&kit_report, &n);
	diag_print(&d, to);
	(void)fclose(to);
	diag_fini(&d);
	return s;
}

void up_close(void)
{
	if (up.fd >= 0)
		(void)close(up.fd);
	up.fd = -1;
}

static void on_free(struct snapshot *s)
{
	snapshot_free(s);
}

static void on_complete(struct proxy *p, const struct exchange *x)
{
	(void)p;
	done.n++;
	done.err = x->err;
	done.status = x->status;
	done.tries = x->call.tries;
	if (x->px.timeline)
		(void)timeline_text(x->px.timeline, done.story);
	(void)snprintf(done.code, sizeof(done.code), "%s", x->code ? x->code : "");
	(void)snprintf(done.route, sizeof(done.route), "%.*s", STR_ARG(x->px.route_name));
}

void kit_begin(const char *text)
{
	memset(script, 0, sizeof(*script));
	memset(&done, 0, sizeof(done));
	memset(&kit_proxy, 0, sizeof(kit_proxy));
	kit_listener = &listener_in;
	kit_is_trusted = false;
	kit_max_body = 0;
	guest = NULL;
	up_close();
	up.accepted = 0;
	up.got_len = 0;
	up.got[0] = 0;
	struct snapshot *s = kit_load(text, NULL);
	if (!s)
		fail_msg("%s", kit_report);
	for (size_t i = 0; i < s->n_instances; i++)
		assert_true(instance_start(s->instances[i]));
	kit_proxy.worker = &kit_worker;
	list_init(&kit_proxy.exchanges);
	kit_proxy.on_complete = on_complete;
	permute_init(&kit_proxy.ids, (const uint64_t[2]){ 0x1234, 0x5678 });
	kit_proxy.view = view_new(&kit_worker, s, on_free);
}

void visitor_free(void)
{
	if (guest && guest->finished) {
		buf_fini(&guest->pending);
		free(guest->body);
		free(guest);
	}
	guest = NULL;
}

void kit_end(void)
{
	up_close();
	if (guest && !guest->finished)
		visitor_gone(ERR_CLIENT_GONE, false);
	turns_for(3);
	assert_true(!guest || guest->finished);
	assert_int_equal(kit_proxy.active, 0);
	view_unref(kit_proxy.view);
	kit_proxy.view = NULL;
	worker_end_part(&kit_worker, PART_UPSTREAM);
	turns_for(3);
	visitor_free();
}

/* ---- the client ---------------------------------------------------------------------------- */

static size_t fields_write(const struct fields *f, char *at, size_t room)
{
	size_t n = 0;
	at[0] = 0;
	for (uint32_t i = 0; f && i < f->n; i++) {
		if (!(f->v[i].flags & FIELD_DROP))
			n += (size_t)snprintf(at + n, room - n, "%.*s: %.*s\n",
				STR_ARG(field_name(&f->v[i])), STR_ARG(field_value(&f->v[i])));
		assert_true(n < room);
	}
	return n;
}

static void op_head(struct client *c, const struct response_head *h)
{
	(void)c;
	assert_int_equal(guest->heads, 0);
	if (h->status < 200 && h->status != 101) {
		guest->interims++;
		return;
	}
	guest->heads++;
	guest->status = h->status;
	guest->body_kind = h->body;
	(void)fields_write(&h->fields, guest->fields, sizeof(guest->fields));
}

static bool op_body(struct client *c, struct buf *data)
{
	(void)c;
	assert_int_equal(guest->heads, 1);
	assert_false(guest->ended);
	char *more = realloc(guest->body, guest->body_len + data->len + 1);
	assert_non_null(more);
	guest->body = more;
	buf_copy(data, guest->body + guest->body_len, data->len);
	guest->body_len += data->len;
	guest->body[guest->body_len] = 0;
	buf_drain(data, data->len);
	return guest->full;
}

static void op_end(struct client *c, const struct fields *trailers)
{
	(void)c;
	assert_int_equal(guest->heads, 1);
	assert_false(guest->ended);
	guest->ended = true;
	(void)fields_write(trailers, guest->trailers, sizeof(guest->trailers));
}

static void op_abort(struct client *c)
{
	(void)c;
	guest->aborted = true;
}

static void op_tunnel(struct client *c)
{
	(void)c;
	assert_int_equal(guest->status, 101);
	guest->tunnel = guest->more = true;
}

static void op_hold(struct client *c)
{
	(void)c;
	guest->held = true;
}

static void op_resume(struct client *c)
{
	(void)c;
	guest->resumes++;
	guest->held = false;
}

static void op_finish(struct client *c)
{
	assert_false(guest->finished);
	guest->finished = true;
	/* whoever looks at it once more goes far astray */
	memset(c->user, EXCHANGE_TUNNEL, sizeof(struct exchange));
	arena_fini(&c->arena);
}

static const struct client_ops ops = {
	.head = op_head,
	.body = op_body,
	.end = op_end,
	.tunnel = op_tunnel,
	.abort = op_abort,
	.hold = op_hold,
	.resume = op_resume,
	.finish = op_finish,
};

static void visitor_init(size_t budget)
{
	static struct addr local;
	visitor_free();
	guest = calloc(1, sizeof(*guest));
	assert_non_null(guest);
	guest->held = true;
	guest->c = (struct client){ .ops = &ops,
		.head = &guest->head,
		.conn = &guest->conn,
		.max_body = kit_max_body,
		.started_ns = worker_now(&kit_worker) };
	guest->conn = (struct conn_info){ .local = &local,
		.listener = kit_listener,
		.peer_is_trusted = kit_is_trusted,
		.peer_ip = "192.0.2.9",
		.peer_ip_len = 9,
		.requests = 1 };
	arena_init(&guest->c.arena, budget);
}

/* Set the token and flags of each field by its name, as the codecs do. Returns the set of tokens.
 */
static uint64_t classify(struct fields *f)
{
	uint64_t seen = 0;
	for (uint32_t i = 0; i < f->n; i++) {
		struct field *v = &f->v[i];
		unsigned code = token_read(v->name, v->name_len);
		v->token = (uint16_t)(code & TOKEN_CODE);
		v->flags |= (uint16_t)(code & ~(unsigned)TOKEN_CODE);
		seen |= TOKEN_BIT(v->token) |
			(code & TOKEN_IS_EDGE ? TOKEN_BIT(TOKEN_SEEN_EDGE) : 0) |
			(code & TOKEN_IS_TWIN ? TOKEN_BIT(TOKEN_SEEN_TWIN) : 0);
	}
	return seen;
}

enum asking { ASKS_NOTHING, ASKS_ALSO, ASKS_ONLY };

static void visit_as(const char *head, uint8_t body, uint64_t len, size_t budget, unsigned version,
	enum asking asking)
{
	visitor_init(budget);
	struct request_head *h = &guest->head;
	sluice_str rest = str_of(head), line = str_cut(&rest, '\n'), target = line;
	h->method_text = str_cut(&target, ' ');
	h->method = (uint8_t)method_find(h->method_text);
	h->target = target;
	sluice_str query = target;
	h->path = str_cut(&query, '?');
	h->query = query.data ? query : STR("");
	h->has_query = query.data != NULL;
	h->authority = h->host = version > 10 ? STR("gate.example") : STR("");
	h->version = (uint8_t)version;
	h->keep_alive = true;
	h->upgrade = asking != ASKS_NOTHING;
	h->upgrade_only = asking == ASKS_ONLY;
	h->body = body;
	h->body_length = len;
	guest->more = body == BODY_CHUNKED || (body == BODY_LENGTH && len);
	while (rest.len) {
		sluice_str value = str_cut(&rest, '\n'), name = str_cut(&value, ':');
		if (fields_add(&h->fields, &guest->c.arena, name, str_trim(value)) < 0)
			break;
	}
	h->seen = classify(&h->fields);
	exchange_on_request(&kit_proxy, &guest->c);
}

void visit_with_budget(const char *head, uint8_t body, uint64_t len, size_t budget)
{
	visit_as(head, body, len, budget, 11, ASKS_NOTHING);
}

void visit_by(unsigned version, const char *head, uint8_t body, uint64_t len)
{
	visit_as(head, body, len, 128 * 1024, version, ASKS_NOTHING);
}

void visit(const char *head, uint8_t body, uint64_t len)
{
	visit_as(head, body, len, 128 * 1024, 11, ASKS_NOTHING);
}

void visit_nameless(const char *head)
{
	visit_as(head, BODY_NONE, 0, 128 * 1024, 10, ASKS_NOTHING);
}

void visit_tunnel(const char *head, bool only)
{
	visit_as(head, BODY_NONE, 0, 128 * 1024, only ? 20 : 11, only ? ASKS_ONLY : ASKS_ALSO);
}

void visit_bad(int err, size_t budget)
{
	visitor_init(budget);
	/* what was read of it took all there is */
	while (budget < 64 * 1024 && arena_alloc(&guest->c.arena, 48))
		;
	exchange_on_bad_request(&kit_proxy, &guest->c, err);
}

void visitor_say(const char *bytes, bool last)
{
	buf_append(&guest->pending, bytes, strlen(bytes));
	if (last)
		guest->more = false;
}

void visitor_gone(int err, bool can_answer)
{
	guest->told_gone = true;
	guest->c.events->on_gone(&guest->c, err, can_answer && guest->heads == 0);
}

static void visitor_turn(void)
{
	if (!guest || guest->finished || guest->told_gone)
		return;
	bool had_body = guest->tunnel || guest->head.body == BODY_CHUNKED ||
		(guest->head.body == BODY_LENGTH && guest->head.body_length);
	if (!guest->held && guest->pending.len) {
		guest->c.events->on_body(&guest->c, &guest->pending);
		assert_true(guest->finished || guest->pending.len == 0);
	}
	if (!guest->finished && !guest->held && had_body && !guest->more && !guest->ended_in &&
		guest->pending.len == 0) {
		guest->ended_in = true;
		guest->c.events->on_end(&guest->c, NULL);
	}
	if (!guest->finished && guest->ended && !guest->sent) {
		guest->sent = true;
		guest->c.events->on_sent(&guest->c);
	}
}

/* ---- the upstream -------------------------------------------------------------------------- */

static void up_open(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	up.listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(up.listening >= 0);
	assert_int_equal(bind(up.listening, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(up.listening, 16), 0);
	assert_int_equal(getsockname(up.listening, (struct sockaddr *)&a, &len), 0);
	up.port = ntohs(a.sin_port);
}

static void up_turn(void)
{
	int fd = up.listening < 0 ? -1
				  : accept4(up.listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		up_close();
		up.fd = fd;
		up.accepted++;
		up.got_len = 0;
		up.eof = false;
	}
	if (up.fd < 0)
		return;
	ssize_t n = recv(up.fd, up.got + up.got_len, sizeof(up.got) - 1 - up.got_len, 0);
	if (n > 0)
		up.got_len += (size_t)n;
	up.got[up.got_len] = 0;
	up.eof |= n == 0;
}

void up_say(const char *text)
{
	assert_true(up.fd >= 0);
	assert_int_equal(send(up.fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

void up_reset(void)
{
	struct linger l = { .l_onoff = 1, .l_linger = 0 };
	(void)setsockopt(up.fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	up_close();
}

/* ---- turns --------------------------------------------------------------------------------- */

void turn(void)
{
	worker_turn(&kit_worker);
	up_turn();
	visitor_turn();
	worker_turn(&kit_worker);
	(void)poll(NULL, 0, 1);
}

void turns_for(unsigned ms)
{
	uint64_t end = clock_ns() + ms * NS_PER_MS;
	do {
		turn();
	} while (clock_ns() < end);
}

int kit_setup(void **state)
{
	char why[MODULE_WHY];
	(void)state;
	hash_seed();
	log_set_level(LOG_ERROR);
	assert_int_equal(worker_init(&kit_worker, 0), 0);
	worker_self = &kit_worker;
	struct module *m = module_get(&kit_policy.dirs, STR("script"), why);
	if (!m)
		fail_msg("%s", why);
	void *so = dlopen(m->path, RTLD_NOW | RTLD_NOLOAD);
	script = so ? dlsym(so, "script") : NULL;
	if (so)
		(void)dlclose(so);
	up_open();
	return script && mkdtemp(kit_folder) ? 0 : -1;
}

int kit_teardown(void **state)
{
	(void)state;
	(void)close(up.listening);
	free(kit_report);
	worker_turn(&kit_worker);
	worker_fini(&kit_worker);
	resolve_fini();
	buf_thread_fini();
	arena_thread_fini();
	kit_take_away("conf.yaml");
	return rmdir(kit_folder);
}
