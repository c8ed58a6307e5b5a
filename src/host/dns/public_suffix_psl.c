/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * This asks libpsl; a build without it has public_suffix_none.c in its place.
 */
#include "host/dns/public_suffix.h"

#include <ctype.h>
#include <libpsl.h>
#include <string.h>

#include "common/config/settings.h"

bool public_suffix_matches(const char *domain)
{
	char name[SETTINGS_DOMAIN_SIZE];
	size_t length = strnlen(domain, sizeof(name) - 1);

	if (length && domain[length - 1] == '.')
		length--;
	for (size_t i = 0; i < length; i++)
		name[i] = (char)tolower((unsigned char)domain[i]);
	name[length] = '\0';
	/*
	 * The list that is part of the library: no file has to be read. One
	 * that is not on it is a suffix if it has one label.
	 */
	return psl_is_public_suffix(psl_builtin(), name);
}
