/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What status, status --watch and list print, as text of a given width. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "cli/json_field.h"
#include "cli/quantity.h"
#include "cli/rates.h"
#include "cli/status_page.h"
#include "cli/status_table.h"
#include "cli/table.h"
#include "cli/terminal.h"

static const struct terminal whole = {.utf8 = true};

/* What was printed last. */
static char *text;
static size_t length;

static FILE *begin(void)
{
	FILE *out;

	free(text);
	out = open_memstream(&text, &length);
	assert_non_null(out);
	return out;
}

static int clean(void **state)
{
	(void)state;
	free(text);
	text = NULL;
	return 0;
}

static const char *put(const struct terminal *terminal, const char *what,
		       unsigned width, unsigned taken)
{
	FILE *out = begin();

	assert_int_equal(terminal_put(out, terminal, what, width), taken);
	fclose(out);
	assert_int_equal(terminal_put(NULL, terminal, what, width), taken);
	return text;
}

static void test_cut(void **state)
{
	const struct terminal ascii = {.columns = 80, .rows = 24};

	(void)state;
	assert_string_equal(put(&whole, "alice", 0, 5), "alice");
	assert_string_equal(put(&whole, "alice", 5, 5), "alice");
	assert_string_equal(put(&whole, "alice", 4, 4), "ali\u2026");
	assert_string_equal(put(&ascii, "alice", 4, 4), "ali~");
	assert_string_equal(put(&whole, "alice", 1, 1), "\u2026");
	assert_string_equal(put(&whole, "", 1, 0), "");
	/* Between characters of two, three and four bytes. */
	assert_string_equal(put(&whole, "J\u00fcrgen", 3, 3), "J\u00fc\u2026");
	assert_string_equal(put(&whole, "J\u00fcrgen", 2, 2), "J\u2026");
	/* Characters of two columns, and of none. */
	assert_string_equal(put(&whole, "\u6771\u4eac\u90fd", 5, 5),
			    "\u6771\u4eac\u2026");
	assert_string_equal(put(&whole, "\u6771\u4eac\u90fd", 4, 3),
			    "\u6771\u2026");
	assert_string_equal(put(&whole, "e\u0301e\u0301", 2, 2),
			    "e\u0301e\u0301");
}

static void test_no_command_of_the_terminal(void **state)
{
	const struct terminal ascii = {.columns = 80, .rows = 24};

	(void)state;
	assert_string_equal(put(&whole, "a\nb\r\033[2J\x7f", 0, 9),
			    "a?b??[2J?");
	/* C1, line separators, what writes backwards, what is no UTF-8. */
	assert_string_equal(put(&whole,
				"a\xc2\x9b"
				"b\u2028c\u202ed\u2066e",
				0, 9),
			    "a?b?c?d?e");
	assert_string_equal(put(&whole, "a\xff\xc3", 0, 3), "a??");
	assert_string_equal(put(&ascii, "J\u00fcrgen", 0, 6), "J?rgen");
}

static json_t *client(unsigned number, const char *name)
{
	char address[32], endpoint[64];

	snprintf(address, sizeof(address), "10.8.%u.%u", number / 250,
		 number % 250 + 2);
	snprintf(endpoint, sizeof(endpoint), "198.51.100.%u:%u", number % 250,
		 40000 + number);
	return json_pack(
		"{s:s,s:s,s:s,s:[s,s],s:[],s:i,s:f,s:f,s:I,s:I,s:i,"
		"s:i,s:{s:i},s:n,s:b,s:s,s:s}",
		"name", name, "key", "KEY", "endpoint", endpoint, "addresses",
		address, "fd08::2", "subnets", "connected", 7200, "last_heard",
		3.2, "rtt_ms", 12.34, "rx_bytes", (json_int_t)number * 1000000,
		"tx_bytes", (json_int_t)number * 9000000, "rx_packets", 5,
		"tx_packets", 6, "drops", "source", 0, "certificate_expires",
		"runs_lost", 0, "cipher", "AES-128-GCM", "library", "GnuTLS");
}

