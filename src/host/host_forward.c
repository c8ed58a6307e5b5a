/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A firewall of this host's own that drops what a server forwards. */
#include <string.h>

#include "host/host_private.h"
#include "host/nft_obstacle.h"

static void found(void *data, const struct nft_obstacle *obstacle)
{
	struct host *host = data;
	struct host_obstacles *obstacles = &host->obstacles;

	if (obstacles->count < HOST_OBSTACLES &&
	    nft_obstacle_say(obstacle, host->config->device,
			     obstacles->text[obstacles->count],
			     HOST_REASON_SIZE))
		obstacles->count++;
}

static void look_at_legacy(struct host *host)
{
	struct host_obstacles *obstacles = &host->obstacles;

	if (obstacles->count < HOST_OBSTACLES &&
	    nft_obstacle_legacy(host->config->device,
				obstacles->text[obstacles->count],
				HOST_REASON_SIZE))
		obstacles->count++;
}

static bool is_known(const struct host_obstacles *obstacles, const char *text)
{
	for (size_t i = 0; i < obstacles->count; i++) {
		if (strcmp(obstacles->text[i], text) == 0)
			return true;
	}
	return false;
}

void host_forward_look(struct host *host)
{
	const struct config *config = host->config;
	const struct host_obstacles before = host->obstacles;
	struct nft_view view = {
		.index = host->context.tun_index,
		.inner4 = inet_prefix_network(&config->address4),
		.inner6 = inet_prefix_network(&config->address6),
	};
	int error;

	memcpy(view.device, config->device, sizeof(view.device));
	host->obstacles.count = 0;
	error = nft_forward_find(&view, found, host);
	if (error)
		log_debug("this host's firewall can't be looked at: %s",
			  strerror(-error));
	look_at_legacy(host);
	for (size_t i = 0; i < host->obstacles.count; i++) {
		if (!is_known(&before, host->obstacles.text[i]))
			log_warning("%s: %s", config->name,
				    host->obstacles.text[i]);
	}
	if (before.count && !host->obstacles.count)
		log_notice("%s: nothing on this host drops what clients send "
			   "any more",
			   config->name);
}
