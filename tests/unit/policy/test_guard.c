/* policy/guard: no service does anything with an argument that is missing, or on another thread. */
#include "policy/guard.h"

#include "store/store.h"
#include "walk_kit.h"

static sluice_instance *caller; /* the instance whose hook runs */
static unsigned tried;          /* services that were called without what they need */

/* Lines that the log would have had of the caller's misuse. */
static uint64_t told(void)
{
	return atomic_load(&caller->blamed[BLAME_MISUSE].untold);
}

static void begin(void)
{
	walk_begin(1, "a: b\n", 0);
	(void)walk_request();
	walk_enter(0);
	caller = run_item(walk)->inst;
	/* the log is quiet, and counts */
	atomic_store(&caller->blamed[BLAME_MISUSE].until_ns, UINT64_MAX);
}

static void end(void)
{
	walk_leave();
	walk_end();
	atomic_store(&caller->blamed[BLAME_MISUSE].until_ns, 0);
}

/* The call has one line in the log. */
#define REFUSED(call)                                  \
	do {                                           \
		uint64_t before_ = told();             \
		(void)(call);                          \
		assert_int_equal(told() - before_, 1); \
	} while (0)
#define REFUSED_VOID(call)                             \
	do {                                           \
		uint64_t before_ = told();             \
		call;                                  \
		assert_int_equal(told() - before_, 1); \
	} while (0)
#define EACH(call)             \
	do {                   \
		tried++;       \
		REFUSED(call); \
	} while (0)
#define EACH_VOID(call)             \
	do {                        \
		tried++;            \
		REFUSED_VOID(call); \
	} while (0)

static sluice_verdict on_nothing(sluice_exchange *x, const void *conf)
{
	(void)x, (void)conf;
	return SLUICE_NEXT;
}

static sluice_verdict on_park(sluice_exchange *x, const void *conf, sluice_status st)
{
	(void)x, (void)conf, (void)st;
	return SLUICE_NEXT;
}

static sluice_verdict on_fetched(sluice_exchange *x, const void *conf,
	const sluice_fetch_response *r)
{
	(void)x, (void)conf, (void)r;
	return SLUICE_NEXT;
}

static sluice_verdict on_store(sluice_exchange *x, const void *conf, sluice_status st,
	const sluice_value *v)
{
	(void)x, (void)conf, (void)st, (void)v;
	return SLUICE_NEXT;
}

static void on_work_store(sluice_work *k, const void *conf, void *user, sluice_status st,
	const sluice_value *v)
{
	(void)k, (void)conf, (void)user, (void)st, (void)v;
}

static void on_work(sluice_work *k, const void *conf, const sluice_fetch_response *r)
{
	(void)k, (void)conf, (void)r;
}

static void on_main_fetch(sluice_instance *inst, void *conf, const sluice_fetch_response *r)
{
	(void)inst, (void)conf, (void)r;
}

static void on_timer(sluice_instance *inst, void *conf)
{
	(void)inst, (void)conf;
}

static sluice_verdict on_body(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	(void)x, (void)conf, (void)data, (void)end;
	return SLUICE_NEXT;
}

static const sluice_str text = { "a", 1 };
static const sluice_fetch_request request = { .size = sizeof(request), .url = { "http://h/", 9 } };

static void configuration_services(void)
{
	EACH_VOID(sluice_conf_error(NULL, NULL, "x"));
	EACH_VOID(sluice_conf_hint(NULL, "x"));
	EACH(sluice_conf_alloc(NULL, 1));
	EACH(sluice_conf_given(NULL, "a"));
	sluice_str out;
	EACH(sluice_read_file(NULL, text, 1, &out));
	EACH(sluice_instance_name(NULL));
	tried++; /* the instance may be missing, the text may not */
	REFUSED_VOID(
		sluice_host_table->log(NULL, NULL, SLUICE_LOG_DEBUG, NULL, (va_list){ { 0 } }));
	EACH_VOID(sluice_timer(NULL, 1, on_timer));
	EACH(sluice_main_fetch(NULL, &request, on_main_fetch));
	EACH_VOID(sluice_publish(NULL, NULL, NULL));
	EACH(sluice_script_register(NULL, "return 1"));
	EACH(sluice_expr_compile(NULL, text, NULL));
	EACH(sluice_template_compile(NULL, NULL, SLUICE_REQUEST, text, text));
	EACH(sluice_store_table(NULL, store_local(), text));
	EACH_VOID(sluice_host_table->conf_error_text(NULL, NULL, text));
	EACH_VOID(sluice_host_table->conf_hint_text(NULL, text));
	EACH_VOID(sluice_secret(NULL, SLUICE_SECRET_FIELD, text));
	EACH_VOID(sluice_own(NULL, SLUICE_OWN_WORD, text));
	EACH_VOID(sluice_serve(NULL, text, NULL));
	EACH(sluice_metric_declare(NULL, NULL));
	EACH(sluice_cache_open(NULL, NULL));
	EACH(sluice_servers_set(NULL, text, NULL, 0));
	EACH_VOID(sluice_dependency_set(NULL, NULL));
	EACH(sluice_store_follow(NULL, NULL));
	EACH(sluice_main_command(NULL, NULL));
}

