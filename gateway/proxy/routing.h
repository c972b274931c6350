/*
 * The beginning of an exchange: the plugins of its listener, and the route that takes it. What
 * comes next it is told by x->events. Worker's thread only.
 */
#ifndef PROXY_ROUTING_H
#define PROXY_ROUTING_H

struct exchange;

/* A request whose head may be routed. */
void routing_start(struct exchange *x);
/* The listener's plugins let it pass: now its route is chosen. */
void routing_behind(struct exchange *x);

#endif
