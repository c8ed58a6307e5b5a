/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In builds with sanitizers only: see src/local.mk. */
#include "common/seccomp.h"

int harden_new(struct harden **harden)
{
	*harden = NULL;
	return 0;
}

int harden_add(struct harden *harden, const struct harden_calls *calls)
{
	(void)harden;
	(void)calls;
	return 0;
}

int harden_enter(struct harden *harden)
{
	(void)harden;
	return 0;
}

bool harden_unavailable(int err)
{
	(void)err;
	return false;
}

void harden_free(struct harden *harden)
{
	(void)harden;
}

int harden_memory(void)
{
	return 0;
}
