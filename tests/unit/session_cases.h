/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What must hold of sessions whoever seals their records: run with record.c by
 * test_session, and with GnuTLS's own functions by test_session_library.
 */
#ifndef MINIVPN_TESTS_SESSION_CASES_H
#define MINIVPN_TESTS_SESSION_CASES_H

#include "unit/memory_link.h"

/* Fresh keys for both ends. */
void session_cases_begin(void);

struct memory_link *open_link(enum config_cipher cipher);

/* One record from side arrives whole at the other. */
void check_data(struct memory_link *link, enum link_side side);

void session_case_open(void **state);
void session_case_data(void **state);
void session_case_sizes(void **state);
void session_case_in_place(void **state);
void session_case_several_records(void **state);
void session_case_replay(void **state);
void session_case_overtaken(void **state);
void session_case_plaintext(void **state);
void session_case_garbage(void **state);
void session_case_last_flight(void **state);
void session_case_losses(void **state);
void session_case_close(void **state);

#endif
