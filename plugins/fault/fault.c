/*
 * fault: delays a share of requests, or answers them with an error, so that one can see what the
 * clients of a service do then.
 */
#include <sluice/str.h>

#include <stdio.h>
#include <sys/random.h>

enum { MILLION = 1000000, FRACTION_DIGITS = 4 };

struct delay {
	uint64_t time, jitter; /* ms */
	sluice_str share;
	uint32_t per_million; /* set by check(), as in struct abort */
};

struct abort {
	uint64_t status;
	sluice_str share, detail;
	uint32_t per_million;
};

struct fault {
	const sluice_condition *when;
	struct delay delay;
	struct abort abort;
	uint64_t max_delayed;
};

struct fault_worker {
	uint64_t random;
	uint64_t delayed; /* requests that wait */
};

/* What a request is to suffer. */
struct shot {
	struct fault_worker *worker; /* NULL: it does not count as delayed */
	bool aborts;
};

static const sluice_option delay_options[] = {
	SLUICE_OPTION(SLUICE_T_DURATION, struct delay, time, .flags = SLUICE_F_REQUIRED,
		.min = "1ms", .max = "5m", .doc = "how long a request waits before it goes on"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct delay, jitter, .def = "0s", .max = "5m",
		.doc = "further time, at random between nothing and this"),
	SLUICE_OPTION(SLUICE_T_STR, struct delay, share, .def = "100%",
		.doc = "how many of the requests are delayed: 10%, 0.5%"),
	SLUICE_OPTIONS_END,
};

static const sluice_option abort_options[] = {
	SLUICE_OPTION(SLUICE_T_UINT, struct abort, status, .def = "503", .min = "400", .max = "599",
		.doc = "status code of the answer"),
	SLUICE_OPTION(SLUICE_T_STR, struct abort, share, .flags = SLUICE_F_REQUIRED,
		.doc = "how many of the requests are answered with an error: 10%, 0.5%"),
	SLUICE_OPTION(SLUICE_T_STR, struct abort, detail,
		.def = "This failure is a test of what happens then.", .min = "1", .max = "256",
		.doc = "sentence for the client"),
	SLUICE_OPTIONS_END,
};

static const sluice_option fault_options[] = {
	SLUICE_OPTION(SLUICE_T_WHEN, struct fault, when,
		.doc = "requests that may be hit: conditions of the form of a route's `match`; "
		       "left out: all"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct fault, delay, .sub = delay_options,
		.doc = "requests wait; left out: none does"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct fault, abort, .sub = abort_options,
		.doc = "requests are answered with an error, those that wait after that time; left "
		       "out: none is"),
	SLUICE_OPTION(SLUICE_T_UINT, struct fault, max_delayed, .def = "1000", .min = "1",
		.max = "1000000",
		.doc = "requests of one worker that may wait at a time; further ones are not "
		       "delayed"),
	SLUICE_OPTIONS_END,
};

/* ---- configuration ------------------------------------------------------------------------- */

/* "10%", "0.5%", in millionths. False: it is not of this form, or not between 0.0001% and 100%. */
static bool share_parse(sluice_str text, uint32_t *out)
{
	uint64_t whole = 0, part = 0, scale = MILLION / 100;
	if (text.len < 2 || text.data[text.len - 1] != '%')
		return false;
	text.len--;
	sluice_str digits = sluice_str_cut(&text, '.');
	if (!sluice_str_u64(digits, &whole) || whole > 100)
		return false;
	if (text.data && (text.len > FRACTION_DIGITS || !sluice_str_u64(text, &part)))
		return false;
	for (size_t i = 0; i < text.len; i++)
		scale /= 10;
	*out = (uint32_t)(whole * (MILLION / 100) + part * scale);
	return *out > 0 && *out <= MILLION;
}

static int check_share(sluice_instance *inst, const char *option, sluice_str text, uint32_t *out)
{
	if (share_parse(text, out))
		return 0;
	sluice_conf_error(inst, option, "\"%.*s\" is no share between 0.0001%% and 100%%",
		(int)text.len, text.data);
	return -1;
}

static int fault_check(sluice_instance *inst, void *conf)
{
	struct fault *f = conf;
	int rc = 0;
	if (f->delay.share.len &&
		check_share(inst, "delay.share", f->delay.share, &f->delay.per_million) < 0)
		rc = -1;
	if (f->abort.share.len &&
		check_share(inst, "abort.share", f->abort.share, &f->abort.per_million) < 0)
		rc = -1;
	if (rc == 0 && !f->delay.per_million && !f->abort.per_million) {
		sluice_conf_error(inst, NULL, "neither `delay` nor `abort` is given");
		rc = -1;
	}
	return rc;
}

static int fault_worker_start(sluice_instance *inst, const void *conf, void *state)
{
	struct fault_worker *w = state;
	(void)inst, (void)conf;
	return getrandom(&w->random, sizeof(w->random), 0) == (ssize_t)sizeof(w->random) ? 0 : -1;
}

/* ---- requests ------------------------------------------------------------------------------ */

/* SplitMix64. Nobody gains by guessing it. */
static uint64_t random_next(struct fault_worker *w)
{
	uint64_t z = w->random += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static bool is_hit(struct fault_worker *w, uint32_t per_million)
{
	return per_million && random_next(w) % MILLION < per_million;
}

/* The request waits no more. */
static void shot_release(void *arg)
{
	struct shot *s = arg;
	if (s->worker)
		s->worker->delayed--;
	s->worker = NULL;
}

static sluice_verdict strike(sluice_exchange *x, const struct fault *f, bool aborts)
{
	if (!aborts)
		return SLUICE_NEXT;
	/* texts of options end in a NUL */
	return sluice_refuse(x, (int)f->abort.status, "fault-injected", f->abort.detail.data);
}

static sluice_verdict after_delay(sluice_exchange *x, const void *conf)
{
	struct shot *s = sluice_state(x, sizeof(*s));
	if (!s)
		return SLUICE_FAIL;
	shot_release(s);
	return strike(x, conf, s->aborts);
}

static sluice_verdict delay(sluice_exchange *x, const struct fault *f, struct fault_worker *w,
	bool aborts)
{
	struct shot *s = sluice_state(x, sizeof(*s));
	if (!s)
		return SLUICE_FAIL;
	uint64_t ms = f->delay.time;
	if (f->delay.jitter)
		ms += random_next(w) % (f->delay.jitter + 1);
	w->delayed++;
	*s = (struct shot){ w, aborts };
	sluice_cleanup(x, shot_release, s);
	sluice_note(x, "fault-delay");
	return sluice_sleep(x, ms, after_delay);
}

static sluice_verdict fault_on_request(sluice_exchange *x, const void *conf)
{
	const struct fault *f = conf;
	if (sluice_holds(x, f->when) != SLUICE_YES)
		return SLUICE_NEXT;
	struct fault_worker *w = sluice_worker_state(x);
	bool delays = is_hit(w, f->delay.per_million), aborts = is_hit(w, f->abort.per_million);
	if (delays && w->delayed < f->max_delayed)
		return delay(x, f, w, aborts);
	return strike(x, f, aborts);
}

SLUICE_PLUGIN("fault", .version = "1.0",
	.summary = "delays or fails a share of requests, on purpose", .options = fault_options,
	.conf_size = sizeof(struct fault), .check = fault_check,
	.worker_size = sizeof(struct fault_worker), .worker_start = fault_worker_start,
	.on_request = fault_on_request);
