/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the changes that are in force to those that are wanted. */
#include <errno.h>
#include <string.h>

#include "host/daemon/daemon_internal.h"
#include "host/daemon/transition.h"

static void say_failed(char *reason, size_t size, const struct change *change,
		       const char *why)
{
	char text[CHANGE_TEXT_SIZE];

	if (change_print(change, text, sizeof(text)))
		snprintf(text, sizeof(text), "a change to this host");
	snprintf(reason, size, "%.160s: %s", text, why);
}

/* An address is to go, and the kernel flushes routes with it. */
static bool loses_address(const struct change_list *force,
			  const struct change_list *wanted)
{
	for (size_t i = 0; i < force->count; i++) {
		if (force->items[i].kind == CHANGE_ADDRESS &&
		    change_list_find(wanted, &force->items[i]) < 0)
			return true;
	}
	return false;
}

int host_ensure(struct host *host, const struct change *change, bool again,
		char *reason, size_t size)
{
	char why[HOST_REASON_SIZE];
	int err;

	if (change_list_find(journal_changes(host->journal), change) >= 0) {
		if (!again || change->kind != CHANGE_ROUTE)
			return 0;
		/* Written down already; most likely it is there as well. */
		err = rtnl_route_add(host->context.rtnl, &change->route);
		if (!err)
			log_info("a route of ours was gone: put back");
		return err == -EEXIST ? 0 : err;
	}
	err = journal_apply(host->journal, &host->context, change, why,
			    sizeof(why));
	if (err < 0)
		say_failed(reason, size, change, why);
	return err < 0 ? err : 0;
}

/*
 * The filter that is in force for the same address. For another one it goes
 * with that, in the order of the list.
 */
static const struct change *find_filter(const struct change_list *force,
					const struct change *wanted)
{
	for (size_t i = 0; i < force->count; i++) {
		const struct change *old = &force->items[i];

		if (old->kind == CHANGE_FILTER &&
		    old->filter.arp == wanted->filter.arp &&
		    inet_prefix_equal(&old->filter.inner,
				      &wanted->filter.inner) &&
		    strcmp(old->filter.table, wanted->filter.table) == 0)
			return old;
	}
	return NULL;
}

/* Nothing is to come in while one takes the place of the other. */
static int replace_filters(struct host *host, const struct change_list *wanted,
			   char *reason, size_t size)
{
	const struct change_list *force = journal_changes(host->journal);
	char why[HOST_REASON_SIZE];

	for (size_t i = 0; i < wanted->count; i++) {
		const struct change *change = &wanted->items[i], *old;
		int err;

		if (change->kind != CHANGE_FILTER ||
		    change_list_find(force, change) >= 0)
			continue;
		old = find_filter(force, change);
		if (!old)
			continue;
		err = journal_replace(host->journal, &host->context, old,
				      change, why, sizeof(why));
		if (err < 0) {
			say_failed(reason, size, change, why);
			return err;
		}
	}
	return 0;
}

int host_transition(struct host *host, const struct change_list *wanted,
		    char *reason, size_t size)
{
	bool flushed = loses_address(journal_changes(host->journal), wanted);
	int error = replace_filters(host, wanted, reason, size);

	if (error)
		return error;
	journal_revert_others(host->journal, &host->context, wanted);
	for (size_t i = 0; i < wanted->count; i++) {
		int err = host_ensure(host, &wanted->items[i], flushed, reason,
				      size);

		if (err)
			return err;
	}
	return 0;
}
