/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every kind of change has in common, and the table of the kinds. */
#include "host/change/change_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/reason.h"

/* FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
#define FNV_START 0x811c9dc5u
#define FNV_PRIME 0x01000193u

const struct change_operations *change_operations(enum change_kind kind)
{
	static const struct change_operations *const kinds[CHANGE_KINDS] = {
		[CHANGE_TUN] = &change_tun,
		[CHANGE_LINK] = &change_link,
		[CHANGE_ADDRESS] = &change_address,
		[CHANGE_ROUTE] = &change_route,
		[CHANGE_RULE] = &change_rule,
		[CHANGE_SYSCTL] = &change_sysctl,
		[CHANGE_GATEWAY] = &change_gateway,
		[CHANGE_KILLSWITCH] = &change_killswitch,
		[CHANGE_MARKS] = &change_marks,
		[CHANGE_FILTER] = &change_filter,
		[CHANGE_RESOLV_CONF] = &change_resolv_conf,
		[CHANGE_SYSTEMD_RESOLVED] = &change_systemd_resolved,
		[CHANGE_DIRECTORY] = &change_directory,
		[CHANGE_NETNS_MOUNT] = &change_netns_mount,
		[CHANGE_NETNS] = &change_netns,
		[CHANGE_LOOPBACK] = &change_loopback,
	};

	assert(kind < CHANGE_KINDS);
	return kinds[kind];
}

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

/* Of a file's namespace nothing but the name is in its path. */
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

static uint32_t hash_more(uint32_t hash, const void *bytes, size_t size)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ byte[i]) * FNV_PRIME;
	return hash;
}

uint32_t change_hash_bytes(const void *bytes, size_t size)
{
	return hash_more(FNV_START, bytes, size);
}

uint32_t change_hash_prefix(const struct inet_prefix *prefix)
{
	uint32_t hash =
		change_hash_bytes(&prefix->address, sizeof(prefix->address));

	return hash_more(hash, &prefix->length, sizeof(prefix->length));
}

int change_explain_rtnl(const struct change_context *context, int err,
			const char *what, struct reason *reason)
{
	const char *kernel = rtnl_reason(context->rtnl);

	if (err == -EPERM)
		reason_set(reason, "%s: %s", what, CHANGE_AS_ROOT);
	else if (kernel[0])
		reason_set(reason, "%s: %s (%s)", what, strerror(-err), kernel);
	else
		reason_set(reason, "%s: %s", what, strerror(-err));
	return err;
}

int change_unless(int has)
{
	if (has == -ENODEV)
		return 1;
	return has < 0 ? has : !has;
}
