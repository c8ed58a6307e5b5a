/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/plan/namespace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
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
	int error = 0;

	if (is_missing(NETNS_DIRECTORY))
		error = add_directory(list, NETNS_DIRECTORY);
	if (!error && !netns_is_mounted())
		error = change_list_add(list, &change);
	change.place = *place;
	change.kind = CHANGE_NETNS;
	if (!error)
		error = change_list_add(list, &change);
	change.kind = CHANGE_LOOPBACK;
	if (!error)
		error = change_list_add(list, &change);
	return error;
}

static int keep(const struct change_list *force, struct change_list *list)
{
	int error = 0;

	for (size_t i = 0; force && !error && i < force->count; i++) {
		switch (force->items[i].kind) {
		case CHANGE_DIRECTORY:
		case CHANGE_NETNS_MOUNT:
		case CHANGE_NETNS:
		case CHANGE_LOOPBACK:
			error = change_list_add(list, &force->items[i]);
			break;
		default:
			break;
		}
	}
	return error;
}

/* What is to be in the namespace, or is read by programs in it. */
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

/*
 * The resolver, which is last, behind the directories for its file.
 */
static int place_resolver(const struct netns *place, struct change_list *list)
{
	struct change change;
	char path[NETNS_PATH_SIZE];
	int error = 0;

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
		error = add_directory(list, NETNS_FILES);
	if (!error && is_missing(path))
		error = add_directory(list, path);
	return error ? error : change_list_add(list, &change);
}

int plan_device_inside(const struct config *config, const struct netns *place,
		       const struct change_list *force,
		       struct change_list *list)
{
	int error = keep(force, list);

	if (!error)
		error = plan_client_device(config, list);
	if (!error)
		list->items[list->count - 1].place = *place;
	return error;
}

int plan_client_inside(const struct plan_client *client,
		       const struct plan_inside *inside,
		       const struct change_list *force,
		       struct change_list *list, char *reason, size_t size)
{
	struct change_list own = {0};
	int error;

	if (size)
		reason[0] = '\0';
	error = plan_device_inside(client->config, &inside->place, force, list);
	if (!error)
		error = plan_client_rest(client, inside, &own, reason, size);
	if (!error) {
		put_inside(&own, &inside->place);
		error = place_resolver(&inside->place, &own);
	}
	for (size_t i = 0; !error && i < own.count; i++)
		error = change_list_add(list, &own.items[i]);
	change_list_free(&own);
	return plan_result(error, reason, size);
}
