/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a resolver file of ours looks like: its first line tells whose it is and
 * where the original is. Three forms:
 *
 *   # minivpn NAME: the original is kept beside this file (sum 1a2b3c4d)
 *   # minivpn NAME: there was no file before (sum 1a2b3c4d)
 *   # minivpn NAME: the original is kept below, SIZE bytes
 *
 * (the sum is the CRC-32 of what follows) then the servers and domains; in the
 * third form then the lines of the original, each behind "#|". Opens no file.
 */
#ifndef MINIVPN_HOST_DNS_RESOLV_CONF_TEXT_H
#define MINIVPN_HOST_DNS_RESOLV_CONF_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config/config.h"
#include "common/config/settings.h"
#include "common/inet.h"

#define RESOLV_CONF_STUB "/run/systemd/resolve/stub-resolv.conf"

/* The servers and domains of a file of ours. */
struct resolv_conf {
	char name[CONFIG_NAME_SIZE]; /* the tunnel's, in the marker line */
	struct inet_address dns[SETTINGS_DNS];
	unsigned dns_count;
	char search[SETTINGS_SEARCH][SETTINGS_DOMAIN_SIZE];
	unsigned search_count;
	/*
	 * Instead of all that: a symbolic link to RESOLV_CONF_STUB, for a host
	 * whose link leads to systemd-resolved's list of all servers.
	 */
	bool stub;
};

enum resolv_conf_original {
	RESOLV_CONF_BESIDE,
	RESOLV_CONF_MISSING,
	RESOLV_CONF_BELOW,
};

/* The bytes of a file, not ended by a zero; freed by free(bytes). */
struct resolv_conf_file {
	char *bytes;
	size_t length;
};

/*
 * -EINVAL where a value has no place in such a file or in a shell command:
 * names and domains come from a server.
 */
int resolv_conf_check(const struct resolv_conf *resolv_conf);

/* original: the bytes to be kept, NULL but for RESOLV_CONF_BELOW. -ENOMEM. */
int resolv_conf_compose(const struct resolv_conf *resolv_conf,
			enum resolv_conf_original form,
			const struct resolv_conf_file *original,
			struct resolv_conf_file *file);

/* A file of any tunnel. */
bool resolv_conf_is_marked(const struct resolv_conf_file *file);

/* Of such a file: the tunnel's name. -EINVAL where there is none. */
int resolv_conf_marked_name(const struct resolv_conf_file *file,
			    char name[CONFIG_NAME_SIZE]);

/* Of such a file: somebody has changed what is below the mark. */
bool resolv_conf_is_edited(const struct resolv_conf_file *file);

/* A file of the tunnel name, in this form. */
bool resolv_conf_is_ours(const struct resolv_conf_file *file, const char *name,
			 enum resolv_conf_original *form);

/*
 * It has these servers and domains, all of them and no line more: nobody has
 * edited it under our mark. form as resolv_conf_is_ours() gives it.
 */
bool resolv_conf_is_whole(const struct resolv_conf_file *file,
			  const struct resolv_conf *resolv_conf,
			  enum resolv_conf_original form);

/*
 * RESOLV_CONF_BELOW: what to write over the file, of the same length: the
 * original and, behind its *size bytes, filler that ends in a line by which
 * resolv_conf_cut() finds the size again, should it not get as far as cutting.
 * -EBADMSG where somebody has changed what was kept.
 */
int resolv_conf_uncover(const struct resolv_conf_file *file, const char *name,
			struct resolv_conf_file *restored, size_t *size);

/* The file is one that resolv_conf_uncover() made and nobody has cut. */
bool resolv_conf_cut(const struct resolv_conf_file *file, const char *name,
		     size_t *size);

/*
 * The addresses behind "nameserver" in a file of anybody, up to size of them;
 * their number. Those with a scope (fe80::1%eth0) are passed over.
 */
size_t resolv_conf_servers(const struct resolv_conf_file *file,
			   struct inet_address *servers, size_t size);

/* The first of those with a scope, as it stands there; false: there is none. */
bool resolv_conf_scoped_server(const struct resolv_conf_file *file, char *text,
			       size_t size);

/*
 * As a command: printf 'nameserver ...\nsearch ...\n' >/etc/resolv.conf, or
 * ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
 */
int resolv_conf_print(const struct resolv_conf *resolv_conf, char *text,
		      size_t size);
int resolv_conf_parse(const char *text, struct resolv_conf *resolv_conf);

#endif
