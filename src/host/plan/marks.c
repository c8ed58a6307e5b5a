/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The marks of a client whose packets pass the tunnel's routes by. */
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "common/log.h"
#include "host/kernel/sysctl.h"
#include "host/plan/plan_internal.h"

/* The kernel's own range (inet_init_net()), where there is nothing to read. */
#define FIRST_PORT 32768
#define LAST_PORT  60999

void plan_local_ports(uint16_t ports[2])
{
	char range[SYSCTL_VALUE_SIZE];

	if (sysctl_read("net.ipv4.ip_local_port_range", range, sizeof(range)) ||
	    sscanf(range, "%5hu %5hu", &ports[0], &ports[1]) != 2 ||
	    ports[0] == 0 || ports[0] >= ports[1]) {
		ports[0] = FIRST_PORT;
		ports[1] = LAST_PORT;
	}
}

int plan_marks(const struct config *config, uint32_t mark,
	       struct change_list *list)
{
	struct change change = {.kind = CHANGE_MARKS};
	struct nft_marks *marks = &change.marks;

	/*
	 * No tunnel's kill switch or gateway has such a name: those begin with
	 * "minivpn-".
	 */
	_Static_assert(sizeof("minivpn.marks-") - 1 + CONFIG_NAME_SIZE <=
			       NFT_TABLE_NAME_SIZE,
		       "a tunnel's name is not cut off");
	snprintf(marks->table, sizeof(marks->table), "minivpn.marks-%s",
		 config->name);
	marks->mark = mark;
	/* A kill switch lets no answers out, by whatever device. */
	marks->inbound = config->inbound && !config->kill_switch;
	if (marks->inbound) {
		snprintf(marks->device, sizeof(marks->device), "%s",
			 config->device);
		plan_local_ports(marks->ports);
	}
	return change_list_add(list, &change);
}

static bool reads(const char *device, const char *setting, const char *expected)
{
	char key[SYSCTL_KEY_SIZE], value[SYSCTL_VALUE_SIZE];

	plan_sysctl_key(key, "ipv4", device, setting);
	return sysctl_read(key, value, sizeof(value)) == 0 &&
	       strcmp(value, expected) == 0;
}

/*
 * Does a device, or will one that comes, drop packets whose answers would leave
 * by another? The larger of its own value and that of all is in force: with 2
 * it is enough that there is any route
 * (Documentation/networking/ip-sysctl.rst).
 */
static int strict_visit(void *data, const char *family, const char *device)
{
	bool *strict = data;

	(void)family;
	*strict |= reads(device, "rp_filter", "1");
	return 0;
}

static bool is_strict(void)
{
	bool strict = reads("all", "rp_filter", "1");

	if (!reads("all", "rp_filter", "2"))
		plan_each_device("ipv4", strict_visit, &strict);
	return strict;
}

int plan_valid_mark(struct change_list *list, bool *strict)
{
	struct change change = {
		.kind = CHANGE_SYSCTL,
		.sysctl = {"net.ipv4.conf.all.src_valid_mark", "1", "0"},
	};

	*strict = is_strict();
	if (!*strict || !reads("all", "src_valid_mark", "0"))
		return 0;
	return change_list_add(list, &change);
}

/* A container may have to do without. */
static bool is_writable(void)
{
	struct statvfs mount;

	return statvfs("/proc/sys/net", &mount) == 0 &&
	       !(mount.f_flag & ST_RDONLY);
}

static int accept_mark(const char *key, struct change_list *list)
{
	struct change change = {
		.kind = CHANGE_SYSCTL,
		.sysctl = {.value = "1", .before = "0"},
	};
	char now[SYSCTL_VALUE_SIZE];

	if (sysctl_read(key, now, sizeof(now)) || strcmp(now, "0") != 0)
		return 0;
	if (!is_writable()) {
		log_warning("who comes from outside by what the tunnel does "
			    "not carry is not answered: /proc/sys is mounted "
			    "read-only here: set %s=1 outside",
			    key);
		return 0;
	}
	snprintf(change.sysctl.key, sizeof(change.sysctl.key), "%s", key);
	return change_list_add(list, &change);
}

int plan_mark_answers(uint16_t family, struct change_list *list)
{
	int err = accept_mark("net.ipv4.tcp_fwmark_accept", list);

	return err ? err
		   : accept_mark(family == AF_INET6 ? "net.ipv6.fwmark_reflect"
						    : "net.ipv4.fwmark_reflect",
				 list);
}
