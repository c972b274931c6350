/* Whether the exchange takes what a codec of HTTP/1.1 has decoded of a body. */
#ifndef HTTP1_DELIVERY_H
#define HTTP1_DELIVERY_H

enum delivery {
	DELIVERY_HELD,  /* nothing is handed over, and nothing more is read */
	DELIVERY_AGAIN, /* what was not taken is handed over again first */
	DELIVERY_ON,    /* each part as it comes */
};

#endif
