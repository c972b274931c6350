/* upstream/rest: what two workers have in common of one server. The second worker has no loop; what
 * a mail of record_tell() does is done by hand. */
#include "upstream/rest.h"

#include "base/spin.h"
#include "kit.h"
#include "upstream/endpoint.h"

static struct worker other;
static struct endpoint *mine, *theirs; /* of kit_worker, of the other */

static struct endpoint *get(struct worker *w, const char *ip, uint64_t identity)
{
	struct endpoint_key key = { .upstream = STR("u"),
		.host = STR(""),
		.tls_identity = { identity, 0 } };
	const struct endpoint_bounds b = { .serial = 1,
		.health = { .failures = 3, .retry_after = 100, .retry_after_max = 500 } };
	assert_true(addr_from_ip(str_of(ip), 80, &key.addr));
	struct endpoint *e = endpoint_get(w, &key);
	endpoint_set_bounds(e, &b);
	return e;
}

static int make(void **state)
{
	(void)state;
	assert_int_equal(worker_init(&other, 1), 0);
	mine = get(&kit_worker, "192.0.2.1", 0);
	theirs = get(&other, "192.0.2.1", 0);
	assert_ptr_equal(mine->record, theirs->record);
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	endpoint_unref(&mine);
	endpoint_unref(&theirs);
	worker_fini(&other);
	return 0;
}

static void hear(struct endpoint *e)
{
	upstream_on_record(e->part->worker, record_ref(e->record));
}

static void fails(struct endpoint *e, unsigned times)
{
	while (times--)
		endpoint_failed(e, false, ERR_UPSTREAM_RESET);
}

/* Time passes for both. */
static void pass(uint64_t ns)
{
	struct worker *const both[] = { &kit_worker, &other };
	uint64_t now = worker_now(&kit_worker) + ns;
	for (int i = 0; i < 2; i++) {
		both[i]->now_ns = now;
		both[i]->clock_is_fresh = true;
		wheel_advance(&both[i]->wheel, now);
	}
}

static void end_rests(void)
{
	assert_int_equal(mine->state, ENDPOINT_DOWN);
	assert_int_equal(theirs->state, ENDPOINT_DOWN);
	assert_true(mine->rest_until_ns == theirs->rest_until_ns);
	pass(mine->record->rest_ns + 2 * NS_PER_MS);
	assert_int_equal(mine->state, ENDPOINT_TRIAL);
	assert_int_equal(theirs->state, ENDPOINT_TRIAL);
}

static void let_rest(void)
{
	pass(0);
	fails(mine, 3);
	hear(theirs);
}

TEST_WITH(failures_of_all_workers_make_a_row, make, unmake)
{
	fails(mine, 2);
	fails(theirs, 1);
	assert_int_equal(theirs->state, ENDPOINT_DOWN);
	hear(mine);
	assert_int_equal(mine->state, ENDPOINT_DOWN);
	assert_int_equal(mine->n_ejected + theirs->n_ejected, 1);
	assert_true(mine->timer.due_ns != TIMER_NEVER);
}

TEST_WITH(a_success_of_any_worker_breaks_the_row, make, unmake)
{
	pass(0);
	for (int i = 0; i < 5; i++) {
		fails(mine, 2);
		hear(theirs);
		endpoint_succeeded(theirs);
		assert_int_equal(mine->record->failures, 0);
	}
	assert_int_equal(mine->state, ENDPOINT_UP);
}

/* Who succeeds again and again looks at the record no longer than failures make it. */
TEST_WITH(doubt_ends, make, unmake)
{
	pass(0);
	assert_false(theirs->doubted);
	fails(mine, 1);
	hear(theirs);
	assert_true(mine->doubted && theirs->doubted);
	endpoint_succeeded(theirs);
	assert_true(theirs->doubted);
	pass(2 * REST_DOUBT_NS);
	endpoint_succeeded(theirs);
	assert_false(theirs->doubted);
	/* and begins again with the next failure, of which all are told */
	fails(mine, 1);
	hear(theirs);
	assert_true(theirs->doubted);
}

TEST_WITH(one_trial_for_all, make, unmake)
{
	let_rest();
	end_rests();
	assert_true(endpoint_is_ready(theirs));
	assert_true(kit_tries(mine));
	bool trial;
	assert_false(endpoint_begin_trial(theirs, &trial)); /* another server is to be chosen */
	assert_false(trial);
	assert_false(endpoint_is_ready(theirs));
	assert_true(endpoint_begin_trial(theirs, &trial)); /* if there is none: a request as any */
	assert_false(trial);
	endpoint_end_trial(mine); /* it said nothing */
	hear(theirs);
	assert_true(endpoint_is_ready(theirs));
	assert_true(kit_tries(theirs));
}

