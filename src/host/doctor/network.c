/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Networks that are here already and in the tunnel as well. */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

#include "host/doctor/doctor.h"

static unsigned prefix_length(const struct sockaddr *mask)
{
	const uint8_t *bytes;
	unsigned length = 0;
	size_t size;

	if (mask->sa_family == AF_INET) {
		bytes = (const void *)&((const struct sockaddr_in *)mask)
				->sin_addr;
		size = 4;
	} else {
		bytes = (const void *)&((const struct sockaddr_in6 *)mask)
				->sin6_addr;
		size = 16;
	}
	for (size_t i = 0; i < size; i++)
		length += (unsigned)__builtin_popcount(bytes[i]);
	return length;
}

/* The network of an address of this host; false: of none that counts. */
static bool read_network(const struct ifaddrs *entry, const char *tunnel,
			 struct inet_prefix *network)
{
	struct inet_endpoint endpoint;

	if (!entry->ifa_addr || !entry->ifa_netmask ||
	    entry->ifa_flags & IFF_LOOPBACK ||
	    strcmp(entry->ifa_name, tunnel) == 0 ||
	    inet_endpoint_from_sockaddr(entry->ifa_addr, &endpoint))
		return false;
	network->address = endpoint.address;
	network->length = (uint8_t)prefix_length(entry->ifa_netmask);
	*network = inet_prefix_network(network);
	return true;
}

static bool compare(const struct doctor *doctor, const struct ifaddrs *entry,
		    const struct inet_prefix *network,
		    const struct inet_prefix *ours, const char *what)
{
	char here[INET_PREFIX_TEXT], there[INET_PREFIX_TEXT];
	struct inet_prefix wanted = inet_prefix_network(ours);

	/* All traffic is meant, and the own network is not part of it. */
	if (!wanted.address.family || !wanted.length ||
	    !inet_prefix_overlaps(&wanted, network))
		return false;
	inet_format_prefix(network, here, sizeof(here));
	inet_format_prefix(&wanted, there, sizeof(there));
	doctor_find(doctor, DOCTOR_WRONG, "networks",
		    "%s (%s of the file) is also the network of %s here (%s): "
		    "one of the two has to change, or hosts of one can't be "
		    "reached",
		    there, what, entry->ifa_name, here);
	return true;
}

void doctor_overlaps(const struct doctor *doctor)
{
	const struct config *config = doctor->config;
	struct inet_prefix network;
	struct ifaddrs *list;
	bool found = false;

	/* The tunnel's ends are not in the same place then. */
	if (config->network_namespace || getifaddrs(&list) < 0)
		return;
	for (struct ifaddrs *i = list; i; i = i->ifa_next) {
		if (!read_network(i, config->device, &network))
			continue;
		found |= compare(doctor, i, &network, &config->address4,
				 "Address");
		found |= compare(doctor, i, &network, &config->address6,
				 "Address");
		for (size_t j = 0; j < config->route_count; j++) {
			if (config->role == CONFIG_CLIENT)
				found |= compare(doctor, i, &network,
						 &config->routes[j], "Routes");
		}
	}
	freeifaddrs(list);
	if (!found)
		doctor_find(doctor, DOCTOR_FINE, "networks",
			    "none of the file is here already");
}
