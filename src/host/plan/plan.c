/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/plan/plan.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/reason.h"
#include "host/kernel/route_search.h"
#include "host/plan/plan_internal.h"

/* What a packet may always have (RFC 791; RFC 8200, section 5). */
#define MTU_MIN	     576
#define MTU_MIN_IPV6 1280

/*
 * The MTU of an uplink that is not known, and the most that is believed of one.
 */
#define UPLINK_MTU     1500
#define UPLINK_MTU_MAX 9000

/*
 * Packets that may wait for the tunnel process, as many as a network card's:
 * the kernel's 500 are four milliseconds of small ones at full rate.
 */
#define QUEUE 1000

bool plan_ipv6_exists(void)
{
	char value[SYSCTL_VALUE_SIZE];

	return sysctl_read("net.ipv6.conf.all.disable_ipv6", value,
			   sizeof(value)) != -ENOENT;
}

void plan_sysctl_key(char key[SYSCTL_KEY_SIZE], const char *family,
		     const char *device, const char *setting)
{
	char name[IFNAMSIZ];

	snprintf(name, sizeof(name), "%s", device);
	for (char *dot = name; (dot = strchr(dot, '.')) != NULL;)
		*dot = '/';
	snprintf(key, SYSCTL_KEY_SIZE, "net.%s.conf.%s.%s", family, name,
		 setting);
}

int plan_each_device(const char *family, plan_device_visit visit, void *data)
{
	struct dirent **devices;
	char path[32];
	int count, err = 0;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf", family);
	count = scandir(path, &devices, NULL, alphasort);
	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		const char *device = devices[i]->d_name;

		if (!err && device[0] != '.' && strcmp(device, "all") != 0 &&
		    strlen(device) < IFNAMSIZ)
			err = visit(data, family, device);
		free(devices[i]);
	}
	free(devices);
	return err;
}

static bool is_disabled(const char *device, int *err)
{
	char key[SYSCTL_KEY_SIZE], value[SYSCTL_VALUE_SIZE];

	plan_sysctl_key(key, "ipv6", device, "disable_ipv6");
	*err = sysctl_read(key, value, sizeof(value));
	return *err == 0 && strcmp(value, "0") != 0;
}

bool plan_ipv6_usable(const char *device)
{
	bool disabled;
	int err;

	disabled = is_disabled("all", &err);
	if (err || disabled)
		return false;
	disabled = is_disabled(device, &err);
	/* One that is not made yet will take the default. */
	if (err)
		disabled = is_disabled("default", &err);
	return !disabled;
}

int plan_add_tun(struct change_list *list, const char *device)
{
	struct change change = {.kind = CHANGE_TUN};

	snprintf(change.link.device, sizeof(change.link.device), "%s", device);
	return change_list_add(list, &change);
}

int plan_add_link(struct change_list *list, const char *device, unsigned mtu)
{
	struct change change = {
		.kind = CHANGE_LINK,
		.link = {.mtu = mtu, .queue = QUEUE},
	};

	snprintf(change.link.device, sizeof(change.link.device), "%s", device);
	return change_list_add(list, &change);
}

int plan_add_address(struct change_list *list, const char *device,
		     const struct inet_prefix *prefix)
{
	struct change change = {
		.kind = CHANGE_ADDRESS,
		.address.prefix = *prefix,
	};

	snprintf(change.address.device, sizeof(change.address.device), "%s",
		 device);
	return change_list_add(list, &change);
}

int plan_add_route(struct change_list *list, const char *device,
		   const struct inet_prefix *destination)
{
	struct change change = {
		.kind = CHANGE_ROUTE,
		.route.destination = inet_prefix_network(destination),
		.route.protocol = RTNL_PROTOCOL,
		.route.type = device ? RTN_UNICAST : RTN_UNREACHABLE,
	};

	if (change_list_routes(list, 0, &change.route.destination))
		return 0;
	if (device)
		snprintf(change.route.device, sizeof(change.route.device), "%s",
			 device);
	return change_list_add(list, &change);
}

int plan_result(int err, struct reason *reason)
{
	if (err && reason && reason->text[0] == '\0')
		reason_set(reason, "%s", strerror(-err));
	return err;
}

/* Where the server's address is not known, or we are it: to the internet. */
static int find_uplink(struct rtnl *rtnl, const struct inet_endpoint *server,
		       uint32_t mark, struct rtnl_route *route)
{
	if (server)
		return rtnl_route_match(rtnl, &server->address, mark, route);
	if (route_search_internet(rtnl, AF_INET, mark, route) == 0)
		return 0;
	return route_search_internet(rtnl, AF_INET6, mark, route);
}

static unsigned uplink_mtu(struct rtnl *rtnl,
			   const struct inet_endpoint *server, uint32_t mark)
{
	struct rtnl_route route = {0};
	unsigned mtu = 0;

	if (find_uplink(rtnl, server, mark, &route))
		return UPLINK_MTU;
	mtu = route.mtu;
	if (mtu == 0 && rtnl_link_get(rtnl, route.device, NULL, &mtu))
		return UPLINK_MTU;
	if (mtu == 0)
		return UPLINK_MTU;
	return mtu < UPLINK_MTU_MAX ? mtu : UPLINK_MTU_MAX;
}

/* A server that may be reached by IPv4 plans for that. */
static bool is_outer_ipv6(const struct config *config,
			  const struct inet_endpoint *server)
{
	return server ? server->address.family == AF_INET6
		      : config_is_ipv6_only(config);
}

unsigned plan_mtu_least(const struct inet_prefix *inner6)
{
	return inner6->address.family ? MTU_MIN_IPV6 : MTU_MIN;
}

unsigned plan_mtu(struct rtnl *rtnl, const struct config *config,
		  const struct settings *settings,
		  const struct inet_endpoint *server, uint32_t mark)
{
	const struct inet_prefix *inner6 =
		settings ? &settings->address6 : &config->address6;
	unsigned least = plan_mtu_least(inner6);
	unsigned overhead, mtu;

	if (config->mtu) {
		if (config->mtu < least)
			log_warning("MTU = %u is too small for IPv6 in the "
				    "tunnel: %u is used",
				    config->mtu, least);
		return config->mtu < least ? least : config->mtu;
	}
	overhead = is_outer_ipv6(config, server) ? PLAN_OVERHEAD_IPV6
						 : PLAN_OVERHEAD_IPV4;
	if (config->secret_count)
		overhead -= PLAN_NOISE_LESS;
	mtu = uplink_mtu(rtnl, server, mark);
	mtu = mtu > overhead ? mtu - overhead : 0;
	if (settings && settings->mtu && settings->mtu < mtu)
		mtu = settings->mtu;
	return mtu < least ? least : mtu;
}
