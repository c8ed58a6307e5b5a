/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/firewall.h"

#include <string.h>

#include "host/daemon/daemon_internal.h"
#include "host/daemon/warning.h"
#include "host/nft/forward_check.h"

struct search {
	const struct host *host;
	struct host_obstacles found;
};

static void found(void *data, const struct nft_obstacle *obstacle)
{
	struct search *search = data;
	struct host_obstacles *found = &search->found;

	if (found->count < HOST_OBSTACLES)
		nft_obstacle_format(obstacle, search->host->config->device,
				    found->text[found->count++],
				    HOST_REASON_SIZE);
}

static void check_legacy(struct search *search)
{
	struct host_obstacles *found = &search->found;

	if (found->count < HOST_OBSTACLES &&
	    nft_obstacle_legacy(search->host->config->device,
				found->text[found->count], HOST_REASON_SIZE))
		found->count++;
}

/* A setting that was on before us is not ours to put back, but to be said. */
static void check_settings(struct search *search)
{
	struct host_obstacles *found = &search->found;
	struct inet_prefix own[2];
	size_t count = host_addresses(search->host, own, 2);

	for (size_t i = 0; i < count && found->count < HOST_OBSTACLES; i++) {
		const char *key = own[i].address.family == AF_INET
					  ? "net.ipv4.ip_forward"
					  : "net.ipv6.conf.all.forwarding";
		char value[SYSCTL_VALUE_SIZE];

		if (sysctl_read(key, value, sizeof(value)) ||
		    strcmp(value, "0") != 0)
			continue;
		snprintf(found->text[found->count++], HOST_REASON_SIZE,
			 "somebody has switched %s off: what clients send to "
			 "other networks is dropped: sysctl -w %s=1",
			 key, key);
	}
}

void host_firewall_check(struct host *host)
{
	const struct config *config = host->config;
	struct search search = {.host = host};
	struct nft_view view = {
		.index = host->context.tun_index,
		.inner4 = inet_prefix_network(&config->address4),
		.inner6 = inet_prefix_network(&config->address6),
	};
	int err;

	memcpy(view.device, config->device, sizeof(view.device));
	err = nft_forward_find(&view, found, &search);
	if (err)
		log_debug("this host's firewall can't be looked at: %s",
			  strerror(-err));
	check_legacy(&search);
	check_settings(&search);
	host_warn_obstacles(host, &search.found);
}
