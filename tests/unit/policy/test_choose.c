/* policy/choose: on_choose as a hook: in its frame, with its memory, and blamed like one. */
#include "policy/choose.h"

#include "walk_kit.h"

static sluice_server servers[3];
static sluice_choice choice;
static struct choose chooser;
static struct chain_item apart; /* of an instance that stands in no chain */
static uint64_t tried[1];
static int returns;
static sluice_instance *inst;

static int return_it(sluice_exchange *x, const void *conf, const sluice_choice *c)
{
	(void)x, (void)conf, (void)c;
	return returns;
}

/* An exchange before n plugins, for whose upstream the plugin `at` of them chooses. */
static void begin(unsigned n, unsigned at)
{
	walk_begin(n, "cookie: a=1\n", 0);
	assert_int_equal(walk_request(), RUN_NEXT);
	for (unsigned i = 0; i < 3; i++)
		servers[i] = (sluice_server){ .key = i + 10, .weight = 1, .ready = i != 2 };
	tried[0] = 11;
	choice = (sluice_choice){ .size = sizeof(choice),
		.upstream = STR("u"),
		.servers = servers,
		.n_servers = 3,
		.server_size = sizeof(servers[0]),
		.tried = tried };
	parts[at].on_choose = return_it;
	inst = items[at].inst;
	inst->on_error = INSTANCE_DENY;
	inst->mode = INSTANCE_ENFORCE;
	apart = items[at];
	apart.place = CHOOSE_PLACE;
	choose_init(&chooser, &fakewire_worker, &apart, &slots[at]);
	/* the log is quiet, and counts */
	for (int i = 0; i < BLAMES; i++)
		atomic_store(&inst->blamed[i].until_ns, UINT64_MAX);
}

static int ask(sluice_exchange *x)
{
	return chooser.chooser.choose(&chooser.chooser, x, &choice);
}

static uint64_t told(enum blame what)
{
	return atomic_exchange(&inst->blamed[what].untold, 0);
}

TEST(a_server_or_none)
{
	begin(1, 0);
	returns = 1;
	assert_int_equal(ask(walk), 1);
	assert_int_equal(ask(NULL), 1);
	returns = SLUICE_CHOOSE_NONE;
	assert_int_equal(ask(walk), BALANCE_NO_CHOICE);
	assert_int_equal(ask(NULL), BALANCE_NO_CHOICE);
	assert_int_equal(told(BLAME_FAILED), 0);
	assert_null(walk->frame);
	walk_end();
}

/* What is no choice, with and without an exchange. */
static void expect(int returned, int deny)
{
	returns = returned;
	inst->on_error = INSTANCE_DENY;
	assert_int_equal(ask(walk), deny);
	assert_int_equal(ask(NULL), deny);
	inst->on_error = INSTANCE_SKIP;
	assert_int_equal(ask(walk), BALANCE_NO_CHOICE);
	assert_int_equal(ask(NULL), BALANCE_NO_CHOICE);
	assert_int_equal(told(BLAME_FAILED), 4);
}

TEST(a_wrong_choice_is_a_failure)
{
	begin(1, 0);
	expect(SLUICE_CHOOSE_FAIL, BALANCE_NO_CHOOSER);
	expect(3, BALANCE_NO_CHOOSER);
	expect(INT32_MAX, BALANCE_NO_CHOOSER);
	expect(-3, BALANCE_NO_CHOOSER);
	expect(2, BALANCE_NO_CHOOSER); /* it is down */
	choice.n_tried = 1;
	expect(1, BALANCE_NO_CHOOSER); /* it was tried */
	walk_end();
}

TEST(a_report_fails_nothing)
{
	begin(1, 0);
	inst->mode = INSTANCE_REPORT;
	choose_init(&chooser, &fakewire_worker, &apart, &slots[0]);
	assert_non_null(chooser.chooser.on_other);
	returns = 9;
	assert_int_equal(ask(walk), BALANCE_NO_CHOICE);
	assert_int_equal(ask(NULL), BALANCE_NO_CHOICE);
	chooser.chooser.on_other(&chooser.chooser, walk, &servers[0]);
	chooser.chooser.on_other(&chooser.chooser, NULL, &servers[0]);
	assert_int_equal(walk->n_notes, 2);
	assert_string_equal(walk->notes[0].code, "report:plugin-failed");
	assert_string_equal(walk->notes[1].code, "report:server");
	inst->mode = INSTANCE_ENFORCE;
	walk_end();
}

/* ---- what it may do ------------------------------------------------------------------------- */

static sluice_verdict on_nothing(sluice_exchange *x, const void *conf)
{
	(void)x, (void)conf;
	return SLUICE_NEXT;
}

