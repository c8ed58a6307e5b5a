/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A firewall of this host's own that drops what a server forwards. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <string.h>
#include <unistd.h>

#include "host/host_private.h"
#include "host/nft_forward.h"

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

static void found(void *data, const struct nft_obstacle *obstacle)
{
	struct host *host = data;
	struct host_obstacles *obstacles = &host->obstacles;
	const char *device = host->config->device;
	char remedy[HOST_REASON_SIZE];
	int length;

	if (obstacles->count == HOST_OBSTACLES)
		return;
	/* The owner of that table forgets rules that are not its own. */
	if (strcmp(obstacle->table, "firewalld") == 0)
		snprintf(remedy, sizeof(remedy),
			 "firewall-cmd --zone=trusted --add-interface=%s",
			 device);
	else
		say_remedy(device, obstacle, remedy, sizeof(remedy));
	length = snprintf(
		obstacles->text[obstacles->count], HOST_REASON_SIZE,
		"packets that clients send through this server are dropped by "
		"%s of the chain %.60s (table %s %.60s): allow them: %s",
		obstacle->policy ? "the policy" : "a rule", obstacle->chain,
		family_name(obstacle->family), obstacle->table, remedy);
	if (length > 0)
		obstacles->count++;
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

/*
 * The iptables of old can't be asked by netlink; that its table is there says
 * little, so it is said with care. nft's iptables is not of this kind.
 */
static void look_at_legacy(struct host *host)
{
	struct host_obstacles *obstacles = &host->obstacles;

	if (obstacles->count == HOST_OBSTACLES || !has_legacy_filter())
		return;
	snprintf(obstacles->text[obstacles->count++], HOST_REASON_SIZE,
		 "this host has rules of the old iptables, which can't be "
		 "seen from here: if clients do not get through, allow it: "
		 "iptables-legacy -I FORWARD -i %s -j ACCEPT; iptables-legacy "
		 "-I FORWARD -o %s -j ACCEPT",
		 host->config->device, host->config->device);
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
