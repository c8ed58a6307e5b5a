/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/forward_obstacle.h"

#include <fcntl.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REMEDY_SIZE 512

static const char *family_name(uint8_t family)
{
	if (family == NFPROTO_INET)
		return "inet";
	return family == NFPROTO_IPV6 ? "ip6" : "ip";
}

/* The exact words that let the tunnel's packets pass. */
static void say_remedy(const char *device, const struct nft_obstacle *obstacle,
		       char *text, size_t size)
{
	const char *family = family_name(obstacle->family);
	char from[400] = "", to[400] = "";

	if (obstacle->from)
		snprintf(from, sizeof(from),
			 "insert rule %s %.120s %.120s iifname \"%s\" accept",
			 family, obstacle->table, obstacle->allow, device);
	if (obstacle->to)
		snprintf(to, sizeof(to),
			 "%sinsert rule %s %.120s %.120s oifname \"%s\" ct "
			 "state established,related accept",
			 obstacle->from ? "; " : "", family, obstacle->table,
			 obstacle->allow, device);
	snprintf(text, size, "nft '%s%s'", from, to);
}

bool nft_obstacle_log(const struct nft_obstacle *obstacle, const char *device,
		      char *text, size_t size)
{
	char remedy[REMEDY_SIZE];
	int length;

	/* The owner of that table forgets rules that are not its own. */
	if (strcmp(obstacle->table, "firewalld") == 0)
		snprintf(remedy, sizeof(remedy),
			 "firewall-cmd --zone=trusted --add-interface=%s",
			 device);
	else
		say_remedy(device, obstacle, remedy, sizeof(remedy));
	length = snprintf(
		text, size,
		"packets that clients send through this server are dropped by "
		"%s of the chain %.60s (table %s %.60s): allow them: %s",
		obstacle->policy ? "the policy" : "a rule", obstacle->chain,
		family_name(obstacle->family), obstacle->table, remedy);
	return length > 0;
}

static bool has_legacy_filter(void)
{
	int fd = open("/proc/net/ip_tables_names", O_RDONLY | O_CLOEXEC);
	char text[256];
	ssize_t length = -1;

	if (fd >= 0) {
		length = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (length < 0)
		return false;
	text[length] = '\0';
	return strstr(text, "filter") != NULL;
}

bool nft_obstacle_legacy(const char *device, char *text, size_t size)
{
	if (!has_legacy_filter())
		return false;
	snprintf(text, size,
		 "this host has rules of the old iptables, which can't be "
		 "seen from here: if clients do not get through, allow it: "
		 "iptables-legacy -I FORWARD -i %s -j ACCEPT; iptables-legacy "
		 "-I FORWARD -o %s -j ACCEPT",
		 device, device);
	return true;
}