static json_t *server(unsigned count)
{
	json_t *clients = json_array();
	char name[32];

	for (unsigned i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "laptop-of-%u", i);
		json_array_append_new(clients, client(i, name));
	}
	return json_pack(
		"{s:s,s:s,s:s,s:s,s:i,s:[s,s],s:f,s:{s:I,s:I},s:{s:i},"
		"s:[s],s:[],s:n,s:i,s:[s],s:o}",
		"name", "server", "role", "server", "state", "up", "device",
		"tun0", "mtu", 1435, "addresses", "10.8.0.1/16", "fd08::1/64",
		"uptime", 11000., "traffic", "rx_bytes", (json_int_t)5000000000,
		"tx_bytes", (json_int_t)70000000000, "drops", "source", 0,
		"changes", "ip link add", "warnings", "certificate_expires",
		"known", 620, "listen", "*:4433", "clients", clients);
}

static void print_table(const struct terminal *terminal, json_t *status,
			bool all)
{
	FILE *out = begin();

	status_table_print(out, terminal, status, all);
	fclose(out);
}

/* Returns the number of lines; none is wider than columns (0: whatever). */
static unsigned count_lines(unsigned columns)
{
	unsigned lines = 0;

	for (const char *line = text; *line; lines++) {
		const char *end = strchr(line, '\n');
		char copy[1024];

		assert_non_null(end);
		assert_true((size_t)(end - line) < sizeof(copy));
		snprintf(copy, sizeof(copy), "%.*s", (int)(end - line), line);
		if (columns)
			assert_true(terminal_put(NULL, &whole, copy, 0) <=
				    columns);
		line = end + 1;
	}
	return lines;
}

static void test_server_on_a_screen(void **state)
{
	const struct terminal terminal = {.columns = 80, .rows = 24};
	const struct terminal small = {.columns = 40, .rows = 20};
	json_t *status = server(500);

	(void)state;
	print_table(&terminal, status, false);
	assert_int_equal(count_lines(80), 23);
	assert_memory_equal(text,
			    "server: up for 3 h, 500 of 620 connected, "
			    "4.7 GiB in, 65 GiB out\n"
			    "  tun0, 10.8.0.1/16, fd08::1/64, listening on "
			    "*:4433, MTU 1435\n",
			    128);
	assert_non_null(strstr(text, "\nNAME           ADDRESS     FROM"));
	/* The busiest is the first of them. */
	assert_non_null(strstr(text, "OUT\nlaptop-of-499  10.8.1.251  "
				     "198.51.100.249    2 h  12 ms  476 MiB  "
				     "4.2 GiB\nlaptop-of-498 "));
	assert_non_null(strstr(text, "\nand 481 more: --all shows them\n"));
	print_table(&small, status, false);
	assert_int_equal(count_lines(40), 19);
	assert_non_null(strstr(text, "\nlaptop-of~  10.8.1.251  476 MiB"));
	assert_non_null(strstr(text, "\nand 485 more: --all shows them\n"));
	print_table(&terminal, status, true);
	assert_int_equal(count_lines(80), 503);
	assert_null(strstr(text, "more"));
	json_decref(status);
}

static void test_server_of_few(void **state)
{
	const struct terminal terminal = {.columns = 80, .rows = 24};
	json_t *status = server(20);

	(void)state;
	/* The one above those that fit takes the line that would count it. */
	print_table(&terminal, status, false);
	assert_int_equal(count_lines(80), 23);
	assert_null(strstr(text, "more"));
	json_array_clear(json_object_get(status, "clients"));
	json_object_set_new(status, "known", json_null());
	json_object_set_new(status, "state", json_string("restarting"));
	print_table(&terminal, status, false);
	assert_int_equal(count_lines(80), 2);
	assert_memory_equal(text, "server: restarting, 0 connected, ", 33);
	json_decref(status);
}

static void test_without_a_terminal(void **state)
{
	static const char name[] = "a-client-with-a-name-that-is-longer-than-"
				   "any-column-has-ever-been";
	json_t *status = server(30);

	(void)state;
	json_array_append_new(json_object_get(status, "clients"),
			      client(40, name));
	print_table(&whole, status, false);
	assert_int_equal(count_lines(0), 2 + 1 + 20 + 1);
	assert_non_null(strstr(text, name));
	assert_null(strchr(text, '\033'));
	json_decref(status);
}

