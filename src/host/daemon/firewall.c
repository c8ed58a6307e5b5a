/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of this host's own drops what a server forwards: a firewall, a setting.
 */
#include <string.h>

#include "host/daemon/host_internal.h"
#include "host/nft/forward_check.h"

static void found(void *data, const struct nft_obstacle *obstacle)
{
	struct host *host = data;
	struct host_obstacles *obstacles = &host->obstacles;

	if (obstacles->count < HOST_OBSTACLES &&
	    nft_obstacle_format(obstacle, host->config->device,
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

/* One that was on before us is not ours to put back, but is to be said. */
static void look_at_settings(struct host *host)
{
	struct host_obstacles *obstacles = &host->obstacles;
	struct inet_prefix own[2];
	size_t count = host_addresses(host, own, 2);

	for (size_t i = 0; i < count && obstacles->count < HOST_OBSTACLES;
	     i++) {
		const char *key = own[i].address.family == AF_INET
					  ? "net.ipv4.ip_forward"
					  : "net.ipv6.conf.all.forwarding";
		char value[SYSCTL_VALUE_SIZE];

		if (sysctl_read(key, value, sizeof(value)) ||
		    strcmp(value, "0") != 0)
			continue;
		snprintf(obstacles->text[obstacles->count++], HOST_REASON_SIZE,
			 "somebody has switched %s off: what clients send to "
			 "other networks is dropped: sysctl -w %s=1",
			 key, key);
	}
}

static bool is_known(const struct host_obstacles *obstacles, const char *text)
{
	for (size_t i = 0; i < obstacles->count; i++) {
		if (strcmp(obstacles->text[i], text) == 0)
			return true;
	}
	return false;
}

void host_firewall_check(struct host *host)
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
	look_at_settings(host);
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
