/*
 * A gateway that is given one configuration after the other, as app/apply does it: real listeners
 * on unix sockets, codecs, plugins, pools. Three configurations, which differ in what they lead to:
 *
 *   0  server number 0, over HTTP/1.1
 *   1  server number 1, over HTTP/2; a smaller listener
 *   2  server number 0 with other times, at another address: the listener of 0 and 1 goes
 *
 * It checks that an exchange keeps the configuration that it began with, in all its hooks.
 */
#ifndef FUZZ_RELOAD_GATEWAY_H
#define FUZZ_RELOAD_GATEWAY_H

#include "base/addr.h"

enum { RELOAD_VERSIONS = 3, RELOAD_SERVERS = 2 };

/* For one input: the first configuration is in force. */
void reload_gateway_up(void);
/* From now on configuration `version`; the one before retires. */
void reload_gateway_apply(unsigned version);
/* What retired and is not in use any more is freed. Between two turns. */
void reload_gateway_bury(void);
/* Where it listens now. */
const struct addr *reload_gateway_address(void);
/* Stop accepting, and tell clients to go. */
void reload_gateway_drain(void);
/* Every client has gone, and the time of every deadline has passed: nothing may be left. */
void reload_gateway_down(void);

#endif