static int read_facts(sluice_exchange *x, const void *conf, const sluice_choice *c)
{
	(void)conf;
	assert_str(sluice_get(x, SLUICE_I_PATH), "/a/b");
	assert_str(sluice_field(x, SLUICE_REQUEST, SLUICE_STR("cookie")), "a=1");
	assert_ptr_equal(sluice_worker_state(x), c->state);
	assert_string_equal(running_call_name(fakewire_worker.running), "on_choose");
	assert_ptr_equal(running_instance(fakewire_worker.running), inst);
	sluice_note(x, "looked");
	return 0;
}

TEST(it_reads_what_a_request_hook_reads)
{
	static int state;
	begin(2, 1);
	slots[1].state = &state;
	parts[1].on_choose = read_facts;
	uint64_t calls = *slots[1].calls;
	assert_int_equal(ask(walk), 0);
	assert_int_equal(*slots[1].calls, calls + 1);
	assert_int_equal(walk->n_notes, 1);
	assert_int_equal(fakewire_worker.running, 0);
	assert_int_equal(told(BLAME_MISUSE), 0);
	slots[1].state = NULL;
	walk_end();
}

static int try_all(sluice_exchange *x, const void *conf, const sluice_choice *c)
{
	const sluice_body_plan plan = { .size = sizeof(plan),
		.mode = SLUICE_BODY_STREAM,
		.max = 9 };
	(void)conf, (void)c;
	assert_int_equal(sluice_sleep(x, 1, on_nothing), SLUICE_FAIL);
	assert_int_equal(sluice_refuse(x, 403, "too-late", ""), SLUICE_FAIL);
	assert_int_equal(sluice_reply(x, 200, SLUICE_STR(""), SLUICE_STR("")), SLUICE_FAIL);
	assert_false(sluice_body_want(x, SLUICE_REQUEST, &plan));
	assert_int_equal(told(BLAME_MISUSE), 4);
	sluice_field_set(x, SLUICE_REQUEST, SLUICE_STR("cookie"), SLUICE_STR("b=2"));
	sluice_field_remove(x, SLUICE_REQUEST, SLUICE_STR("cookie"));
	sluice_field_add(x, SLUICE_RESPONSE, SLUICE_STR("set-cookie"), SLUICE_STR("b=2"));
	assert_false(sluice_target_set(x, SLUICE_STR("/c"), SLUICE_STR("")));
	assert_false(sluice_host_set(x, SLUICE_STR("other")));
	assert_int_equal(told(BLAME_CHANGE), 5);
	return 1;
}

TEST(it_changes_nothing)
{
	begin(1, 0);
	parts[0].on_choose = try_all;
	assert_int_equal(ask(walk), 1);
	assert_string_equal(fields_text(&walk->request->fields), "cookie=a=1,");
	assert_null(walk->edits);
	assert_int_equal(walk->answer.status, 0);
	assert_null(walk->stages[SLUICE_REQUEST]);
	walk_end();
}

static int remember(sluice_exchange *x, const void *conf, const sluice_choice *c)
{
	(void)conf, (void)c;
	++*(int *)sluice_state(x, sizeof(int));
	return 0;
}

static sluice_verdict look_back(sluice_exchange *x, const void *conf)
{
	(void)conf;
	assert_int_equal(*(int *)sluice_state(x, sizeof(int)), 2);
	note("saw ");
	return SLUICE_NEXT;
}

/* An instance that stands in the chain too has one memory in both. */
TEST(its_memory_is_that_of_its_place_in_the_chain)
{
	begin(3, 1);
	parts[1].on_choose = remember;
	parts[1].on_response = look_back;
	assert_int_equal(ask(walk), 0);
	assert_int_equal(ask(walk), 0);
	assert_int_equal(walk_response(200), RUN_NEXT);
	assert_non_null(strstr(trace, "s1 saw "));
	walk_end();
}

/* One that stands in none has its own, which is not that of another plugin. */
TEST(without_a_place_its_memory_is_its_own)
{
	begin(1, 1);
	parts[1].on_choose = remember;
	assert_int_equal(ask(walk), 0);
	walk_enter(0);
	assert_int_equal(*(int *)sluice_state(walk, sizeof(int)), 0);
	walk_leave();
	walk_end();
}

/* A fetch of a plugin begins while its hook runs: that hook goes on as itself. */
TEST(a_choice_for_a_fetch_within_a_hook)
{
	begin(2, 1);
	returns = 0;
	walk_enter(0);
	uintptr_t word = fakewire_worker.running;
	assert_int_equal(ask(NULL), 0);
	assert_int_equal(fakewire_worker.running, word);
	assert_str(sluice_get(walk, SLUICE_I_PATH), "/a/b");
	walk_leave();
	walk_end();
}

TEST_GROUP(walk_setup, walk_teardown);