static void exchange_services(void)
{
	sluice_pair pair;
	sluice_str out;
	size_t iter = 0;
	EACH(sluice_get(NULL, SLUICE_I_PATH));
	EACH(sluice_number(NULL, SLUICE_N_STATUS));
	EACH_VOID(sluice_log_for(NULL, SLUICE_LOG_INFO, "x"));
	EACH(sluice_field(NULL, SLUICE_REQUEST, text));
	EACH(sluice_field_next(NULL, SLUICE_REQUEST, &iter, &pair));
	EACH_VOID(sluice_field_set(NULL, SLUICE_REQUEST, text, text));
	EACH_VOID(sluice_field_add(NULL, SLUICE_REQUEST, text, text));
	EACH_VOID(sluice_field_remove(NULL, SLUICE_REQUEST, text));
	EACH(sluice_response_status(NULL));
	EACH(sluice_alloc(NULL, 1));
	EACH_VOID(sluice_cleanup(NULL, free, NULL));
	EACH(sluice_worker_state(NULL));
	EACH(sluice_published(NULL));
	EACH_VOID(sluice_refresh(NULL));
	EACH(sluice_expr_value(NULL, NULL));
	EACH_VOID(sluice_attr_set(NULL, text, text));
	EACH(sluice_attr(NULL, text));
	EACH_VOID(sluice_attr_provide(NULL, "a", NULL, NULL));
	const sluice_identity who = { .size = sizeof(who), .name = text };
	EACH(sluice_identify(NULL, &who));
	EACH_VOID(sluice_credentials_absent(NULL));
	EACH_VOID(sluice_credentials_used(NULL, SLUICE_OWN_CREDENTIAL_FIELD, text));
	EACH_VOID(sluice_note(NULL, "a"));
	EACH(sluice_refuse(NULL, 403, "a", "b"));
	EACH(sluice_reply(NULL, 200, text, text));
	const sluice_answer answer = { .size = sizeof(answer), .status = 200 };
	EACH(sluice_answer_with(NULL, &answer));
	const sluice_answer_stream stream = { .size = sizeof(stream),
		.status = 200,
		.write = on_nothing };
	EACH(sluice_answer_begin(NULL, &stream));
	EACH(sluice_answer_write(NULL, text));
	EACH(sluice_answer_end(NULL, NULL));
	EACH(sluice_body_want(NULL, SLUICE_REQUEST, NULL));
	EACH_VOID(sluice_body_pass(NULL, 1));
	EACH_VOID(sluice_body_drop(NULL, 1));
	EACH(sluice_body_write(NULL, text));
	EACH(sluice_state(NULL, 1));
	EACH(sluice_expr_read(NULL, NULL, &out));
	EACH(sluice_holds(NULL, (const sluice_condition *)(const void *)&out));
	EACH(sluice_template_write(NULL, NULL, &out));
	EACH(sluice_target_set(NULL, text, text));
	EACH(sluice_query_set(NULL, text, text));
	EACH(sluice_query_remove(NULL, text));
	EACH(sluice_host_set(NULL, text));
	EACH(sluice_upstream_set(NULL, NULL));
}

static void services_of_connections(void)
{
	EACH(sluice_conn_get(NULL, SLUICE_I_PEER));
	EACH(sluice_conn_number(NULL, SLUICE_N_PEER_PORT));
	EACH(sluice_conn_refuse(NULL, "a"));
	EACH(sluice_conn_state(NULL, 1));
	EACH(sluice_conn_cleanup(NULL, free, NULL));
	EACH(sluice_conn_worker_state(NULL));
	EACH(sluice_conn_published(NULL));
	EACH(sluice_conn_of(NULL));
	EACH_VOID(sluice_conn_log(NULL, SLUICE_LOG_INFO, "x"));
	EACH_VOID(sluice_host_table->conn_log_text(NULL, SLUICE_LOG_INFO, text));
}

