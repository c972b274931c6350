/* What the files of the fake host share: its objects. */
#ifndef TESTS_PLUGINS_FAKEHOST_INTERNAL_H
#define TESTS_PLUGINS_FAKEHOST_INTERNAL_H

#include "fakehost.h"

/* Stop the test with a message. */
#define fake_die(...) fake_die_at(__FILE__, __LINE__, __VA_ARGS__)
_Noreturn void fake_die_at(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- memory that dies together ------------------------------------------------------------- */
struct fake_pool {
	struct fake_block *blocks;
	size_t used;
};
void *fake_pool_alloc(struct fake_pool *p, size_t n);                 /* zeroed */
char *fake_pool_dup(struct fake_pool *p, const char *data, size_t n); /* NUL-terminated */
void fake_pool_free(struct fake_pool *p);

struct sluice_instance {
	const sluice_plugin *plugin;
	struct fake_pool pool;
	struct fake_pool scratch; /* dies when a main-thread callback returns */
	void *conf;
	void *state;
	char errors[4096];
	bool checked, check_failed, started, refreshing;
	const char *given[64];
	size_t n_given;
	void *value;
	void (*free_value)(void *);
	unsigned exchanges;
	sluice_instance *next;
};

struct sluice_expr {
	const char *text;
};

struct sluice_script {
	const char *source;
};

struct fake_cell {
	char *key; /* owned by the store's pool */
	size_t key_len;
	uint64_t value;
};

struct sluice_store {
	const char *name;
	sluice_store_kind kind;
	struct fake_pool pool;
	struct fake_cell *cells;
	size_t n_cells, max_cells;
	fake_store_handler handler;
	void *ctx;
	uint64_t delay_ms;
	unsigned contend, lose, calls;
	uint64_t contend_value;
	sluice_store *next;
};

struct fake_field {
	const char *name, *value;
	struct fake_field *next;
};

struct fake_cleanup {
	void (*fn)(void *);
	void *arg;
	struct fake_cleanup *next;
};

struct fake_attr {
	const char *name, *value;
	size_t len;
	struct fake_attr *next;
};

struct fake_space {
	const char *ns;
	sluice_attr_fn fn;
	void *ctx;
	struct fake_space *next;
};

struct sluice_exchange {
	sluice_instance *inst;
	struct fake_pool pool, host_pool; /* the plugin's memory, and ours */
	size_t budget;
	struct fake_field *fields[4];
	const char *info[SLUICE_I_REQUEST_ID + 1];
	sluice_verdict verdict;
	bool ran, replied, responding;
	int status;
	const char *code, *detail, *body;
	struct fake_cleanup *cleanups;
	struct fake_attr *attrs;
	struct fake_space *spaces;
	const char *notes[16];
	size_t n_notes;
	struct fake_stage {
		bool wanted, ended;
		sluice_body_plan plan;
		char *held, *out; /* what the hook left, and what left it; owned */
		size_t n_held, n_out, taken;
		const char *data; /* while its hook runs: what it is shown */
		size_t shown;
		bool ending;
	} stages[2], *stage;
	void *state;
};

/* ---- what is going to happen --------------------------------------------------------------- */
struct fake_event {
	uint64_t due_ms, seq;
	void (*run)(struct fake_event *);
	sluice_instance *inst;
	sluice_exchange *x; /* NULL: the main thread's */
	bool await;         /* a publish brings it forward */
	union {
		sluice_main_timer_fn timer;
		sluice_main_fetch_fn main_fetch;
		sluice_hook hook;
		sluice_fetch_fn fetch;
		sluice_store_fn store;
	} fn;
	sluice_store *st;
	char *url;
	void *user;
	uint64_t timeout_ms;
	size_t max_body;
	fake_call call; /* deep copy in the exchange's memory */
	struct fake_event *next;
};

extern uint64_t fake_mono_ms;               /* also the time of events */
extern const sluice_exchange *fake_in_hook; /* whose hook runs now, NULL on the main thread */

struct fake_event *fake_event_new(uint64_t in_ms, void (*run)(struct fake_event *));
void fake_event_drop(const sluice_instance *inst, const sluice_exchange *x,
	void (*run)(struct fake_event *));
/* The earliest, or NULL. */
struct fake_event *fake_event_peek(void);
struct fake_event *fake_event_first(void (*run)(struct fake_event *), const sluice_instance *inst);
void fake_event_forward(const sluice_instance *inst);

/* Give the exchange a callback's verdict, as if its hook had returned it. */
void fake_resume(sluice_exchange *x, sluice_verdict v);
sluice_verdict fake_park(sluice_exchange *x, struct fake_event *e);

/* fakehost_options.c: defaults, then one option after another. */
void fake_bind_defaults(sluice_instance *inst, const sluice_option *rows, void *conf);
void fake_bind(sluice_instance *inst, const char *name, const char *text);
const sluice_expr *fake_expr(sluice_instance *inst, sluice_str text);

/* fakehost_services.c */
extern const sluice_host fake_host;
void fake_services_reset(void);
void fake_scratch_done(sluice_instance *inst);
void fake_main_thread_only(const char *service);

/* fakehost_body.c: rows of the table */
bool fake_host_body_want(sluice_exchange *x, int side, const sluice_body_plan *plan);
void fake_host_body_pass(sluice_exchange *x, size_t n);
void fake_host_body_drop(sluice_exchange *x, size_t n);
bool fake_host_body_write(sluice_exchange *x, sluice_str bytes);
void fake_bodies_end(sluice_exchange *x);
/* Let a hook run in x, and what it returned count. */
sluice_verdict fake_settle(sluice_exchange *x, sluice_verdict v);

/* fakehost_remote.c: rows of the table, and stores by name */
void fake_remote_reset(void);
sluice_store *fake_store_find(const char *name, size_t len);
int fake_host_main_fetch(sluice_instance *inst, const sluice_fetch_request *r,
	sluice_main_fetch_fn fn);
sluice_verdict fake_host_fetch(sluice_exchange *x, const sluice_fetch_request *r,
	sluice_fetch_fn then);
sluice_verdict fake_host_store_eval(sluice_exchange *x, const sluice_store *s,
	const sluice_script *script, sluice_str key, const sluice_str *args, size_t nargs,
	uint64_t timeout_ms, sluice_store_fn then);
sluice_verdict fake_host_store_command(sluice_exchange *x, const sluice_store *s,
	const sluice_str *argv, size_t argc, uint64_t timeout_ms, sluice_store_fn then);
sluice_store_kind fake_host_store_kind(const sluice_store *s);
const sluice_store *fake_host_store_local(sluice_instance *inst);
bool fake_host_store_cell(const sluice_store *s, sluice_str key, uint64_t now_ns, sluice_cell *out);
bool fake_host_store_cell_swap(sluice_cell *c, uint64_t desired);

/* fakehost_facts.c: rows of the table */
sluice_reading fake_host_expr_read(sluice_exchange *x, const sluice_expr *e, sluice_str *out);
sluice_str fake_host_expr_text(const sluice_expr *e);
const sluice_template *fake_host_template_compile(sluice_instance *inst, const char *option,
	int side, sluice_str field, sluice_str text);
bool fake_host_template_fixed(const sluice_template *t, sluice_str *text);
sluice_template_result fake_host_template_write(sluice_exchange *x, const sluice_template *t,
	sluice_str *out);
size_t fake_host_ip_network(sluice_str ip, unsigned v4_prefix, unsigned v6_prefix, char *buf);
const sluice_store *fake_host_store_table(sluice_instance *inst, const sluice_store *s,
	sluice_str name);

#endif
