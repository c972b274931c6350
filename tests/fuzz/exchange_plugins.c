/* The plugins of fuzz_exchange: hooks that do what the input says. */
#include "exchange_play.h"
#include "reach.h"

/* What a body hook does, one after the other. */
enum action { PASS, PASS_HALF, DROP, REPLACE, KEEP, WAIT, WRITE_MORE, END_IT, N_ACTIONS };

static struct visitor *visitor_of(sluice_exchange *x)
{
	return container_of(x->client, struct visitor, c);
}

static int place_of(const void *conf, sluice_side side)
{
	int k = ((const struct script_conf *)conf)->label.data[0] - 'a';
	return side == SLUICE_REQUEST ? k : PLUGINS - 1 - k;
}

static struct course *course_of(struct visitor *v, sluice_side side)
{
	return side == SLUICE_REQUEST ? &v->in : &v->out;
}

/* how: 0 does not; else bits of what it asks for. */
static void want(sluice_exchange *x, const void *conf, sluice_side side, unsigned how)
{
	struct course_part *p = &course_of(visitor_of(x), side)->parts[place_of(conf, side)];
	sluice_body_plan plan = { .size = sizeof(plan),
		.mode = how & 2 ? SLUICE_BODY_BUFFER : SLUICE_BODY_STREAM,
		.over = SLUICE_BODY_REFUSE,
		.max = how & 8 ? 64 : 1 << 20,
		.read_only = how & 4 };
	if (!(how & 1) || !sluice_body_want(x, side, &plan))
		return;
	p->wants = true;
	p->read_only = how & 4;
	REACH_IF(side == SLUICE_REQUEST && (how & 2), "a request's body that is buffered");
	REACH_IF(side == SLUICE_RESPONSE && (how & 2), "a response's body that is buffered");
	REACH_IF(how & 4, "a body that is only looked at");
}

static sluice_verdict after_sleep(sluice_exchange *x, const void *conf)
{
	(void)x;
	(void)conf;
	REACH("a hook that waited");
	return SLUICE_NEXT;
}

/* Of a head. how: three bits. */
static sluice_verdict head_hook(sluice_exchange *x, unsigned how)
{
	switch (how & 7) {
	case 5:
		return sluice_sleep(x, 50, after_sleep);
	case 6:
		visitor_of(x)->out.loose = true;
		return sluice_refuse(x, 403, "no-entry", "not you");
	case 7:
		visitor_of(x)->out.loose = true;
		return sluice_reply(x, 200, SLUICE_STR("text/plain"), SLUICE_STR("made here"));
	default:
		return SLUICE_NEXT;
	}
}

static sluice_verdict on_request(sluice_exchange *x, const void *conf)
{
	struct visitor *v = visitor_of(x);
	unsigned k = (unsigned)place_of(conf, SLUICE_REQUEST);
	want(x, conf, SLUICE_REQUEST, v->hooks >> (4 * k));
	if (v->hooks & 0x10000)
		want(x, conf, SLUICE_RESPONSE, v->hooks >> (8 + 4 * k));
	return head_hook(x, v->hooks >> (17 + 3 * k));
}

static sluice_verdict on_response(sluice_exchange *x, const void *conf)
{
	struct visitor *v = visitor_of(x);
	unsigned k = (unsigned)place_of(conf, SLUICE_REQUEST);
	if (!(v->hooks & 0x10000))
		want(x, conf, SLUICE_RESPONSE, v->hooks >> (8 + 4 * k));
	return head_hook(x, v->hooks >> (23 + 3 * k));
}

static sluice_verdict on_complete(sluice_exchange *x, const void *conf)
{
	check(visitor_of(x)->busy, "a hook of %.*s after the end",
		STR_ARG(((const struct script_conf *)conf)->label));
	return SLUICE_NEXT;
}

static void pass(sluice_exchange *x, struct course_part *p, sluice_str data, size_t from, size_t n)
{
	if (!p->read_only)
		course_let_go(p, data.data + from, n);
	sluice_body_pass(x, n);
	p->seen += p->read_only ? 0 : n;
}