TEST_WITH(a_trial_brings_it_back_for_all, make, unmake)
{
	let_rest();
	end_rests();
	assert_true(kit_tries(theirs));
	endpoint_succeeded(theirs);
	hear(mine);
	assert_int_equal(mine->state, ENDPOINT_UP);
	assert_int_equal(theirs->state, ENDPOINT_UP);
	assert_false(rest_is_tried(mine->record));
}

TEST_WITH(a_trial_that_fails_doubles_the_rest_of_all, make, unmake)
{
	let_rest();
	end_rests();
	hear(mine);
	assert_true(kit_tries(theirs));
	endpoint_failed(theirs, true, ERR_UPSTREAM_RESET);
	hear(mine);
	assert_in_range(mine->record->rest_ns, 174 * NS_PER_MS, 226 * NS_PER_MS);
	end_rests();
	assert_true(kit_tries(mine)); /* the other's is over */
}

/* An older request succeeds while another worker has its trial. */
TEST_WITH(any_success_brings_it_back, make, unmake)
{
	let_rest();
	end_rests();
	assert_true(kit_tries(mine));
	endpoint_succeeded(theirs);
	hear(mine);
	assert_int_equal(mine->state, ENDPOINT_UP);
	endpoint_failed(mine, true, ERR_UPSTREAM_RESET); /* the first of a new row */
	assert_int_equal(mine->state, ENDPOINT_UP);
	assert_false(rest_is_tried(mine->record));
}

/* What a worker has not heard of yet it does not undo. */
TEST_WITH(a_rest_is_ended_by_who_knows_it, make, unmake)
{
	let_rest();
	end_rests();
	assert_true(kit_tries(mine));
	uint64_t was = theirs->rest_until_ns;
	endpoint_failed(mine, true, ERR_UPSTREAM_RESET);
	assert_false(rest_end(theirs->record, was));
	endpoint_succeeded(theirs); /* as slow as the request was */
	assert_int_equal(theirs->state, ENDPOINT_DOWN);
	assert_true(mine->rest_until_ns == theirs->rest_until_ns);
}

/* A reload that mends the certificate does not wait for the rest that the old one has earned. */
TEST_WITH(another_tls_does_not_rest, make, unmake)
{
	let_rest();
	struct endpoint *mended = get(&kit_worker, "192.0.2.1", 7);
	hear(mended);
	assert_int_equal(mended->state, ENDPOINT_UP);
	endpoint_succeeded(mended);
	assert_int_equal(mine->state, ENDPOINT_DOWN);
	fails(mended, 3);
	assert_int_equal(mended->state, ENDPOINT_DOWN);
	endpoint_unref(&mended);
}

static void ignore(struct endpoint_watch *w)
{
	(void)w;
}

/* Two workers let two servers rest at the same moment: `max_ejected` holds all the same. */
TEST_WITH(not_too_many_rest, make, unmake)
{
	struct endpoint_watch w[4];
	struct endpoint *v[4] = { mine, theirs, get(&kit_worker, "192.0.2.2", 0),
		get(&other, "192.0.2.2", 0) };
	for (int i = 0; i < 4; i++) {
		v[i]->bounds.health.max_ejected = 5000;
		endpoint_watch(v[i], &w[i], ignore);
	}
	fails(mine, 3);
	assert_int_equal(mine->state, ENDPOINT_DOWN);
	fails(v[3], 30); /* it was not told yet */
	assert_int_equal(v[3]->state, ENDPOINT_UP);
	assert_true(rest_until(v[3]->record, 0) == 0);
	for (int i = 0; i < 4; i++)
		list_del(&w[i].at);
	endpoint_unref(&v[2]);
	endpoint_unref(&v[3]);
}

/* ---- workers that let servers rest at one moment -------------------------------------------- */

/* So many servers that counting those that rest takes a while. */
enum { CROWD = 3, CROWD_SERVERS = 200, ROUNDS = 1000 };
/* max_ejected, in hundredths of a percent, that lets one of them rest */
enum { SHARE_OF_ONE = 50 };

static struct crowd {
	_Atomic unsigned came;  /* to a gate, of all rounds */
	_Atomic unsigned wrong; /* rounds after which not exactly one server rested */
} crowd;

/* One of CROWD workers. All know all servers, and each finds another one at fault. */
struct member {
	pthread_t thread;
	unsigned id;
	struct worker worker;
	struct endpoint *v[CROWD_SERVERS];
	struct endpoint_watch watches[CROWD_SERVERS];
};

