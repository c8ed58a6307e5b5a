/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tun device, and its link as it is to be. */
#include "host/change/change_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/reason.h"
#include "host/kernel/tun.h"

static int open_inside(struct change_context *context, const char *device)
{
	int fd, err;

	if (context->tun_base < 0)
		return context->tun_base;
	/* It is a copy, as whoever closes one of them must not end the other.
	 */
	fd = fcntl(context->tun_base, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (fd < 0)
		return -errno;
	err = tun_make(fd, device);
	if (err)
		close(fd);
	else
		context->tun_fd = fd;
	return err;
}

/* It is there, but the rules of a container's devices, or nodev, forbid it. */
static bool is_closed(void)
{
	int fd, err = tun_open(&fd);

	if (!err)
		close(fd);
	return err;
}

static int apply_tun(struct change_context *context,
		     const struct change *change, struct reason *reason)
{
	const char *device = change->link.device;
	int err;

	if (context->tun_fd >= 0) {
		reason_set(reason, "%s: a tun device is open already", device);
		return -EALREADY;
	}
	err = change->place.name[0] ? open_inside(context, device)
				    : tun_create(device, &context->tun_fd);
	switch (err) {
	case 0:
		return 0;
	case -EBUSY:
	case -EEXIST:
		reason_set(reason,
			   "%s is in use: choose another name with Device = in "
			   "the file",
			   device);
		break;
	case -ENOENT:
	case -ENODEV:
	case -ENXIO:
		reason_set(reason,
			   "%s: there is no /dev/net/tun: load the module "
			   "(modprobe tun), or give the container that device",
			   device);
		break;
	case -EPERM:
	case -EACCES:
		if (is_closed())
			reason_set(reason,
				   "%s: /dev/net/tun may not be opened here: "
				   "give it to the container (--device "
				   "/dev/net/tun)",
				   device);
		else
			reason_set(reason, "%s: %s", device, CHANGE_AS_ROOT);
		break;
	default:
		reason_set(reason, "%s: can't make the tun device: %s", device,
			   strerror(-err));
	}
	context->tun_fd = -1;
	return err;
}

/* The device goes with its last descriptor, the tunnel process's included. */
static int revert_tun(struct change_context *context,
		      const struct change *change, struct reason *reason)
{
	(void)change;
	(void)reason;
	if (context->tun_fd >= 0)
		close(context->tun_fd);
	context->tun_fd = -1;
	if (context->tun_base >= 0)
		close(context->tun_base);
	context->tun_base = -EBADF;
	return 0;
}

/* Under its name there may be another one by now. */
static int tun_missing(struct change_context *context,
		       const struct change *change)
{
	struct rtnl_link link;
	int err = rtnl_link_read(context->rtnl, change->link.device, &link);

	if (err)
		return err == -ENODEV ? 1 : err;
	return context->tun_index && link.index != context->tun_index;
}

static int apply_link(struct change_context *context,
		      const struct change *change, struct reason *reason)
{
	const char *device = change->link.device;
	int err;

	err = rtnl_link_no_autoconf(context->rtnl, device);
	if (!err && change->link.queue)
		err = rtnl_link_queue(context->rtnl, device,
				      change->link.queue);
	if (!err)
		err = rtnl_link_set(context->rtnl, device, change->link.mtu,
				    true);
	if (err)
		change_explain_rtnl(context, err, device, reason);
	return err;
}

/* A link that is not set up has lost its routes, and its IPv6 addresses. */
static int link_missing(struct change_context *context,
			const struct change *change)
{
	struct rtnl_link link;
	int err = rtnl_link_read(context->rtnl, change->link.device, &link);

	if (err)
		return err;
	return !(link.flags & IFF_UP) ||
	       (change->link.mtu && change->link.mtu != link.mtu);
}

static int print_tun(const struct change *change, struct text *text)
{
	if (!change_device_valid(change->link.device))
		return -EINVAL;
	text_append(text, "ip tuntap add dev %s mode tun", change->link.device);
	return 0;
}

static int print_link(const struct change *change, struct text *text)
{
	if (!change_device_valid(change->link.device))
		return -EINVAL;
	text_append(text, "ip link set dev %s addrgenmode none",
		    change->link.device);
	if (change->link.queue)
		text_append(text, " txqueuelen %u", change->link.queue);
	if (change->link.mtu)
		text_append(text, " mtu %u", change->link.mtu);
	text_append(text, " up");
	return 0;
}

static int parse_tun(const char *text, struct change *change)
{
	return sscanf(text, "ip tuntap add dev %15s", change->link.device);
}

static int parse_link(const char *text, struct change *change)
{
	if (sscanf(text,
		   "ip link set dev %15s addrgenmode none txqueuelen %9u "
		   "mtu %9u",
		   change->link.device, &change->link.queue,
		   &change->link.mtu) > 1)
		return 0;
	return sscanf(text, "ip link set dev %15s addrgenmode none mtu %9u",
		      change->link.device, &change->link.mtu);
}

/* Nothing is to be undone but what goes with the device, which is ours. */
static int revert_link(struct change_context *context,
		       const struct change *change, struct reason *reason)
{
	(void)context;
	(void)change;
	(void)reason;
	return 0;
}

static const struct change_field tun_fields[] = {
	CHANGE_FIELD("device", WORD, link.device),
	{0},
};

const struct change_operations change_tun = {
	.name = "tun",
	.fields = tun_fields,
	.place = CHANGE_PLACE_COMMAND,
	.apply = apply_tun,
	.revert = revert_tun,
	.missing = tun_missing,
	.print = print_tun,
	.starts = {"ip tuntap add "},
	.parse = parse_tun,
};

static const struct change_field link_fields[] = {
	CHANGE_FIELD("device", WORD, link.device),
	CHANGE_FIELD("queue", NUMBER, link.queue),
	CHANGE_FIELD("mtu", NUMBER, link.mtu),
	{0},
};

const struct change_operations change_link = {
	.name = "link",
	.fields = link_fields,
	.place = CHANGE_PLACE_COMMAND,
	.inside = true,
	.apply = apply_link,
	.revert = revert_link,
	.missing = link_missing,
	.print = print_link,
	.starts = {"ip link set "},
	.parse = parse_link,
};
