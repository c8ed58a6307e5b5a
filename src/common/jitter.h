/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pauses that nobody can recognise a program by: no timer that ends in a
 * datagram is a constant. It stands alone so that tests of what takes time can
 * have a jitter() of their own.
 */
#ifndef MINIVPN_COMMON_JITTER_H
#define MINIVPN_COMMON_JITTER_H

/*
 * A time at random, evenly between seconds * (1 - less) and seconds * (1 +
 * more); seconds itself where there is no randomness to be had.
 */
double jitter(double seconds, double less, double more);

#endif
