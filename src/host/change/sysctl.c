/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This kind is a setting of the kernel's network (sysctl(8)). */
#include "host/change/change_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/reason.h"

static int apply_sysctl(struct change_context *context,
			const struct change *change, struct reason *reason)
{
	const char *key = change->sysctl.key, *value = change->sysctl.value;
	char now[SYSCTL_VALUE_SIZE];
	int err;

	(void)context;
	if (strcmp(value, change->sysctl.before) == 0)
		return 0;
	err = sysctl_read(key, now, sizeof(now));
	if (!err && strcmp(now, value) == 0)
		return 1;
	/* before is what a revert writes: it must not be out of date. */
	if (!err && strcmp(now, change->sysctl.before) != 0) {
		reason_set(reason,
			   "%s: somebody else has just set it to %s: try again",
			   key, now);
		return -EAGAIN;
	}
	if (!err)
		err = sysctl_write(key, value);
	if (err == -EROFS)
		reason_set(reason,
			   "%s: /proc/sys is mounted read-only here: set %s=%s "
			   "outside",
			   key, key, value);
	else if (err == -EPERM || err == -EACCES)
		reason_set(reason, "%s: %s", key, CHANGE_AS_ROOT);
	else if (err == -ENOENT)
		reason_set(reason, "%s: this kernel has no such setting", key);
	else if (err)
		reason_set(reason, "%s: %s", key, strerror(-err));
	return err;
}

static int revert_sysctl(struct change_context *context,
			 const struct change *change, struct reason *reason)
{
	const char *key = change->sysctl.key, *before = change->sysctl.before;
	bool keep = strcmp(change->sysctl.value, before) == 0;
	char now[SYSCTL_VALUE_SIZE];
	int err;

	(void)context;
	err = sysctl_read(key, now, sizeof(now));
	/* It was a setting of a device that is gone. */
	if (err == -ENOENT)
		return 0;
	if (!err && strcmp(now, before) == 0)
		return 0;
	if (!err && !keep && strcmp(now, change->sysctl.value) != 0) {
		reason_set(reason,
			   "%s is left at %s, which somebody else has set", key,
			   now);
		return 1;
	}
	if (!err)
		err = sysctl_write(key, before);
	if (err)
		reason_set(reason, "%s: %s", key, strerror(-err));
	return err;
}

/*
 * It is missing if it is as it was before us. A third value is what somebody
 * has chosen, and stays; a setting that was not to be written (value is before)
 * is not watched.
 */
static int sysctl_missing(struct change_context *context,
			  const struct change *change)
{
	char now[SYSCTL_VALUE_SIZE];
	int err;

	(void)context;
	if (strcmp(change->sysctl.value, change->sysctl.before) == 0)
		return 0;
	err = sysctl_read(change->sysctl.key, now, sizeof(now));
	/* It has gone with its device. */
	if (err)
		return err == -ENOENT ? 0 : err;
	return strcmp(now, change->sysctl.before) == 0;
}

static bool word_valid(const char *word, size_t size)
{
	size_t length = strnlen(word, size);

	return length > 0 && length < size &&
	       strcspn(word, "= \t\n\v\f\r") == length;
}

static int print_sysctl(const struct change *change, struct text *text)
{
	const char *key = change->sysctl.key;

	/* Nothing but the network's settings is ours to touch. */
	if (!word_valid(key, SYSCTL_KEY_SIZE) || strncmp(key, "net.", 4) != 0 ||
	    !word_valid(change->sysctl.value, SYSCTL_VALUE_SIZE) ||
	    !word_valid(change->sysctl.before, SYSCTL_VALUE_SIZE))
		return -EINVAL;
	text_append(text, "sysctl -w %s=%s # was %s", key, change->sysctl.value,
		    change->sysctl.before);
	return 0;
}

static int parse_sysctl(const char *text, struct change *change)
{
	if (sscanf(text, "sysctl -w %95[^=]=%31s # was %31s",
		   change->sysctl.key, change->sysctl.value,
		   change->sysctl.before) != 3)
		return -EINVAL;
	return 0;
}

static uint32_t hash_sysctl(const struct change *change)
{
	return change_hash_bytes(change->sysctl.key,
				 strlen(change->sysctl.key));
}

static const struct change_field sysctl_fields[] = {
	CHANGE_FIELD("key", WORD, sysctl.key),
	CHANGE_FIELD("value", WORD, sysctl.value),
	CHANGE_FIELD("before", WORD, sysctl.before),
	{0},
};

const struct change_operations change_sysctl = {
	.name = "sysctl",
	.fields = sysctl_fields,
	.apply = apply_sysctl,
	.revert = revert_sysctl,
	.missing = sysctl_missing,
	.hash = hash_sysctl,
	.print = print_sysctl,
	.starts = {"sysctl -w "},
	.parse = parse_sysctl,
};
