/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/plan/namespace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/reason.h"
#include "host/plan/plan_internal.h"

static int add_directory(struct change_list *list, const char *path)
{
	struct change change = {.kind = CHANGE_DIRECTORY};

	snprintf(change.directory, sizeof(change.directory), "%s", path);
	return change_list_add(list, &change);
}

static bool is_missing(const char *path)
{
	return access(path, F_OK) < 0 && errno == ENOENT;
}

int plan_netns(const struct netns *place, struct change_list *list)
{
	struct change change = {.kind = CHANGE_NETNS_MOUNT};
	int err = 0;

	if (is_missing(NETNS_DIRECTORY))
		err = add_directory(list, NETNS_DIRECTORY);
	if (!err && !netns_is_mounted())
		err = change_list_add(list, &change);
	change.place = *place;
	change.kind = CHANGE_NETNS;
	if (!err)
		err = change_list_add(list, &change);
	change.kind = CHANGE_LOOPBACK;
	if (!err)
		err = change_list_add(list, &change);
	return err;
}

static int keep(const struct change_list *applied, struct change_list *list)
{
	int err = 0;

	for (size_t i = 0; applied && !err && i < applied->count; i++) {
		if (change_makes_netns(&applied->items[i]))
			err = change_list_add(list, &applied->items[i]);
	}
	return err;
}

/* All else is to be in the namespace, or is read by programs in it. */
static void put_inside(struct change_list *list, const struct netns *place)
{
	for (size_t i = 0; i < list->count; i++) {
		struct change *change = &list->items[i];

		if (change->kind == CHANGE_DIRECTORY ||
		    change->kind == CHANGE_NETNS_MOUNT)
			continue;
		change->place = *place;
	}
}

/* The directories for resolv.conf, which is last, go in front of it. */
static int place_resolv_conf(const struct netns *place,
			     struct change_list *list)
{
	struct change change;
	char path[NETNS_PATH_SIZE];
	int err = 0;

	if (list->count == 0)
		return 0;
	change = list->items[list->count - 1];
	if (change.kind != CHANGE_RESOLV_CONF)
		return 0;
	change_list_remove(list, list->count - 1);
	if (netns_is_path(place->name)) {
		log_notice("name servers are not set: which files the programs "
			   "in %s read is not known here",
			   place->name);
		return 0;
	}
	snprintf(path, sizeof(path), NETNS_FILES "/%s", place->name);
	if (is_missing(NETNS_FILES))
		err = add_directory(list, NETNS_FILES);
	if (!err && is_missing(path))
		err = add_directory(list, path);
	return err ? err : change_list_add(list, &change);
}

int plan_device_inside(const struct config *config, const struct netns *place,
		       const struct change_list *applied,
		       struct change_list *list)
{
	int err = keep(applied, list);

	if (!err)
		err = plan_client_device(config, list);
	if (!err)
		list->items[list->count - 1].place = *place;
	return err;
}

int plan_client_inside(const struct plan_client *client,
		       const struct plan_inside *inside,
		       const struct change_list *applied,
		       struct change_list *list, struct reason *reason)
{
	struct change_list own = {0};
	int err;

	if (reason)
		reason->text[0] = '\0';
	err = plan_device_inside(client->config, &inside->place, applied, list);
	if (!err)
		err = plan_client_rest(client, inside, &own, reason);
	if (!err) {
		put_inside(&own, &inside->place);
		err = place_resolv_conf(&inside->place, &own);
	}
	for (size_t i = 0; !err && i < own.count; i++)
		err = change_list_add(list, &own.items[i]);
	change_list_free(&own);
	return plan_result(err, reason);
}
