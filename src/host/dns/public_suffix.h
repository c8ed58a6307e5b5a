/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Public suffixes: the domains below which anybody gets a name of his own, as
 * in the Public Suffix List (publicsuffix.org). With libpsl by that list; else
 * (public_suffix_none.c) by rules of thumb.
 */
#ifndef MINIVPN_HOST_DNS_PUBLIC_SUFFIX_H
#define MINIVPN_HOST_DNS_PUBLIC_SUFFIX_H

#include <stdbool.h>

/*
 * "com", "co.uk", "github.io"; and each name of one label. domain is a domain
 * name of less than SETTINGS_DOMAIN_SIZE bytes, in either case, with or without
 * a dot at its end.
 */
bool public_suffix_matches(const char *domain);

#endif
