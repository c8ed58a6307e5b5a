/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a resolver file of ours looks like: its first line says whose it is and
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

#include "host/dns/resolv_conf.h"

enum resolver_original {
	RESOLVER_BESIDE,
	RESOLVER_MISSING,
	RESOLVER_BELOW,
};

/* The bytes of a file, not ended by a zero; freed by free(bytes). */
struct resolver_file {
	char *bytes;
	size_t length;
};

/*
 * -EINVAL where a value has no place in such a file or in a shell command:
 * names and domains come from a server.
 */
int resolver_check(const struct resolver *resolver);

/* original: the bytes to be kept, only for RESOLVER_BELOW. -ENOMEM. */
int resolver_compose(const struct resolver *resolver,
		     enum resolver_original form,
		     const struct resolver_file *original,
		     struct resolver_file *file);

/* A file of any tunnel. */
bool resolver_is_marked(const struct resolver_file *file);

/* Of such a file: the tunnel's name. -EINVAL where there is none. */
int resolver_marked_name(const struct resolver_file *file,
			 char name[CONFIG_NAME_SIZE]);

/* Of such a file: somebody has changed what is below the mark. */
bool resolver_is_edited(const struct resolver_file *file);

/* A file of the tunnel name, in this form. */
bool resolver_is_ours(const struct resolver_file *file, const char *name,
		      enum resolver_original *form);

/*
 * It has these servers and domains, all of them and no line more: nobody has
 * edited it under our mark. form as resolver_is_ours() gives it.
 */
bool resolver_is_whole(const struct resolver_file *file,
		       const struct resolver *resolver,
		       enum resolver_original form);

/*
 * RESOLVER_BELOW: what to write over the file, of the same length: the original
 * and, behind its *size bytes, filler that ends in a line by which
 * resolver_cut() finds the size again, should it not get as far as cutting.
 * -EBADMSG where somebody has changed what was kept.
 */
int resolver_uncover(const struct resolver_file *file, const char *name,
		     struct resolver_file *restored, size_t *size);

/* The file is one that resolver_uncover() made and nobody has cut. */
bool resolver_cut(const struct resolver_file *file, const char *name,
		  size_t *size);

/*
 * The addresses behind "nameserver" in a file of anybody, up to size of them;
 * their number. Those with a scope (fe80::1%eth0) are passed over.
 */
size_t resolver_servers(const struct resolver_file *file,
			struct inet_address *servers, size_t size);

/* The first of those with a scope, as it stands there; false: there is none. */
bool resolver_scoped_server(const struct resolver_file *file, char *text,
			    size_t size);

#endif
