/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words by which a command is carried out in another network namespace. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "host/change/change_internal.h"

#define IP	    "ip "
#define NFT	    "nft "
#define RESOLV_CONF "printf "
#define IN_NAME	    "ip -n "
#define EXEC	    "ip netns exec "
#define IN_PATH	    "nsenter --net="
#define ADD	    "ip netns add "
#define FILE_OWN    "' >/etc/resolv.conf "
#define FILE_START  "' >" NETNS_FILES "/"
#define FILE_END    "/resolv.conf "
#define WHICH	    " # net:["

static bool begins(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* "" where it is not known which one the name stood for. */
static void print_which(const struct netns *place, char *text, size_t size)
{
	text[0] = '\0';
	if (place->cookie)
		snprintf(text, size, WHICH "%" PRIu32 "] cookie %" PRIu64,
			 place->inode, place->cookie);
	else if (place->inode)
		snprintf(text, size, WHICH "%" PRIu32 "]", place->inode);
}

static int put_file(const struct netns *place, const char *plain, char *text,
		    size_t size)
{
	const char *file = strstr(plain, FILE_OWN);

	if (!file || netns_is_path(place->name))
		return -EINVAL;
	return snprintf(text, size, "%.*s" FILE_START "%s" FILE_END "%s",
			(int)(file - plain), plain, place->name,
			file + strlen(FILE_OWN));
}

static int put_command(const struct netns *place, const char *plain, char *text,
		       size_t size)
{
	char which[64];

	print_which(place, which, sizeof(which));
	if (netns_is_path(place->name))
		return snprintf(text, size, IN_PATH "%s %s%s", place->name,
				plain, which);
	if (begins(plain, IP))
		return snprintf(text, size, IN_NAME "%s %s%s", place->name,
				plain + strlen(IP), which);
	return snprintf(text, size, EXEC "%s %s%s", place->name, plain, which);
}

static int put(const struct change *change, const char *plain, char *text,
	       size_t size)
{
	const struct netns *place = &change->place;
	char which[64];

	switch (change_operations(change->kind)->place) {
	case CHANGE_PLACE_COMMAND:
		return put_command(place, plain, text, size);
	case CHANGE_PLACE_FILE:
		return put_file(place, plain, text, size);
	case CHANGE_PLACE_NAME:
		print_which(place, which, sizeof(which));
		return snprintf(text, size, "%s%s", plain, which);
	case CHANGE_PLACE_NONE:
		break;
	}
	return -EINVAL;
}

int change_place_put(const struct change *change, char *text, size_t size)
{
	char plain[CHANGE_TEXT_SIZE];
	int length;

	if (!change->place.name[0])
		return 0;
	if (!config_namespace_valid(change->place.name))
		return -EINVAL;
	if ((size_t)snprintf(plain, sizeof(plain), "%s", text) >= sizeof(plain))
		return -ENOSPC;
	length = put(change, plain, text, size);
	if (length < 0)
		return length;
	return (size_t)length < size ? 0 : -ENOSPC;
}

/* Takes the name up to end. Returns what is behind that, NULL without it. */
static const char *take_name(const char *text, const char *end,
			     struct netns *place)
{
	const char *stop = strstr(text, end);
	size_t length = stop ? (size_t)(stop - text) : 0;

	if (length == 0 || length >= sizeof(place->name))
		return NULL;
	memcpy(place->name, text, length);
	place->name[length] = '\0';
	return stop + strlen(end);
}

static int take_file(const char *text, struct netns *place,
		     char plain[CHANGE_TEXT_SIZE])
{
	const char *file = strstr(text, FILE_START), *rest;

	if (!file) {
		strcpy(plain, text);
		return 0;
	}
	rest = take_name(file + strlen(FILE_START), FILE_END, place);
	if (!rest)
		return -EINVAL;
	snprintf(plain, CHANGE_TEXT_SIZE, "%.*s" FILE_OWN "%s",
		 (int)(file - text), text, rest);
	return 0;
}

/* Reads which namespace it is, and cuts that off. */
static void take_which(char *text, struct netns *place)
{
	char *last = NULL, *next = text;

	while ((next = strstr(next, WHICH)) != NULL)
		last = next++;
	if (!last)
		return;
	sscanf(last, WHICH "%10" SCNu32 "] cookie %20" SCNu64, &place->inode,
	       &place->cookie);
	*last = '\0';
}

static int take_command(const char *text, struct netns *place,
			char plain[CHANGE_TEXT_SIZE])
{
	const char *start = "", *rest;

	if (begins(text, ADD)) {
		strcpy(plain, text);
		take_which(plain, place);
		rest = plain + strlen(ADD);
		if (!rest[0] || strlen(rest) >= sizeof(place->name))
			return -EINVAL;
		strcpy(place->name, rest);
		return 0;
	}
	if (begins(text, IN_NAME)) {
		start = IP;
		rest = take_name(text + strlen(IN_NAME), " ", place);
	} else if (begins(text, EXEC)) {
		rest = take_name(text + strlen(EXEC), " ", place);
	} else {
		rest = take_name(text + strlen(IN_PATH), " ", place);
	}
	if (!rest)
		return -EINVAL;
	snprintf(plain, CHANGE_TEXT_SIZE, "%s%s", start, rest);
	take_which(plain, place);
	return 0;
}

int change_place_take(const char *text, struct netns *place,
		      char plain[CHANGE_TEXT_SIZE])
{
	if (strlen(text) >= CHANGE_TEXT_SIZE)
		return -EINVAL;
	if (begins(text, RESOLV_CONF))
		return take_file(text, place, plain);
	if (begins(text, ADD) || begins(text, IN_NAME) || begins(text, EXEC) ||
	    begins(text, IN_PATH))
		return take_command(text, place, plain);
	strcpy(plain, text);
	return 0;
}