static void test_colours(void **state)
{
	const struct terminal terminal = {
		.columns = 80, .rows = 24, .colour = true, .utf8 = true};
	json_t *status = server(1);

	(void)state;
	print_table(&terminal, status, false);
	assert_memory_equal(text, "\033[1;32mserver\033[0m: up", 20);
	json_decref(status);
}

static void test_notes(void **state)
{
	const struct terminal terminal = {.columns = 80, .rows = 24};
	json_t *status = server(30), *clients, *one;
	size_t i;

	(void)state;
	clients = json_object_get(status, "clients");
	json_object_set_new(json_array_get(clients, 3), "runs_lost",
			    json_true());
	json_object_set_new(status, "warnings",
			    json_pack("[s]", "what: \033[2J why"));
	json_object_set_new(status, "drops",
			    json_pack("{s:i,s:i}", "source", 12, "ecn", 0));
	print_table(&terminal, status, false);
	assert_int_equal(count_lines(80), 23);
	assert_non_null(strstr(text, "\n  warning: what: ?[2J why\n"));
	assert_non_null(strstr(text, "\n  dropped: 12 source\n"));
	assert_non_null(strstr(text, "\n  note: laptop-of-3: UDP segmentation "
				     "is off"));
	json_array_foreach(clients, i, one)
		json_object_set_new(one, "certificate_expires",
				    json_integer((json_int_t)time(NULL) +
						 (i ? 3 * 86400 + 100 : -5)));
	print_table(&terminal, status, false);
	assert_int_equal(count_lines(80), 23);
	assert_non_null(strstr(text, "laptop-of-0: its certificate has "
				     "expired\n"));
	assert_non_null(strstr(text, "laptop-of-1: its certificate expires in "
				     "3 days\n"));
	assert_non_null(strstr(text, "\n  and 27 such clients more\n"));
	json_decref(status);
}

static void test_forged_lines(void **state)
{
	const struct terminal terminal = {.columns = 80, .rows = 24};
	json_t *status = server(1), *clients, *one;

	(void)state;
	one = client(2, "eve\nand 9 more: all is well\033[2J");
	clients = json_object_get(status, "clients");
	json_object_set_new(one, "endpoint", json_string("[\n]:1"));
	json_array_append_new(clients, one);
	print_table(&terminal, status, false);
	assert_int_equal(count_lines(80), 5);
	assert_null(strchr(text, '\033'));
	json_decref(status);
}

static void test_client_page(void **state)
{
	json_t *one = client(7, "alice");
	FILE *out = begin();

	(void)state;
	status_page_client(out, &whole, one);
	fclose(out);
	assert_string_equal(text, "client: alice\n"
				  "  public key: KEY\n"
				  "  endpoint: 198.51.100.7:40007\n"
				  "  addresses: 10.8.0.9, fd08::2\n"
				  "  connected: 2 hours\n"
				  "  last heard: 3 seconds ago\n"
				  "  round trip: 12 ms\n"
				  "  transfer: 6.7 MiB received (5 packets), "
				  "60 MiB sent (6 packets)\n"
				  "  cipher: AES-128-GCM, by GnuTLS\n");
	json_object_del(one, "connected");
	out = begin();
	status_page_client(out, &whole, one);
	fclose(out);
	assert_non_null(strstr(text, "\n  session: none\n"));
	json_decref(one);
}

static void test_address(void **state)
{
	char address[STATUS_TABLE_ADDRESS];

	(void)state;
	assert_string_equal(status_table_address(address, "192.0.2.1:5"),
			    "192.0.2.1");
	assert_string_equal(status_table_address(address, "[2001:db8::1]:5"),
			    "2001:db8::1");
	assert_string_equal(status_table_address(address, ""), "");
	assert_string_equal(status_table_address(address, "[:"), "[");
}