static void drop(sluice_exchange *x, struct course_part *p, size_t n)
{
	sluice_body_drop(x, n);
	p->seen += n;
}

/* False: it is enough for now. */
static bool put(sluice_exchange *x, struct course_part *p, sluice_str bytes)
{
	course_let_go(p, bytes.data, bytes.len);
	return sluice_body_write(x, bytes);
}

/* What waited goes on as it is. */
static sluice_verdict after_wait(sluice_exchange *x, const void *conf)
{
	(void)x;
	(void)conf;
	REACH("a body hook that waited");
	return SLUICE_NEXT;
}

static sluice_verdict act(sluice_exchange *x, struct visitor *v, struct course_part *p,
	enum action what, sluice_str data, bool end, bool *enough)
{
	static const char words[] = "\1other\2";
	sluice_str other = { words, sizeof(words) - 1 };
	switch (what) {
	case PASS:
		pass(x, p, data, 0, data.len);
		break;
	case PASS_HALF:
		pass(x, p, data, 0, data.len / 2);
		break;
	case DROP:
		drop(x, p, data.len);
		break;
	case REPLACE:
		pass(x, p, data, 0, data.len / 3);
		*enough = !put(x, p, other);
		drop(x, p, data.len / 3);
		break;
	case WRITE_MORE:
		for (unsigned i = 0; i < 12000 && !*enough; i++)
			*enough = !put(x, p, other);
		REACH_IF(*enough, "a receiver that has enough");
		/* some, or there is no end of it */
		drop(x, p, *enough ? (data.len + 1) / 2 : data.len);
		break;
	case WAIT:
		if (end && !(v->hooks & 0x80000000))
			return sluice_sleep(x, 30, after_wait);
		break;
	case END_IT:
		REACH("a body hook that ends the message");
		v->in.loose = v->out.loose = true;
		return v->hooks & 0x20000000 ? SLUICE_FAIL
					     : sluice_refuse(x, 422, "no-good", "not this");
	default:
		REACH("a body that is held by a plugin");
		break;
	}
	return SLUICE_NEXT;
}

static sluice_verdict body_hook(sluice_exchange *x, const void *conf, sluice_side side,
	sluice_str data, bool end)
{
	struct visitor *v = visitor_of(x);
	struct course *l = course_of(v, side);
	int k = place_of(conf, side);
	struct course_part *p = &l->parts[k];
	bool enough = false;
	if (side == SLUICE_RESPONSE && exchange_of_client(&v->c)->own_answer)
		l->loose = true; /* and perhaps in the place of another */
	check(v->busy && p->wants && (l->loose || !p->over), "a body that %d did not ask for", k);
	course_check(l, k, p->seen, data.data, data.len);
	uint64_t seen = p->seen;
	enum action what = v->actions[v->at_action++ % ACTIONS] % N_ACTIONS;
	what = p->read_only && what != END_IT ? KEEP : what;
	sluice_verdict r = act(x, v, p, what, data, end, &enough);
	if (r == SLUICE_FAIL || r == SLUICE_REPLY)
		return r;
	size_t taken = (size_t)(p->seen - seen), left = data.len - taken;
	if (p->read_only) { /* all that it saw goes on */
		course_let_go(p, data.data, data.len);
		p->seen += data.len;
		p->over = end;
	} else if (end && !(enough && left)) {
		course_let_go(p, data.data + taken, left);
		p->seen += left;
		p->over = true;
		REACH_IF(left, "a rest that goes on at the end");
	}
	return r;
}

static sluice_verdict on_request_body(sluice_exchange *x, const void *conf, sluice_str data,
	bool end)
{
	return body_hook(x, conf, SLUICE_REQUEST, data, end);
}
static sluice_verdict on_response_body(sluice_exchange *x, const void *conf, sluice_str data,
	bool end)
{
	return body_hook(x, conf, SLUICE_RESPONSE, data, end);
}

const struct script play_hooks = { .on_request = on_request,
	.on_response = on_response,
	.on_complete = on_complete,
	.on_request_body = on_request_body,
	.on_response_body = on_response_body };
