/* What instances do with Redis on the main thread. See the header. */
#include "policy/following.h"

#include <stdlib.h>

#include "base/mem.h"
#include "policy/guard.h"
#include "policy/instance.h"
#include "policy/running.h"
#include "store/follow.h"

struct follow_task {
	struct instance_task task;
	sluice_follow told; /* what the plugin gave; its channel is not kept */
	struct store_follower follower;
};

struct command_task {
	struct instance_task task;
	sluice_main_ask asked; /* the same; its command is not kept */
	struct redis_call call;
};

/* ---- tasks --------------------------------------------------------------------------------- */

static void task_begin(sluice_instance *inst, struct instance_task *t,
	void (*end)(struct instance_task *t))
{
	t->inst = inst;
	t->end = end;
	list_push(&inst->tasks, &t->at);
}

static unsigned tasks_with(const sluice_instance *inst, void (*end)(struct instance_task *t))
{
	unsigned n = 0;
	list_each (e, &inst->tasks)
		n += container_of(e, struct instance_task, at)->end == end;
	return n;
}

/* Whether the instance may begin one more. wrong: a mistake of the plugin, or NULL. Without workers
 * nothing is begun, and nothing is wrong. */
static bool task_is_possible(const sluice_instance *inst, const sluice_store *s,
	const char *service, const char *wrong)
{
	if (wrong)
		return guard_refuse(service, wrong);
	if (!guard_given(s, service, "the store is NULL"))
		return false;
	if (inst->state == INSTANCE_NEW)
		return guard_refuse(service, "it is for start() and later");
	if (store_kind(s) != SLUICE_STORE_REDIS)
		return guard_refuse(service, "the store is none of Redis");
	return inst->policy->n_workers > 0;
}

/* ---- channels ------------------------------------------------------------------------------ */

static void follow_end(struct instance_task *t)
{
	struct follow_task *f = container_of(t, struct follow_task, task);
	list_del(&t->at);
	store_unfollow(&f->follower);
	free(f);
}

static void follow_on_message(struct store_follower *follower, sluice_str message)
{
	struct follow_task *f = container_of(follower, struct follow_task, follower);
	sluice_instance *inst = f->task.inst;
	running_set_main(inst, RUNNING_MESSAGE);
	f->told.on_message(inst, inst->conf, f->told.user, message);
	running_clear_main(inst);
	instance_returned(inst);
}

static void follow_on_state(struct store_follower *follower, bool is_connected)
{
	struct follow_task *f = container_of(follower, struct follow_task, follower);
	sluice_instance *inst = f->task.inst;
	running_set_main(inst, RUNNING_MESSAGE);
	f->told.on_state(inst, inst->conf, f->told.user, is_connected);
	running_clear_main(inst);
	instance_returned(inst);
}

static const char *follow_wrong(const sluice_instance *inst, const sluice_follow *f)
{
	if (f->size < offsetof(sluice_follow, user) + sizeof(f->user))
		return "the size of the struct is not set";
	if (!f->on_message || !f->on_state)
		return "a callback is NULL";
	if (!f->channel.len || f->channel.len > SLUICE_CHANNEL_MAX)
		return "the channel has no name, or too long a one";
	if (tasks_with(inst, follow_end) >= SLUICE_FOLLOWS)
		return "the instance follows too many channels";
	return NULL;
}

int host_store_follow(sluice_instance *inst, const sluice_follow *f)
{
	static const char service[] = "sluice_store_follow()";
	if (!guard_main(inst, service) || !guard_given(f, service, "the struct is NULL") ||
		!task_is_possible(inst, f->store, service, follow_wrong(inst, f)))
		return -1;
	struct follow_task *t = mem_new(struct follow_task);
	memcpy(&t->told, f, sizeof(t->told));
	t->follower.on_message = follow_on_message;
	t->follower.on_state = follow_on_state;
	int is_connected = store_follow(inst->policy->main, f->store, f->channel, &t->follower);
	if (is_connected < 0)
		free(t);
	else
		task_begin(inst, &t->task, follow_end);
	return is_connected;
}

/* ---- commands ------------------------------------------------------------------------------ */

static void command_end(struct instance_task *t)
{
	struct command_task *c = container_of(t, struct command_task, task);
	list_del(&t->at);
	redis_cancel(&c->call);
	free(c);
}

static void command_on_reply(struct redis_call *call, sluice_status st, const sluice_value *v)
{
	struct command_task *c = container_of(call, struct command_task, call);
	const sluice_main_ask asked = c->asked;
	sluice_instance *inst = c->task.inst;
	store_count(asked.store, st);
	command_end(&c->task);
	running_set_main(inst, RUNNING_MESSAGE);
	asked.fn(inst, inst->conf, asked.user, st, v);
	running_clear_main(inst);
	instance_returned(inst);
}

static const char *command_wrong(const sluice_instance *inst, const sluice_main_ask *ask)
{
	if (ask->size < offsetof(sluice_main_ask, user) + sizeof(ask->user))
		return "the size of the struct is not set";
	if (!ask->fn)
		return "the callback is NULL";
	if (!ask->argv || !ask->argc)
		return "the command is empty";
	if (tasks_with(inst, command_end) >= SLUICE_MAIN_COMMANDS)
		return "too many commands are under way";
	return NULL;
}

int host_main_command(sluice_instance *inst, const sluice_main_ask *ask)
{
	static const char service[] = "sluice_main_command()";
	if (!guard_main(inst, service) || !guard_given(ask, service, "the struct is NULL") ||
		!task_is_possible(inst, ask->store, service, command_wrong(inst, ask)))
		return -1;
	struct command_task *t = mem_new(struct command_task);
	memcpy(&t->asked, ask, sizeof(t->asked));
	redis_call_init(&t->call, command_on_reply);
	task_begin(inst, &t->task, command_end);
	sluice_status st = store_command(inst->policy->main, ask->store, &t->call, ask->argv,
		ask->argc, ask->timeout_ms);
	if (st == SLUICE_OK)
		return 0;
	store_count(ask->store, st);
	command_end(&t->task);
	return -1;
}
