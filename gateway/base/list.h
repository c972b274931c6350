/* Intrusive doubly linked lists. The head is a node of its own; an element can be removed without
 * its list. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}
/* Also true for an element that is on no list, once list_init() or list_del() ran on it. */
static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}
static inline void list_insert_before(struct list *at, struct list *e)
{
	e->next = at;
	e->prev = at->prev;
	at->prev->next = e;
	at->prev = e;
}
static inline void list_push(struct list *head, struct list *e) /* at the end */
{
	list_insert_before(head, e);
}
static inline void list_push_front(struct list *head, struct list *e)
{
	list_insert_before(head->next, e);
}
static inline void list_del(struct list *e)
{
	e->prev->next = e->next;
	e->next->prev = e->prev;
	list_init(e);
}
static inline struct list *list_pop(struct list *head) /* the first, or NULL */
{
	struct list *e = head->next;
	if (e == head)
		return NULL;
	list_del(e);
	return e;
}

#define list_each(e, head) for (struct list *e = (head)->next; e != (head); e = e->next)
#define list_each_safe(e, head)                                               \
	for (struct list *e = (head)->next, *e##_next = e->next; e != (head); \
		e = e##_next, e##_next = e->next)

#endif