static void test_columns(void **state)
{
	static const struct table_column columns[] = {
		{"NAME", TABLE_LEFT, 4, 0},
		{"NOTHING", TABLE_LEFT, 1, 1},
		{"PAST", TABLE_LAST, 3, 2},
	};
	struct terminal terminal = {.columns = 12, .rows = 24, .utf8 = true};
	struct table table = {.columns = columns, .column_count = 3};
	FILE *out = begin();

	(void)state;
	table_add(&table, "alice");
	table_add(&table, "");
	table_add(&table, "12345\u2581\u2582");
	table_print(&table, &terminal, out);
	fclose(out);
	assert_string_equal(text, "NAME   PAST\n"
				  "alice  345\u2581\u2582\n");
	terminal.columns = 8;
	out = begin();
	table_print(&table, &terminal, out);
	fclose(out);
	assert_string_equal(text, "NAME\nalice\n");
	table_free(&table);
}

static void test_quantities(void **state)
{
	char number[QUANTITY_LONG_SIZE];

	(void)state;
	assert_string_equal(quantity_bytes(number, 999), "999 B");
	assert_string_equal(quantity_bytes(number, 1000), "1.0 KiB");
	assert_string_equal(quantity_bytes(number, 10189), "10 KiB");
	assert_string_equal(quantity_bytes(number, 1023488), "1.0 MiB");
	assert_string_equal(quantity_bytes(number, 4e18), "3553 PiB");
	assert_string_equal(quantity_time(number, 59.9), "59 s");
	assert_string_equal(quantity_time(number, 60), "1 min");
	assert_string_equal(quantity_time(number, 86400), "24 h");
	assert_string_equal(quantity_time(number, 200000), "2 d");
	assert_string_equal(quantity_duration(number, 0.5), "0 seconds");
	assert_string_equal(quantity_duration(number, 90061),
			    "1 day, 1 hour, 1 minute, 1 second");
	assert_string_equal(quantity_round_trip(number, 0.243), "0.24 ms");
	assert_string_equal(quantity_round_trip(number, 23.4), "23 ms");
	assert_string_equal(quantity_round_trip(number, 12345), "12 s");
	assert_string_equal(quantity_date(number, 0),
			    "1970-01-01 00:00:00 UTC");
}

static void test_rates(void **state)
{
	struct rates rates = {0};
	const struct rate_series *series;

	(void)state;
	rates_begin(&rates, 10.);
	series = rates_count(&rates, "alice", 5000., 100.);
	assert_true(series->rx == 0. && series->tx == 0.);
	rates_count(&rates, "bob", 1., 1.);
	rates_end(&rates);
	rates_begin(&rates, 12.);
	series = rates_count(&rates, "alice", 7000., 100.);
	assert_true(series->rx == 1000. && series->tx == 0.);
	assert_true(series->past[1] == 1000.f);
	rates_end(&rates);
	assert_int_equal(HASH_COUNT(rates.series), 1);
	/* A new session counts from nothing. */
	rates_begin(&rates, 13.);
	series = rates_count(&rates, "alice", 300., 50.);
	assert_true(series->rx == 300. && series->tx == 50.);
	/* Who comes later has no rate yet, and a past of nothing. */
	series = rates_count(&rates, "bob", 9999., 9999.);
	assert_true(series->rx == 0. && series->past[0] == 0.f);
	rates_end(&rates);
	rates_free(&rates);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_cut, clean),
		cmocka_unit_test_teardown(test_no_command_of_the_terminal,
					  clean),
		cmocka_unit_test_teardown(test_server_on_a_screen, clean),
		cmocka_unit_test_teardown(test_server_of_few, clean),
		cmocka_unit_test_teardown(test_without_a_terminal, clean),
		cmocka_unit_test_teardown(test_colours, clean),
		cmocka_unit_test_teardown(test_notes, clean),
		cmocka_unit_test_teardown(test_forged_lines, clean),
		cmocka_unit_test_teardown(test_client_page, clean),
		cmocka_unit_test(test_address),
		cmocka_unit_test_teardown(test_columns, clean),
		cmocka_unit_test(test_quantities),
		cmocka_unit_test(test_rates),
	};

	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
