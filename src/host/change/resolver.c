/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * This kind is the name servers: resolv.conf(5), or those of a link in
 * systemd-resolved.
 */
#include "host/change/change_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/reason.h"

static const char *file_of(const struct change_context *context,
			   const struct change *change,
			   char buffer[NETNS_PATH_SIZE])
{
	if (!change->place.name[0])
		return context->resolv_conf;
	snprintf(buffer, NETNS_PATH_SIZE, NETNS_FILES "/%s/resolv.conf",
		 change->place.name);
	return buffer;
}

static int apply_resolv_conf(struct change_context *context,
			     const struct change *change, struct reason *reason)
{
	char buffer[NETNS_PATH_SIZE];
	const char *path = file_of(context, change, buffer);
	int err;

	err = resolv_conf_apply(path, &change->resolv_conf);
	if (err == -EEXIST)
		reason_set(
			reason,
			"%s is in the hands of another tunnel: take that down "
			"first, or write DNS = none in the file",
			path);
	else if (err)
		resolv_conf_explain(path, err, reason);
	return err;
}

static int revert_resolv_conf(struct change_context *context,
			      const struct change *change,
			      struct reason *reason)
{
	char buffer[NETNS_PATH_SIZE];
	const char *path = file_of(context, change, buffer);
	int result;

	result = resolv_conf_revert(path, &change->resolv_conf);
	if (result > 0)
		reason_set(reason, "%s is left as somebody else has set it",
			   path);
	else if (result == -ENOENT || result == -EBADMSG)
		reason_set(reason,
			   "%s: the original that was kept is lost: write the "
			   "file anew",
			   path);
	else if (result < 0 && reason)
		resolv_conf_explain(path, result, reason);
	return result;
}

static int parse_resolv_conf(const char *text, struct change *change)
{
	return resolv_conf_parse(text, &change->resolv_conf);
}

static int parse_systemd_resolved(const char *text, struct change *change)
{
	return systemd_resolved_parse(text, &change->systemd_resolved);
}

static int print_resolv_conf(const struct change *change, struct text *text)
{
	return resolv_conf_print(&change->resolv_conf, text->buffer,
				 text->size);
}

/* It is a file on a disk. */
static bool outlives_boot(const struct change *change)
{
	(void)change;
	return true;
}

static int apply_systemd_resolved(struct change_context *context,
				  const struct change *change,
				  struct reason *reason)
{
	(void)context;
	return systemd_resolved_apply(&change->systemd_resolved, reason);
}

static int revert_systemd_resolved(struct change_context *context,
				   const struct change *change,
				   struct reason *reason)
{
	(void)context;
	return systemd_resolved_revert(&change->systemd_resolved, reason);
}

static int print_systemd_resolved(const struct change *change,
				  struct text *text)
{
	return systemd_resolved_print(&change->systemd_resolved, text->buffer,
				      text->size);
}

/* What becomes of either is watched by others: see name_servers.c. */
static const struct change_field resolv_conf_fields[] = {
	CHANGE_FIELD("name", WORD, resolv_conf.name),
	CHANGE_LIST("dns", ADDRESS, resolv_conf.dns, resolv_conf.dns_count),
	CHANGE_LIST("search", WORD, resolv_conf.search,
		    resolv_conf.search_count),
	CHANGE_FIELD("stub", FLAG, resolv_conf.stub),
	{0},
};

const struct change_operations change_resolv_conf = {
	.name = "resolv_conf",
	.fields = resolv_conf_fields,
	.place = CHANGE_PLACE_FILE,
	.outlives_boot = outlives_boot,
	.apply = apply_resolv_conf,
	.revert = revert_resolv_conf,
	.print = print_resolv_conf,
	.starts = {"printf ", "ln "},
	.parse = parse_resolv_conf,
};

static const struct change_field systemd_resolved_fields[] = {
	CHANGE_FIELD("device", WORD, systemd_resolved.device),
	CHANGE_LIST("dns", ADDRESS, systemd_resolved.dns,
		    systemd_resolved.dns_count),
	CHANGE_LIST("search", WORD, systemd_resolved.search,
		    systemd_resolved.search_count),
	CHANGE_FIELD("all", FLAG, systemd_resolved.all),
	{0},
};

const struct change_operations change_systemd_resolved = {
	.name = "systemd_resolved",
	.fields = systemd_resolved_fields,
	.apply = apply_systemd_resolved,
	.revert = revert_systemd_resolved,
	.print = print_systemd_resolved,
	.starts = {"resolvectl "},
	.parse = parse_systemd_resolved,
};