static void services_that_wait(void)
{
	sluice_ticket ticket;
	EACH(sluice_await_publish(NULL, 1, on_nothing));
	EACH(sluice_sleep(NULL, 1, on_nothing));
	EACH(sluice_fetch(NULL, &request, on_fetched));
	EACH(sluice_store_eval(NULL, store_local(), NULL, text, NULL, 0, 1, on_store));
	EACH(sluice_store_command(NULL, store_local(), &text, 1, 1, on_store));
	EACH(sluice_park(NULL, 1, &ticket, on_park));
	EACH(sluice_body_wait(NULL, NULL, on_body));
	EACH(sluice_background(NULL, &request, on_work));
	EACH(sluice_work_fetch(NULL, &request, on_work));
	EACH(sluice_work_command(NULL, store_local(), &text, 1, 1, NULL, on_work_store));
	EACH(sluice_work_instance(NULL));
	EACH(sluice_work_state(NULL));
	EACH(sluice_work_published(NULL));
}

static void services_of_any_thread(void)
{
	sluice_str out;
	sluice_cell cell;
	EACH(sluice_store_kind_of(NULL));
	EACH(sluice_store_cell(NULL, text, 1, &cell));
	EACH(sluice_store_cell_swap(NULL, 1));
	EACH(sluice_expr_text(NULL));
	EACH(sluice_template_fixed(NULL, &out));
	EACH(sluice_ip_network(text, 1, 1, NULL));
	EACH(sluice_resume((sluice_ticket){ 0 }));
	EACH_VOID(sluice_metric_add(NULL, text, 1));
	EACH_VOID(sluice_metric_set(NULL, text, 1));
	EACH_VOID(sluice_metric_observe(NULL, text, 1));
}

static void services_of_sinks(void)
{
	EACH(sluice_log_next(NULL));
	EACH(sluice_log_line(NULL, SLUICE_LOG_AS_JSON));
	EACH(sluice_log_dropped(NULL));
	EACH(sluice_log_published(NULL));
}

static void services_of_caches(void)
{
	EACH(sluice_object_put(NULL, text, NULL));
	EACH(sluice_object_get(NULL, text));
	EACH(sluice_object_data(NULL));
	EACH(sluice_object_meta(NULL));
	EACH(sluice_object_age(NULL));
	EACH(sluice_object_fresh_for(NULL));
	EACH(sluice_object_remove(NULL, text));
	EACH(sluice_object_remove_tag(NULL, text));
	EACH(sluice_object_begin(NULL, text, NULL, 0));
	EACH(sluice_object_append(NULL, text));
	EACH(sluice_object_commit(NULL));
}

/* A service that is added to the table is added here. */
TEST(every_service_refuses_what_is_not_there)
{
	enum {
		SERVICES = (sizeof(sluice_host) - offsetof(sluice_host, conf_error)) /
			sizeof(void (*)(void)),
		/* now_ns, unix_ms, field_refused, names_alike, store_local, log_text; and
		 * object_release, object_abort, which take NULL */
		WITHOUT_POINTERS = 8
	};
	begin();
	tried = 0;
	configuration_services();
	exchange_services();
	services_of_connections();
	services_that_wait();
	services_of_any_thread();
	services_of_caches();
	services_of_sinks();
	assert_int_equal(tried + WITHOUT_POINTERS, SERVICES);
	end();
}

TEST(arguments_that_are_missing)
{
	sluice_pair pair;
	sluice_str out;
	size_t iter = 0;
	begin();
	REFUSED(sluice_field_next(walk, SLUICE_REQUEST, NULL, &pair));
	REFUSED(sluice_field_next(walk, SLUICE_REQUEST, &iter, NULL));
	REFUSED_VOID(sluice_cleanup(walk, NULL, NULL));
	REFUSED(sluice_expr_value(walk, NULL));
	REFUSED(sluice_expr_read(walk, NULL, &out));
	REFUSED_VOID(sluice_attr_provide(walk, NULL, NULL, NULL));
	REFUSED_VOID(sluice_attr_provide(walk, "a", NULL, NULL));
	REFUSED_VOID(sluice_note(walk, NULL));
	REFUSED(sluice_body_want(walk, SLUICE_REQUEST, NULL));
	REFUSED(sluice_template_write(walk, NULL, &out));
	REFUSED(sluice_template_fixed(NULL, &out));
	REFUSED(sluice_store_cell(store_local(), text, 1, NULL));
	walk->frame->may_wait = true;
	REFUSED(sluice_sleep(walk, 1, NULL));
	REFUSED(sluice_await_publish(walk, 1, NULL));
	REFUSED(sluice_fetch(walk, NULL, on_fetched));
	REFUSED(sluice_fetch(walk, &request, NULL));
	REFUSED(sluice_store_eval(walk, NULL, NULL, text, NULL, 0, 1, on_store));
	REFUSED(sluice_store_eval(walk, store_local(), NULL, text, NULL, 0, 1, on_store));
	REFUSED(sluice_store_command(walk, NULL, &text, 1, 1, on_store));
	REFUSED(sluice_store_command(walk, store_local(), NULL, 1, 1, on_store));
	REFUSED(sluice_store_command(walk, store_local(), &text, 0, 1, on_store));
	REFUSED(sluice_store_command(walk, store_local(), &text, 1, 1, NULL));
	REFUSED(sluice_park(walk, 1, NULL, on_park));
	REFUSED(sluice_background(walk, NULL, on_work));
	REFUSED(sluice_background(walk, &request, NULL));
	assert_null(walk->frame->wait);
	end();
}

