/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/server/heap.h"

#include <errno.h>
#include <stdlib.h>

int heap_reserve(struct heap *heap, size_t count)
{
	size_t size = heap->size ? heap->size : 16;
	struct heap_item **items;

	if (count <= heap->size)
		return 0;
	while (size < count)
		size *= 2;
	items = reallocarray(heap->items, size, sizeof(*items));
	if (!items)
		return -ENOMEM;
	heap->items = items;
	heap->size = size;
	return 0;
}

static void place(struct heap *heap, struct heap_item *item, size_t index)
{
	heap->items[index] = item;
	item->index = index;
}

/* This finds item its place, from index upwards, by moving larger ones down. */
static void rise(struct heap *heap, struct heap_item *item, size_t index)
{
	while (index > 0) {
		size_t parent = (index - 1) / 2;

		if (heap->items[parent]->key <= item->key)
			break;
		place(heap, heap->items[parent], index);
		index = parent;
	}
	place(heap, item, index);
}

static void sink(struct heap *heap, struct heap_item *item, size_t index)
{
	for (;;) {
		size_t child = 2 * index + 1;

		if (child + 1 < heap->count &&
		    heap->items[child + 1]->key < heap->items[child]->key)
			child++;
		if (child >= heap->count ||
		    heap->items[child]->key >= item->key)
			break;
		place(heap, heap->items[child], index);
		index = child;
	}
	place(heap, item, index);
}

int heap_push(struct heap *heap, struct heap_item *item)
{
	int err = heap_reserve(heap, heap->count + 1);

	if (err)
		return err;
	rise(heap, item, heap->count++);
	return 0;
}

void heap_remove(struct heap *heap, struct heap_item *item)
{
	struct heap_item *last = heap->items[--heap->count];

	if (last == item)
		return;
	if (last->key < item->key)
		rise(heap, last, item->index);
	else
		sink(heap, last, item->index);
}

struct heap_item *heap_first(const struct heap *heap)
{
	return heap->count > 0 ? heap->items[0] : NULL;
}

void heap_clear(struct heap *heap)
{
	free(heap->items);
	*heap = (struct heap){0};
}
