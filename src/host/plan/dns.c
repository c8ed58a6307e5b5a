/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client's name servers go to systemd-resolved where that is in use. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "host/plan/plan.h"
#include "host/plan/plan_internal.h"

static struct change *find_resolv_conf(struct change_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].kind == CHANGE_RESOLV_CONF)
			return &list->items[i];
	return NULL;
}

static bool is_applied(const struct change_list *applied,
		       const struct change *change)
{
	return applied && change_list_find(applied, change) >= 0;
}

/*
 * A tunnel for some networks only answers for its domains only. Where it names
 * none, its servers are there for all names, as they are by resolv.conf.
 */
static struct change make_change(const struct config *config,
				 const struct settings *settings,
				 const struct resolv_conf *resolv_conf)
{
	struct change change = {.kind = CHANGE_SYSTEMD_RESOLVED};
	struct systemd_resolved_link *link = &change.systemd_resolved;

	memcpy(link->device, config->device, sizeof(link->device));
	memcpy(link->dns, resolv_conf->dns, sizeof(link->dns));
	link->dns_count = resolv_conf->dns_count;
	memcpy(link->search, resolv_conf->search, sizeof(link->search));
	link->search_count = resolv_conf->search_count;
	link->all = link->search_count == 0 || plan_takes_all(config, settings);
	return change;
}

static void use_stub(struct resolv_conf *resolv_conf)
{
	struct resolv_conf link = {.stub = true};

	memcpy(link.name, resolv_conf->name, sizeof(link.name));
	*resolv_conf = link;
}

int plan_dns(const struct config *config, const struct settings *settings,
	     const char *path, const struct change_list *applied,
	     struct change_list *list)
{
	struct change *file = find_resolv_conf(list), change;
	char original[PATH_MAX];
	enum systemd_resolved_mode mode;
	int err;

	if (!file)
		return 0;
	err = resolv_conf_original_path(path, config->name, original,
					sizeof(original));
	if (err)
		return err;
	mode = systemd_resolved_mode(original);
	if (mode == SYSTEMD_RESOLVED_NONE)
		return 0;
	change = make_change(config, settings, &file->resolv_conf);
	if (systemd_resolved_check(&change.systemd_resolved) ||
	    (!is_applied(applied, &change) && !systemd_resolved_answers()))
		return 0;
	if (mode == SYSTEMD_RESOLVED_STUB) {
		*file = change;
		return 0;
	}
	if (mode == SYSTEMD_RESOLVED_UPLINK)
		use_stub(&file->resolv_conf);
	return change_list_add(list, &change);
}
