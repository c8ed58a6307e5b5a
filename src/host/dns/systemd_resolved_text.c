/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * This has the settings of a device in the words of resolvectl(1), and which of
 * its modes systemd-resolved sees in a resolv.conf. It talks to nobody.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/dns/resolv_conf_text.h"
#include "host/dns/systemd_resolved.h"

#define TEXT_SIZE   2048
#define DNS	    "resolvectl dns "
#define AND_DOMAIN  " && resolvectl domain "
#define AND_DEFAULT " && resolvectl default-route "
#define ALL	    "'~.'"

static bool device_valid(const char *device)
{
	size_t length = strnlen(device, IFNAMSIZ);

	/*
	 * A name has to be one for the kernel, and a single word for the shell.
	 */
	return length > 0 && length < IFNAMSIZ && strcmp(device, ".") != 0 &&
	       strcmp(device, "..") != 0 && device[0] != '-' &&
	       strcspn(device, "/: \t\n\v\f\r\"'\\$`&|;<>()*?[#~!{}") == length;
}

int systemd_resolved_check(const struct systemd_resolved_link *link)
{
	struct resolv_conf resolv_conf = {
		.name = "x",
		.dns_count = link->dns_count,
		.search_count = link->search_count,
	};

	memcpy(resolv_conf.dns, link->dns, sizeof(resolv_conf.dns));
	memcpy(resolv_conf.search, link->search, sizeof(resolv_conf.search));
	if (!device_valid(link->device) || link->dns_count == 0 ||
	    (link->search_count == 0 && !link->all))
		return -EINVAL;
	return resolv_conf_check(&resolv_conf);
}

static void put_link(FILE *out, const struct systemd_resolved_link *link)
{
	char address[INET_ADDRESS_TEXT];

	fprintf(out, DNS "%s", link->device);
	for (unsigned i = 0; i < link->dns_count; i++)
		fprintf(out, " %s",
			inet_format_address(&link->dns[i], address,
					    sizeof(address)));
	fprintf(out, AND_DOMAIN "%s", link->device);
	for (unsigned i = 0; i < link->search_count; i++)
		fprintf(out, " %s", link->search[i]);
	fprintf(out, "%s" AND_DEFAULT "%s %s", link->all ? " " ALL : "",
		link->device, link->all ? "yes" : "no");
}

int systemd_resolved_print(const struct systemd_resolved_link *link, char *text,
			   size_t size)
{
	char line[TEXT_SIZE] = "";
	FILE *out;
	int err = systemd_resolved_check(link);

	if (err)
		return err;
	out = fmemopen(line, sizeof(line) - 1, "w");
	if (!out)
		return -ENOMEM;
	put_link(out, link);
	if (fclose(out) != 0 || strlen(line) >= size)
		return -ENOSPC;
	strcpy(text, line);
	return 0;
}

static int parse_servers(struct systemd_resolved_link *link, char *words)
{
	const char *word = strsep(&words, " ");

	if (!word || strlen(word) >= sizeof(link->device))
		return -EINVAL;
	strcpy(link->device, word);
	while ((word = strsep(&words, " ")) != NULL) {
		if (link->dns_count == SETTINGS_DNS ||
		    inet_parse_address(word, &link->dns[link->dns_count++]))
			return -EINVAL;
	}
	return 0;
}

static int parse_domains(struct systemd_resolved_link *link, char *words)
{
	const char *word;

	strsep(&words, " ");
	while ((word = strsep(&words, " ")) != NULL) {
		if (strcmp(word, ALL) == 0) {
			link->all = true;
			continue;
		}
		if (link->search_count == SETTINGS_SEARCH ||
		    strlen(word) >= SETTINGS_DOMAIN_SIZE)
			return -EINVAL;
		strcpy(link->search[link->search_count++], word);
	}
	return 0;
}

/* That nothing was passed over shows when the value is printed again. */
int systemd_resolved_parse(const char *text, struct systemd_resolved_link *link)
{
	struct systemd_resolved_link parsed = {0};
	char copy[TEXT_SIZE], again[TEXT_SIZE], *domains, *end;

	if (strlen(text) >= sizeof(copy) ||
	    strncmp(text, DNS, strlen(DNS)) != 0)
		return -EINVAL;
	strcpy(copy, text);
	domains = strstr(copy, AND_DOMAIN);
	end = domains ? strstr(domains, AND_DEFAULT) : NULL;
	if (!end)
		return -EINVAL;
	*domains = *end = '\0';
	if (parse_servers(&parsed, copy + strlen(DNS)) ||
	    parse_domains(&parsed, domains + strlen(AND_DOMAIN)) ||
	    systemd_resolved_print(&parsed, again, sizeof(again)) ||
	    strcmp(text, again) != 0)
		return -EINVAL;
	*link = parsed;
	return 0;
}

static bool is_same(const char *path, const char *other)
{
	struct stat here, there;

	/* Files are compared by inode, as systemd-resolved itself does it. */
	return stat(path, &here) == 0 && stat(other, &there) == 0 &&
	       here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

/* Without DNSStubListener the one file is a link to the other. */
enum systemd_resolved_mode systemd_resolved_mode(const char *resolv_conf)
{
	if (is_same(resolv_conf, SYSTEMD_RESOLVED_UPLINK_FILE))
		return is_same(RESOLV_CONF_STUB, SYSTEMD_RESOLVED_UPLINK_FILE)
			       ? SYSTEMD_RESOLVED_LIST
			       : SYSTEMD_RESOLVED_UPLINK;
	if (is_same(resolv_conf, RESOLV_CONF_STUB) ||
	    is_same(resolv_conf, "/usr/lib/systemd/resolv.conf"))
		return SYSTEMD_RESOLVED_STUB;
	return SYSTEMD_RESOLVED_NONE;
}