static void member_begin(struct member *m)
{
	char ip[32];
	assert_int_equal(worker_init(&m->worker, m->id + 2), 0);
	for (unsigned i = 0; i < CROWD_SERVERS; i++) {
		(void)snprintf(ip, sizeof(ip), "198.51.100.%u", 1 + i);
		m->v[i] = get(&m->worker, ip, 0);
		m->v[i]->bounds.health.max_ejected = SHARE_OF_ONE;
		endpoint_watch(m->v[i], &m->watches[i], ignore);
	}
}

static void member_end(struct member *m)
{
	for (unsigned i = 0; i < CROWD_SERVERS; i++) {
		list_del(&m->watches[i].at);
		endpoint_unref(&m->v[i]);
	}
	worker_fini(&m->worker);
}

static unsigned member_count(const struct member *m)
{
	unsigned n = 0;
	for (unsigned i = 0; i < CROWD_SERVERS; i++)
		n += rest_until(m->v[i]->record, 0) != 0;
	return n;
}

/* All go on at one moment, as far as the machine can do so: nobody sleeps. */
static void crowd_meet(unsigned gate)
{
	unsigned n = 0;
	crowd.came++;
	while (crowd.came < gate * CROWD)
		spin_pause(&n);
}

static void *member_run(void *arg)
{
	struct member *m = arg;
	for (unsigned gate = 0; gate < 3 * ROUNDS;) {
		struct endpoint *own = m->v[m->id];
		crowd_meet(++gate);
		endpoint_eject(own, "is at fault");
		crowd_meet(++gate);
		if (m->id == 0 && member_count(m) != 1)
			crowd.wrong++;
		crowd_meet(++gate);
		uint64_t until = rest_until(own->record, 0);
		if (until)
			(void)rest_end(own->record, until);
		endpoint_look(own);
	}
	return NULL;
}

/* Of many that would rest at one moment as many do as `max_ejected` permits: none too many, and no
 * two each undo the rest of the other. */
TEST(rests_that_begin_at_one_moment)
{
	static struct member v[CROWD];
	for (unsigned i = 0; i < CROWD; i++) {
		v[i].id = i;
		member_begin(&v[i]);
	}
	for (unsigned i = 0; i < CROWD; i++)
		assert_int_equal(pthread_create(&v[i].thread, NULL, member_run, &v[i]), 0);
	for (unsigned i = 0; i < CROWD; i++)
		assert_int_equal(pthread_join(v[i].thread, NULL), 0);
	assert_int_equal(crowd.wrong, 0);
	for (unsigned i = 0; i < CROWD; i++)
		member_end(&v[i]);
}

static _Atomic bool is_about_to;

static void *eject(void *arg)
{
	is_about_to = true;
	endpoint_eject(arg, "is at fault");
	return NULL;
}

/* Who has the door counts, and lets one server rest, before anybody else begins. */
TEST(a_rest_waits_for_the_door)
{
	const struct timespec a_while = { .tv_nsec = 20 * 1000 * 1000 };
	static struct member m;
	pthread_t thread;
	unsigned n = 0;
	member_begin(&m);
	uint64_t until = worker_now(&m.worker) + NS_PER_S;
	rests_lock();
	assert_int_equal(pthread_create(&thread, NULL, eject, m.v[0]), 0);
	while (!is_about_to)
		spin_pause(&n);
	(void)nanosleep(&a_while, NULL);
	assert_int_equal(member_count(&m), 0);
	assert_true(rest_begin(m.v[1]->record, 0, 0, until));
	rests_unlock();
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(member_count(&m), 1);
	assert_true(rest_end(m.v[1]->record, until));
	endpoint_eject(m.v[0], "is at fault");
	assert_int_equal(member_count(&m), 1);
	(void)rest_end(m.v[0]->record, rest_until(m.v[0]->record, 0));
	member_end(&m);
}

/* A silent server is tried by one request of all as well. */
TEST_WITH(a_suspect_is_tried_once, make, unmake)
{
	pass(0);
	mine->bounds.health.stall = theirs->bounds.health.stall = 50;
	assert_true(record_begin_silence(mine->record, worker_now(&kit_worker)));
	hear(mine);
	hear(theirs);
	assert_int_equal(theirs->state, ENDPOINT_SUSPECT);
	pass(102 * NS_PER_MS);
	assert_int_equal(mine->state, ENDPOINT_TRIAL);
	assert_true(kit_tries(mine));
	bool trial;
	assert_false(endpoint_begin_trial(theirs, &trial));
	endpoint_succeeded(mine);
	hear(theirs);
	assert_int_equal(mine->state, ENDPOINT_UP);
	assert_int_equal(theirs->state, ENDPOINT_UP);
	assert_false(rest_is_tried(mine->record));
}

TEST_GROUP(kit_setup, kit_teardown);
