/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A build without libpsl: what is a public suffix in most countries. Some are
 * missed, and in some country one of these words may be somebody's own.
 */
#include "host/dns/public_suffix.h"

#include <string.h>
#include <strings.h>

#define COUNTRY_LENGTH 2

static const char *const words[] = {
	"ac",	"co",  "com", "ed",  "edu", "gc",  "go",  "gob",
	"gouv", "gov", "gv",  "ltd", "me",  "mil", "ne",  "net",
	"nhs",	"nom", "or",  "org", "plc", "res", "sch",
};

bool public_suffix_matches(const char *domain)
{
	const char *dot = strchr(domain, '.'), *country;
	size_t length;

	if (!dot || !dot[1])
		return true;
	country = dot + 1;
	length = strcspn(country, ".");
	if (length != COUNTRY_LENGTH ||
	    strspn(country + length, ".") != strlen(country + length))
		return false;
	length = (size_t)(dot - domain);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strlen(words[i]) == length &&
		    strncasecmp(words[i], domain, length) == 0)
			return true;
	return false;
}
