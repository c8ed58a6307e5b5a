/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list of changes and its index: positions, plus one, by change_hash(), in
 * the next free slot where that one is taken. They are put there in order, so
 * that the last one is taken out again by clearing its slot.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/change/change.h"

#define SLOTS_FIRST 32
/* Of one that was struck out: it is in nobody's way, and is not found. */
#define SLOT_STRUCK UINT32_MAX

static size_t first_slot(const struct change_list *list,
			 const struct change *change)
{
	return change_hash(change) & (list->slot_count - 1);
}

static size_t next_slot(const struct change_list *list, size_t slot)
{
	return (slot + 1) & (list->slot_count - 1);
}

static void put(struct change_list *list, size_t position)
{
	size_t slot = first_slot(list, &list->items[position]);

	while (list->slots[slot])
		slot = next_slot(list, slot);
	list->slots[slot] = (uint32_t)(position + 1);
}

static void put_all(struct change_list *list)
{
	memset(list->slots, 0, list->slot_count * sizeof(*list->slots));
	for (size_t i = 0; i < list->count; i++) {
		if (!list->items[i].struck)
			put(list, i);
	}
}

/* At least half of the slots are free, so that every search ends soon. */
static int grow_slots(struct change_list *list)
{
	size_t count = list->slot_count ? 2 * list->slot_count : SLOTS_FIRST;
	uint32_t *slots;

	if (2 * (list->count + 1) <= list->slot_count)
		return 0;
	slots = reallocarray(list->slots, count, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	list->slots = slots;
	list->slot_count = count;
	put_all(list);
	return 0;
}

static int grow_items(struct change_list *list)
{
	size_t capacity = list->capacity ? 2 * list->capacity : 16;
	struct change *items;

	if (list->count < list->capacity)
		return 0;
	items = reallocarray(list->items, capacity, sizeof(*items));
	if (!items)
		return -ENOMEM;
	list->items = items;
	list->capacity = capacity;
	return 0;
}

int change_list_add(struct change_list *list, const struct change *change)
{
	int err = grow_items(list);

	if (!err)
		err = grow_slots(list);
	if (err)
		return err;
	list->items[list->count] = *change;
	put(list, list->count++);
	return 0;
}

void change_list_remove(struct change_list *list, size_t position)
{
	size_t slot = first_slot(list, &list->items[position]);

	if (position == list->count - 1) {
		while (list->slots[slot] != list->count)
			slot = next_slot(list, slot);
		list->slots[slot] = 0;
		list->count--;
		return;
	}
	list->count--;
	memmove(&list->items[position], &list->items[position + 1],
		(list->count - position) * sizeof(*list->items));
	put_all(list);
}

void change_list_strike(struct change_list *list, size_t position)
{
	size_t slot = first_slot(list, &list->items[position]);

	while (list->slots[slot] != position + 1)
		slot = next_slot(list, slot);
	list->slots[slot] = SLOT_STRUCK;
	list->items[position].struck = true;
}

void change_list_filter(struct change_list *list, change_list_keep keep,
			void *data)
{
	size_t first = list->count;

	/* The items that are kept gather at the end, in order. */
	for (size_t i = list->count; i-- > 0;) {
		if (!list->items[i].struck && keep(data, &list->items[i]) &&
		    --first != i)
			list->items[first] = list->items[i];
	}
	if (!first)
		return;
	list->count -= first;
	memmove(list->items, &list->items[first],
		list->count * sizeof(*list->items));
	put_all(list);
}

ssize_t change_list_find(const struct change_list *list,
			 const struct change *change)
{
	uint32_t position, found = 0;
	size_t slot;

	if (!list->slots)
		return -ENOENT;
	slot = first_slot(list, change);
	for (; (position = list->slots[slot]) != 0;
	     slot = next_slot(list, slot)) {
		if (position > found && position != SLOT_STRUCK &&
		    change_equal(&list->items[position - 1], change))
			found = position;
	}
	return found ? (ssize_t)found - 1 : -ENOENT;
}

bool change_list_routes(const struct change_list *list, uint32_t table,
			const struct inet_prefix *destination)
{
	const struct change about = {
		.kind = CHANGE_ROUTE,
		.route.destination = *destination,
	};
	uint32_t position;
	size_t slot;

	if (!list->slots)
		return false;
	slot = first_slot(list, &about);
	for (; (position = list->slots[slot]) != 0;
	     slot = next_slot(list, slot)) {
		const struct change *change;

		if (position == SLOT_STRUCK)
			continue;
		change = &list->items[position - 1];
		if (change->kind == CHANGE_ROUTE &&
		    change->route.table == table &&
		    inet_prefix_equal(&change->route.destination, destination))
			return true;
	}
	return false;
}

void change_list_free(struct change_list *list)
{
	free(list->items);
	free(list->slots);
	*list = (struct change_list){0};
}
