/* How one attempt to read or write ended. */
#ifndef BASE_IO_H
#define BASE_IO_H

enum io {
	IO_OK = 0, /* bytes moved */
	IO_AGAIN,  /* nothing now; an event follows when there is */
	IO_EOF,    /* the other side is done sending */
	IO_FAIL,   /* the connection is broken */
};

#endif
