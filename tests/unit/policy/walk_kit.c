/* Exchanges for the tests of policy/. */
#include "walk_kit.h"

#include "base/log.h"
#include "base/mem.h"
#include "policy/host.h"

struct part parts[PLUGINS];
char trace[TRACE];
sluice_exchange *walk;
unsigned resumed;
enum run_result result;
struct instance_worker slots[PLUGINS];
struct chain_item items[PLUGINS];
struct policy walk_policy;

/* As in a module: the inline functions of the public header call through it. */
const sluice_host *sluice_host_table = &host_table;

static struct client client;
static struct request_head request;
static struct response_head response;
static struct conn_info conn;
static struct instance_worker *slot_of[PLUGINS];
static struct chain chain;
static sluice_instance *instances[PLUGINS];
static bool completed;

unsigned walk_kept;

static void walk_keep(struct instance_keeper *k)
{
	(void)k;
	walk_kept++;
}

static void walk_let_go(struct instance_keeper *k)
{
	(void)k;
	assert_true(walk_kept > 0);
	walk_kept--;
}

static struct instance_keeper keeper = { .ref = walk_keep, .unref = walk_let_go };

void note(const char *fmt, ...)
{
	size_t n = strlen(trace);
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(trace + n, sizeof(trace) - n, fmt, ap);
	va_end(ap);
}

static sluice_verdict part_run(sluice_exchange *x, const struct part *p, char letter,
	sluice_hook hook)
{
	assert_ptr_equal(run_item(x)->conf, p);
	note("%c%u ", letter, p->n);
	return hook ? hook(x, p) : SLUICE_NEXT;
}

static sluice_verdict part_on_request(sluice_exchange *x, const void *conf)
{
	return part_run(x, conf, 'q', ((const struct part *)conf)->on_request);
}

static sluice_verdict part_on_response(sluice_exchange *x, const void *conf)
{
	return part_run(x, conf, 's', ((const struct part *)conf)->on_response);
}

static sluice_verdict part_on_complete(sluice_exchange *x, const void *conf)
{
	return part_run(x, conf, 'c', ((const struct part *)conf)->on_complete);
}

static sluice_verdict part_on_body(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	const struct part *p = conf;
	assert_ptr_equal(run_item(x)->conf, p);
	return p->on_body ? p->on_body(x, conf, data, end) : SLUICE_NEXT;
}

static int part_on_choose(sluice_exchange *x, const void *conf, const sluice_choice *c)
{
	const struct part *p = conf;
	assert_true(!x || run_item(x)->conf == p);
	return p->on_choose ? p->on_choose(x, conf, c) : SLUICE_CHOOSE_NONE;
}

static const sluice_plugin record = {
	.size = sizeof(record),
	.name = "part",
	.on_request = part_on_request,
	.on_response = part_on_response,
	.on_complete = part_on_complete,
	.on_request_body = part_on_body,
	.on_response_body = part_on_body,
	.on_choose = part_on_choose,
};

static void on_resumed(sluice_exchange *x, enum run_result r)
{
	assert_ptr_equal(x, walk);
	resumed++;
	result = r;
}

static void add_lines(struct fields *f, struct arena *a, const char *lines)
{
	sluice_str rest = str_of(lines);
	while (rest.len) {
		sluice_str value = str_cut(&rest, '\n'), name = str_cut(&value, ':');
		assert_int_equal(fields_add(f, a, name, str_trim(value)), 0);
	}
}

void walk_begin(unsigned n, const char *lines, size_t budget)
{
	memset(parts, 0, sizeof(parts));
	trace[0] = 0;
	resumed = 0;
	completed = false;
	client = (struct client){ .conn = &conn, .head = &request };
	arena_init(&client.arena, budget ? budget : 1 << 20);
	conn = (struct conn_info){ .peer_ip = "192.0.2.7", .peer_ip_len = 9 };
	request = (struct request_head){ .method_text = STR("GET"),
		.target = STR("/a/b?x=1&y=&x=2&z"),
		.path = STR("/a/b"),
		.query = STR("x=1&y=&x=2&z"),
		.has_query = true,
		.authority = STR("Example.com:8080"),
		.host = STR("example.com"),
		.method = METHOD_GET,
		.version = 11 };
	add_lines(&request.fields, &client.arena, lines);
	walk = arena_zalloc(&client.arena, sizeof(*walk));
	walk->client = &client;
	walk->request = &request;
	walk->worker = &fakewire_worker;
	walk->slots = slot_of;
	walk->keeper = &keeper;
	walk->on_resumed = on_resumed;
	walk->route_name = STR("the-route");
	walk->upstream_name = STR("the-upstream");
	walk->request_id = STR("id-1");
	run_init(walk);
	chain = (struct chain){ .v = items, .n = n, .has_response = n > 0, .has_complete = n > 0 };
	for (unsigned i = 0; i < PLUGINS; i++) {
		parts[i].n = i;
		instances[i]->conf = &parts[i];
		items[i] = (struct chain_item){ .plugin = &record,
			.conf = &parts[i],
			.inst = instances[i],
			.slot = i,
			.place = i };
	}
}

void walk_groups(const struct any_of *v, unsigned n)
{
	chain.any = v;
	chain.n_any = n;
}

enum run_result walk_request(void)
{
	return run_request(walk, &chain);
}

enum run_result walk_response(int status)
{
	response = (struct response_head){ .status = (uint16_t)status, .version = 11 };
	walk->response = &response;
	return run_response(walk);
}

void walk_complete(void)
{
	completed = true;
	run_complete(walk);
}

void walk_enter(unsigned n)
{
	static struct frame frame;
	frame = (struct frame){ .item = &items[n], .call = RUN_REQUEST };
	frame_enter(walk, &frame);
}

void walk_leave(void)
{
	(void)frame_leave(walk, SLUICE_NEXT);
}

void walk_end(void)
{
	if (!completed)
		walk_complete();
	fakewire_pass(1000 * NS_PER_S); /* nothing comes for it any more */
	for (unsigned i = 0; i < PLUGINS; i++)
		assert_true(list_is_empty(&slots[i].waiters));
	arena_fini(&client.arena);
	walk = NULL;
}

const char *fields_text(const struct fields *f)
{
	static char text[1024];
	size_t n = 0;
	text[0] = 0;
	for (uint32_t i = 0; i < f->n; i++) {
		if (!(f->v[i].flags & FIELD_DROP))
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s=%.*s,",
				STR_ARG(field_name(&f->v[i])), STR_ARG(field_value(&f->v[i])));
	}
	return text;
}

int walk_setup(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	fakewire_start();
	for (unsigned i = 0; i < PLUGINS; i++) {
		/* its lowest bits are the call's: policy/running.h */
		instances[i] = mem_zeroed_at(RUNNING_ALIGN, sizeof(*instances[i]), "an instance");
		instances[i]->policy = &walk_policy;
		instances[i]->plugin = &record;
		instances[i]->sample_mask = INSTANCE_SAMPLE_EVERY - 1;
		instances[i]->name = STR("an-instance");
		instances[i]->dir = "/nowhere";
		instances[i]->id = i + 1;
		slots[i] = (struct instance_worker){ 0 };
		instance_worker_init(&slots[i], instances[i]);
		slot_of[i] = &slots[i];
	}
	return 0;
}

int walk_teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PLUGINS; i++)
		free(instances[i]);
	fakewire_end();
	return 0;
}
