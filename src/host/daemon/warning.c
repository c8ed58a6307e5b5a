/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the person who runs this should know of, for as long as it is so. */
#include <string.h>

#include "host/daemon/host_internal.h"

void host_warn(struct host *host, enum host_warning which, const char *text)
{
	char *kept = host->warnings[which];

	if (strcmp(kept, text ? text : "") == 0)
		return;
	if (text)
		log_warning("%s: %s", host->config->name, text);
	else
		log_notice("%s: is over: %s", host->config->name, kept);
	snprintf(kept, HOST_REASON_SIZE, "%s", text ? text : "");
}

const char *host_warning(const struct host *host, unsigned index)
{
	for (unsigned i = 0; i < HOST_WARNINGS; i++) {
		if (host->warnings[i][0] && index-- == 0)
			return host->warnings[i];
	}
	return index < host->obstacles.count ? host->obstacles.text[index]
					     : NULL;
}
