/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What time it is, by the kernel's clocks that only go forwards. Dates are
 * time()'s, and the time of a turn of an event loop is ev_now()'s.
 */
#ifndef MINIVPN_COMMON_CLOCK_H
#define MINIVPN_COMMON_CLOCK_H

#include <stdint.h>
#include <time.h>

/*
 * Seconds since the machine was started (CLOCK_BOOTTIME). The time that it was
 * suspended counts, as a peer's silence goes on meanwhile.
 */
double clock_now(void);

/* The same in microseconds. */
uint64_t clock_now_us(void);

/* One of clock_gettime(2), in seconds, milliseconds and microseconds. */
double clock_seconds(clockid_t clock);
int64_t clock_ms(clockid_t clock);
uint64_t clock_us(clockid_t clock);

#endif
