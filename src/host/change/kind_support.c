/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What several kinds of changes need: checks and hashes of fields, reasons. */
#include "host/change/change_internal.h"

#include <errno.h>
#include <string.h>

#include "common/reason.h"

/* The hash is FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
#define FNV_START 0x811c9dc5u
#define FNV_PRIME 0x01000193u

bool change_device_valid(const char *device)
{
	size_t length = strnlen(device, IFNAMSIZ);

	return length > 0 && length < IFNAMSIZ && strcmp(device, ".") != 0 &&
	       strcmp(device, "..") != 0 &&
	       strcspn(device, "/: \t\n\v\f\r") == length;
}

bool change_prefix_valid(const struct inet_prefix *prefix)
{
	size_t size = inet_size(prefix->address.family);

	return size > 0 && prefix->length <= 8 * size;
}

static uint32_t hash_more(uint32_t hash, const void *bytes, size_t size)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ byte[i]) * FNV_PRIME;
	return hash;
}

uint32_t change_hash_bytes(const void *bytes, size_t size)
{
	return hash_more(FNV_START, bytes, size);
}

uint32_t change_hash_prefix(const struct inet_prefix *prefix)
{
	uint32_t hash =
		change_hash_bytes(&prefix->address, sizeof(prefix->address));

	return hash_more(hash, &prefix->length, sizeof(prefix->length));
}

int change_explain_rtnl(const struct change_context *context, int err,
			const char *what, struct reason *reason)
{
	const char *kernel = rtnl_reason(context->rtnl);

	if (err == -EPERM)
		reason_set(reason, "%s: %s", what, CHANGE_AS_ROOT);
	else if (kernel[0])
		reason_set(reason, "%s: %s (%s)", what, strerror(-err), kernel);
	else
		reason_set(reason, "%s: %s", what, strerror(-err));
	return err;
}

int change_unless(int has)
{
	if (has == -ENODEV)
		return 1;
	return has < 0 ? has : !has;
}
