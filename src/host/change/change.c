/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is done with a change of whatever kind. */
#include "host/change/change_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/reason.h"

/* Into the change's namespace, where it is made by netlink. */
static int enter(struct change_context *context, const struct change *change,
		 struct reason *reason)
{
	int err;

	if (!change_operations(change->kind)->inside)
		return 0;
	err = change_context_enter(context, &change->place);
	if (err)
		reason_set(reason, "network namespace %s: %s",
			   change->place.name, strerror(-err));
	return err;
}

int change_apply(struct change_context *context, const struct change *change,
		 struct reason *reason)
{
	int err;

	if (reason)
		reason->text[0] = '\0';
	err = enter(context, change, reason);
	if (err)
		return err;
	return change_operations(change->kind)->apply(context, change, reason);
}

int change_revert(struct change_context *context, const struct change *change,
		  struct reason *reason)
{
	int err;

	if (reason)
		reason->text[0] = '\0';
	err = enter(context, change, reason);
	/* With a namespace that is gone all in it has gone. */
	if (err)
		return err == -ENOENT ? 0 : err;
	return change_operations(change->kind)->revert(context, change, reason);
}

int change_missing(struct change_context *context, const struct change *change)
{
	const struct change_operations *kind = change_operations(change->kind);
	int err;

	if (!kind->missing)
		return 0;
	err = enter(context, change, NULL);
	if (err)
		return err == -ENOENT ? 0 : err;
	return kind->missing(context, change);
}

bool change_is_table(const struct change *change)
{
	return change_operations(change->kind)->table;
}

bool change_makes_netns(const struct change *change)
{
	return change_operations(change->kind)->makes_netns;
}

bool change_outlives_boot(const struct change *change)
{
	const struct change_operations *kind = change_operations(change->kind);

	return kind->outlives_boot && kind->outlives_boot(change);
}

bool change_holds_others(const struct change *change)
{
	return change_operations(change->kind)->holds_others;
}

/* The path of a file in a namespace has nothing of that but the name. */
static bool same_place(const struct change *a, const struct change *b,
		       enum change_place place)
{
	if (place == CHANGE_PLACE_FILE || !a->place.name[0])
		return strcmp(a->place.name, b->place.name) == 0;
	return netns_equal(&a->place, &b->place);
}

bool change_equal(const struct change *a, const struct change *b)
{
	const struct change_operations *kind = change_operations(a->kind);

	if (a->kind != b->kind || !same_place(a, b, kind->place))
		return false;
	return kind->equal ? kind->equal(a, b)
			   : change_fields_equal(kind->fields, a, b);
}

uint32_t change_hash(const struct change *change)
{
	const struct change_operations *kind = change_operations(change->kind);

	return kind->hash ? kind->hash(change) : 0;
}
