/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/warning.h"

#include <string.h>

void host_warn(struct host *host, enum host_warning which, const char *text)
{
	char *kept = host->warnings->text[which];

	if (strcmp(kept, text ? text : "") == 0)
		return;
	if (text)
		log_warning("%s: %s", host->config->name, text);
	else
		log_notice("%s: is over: %s", host->config->name, kept);
	snprintf(kept, HOST_REASON_SIZE, "%s", text ? text : "");
}

static bool is_known(const struct host_obstacles *obstacles, const char *text)
{
	for (size_t i = 0; i < obstacles->count; i++) {
		if (strcmp(obstacles->text[i], text) == 0)
			return true;
	}
	return false;
}

void host_warn_obstacles(struct host *host, const struct host_obstacles *now)
{
	struct host_obstacles *kept = &host->warnings->obstacles;

	for (size_t i = 0; i < now->count; i++) {
		if (!is_known(kept, now->text[i]))
			log_warning("%s: %s", host->config->name, now->text[i]);
	}
	if (kept->count && !now->count)
		log_notice("%s: nothing on this host drops what clients send "
			   "any more",
			   host->config->name);
	*kept = *now;
}

bool host_is_warned(const struct host *host, enum host_warning which)
{
	return host->warnings->text[which][0] != '\0';
}

const char *host_warning(const struct host *host, unsigned index)
{
	const struct host_warnings *warnings = host->warnings;

	for (unsigned i = 0; i < HOST_WARNINGS; i++) {
		if (warnings->text[i][0] && index-- == 0)
			return warnings->text[i];
	}
	return index < warnings->obstacles.count
		       ? warnings->obstacles.text[index]
		       : NULL;
}
