/*
 * How the process ends, in steps. Each step has a time after which the next one comes:
 *
 *   SERVING --asked--> LEAVING --drain_delay--> DRAINING --shutdown_grace--> REFUSING --> STOPPING
 *
 * LEAVING: /readyz says no, and everything else goes on, so that balancers find out while nobody is
 * refused yet. DRAINING: no new connections. REFUSING: requests that no server has been asked about
 * get 503. Main thread.
 */
#include "app/process.h"

#include "app/notify.h"
#include "app/successor.h"
#include "app/warden.h"
#include "base/log.h"

#define ENDING_NS (10 * NS_PER_S)     /* time for the end of the process after the grace */
#define DRAIN_IDLE_NS NS_PER_S        /* idle time of a connection while the gateway is stopping */
#define REFUSING_NS (200 * NS_PER_MS) /* time for the last answers to go out */

void process_set_phase(struct process *p, enum process_phase to)
{
	static const unsigned ways[] = {
		[PROCESS_STARTING] = 1u << PROCESS_SERVING | 1u << PROCESS_STOPPING,
		[PROCESS_SERVING] = 1u << PROCESS_LEAVING | 1u << PROCESS_DRAINING |
			1u << PROCESS_STOPPING,
		[PROCESS_LEAVING] = 1u << PROCESS_DRAINING | 1u << PROCESS_STOPPING,
		[PROCESS_DRAINING] = 1u << PROCESS_REFUSING | 1u << PROCESS_STOPPING,
		[PROCESS_REFUSING] = 1u << PROCESS_STOPPING,
		[PROCESS_STOPPING] = 0,
	};
	check(ways[p->phase] & 1u << to, "the process goes from phase %d to %d", p->phase, to);
	/* it has not said that it serves: the sockets stay its predecessor's */
	if (to > PROCESS_SERVING && successor_has_predecessor())
		p->handed_over = true;
	p->phase = to;
}

void process_quit(struct process *p)
{
	if (p->phase == PROCESS_STOPPING)
		return;
	process_set_phase(p, PROCESS_STOPPING);
	successor_abandon(p);
	warden_limit(ENDING_NS);
	worker_stop(&p->main);
}

static void process_set_due(struct process *p, uint64_t ns)
{
	worker_timer(&p->main, &p->ending, ns);
}

/* Requests that wait for a server may be asked again elsewhere; the others are cut off in a
 * moment. */
static void process_refuse(struct process *p)
{
	log_warn("process", "shutdown_grace is over: closing the remaining connections");
	process_set_phase(p, PROCESS_REFUSING);
	workers_refuse(p);
	process_set_due(p, REFUSING_NS);
}

/* Stop accepting, and let requests finish. */
static void process_begin_drain(struct process *p)
{
	uint64_t grace = p->snap->conf.runtime.shutdown_grace * NS_PER_MS;
	process_set_phase(p, PROCESS_DRAINING);
	log_info("process", "stopping: no new connections, requests in progress have %llu ms",
		(unsigned long long)(grace / NS_PER_MS));
	process_set_due(p, grace);
	warden_limit(grace + ENDING_NS);
	workers_drain(p, DRAIN_IDLE_NS < grace ? DRAIN_IDLE_NS : grace);
}

static void process_begin_leaving(struct process *p, uint64_t delay)
{
	process_set_phase(p, PROCESS_LEAVING);
	log_info("process",
		"stopping in %llu ms: not ready any more, and connections are taken until then",
		(unsigned long long)(delay / NS_PER_MS));
	process_set_due(p, delay);
}

void process_on_ending(struct timer *t)
{
	struct process *p = container_of(t, struct process, ending);
	if (p->phase == PROCESS_LEAVING)
		process_begin_drain(p);
	else if (p->phase == PROCESS_DRAINING)
		process_refuse(p);
	else
		process_quit(p);
}

void process_drain(struct process *p)
{
	if (p->phase == PROCESS_LEAVING) {
		process_begin_drain(p);
		return;
	}
	if (p->phase != PROCESS_SERVING) {
		process_quit(p);
		return;
	}
	uint64_t delay = p->snap->conf.runtime.drain_delay * NS_PER_MS;
	successor_abandon(p);
	notify_send("STOPPING=1");
	if (delay)
		process_begin_leaving(p, delay);
	else
		process_begin_drain(p);
}

void process_hand_over(struct process *p)
{
	p->handed_over = true;
	admin_hand_over(p->admin);
	process_begin_drain(p);
}

void process_on_drained(struct process *p)
{
	if (p->phase == PROCESS_DRAINING || p->phase == PROCESS_REFUSING)
		process_quit(p);
}
