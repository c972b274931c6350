/* What exchange.c alone needs of forward.c. */
#ifndef PROXY_FORWARD_H
#define PROXY_FORWARD_H

struct exchange;

/* Before anything else happens to the upstream's side. */
void forward_init(struct exchange *x);

#endif
