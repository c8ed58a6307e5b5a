/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the changes that are in force to those that are wanted. */
#include <errno.h>

#include "host/host_private.h"

static void say_failed(char *reason, size_t size, const struct change *change,
		       const char *why)
{
	char text[CHANGE_TEXT_SIZE];

	if (change_print(change, text, sizeof(text)))
		snprintf(text, sizeof(text), "a change to this host");
	snprintf(reason, size, "%.160s: %s", text, why);
}

static bool wanted_has(const struct change_list *wanted,
		       const struct change *change)
{
	for (size_t i = 0; i < wanted->count; i++) {
		if (change_equal(&wanted->items[i], change))
			return true;
	}
	return false;
}

/* True: an address was among it, and the kernel has flushed routes with it. */
static bool revert_surplus(struct host *host, const struct change_list *wanted)
{
	const struct change_list *force = journal_changes(host->journal);
	char why[HOST_REASON_SIZE];
	bool address = false;

	for (size_t i = force->count; i-- > 0;) {
		struct change change = force->items[i];

		if (wanted_has(wanted, &change))
			continue;
		address |= change.kind == CHANGE_ADDRESS;
		if (journal_revert(host->journal, &host->context, &change, why,
				   sizeof(why)))
			log_warning("%s", why);
	}
	return address;
}

int host_ensure(struct host *host, const struct change *change, bool again,
		char *reason, size_t size)
{
	char why[HOST_REASON_SIZE];
	int err;

	if (wanted_has(journal_changes(host->journal), change)) {
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

int host_transition(struct host *host, const struct change_list *wanted,
		    char *reason, size_t size)
{
	bool flushed = revert_surplus(host, wanted);

	for (size_t i = 0; i < wanted->count; i++) {
		int err = host_ensure(host, &wanted->items[i], flushed, reason,
				      size);

		if (err)
			return err;
	}
	return 0;
}
