/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A binary heap of items that live elsewhere: the one with the smallest key is
 * found at once, any can be removed. Not a container: it owns no item.
 */
#ifndef MINIVPN_TUNNEL_SERVER_HEAP_H
#define MINIVPN_TUNNEL_SERVER_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap_item {
	uint64_t key; /* not to be changed while it is in a heap */
	void *owner;  /* the caller's */
	size_t index; /* the heap's */
};

/* All zero: an empty heap. */
struct heap {
	struct heap_item **items;
	size_t count, size;
};

/* Room for count items, so that heap_push() can't fail. -ENOMEM. */
int heap_reserve(struct heap *heap, size_t count);

/* -ENOMEM. The item must not be in a heap already. */
int heap_push(struct heap *heap, struct heap_item *item);

/* The item must be in this heap. */
void heap_remove(struct heap *heap, struct heap_item *item);

/* The item with the smallest key, or NULL. */
struct heap_item *heap_first(const struct heap *heap);

/* Frees the heap's own memory; it is then empty. */
void heap_clear(struct heap *heap);

#endif
