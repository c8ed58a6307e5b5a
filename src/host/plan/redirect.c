/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables by which a server's further ports lead to those it listens on. */
#include <stdio.h>

#include "common/reason.h"
#include "host/kernel/udp_socket.h"
#include "host/plan/plan_internal.h"

static int add_family(const struct config *config, bool ipv6,
		      struct change_list *list)
{
	struct change change = {.kind = CHANGE_REDIRECT};
	struct nft_redirect *redirect = &change.redirect;
	uint16_t family = ipv6 ? AF_INET6 : AF_INET;

	_Static_assert(NFT_REDIRECT_RANGES == CONFIG_REDIRECTS, "all of them");
	_Static_assert(sizeof("minivpn.ports-") - 1 + CONFIG_NAME_SIZE <=
			       NFT_TABLE_NAME_SIZE,
		       "a tunnel's name is not cut off");
	snprintf(redirect->table, sizeof(redirect->table), "minivpn.ports-%s",
		 config->name);
	snprintf(redirect->device, sizeof(redirect->device), "%s",
		 config->device);
	redirect->ipv6 = ipv6;
	for (size_t i = 0; i < config->redirect_count; i++) {
		const struct config_redirect *own = &config->redirects[i];

		if (own->address.family && own->address.family != family)
			continue;
		redirect->ports[redirect->count] = own->ports;
		redirect->to[redirect->count].address = own->address;
		redirect->to[redirect->count++].port = own->to;
	}
	return redirect->count ? change_list_add(list, &change) : 0;
}

int plan_redirects(const struct config *config, struct change_list *list)
{
	int err = add_family(config, false, list);

	if (!err && plan_ipv6_exists())
		err = add_family(config, true, list);
	return err;
}

bool plan_redirect_warning(const struct config_redirect *redirect,
			   struct reason *reason)
{
	char text[INET_PORTS_TEXT];
	struct inet_ports local;
	uint16_t range[2], port;

	inet_format_ports(&redirect->ports, text, sizeof(text));
	if (udp_socket_find_bound(&redirect->ports, &port)) {
		reason_set(reason,
			   "Listen: UDP port %u of %s is another program's and "
			   "stays so: clients that choose it are not served "
			   "(ss -lunp names it)",
			   port, text);
		return true;
	}
	plan_local_ports(range);
	local = (struct inet_ports){range[0], range[1]};
	if (!inet_ports_overlap(&redirect->ports, &local))
		return false;
	reason_set(reason,
		   "Listen: %s has ports from which programs and guests of "
		   "this host send (net.ipv4.ip_local_port_range, %u-%u): of "
		   "guests that is dropped; choose lower ones",
		   text, local.first, local.last);
	return true;
}
