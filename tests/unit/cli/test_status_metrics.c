/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that would be more than a name, and clients without number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/status_metrics.h"

static json_t *client(const char *name, int bytes)
{
	return json_pack("{s:s,s:i,s:{s:i,s:i}}", "name", name, "connected", 7,
			 "total", "rx_bytes", bytes, "tx_bytes", 2 * bytes);
}

static char *print(const json_t *status)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	assert_non_null(out);
	status_metrics_print(out, STATUS_METRICS_PROMETHEUS, "t", status);
	assert_int_equal(fclose(out), 0);
	return text;
}

static size_t count(const char *text, const char *what)
{
	size_t found = 0;

	while ((text = strstr(text, what)) != NULL) {
		found++;
		text++;
	}
	return found;
}

static void test_only_the_busiest_have_their_own(void **state)
{
	enum { CLIENTS = 3 * STATUS_METRICS_CLIENTS };
	json_t *clients = json_array();
	json_t *status =
		json_pack("{s:s,s:o}", "state", "up", "clients", clients);
	char name[32], *text;

	(void)state;
	for (int i = 0; i < CLIENTS; i++) {
		snprintf(name, sizeof(name), "peer%d", i);
		json_array_append_new(clients, client(name, i));
	}
	text = print(status);
	assert_int_equal(count(text, "\nminivpn_client_received_bytes_total{"),
			 STATUS_METRICS_CLIENTS);
	assert_non_null(strstr(text, "minivpn_clients{tunnel=\"t\"} 3000\n"));
	assert_non_null(
		strstr(text, "minivpn_clients_left_out{tunnel=\"t\"} 2000\n"));
	assert_non_null(strstr(text, "client=\"peer2999\"} 2999\n"));
	assert_null(strstr(text, "client=\"peer1999\""));
	free(text);
	json_decref(status);
}

/* A certificate's CN ends neither the text nor the line. */
static void test_names_are_quoted(void **state)
{
	json_t *status =
		json_pack("{s:[o]}", "clients", client("a\"} 1\nb\\", 5));
	char *text = print(status);

	(void)state;
	assert_non_null(
		strstr(text, "minivpn_client_received_bytes_total{tunnel=\"t\","
			     "client=\"a\\\"} 1\\nb\\\\\"} 5\n"));
	assert_null(strstr(text, "\nb"));
	free(text);
	json_decref(status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_the_busiest_have_their_own),
		cmocka_unit_test(test_names_are_quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