/* Services of the main thread, in a hook; the worker of the tests runs on the main thread. */
TEST(a_hook_is_not_the_main_thread)
{
	sluice_str out;
	begin();
	REFUSED_VOID(sluice_timer(caller, 1, on_timer));
	REFUSED(sluice_main_fetch(caller, &request, on_main_fetch));
	REFUSED_VOID(sluice_publish(caller, malloc(1), free)); /* the value is freed */
	REFUSED(sluice_read_file(caller, text, 1, &out));
	REFUSED(sluice_conf_alloc(caller, 1));
	REFUSED(sluice_store_table(caller, store_local(), text));
	assert_null(caller->on_timer);
	assert_null(caller->published);
	end();
}

static void *foreign(void *arg)
{
	sluice_exchange *x = arg;
	assert_null(sluice_get(x, SLUICE_I_PATH).data);
	assert_null(sluice_field(x, SLUICE_REQUEST, SLUICE_STR("a")).data);
	sluice_field_set(x, SLUICE_REQUEST, SLUICE_STR("a"), SLUICE_STR("c"));
	assert_null(sluice_alloc(x, 1));
	sluice_attr_set(x, SLUICE_STR("t"), SLUICE_STR("1"));
	assert_int_equal(sluice_refuse(x, 403, "a", "b"), SLUICE_FAIL);
	assert_int_equal(sluice_sleep(x, 1, on_nothing), SLUICE_FAIL);
	assert_int_equal(sluice_background(x, &request, on_work), -1);
	assert_false(sluice_query_set(x, SLUICE_STR("a"), SLUICE_STR("b")));
	sluice_timer(caller, 1, on_timer);
	sluice_publish(caller, malloc(1), free);
	return NULL;
}

TEST(a_thread_that_is_no_worker_changes_nothing)
{
	pthread_t thread;
	begin();
	assert_int_equal(pthread_create(&thread, NULL, foreign, walk), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_str(sluice_field(walk, SLUICE_REQUEST, SLUICE_STR("a")), "b");
	assert_null(sluice_attr(walk, SLUICE_STR("t")).data);
	assert_int_equal(walk->answer.status, 0);
	assert_null(walk->frame->wait);
	assert_null(caller->published);
	end();
}

/* An exchange of which no hook runs, also one whose memory is gone: it is not looked at. */
TEST(an_exchange_whose_hook_does_not_run)
{
	sluice_exchange *gone =
		(sluice_exchange *)(uintptr_t)64; /* NOLINT(performance-no-int-to-ptr) */
	begin();
	REFUSED(sluice_get(gone, SLUICE_I_PATH));
	REFUSED(sluice_sleep(gone, 1, on_nothing));
	REFUSED(sluice_target_set(gone, text, text));
	REFUSED(sluice_body_write(gone, text));
	sluice_exchange *other = walk;
	walk_leave();
	assert_null(sluice_get(other, SLUICE_I_PATH).data);
	assert_int_equal(sluice_sleep(other, 1, on_nothing), SLUICE_FAIL);
	walk_enter(0);
	end();
}

TEST(answers_that_cannot_be)
{
	begin();
	REFUSED(sluice_refuse(walk, 200, "a", "b"));
	REFUSED(sluice_refuse(walk, 600, "a", "b"));
	assert_int_equal(walk->answer.status, 0);
	static const char *const codes[] = { "Bad Code\"}", "", "a b", "A", "a\n",
		"a23456789-a23456789-a23456789-a23456789-a23456789-a23456789-12345" };
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		REFUSED(sluice_refuse(walk, 403, codes[i], "b"));
		assert_int_equal(walk->answer.status, 403); /* refused it is */
		assert_string_equal(walk->answer.code, "refused");
	}
	REFUSED(sluice_refuse(walk, 403, NULL, NULL));
	walk->answer.status = 0;
	REFUSED(sluice_reply(walk, 700, text, text));
	REFUSED(sluice_reply(walk, 200, SLUICE_STR("a\r\nb: c"), text));
	assert_int_equal(walk->answer.status, 0);
	REFUSED_VOID(sluice_note(walk, "Bad Code\"}"));
	assert_int_equal(walk->n_notes, 0);
	end();
}

TEST_GROUP(walk_setup, walk_teardown);
