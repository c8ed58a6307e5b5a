/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/change/transition.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/reason.h"

static int explain_failed(int err, const struct change *change, const char *why,
			  struct reason *reason)
{
	char text[CHANGE_TEXT_SIZE];

	if (change_print(change, text, sizeof(text)))
		snprintf(text, sizeof(text), "a change to this host");
	reason_set(reason, "%.160s: %s", text, why);
	return err;
}

/* The kernel flushes routes with an address that goes. */
static bool loses_address(const struct change_list *applied,
			  const struct change_list *wanted)
{
	for (size_t i = 0; i < applied->count; i++) {
		if (applied->items[i].kind == CHANGE_ADDRESS &&
		    change_list_find(wanted, &applied->items[i]) < 0)
			return true;
	}
	return false;
}

int transition_ensure(struct journal *journal, struct change_context *context,
		      const struct change *change, struct reason *reason)
{
	struct reason why;
	int err;

	if (change_list_find(journal_changes(journal), change) >= 0)
		return 0;
	err = journal_apply(journal, context, change, &why);
	if (err < 0)
		return explain_failed(err, change, why.text, reason);
	return 0;
}

/*
 * A route that is written down already is most likely there as well, but the
 * kernel may have flushed it.
 */
static int put_back_route(struct change_context *context,
			  const struct change *change)
{
	int err = rtnl_route_add(context->rtnl, &change->route);

	if (!err)
		log_info("a route of ours was gone: put back");
	return err == -EEXIST ? 0 : err;
}

/*
 * The filter that is applied for the same address. One for another address goes
 * with that, in the order of the list.
 */
static const struct change *find_filter(const struct change_list *applied,
					const struct change *wanted)
{
	for (size_t i = 0; i < applied->count; i++) {
		const struct change *old = &applied->items[i];

		if (old->kind == CHANGE_FILTER &&
		    old->filter.arp == wanted->filter.arp &&
		    inet_prefix_equal(&old->filter.inner,
				      &wanted->filter.inner) &&
		    strcmp(old->filter.table, wanted->filter.table) == 0)
			return old;
	}
	return NULL;
}

int transition_filters(struct journal *journal, struct change_context *context,
		       const struct change_list *wanted, struct reason *reason)
{
	const struct change_list *applied = journal_changes(journal);
	struct reason why;

	for (size_t i = 0; i < wanted->count; i++) {
		const struct change *change = &wanted->items[i], *old;
		int err;

		if (change->kind != CHANGE_FILTER ||
		    change_list_find(applied, change) >= 0)
			continue;
		old = find_filter(applied, change);
		if (!old)
			continue;
		err = journal_replace(journal, context, old, change, &why);
		if (err < 0)
			return explain_failed(err, change, why.text, reason);
	}
	return 0;
}

int transition_to(struct journal *journal, struct change_context *context,
		  const struct change_list *wanted, struct reason *reason)
{
	const struct change_list *applied = journal_changes(journal);
	bool flushed = loses_address(applied, wanted);
	int err = transition_filters(journal, context, wanted, reason);

	if (err)
		return err;
	journal_revert_others(journal, context, wanted);
	for (size_t i = 0; !err && i < wanted->count; i++) {
		const struct change *change = &wanted->items[i];

		if (flushed && change->kind == CHANGE_ROUTE &&
		    change_list_find(applied, change) >= 0)
			err = put_back_route(context, change);
		else
			err = transition_ensure(journal, context, change,
						reason);
	}
	return err;
}
