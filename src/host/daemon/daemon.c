/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What several parts ask of the state that they share: none of them owns it. */
#include "host/daemon/daemon_internal.h"

#include "common/reason.h"
#include "host/change/transition.h"

/* In another namespace nothing that is marked comes along. */
uint32_t host_mark(const struct host *host)
{
	return host->config->network_namespace
		       ? 0
		       : plan_routing_mark(&host->routing.plan);
}

size_t host_addresses(const struct host *host, struct inet_prefix *list,
		      size_t size)
{
	const struct change_list *applied;
	size_t count = 0;

	if (!host->journal)
		return 0;
	applied = journal_changes(host->journal);
	for (size_t i = 0; i < applied->count && count < size; i++) {
		if (applied->items[i].kind == CHANGE_ADDRESS)
			list[count++] = applied->items[i].address.prefix;
	}
	return count;
}

int host_transition(struct host *host, const struct change_list *wanted,
		    struct reason *reason)
{
	return transition_to(host->journal, &host->context, wanted, reason);
}

int host_ensure(struct host *host, const struct change *change,
		struct reason *reason)
{
	return transition_ensure(host->journal, &host->context, change, reason);
}
