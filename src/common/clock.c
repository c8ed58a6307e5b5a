/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/clock.h"

double clock_seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int64_t clock_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t clock_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

double clock_now(void)
{
	return clock_seconds(CLOCK_BOOTTIME);
}

uint64_t clock_now_us(void)
{
	return clock_us(CLOCK_BOOTTIME);
}
