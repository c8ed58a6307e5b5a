/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This kind is an address of the tun device. */
#include "host/change/change_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/reason.h"

static int apply_address(struct change_context *context,
			 const struct change *change, struct reason *reason)
{
	const char *device = change->address.device;
	const struct inet_prefix *prefix = &change->address.prefix;
	char name[INET_PREFIX_TEXT];
	int err;

	inet_format_prefix(prefix, name, sizeof(name));
	err = rtnl_address_add(context->rtnl, device, prefix);
	if (err == -EEXIST)
		reason_set(reason, "%s has the address %s already", device,
			   name);
	else if (prefix->address.family == AF_INET6 &&
		 (err == -EACCES || err == -EOPNOTSUPP))
		reason_set(reason,
			   "%s: IPv6 is switched off on %s: set "
			   "net.ipv6.conf.all.disable_ipv6=0, or take the "
			   "IPv6 addresses out of the server's file",
			   name, device);
	else if (err)
		change_explain_rtnl(context, err, name, reason);
	return err;
}

static int revert_address(struct change_context *context,
			  const struct change *change, struct reason *reason)
{
	char name[INET_PREFIX_TEXT];
	int err;

	err = rtnl_address_del(context->rtnl, change->address.device,
			       &change->address.prefix);
	if (err == 0 || err == -ENODEV || err == -EADDRNOTAVAIL)
		return 0;
	inet_format_prefix(&change->address.prefix, name, sizeof(name));
	return change_explain_rtnl(context, err, name, reason);
}

static int print_address(const struct change *change, struct text *text)
{
	char prefix[INET_PREFIX_TEXT];

	if (!change_device_valid(change->address.device) ||
	    !change_prefix_valid(&change->address.prefix))
		return -EINVAL;
	text_append(text, "ip address add %s dev %s",
		    inet_format_prefix(&change->address.prefix, prefix,
				       sizeof(prefix)),
		    change->address.device);
	return 0;
}

static int parse_address(const char *text, struct change *change)
{
	char prefix[INET_PREFIX_TEXT];

	if (sscanf(text, "ip address add %49s dev %15s", prefix,
		   change->address.device) != 2)
		return -EINVAL;
	return inet_parse_prefix(prefix, &change->address.prefix);
}

static int address_missing(struct change_context *context,
			   const struct change *change)
{
	return change_unless(rtnl_address_has(context->rtnl,
					      change->address.device,
					      &change->address.prefix));
}

static uint32_t hash_address(const struct change *change)
{
	return change_hash_prefix(&change->address.prefix);
}

static const struct change_field address_fields[] = {
	CHANGE_FIELD("prefix", PREFIX, address.prefix),
	CHANGE_FIELD("device", WORD, address.device),
	{0},
};

const struct change_operations change_address = {
	.name = "address",
	.fields = address_fields,
	.place = CHANGE_PLACE_COMMAND,
	.inside = true,
	.apply = apply_address,
	.revert = revert_address,
	.missing = address_missing,
	.hash = hash_address,
	.print = print_address,
	.starts = {"ip address add "},
	.parse = parse_address,
};
