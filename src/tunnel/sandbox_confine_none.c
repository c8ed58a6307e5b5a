/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In builds with sanitizers only: see src/local.mk. */
#include "tunnel/sandbox_confine.h"

int sandbox_confine_output(void)
{
	return 0;
}

int sandbox_confine_root(void)
{
	return 0;
}

int sandbox_confine_resources(const struct config *config)
{
	(void)config;
	return 0;
}

int sandbox_confine_memory(pid_t pid, const struct config *config)
{
	(void)pid;
	(void)config;
	return 0;
}

int sandbox_confine_calls(const struct tunnel_arguments *arguments)
{
	(void)arguments;
	return 0;
}
