/* What the files of the kit share. */
#ifndef TESTS_PLUGINS_KIT_INTERNAL_H
#define TESTS_PLUGINS_KIT_INTERNAL_H

#include "base/arena.h"
#include "kit.h"
#include "net/worker.h"
#include "policy/frame.h"

/* Stop the test with a message. */
#define kit_die(...) kit_die_at(__FILE__, __LINE__, __VA_ARGS__)
_Noreturn void kit_die_at(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

extern struct worker kit_worker; /* it is the main thread's as well */
extern struct arena kit_arena;   /* until the next kit_reset() */

/* A copy in kit_arena. */
const char *kit_keep(const char *text);
/* What was posted is delivered. */
void kit_settle(void);

/* kit_table.c: the real table of services, watched */
extern const sluice_host *const kit_host;
void kit_table_reset(void);
uint64_t kit_unix_ms(void);

/* How long an answer takes that usually takes that long: the call that kit_late() named is answered
 * at the last moment. Counts the call. */
uint64_t kit_takes(uint64_t usual_ms, uint64_t timeout_ms);

/* kit_exchange.c, for kit_tool.c */

struct fields;
struct response_head;
/* The verdict that the result comes to. */
sluice_verdict kit_take(sluice_exchange *x, enum run_result r);
/* The kit's memory of an exchange. */
struct arena *kit_own(sluice_exchange *x);
const struct fields *kit_fields(sluice_exchange *x, sluice_side side);
/* An empty response in the place of the one that is there. */
struct response_head *kit_new_response(sluice_exchange *x, int status);

/* What is known of exchanges and connections. */
extern const struct run_about *const kit_about;

/* kit_conn.c, for kit_exchange.c */

struct conn_info;
enum sluice_reading kit_conn_read(const struct conn_info *info, unsigned fact, struct arena *a,
	sluice_str *out);
struct conn_info *kit_conn_info(sluice_conn *c);

/* kit_choose.c, kit_discovery.c, kit_fetch.c, kit_store.c */
void kit_choose_reset(void);
void kit_discovery_reset(void);
void kit_fetch_reset(void);
void kit_store_reset(void);
const sluice_store *kit_store_find(sluice_str name);

#endif
