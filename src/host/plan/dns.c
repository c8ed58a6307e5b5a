/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a client's name servers go to systemd-resolved. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "host/plan/plan.h"
#include "host/plan/plan_internal.h"

static struct change *find_resolver(struct change_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].kind == CHANGE_RESOLVER)
			return &list->items[i];
	return NULL;
}

static bool is_in_force(const struct change_list *force,
			const struct change *change)
{
	return force && change_list_find(force, change) >= 0;
}

/*
 * A tunnel for some networks only answers for its domains only. Where it names
 * none, its servers are there for all names, as they are by resolv.conf.
 */
static struct change make_change(const struct config *config,
				 const struct settings *settings,
				 const struct resolver *resolver)
{
	struct change change = {.kind = CHANGE_RESOLVED};
	struct resolved_link *link = &change.resolved;

	memcpy(link->device, config->device, sizeof(link->device));
	memcpy(link->dns, resolver->dns, sizeof(link->dns));
	link->dns_count = resolver->dns_count;
	memcpy(link->search, resolver->search, sizeof(link->search));
	link->search_count = resolver->search_count;
	link->all = link->search_count == 0 || plan_takes_all(config, settings);
	return change;
}

static void use_stub(struct resolver *resolver)
{
	struct resolver link = {.stub = true};

	memcpy(link.name, resolver->name, sizeof(link.name));
	*resolver = link;
}

int plan_resolved(const struct config *config, const struct settings *settings,
		  const char *resolv_conf, const struct change_list *force,
		  struct change_list *list)
{
	struct change *resolver = find_resolver(list), change;
	char original[PATH_MAX];
	enum resolved_mode mode;
	int error;

	if (!resolver)
		return 0;
	error = resolver_original_path(resolv_conf, config->name, original,
				       sizeof(original));
	if (error)
		return error;
	mode = resolved_mode(original);
	if (mode == RESOLVED_NONE)
		return 0;
	change = make_change(config, settings, &resolver->resolver);
	if (resolved_check(&change.resolved) ||
	    (!is_in_force(force, &change) && !resolved_answers()))
		return 0;
	if (mode == RESOLVED_STUB) {
		*resolver = change;
		return 0;
	}
	if (mode == RESOLVED_UPLINK)
		use_stub(&resolver->resolver);
	return change_list_add(list, &change);
}
