/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/status_watch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json_field.h"
#include "cli/quantity.h"
#include "cli/rates.h"
#include "cli/screen.h"
#include "cli/status_table.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "common/clock.h"
#include "common/ipc/control_socket.h"

#define PERIOD_MS 1000
/* Keys are not heard meanwhile. */
#define ANSWER_MS 3000
/* The head, the titles and the last line. */
#define OTHER_LINES 3

enum order { BY_RATE, BY_BYTES, BY_NAME, BY_ROUND_TRIP, ORDERS };

struct row {
	json_t *peer;
	const struct rate_series *series;
};

struct watch {
	const char *name, *request;
	struct screen *screen;
	struct terminal terminal;
	struct rates rates;
	json_t *status; /* NULL: no answer */
	struct row *rows;
	size_t count;
	enum order order;
};

static int compare(double a, double b)
{
	return (a < b) - (a > b);
}

/* What is asked of a peer that has none is not measured yet: it goes last. */
static double round_trip(const struct row *row)
{
	const json_t *value = json_object_get(row->peer, "rtt_ms");

	return json_is_number(value) ? json_number_value(value) : -1.;
}

static int in_order(const void *a, const void *b, void *data)
{
	const enum order *order = data;
	const struct row *x = a, *y = b;
	int result = 0;

	switch (*order) {
	case BY_RATE:
		result = compare(x->series->rx + x->series->tx,
				 y->series->rx + y->series->tx);
		break;
	case BY_ROUND_TRIP:
		result = compare(round_trip(x), round_trip(y));
		break;
	case BY_BYTES:
		break;
	case BY_NAME:
		return strcmp(x->series->name, y->series->name);
	case ORDERS:
		break;
	}
	if (!result)
		result = compare(x->series->rx_bytes + x->series->tx_bytes,
				 y->series->rx_bytes + y->series->tx_bytes);
	return result ? result : strcmp(x->series->name, y->series->name);
}

static const char *order_name(enum order order)
{
	switch (order) {
	case BY_RATE:
		return "rate";
	case BY_BYTES:
		return "transfer";
	case BY_NAME:
		return "name";
	case BY_ROUND_TRIP:
		return "round trip";
	case ORDERS:
		break;
	}
	return "";
}

static void add_row(struct watch *watch, json_t *peer, const char *name)
{
	const struct rate_series *series = rates_count(
		&watch->rates, name, json_field_number(peer, "rx_bytes"),
		json_field_number(peer, "tx_bytes"));

	if (series)
		watch->rows[watch->count++] = (struct row){peer, series};
}

/* Rows of those who are connected, with their rates; takes over status. */
static void take(struct watch *watch, json_t *status)
{
	json_t *clients = json_object_get(status, "clients");
	json_t *server = json_object_get(status, "server"), *client;
	size_t i;

	json_decref(watch->status);
	watch->status = status;
	free(watch->rows);
	watch->count = 0;
	watch->rows =
		calloc(json_array_size(clients) + 1, sizeof(*watch->rows));
	if (!watch->rows)
		return;
	rates_begin(&watch->rates, clock_seconds(CLOCK_MONOTONIC));
	json_array_foreach(clients, i, client)
		add_row(watch, client, json_field_text(client, "name"));
	if (server)
		add_row(watch, server, json_field_text(server, "host"));
	rates_end(&watch->rates);
}

/*
 * Each step up is eight times as much, from a byte to 256 MiB a second, so that
 * one who sends much does not make the others disappear.
 */
static unsigned level(double rate)
{
	unsigned steps = rate >= 1.;

	for (double least = 1024.; rate >= least && steps < 8; least *= 8.)
		steps++;
	return steps;
}

static const char *graph(char text[RATES_SAMPLES * 3 + 1], bool utf8,
			 const struct rate_series *series)
{
	static const char *const blocks[] = {" ",      "\u2581", "\u2582",
					     "\u2583", "\u2584", "\u2585",
					     "\u2586", "\u2587", "\u2588"};
	static const char *const ascii[] = {" ", ".", ":", "-", "=",
					    "+", "*", "#", "@"};
	const char *const *marks = utf8 ? blocks : ascii;
	char *end = text;

	for (unsigned i = 0; i < RATES_SAMPLES; i++) {
		unsigned at = (series->next + i) % RATES_SAMPLES;

		end = stpcpy(end, marks[level(series->past[at])]);
	}
	return text;
}

static void add_cells(struct table *table, const struct watch *watch,
		      const struct row *row)
{
	char text[RATES_SAMPLES * 3 + 1], number[QUANTITY_SIZE];
	double ms = round_trip(row);

	table_add(table, row->series->name);
	table_add(table, json_field_first(row->peer, "addresses"));
	table_add(table, ms < 0. ? "-" : quantity_round_trip(number, ms));
	table_add(table, quantity_bytes(number, row->series->rx));
	table_add(table, quantity_bytes(number, row->series->tx));
	table_add(table, graph(text, watch->terminal.utf8, row->series));
}

static void print_table(FILE *out, struct watch *watch, size_t shown)
{
	static const struct table_column columns[] = {
		{"NAME", TABLE_LEFT, 10, 0},  {"ADDRESS", TABLE_LEFT, 11, 5},
		{"RTT", TABLE_RIGHT, 7, 4},   {"IN/S", TABLE_RIGHT, 7, 2},
		{"OUT/S", TABLE_RIGHT, 7, 1}, {"", TABLE_LAST, 8, 3},
	};
	struct table table = {
		.columns = columns,
		.column_count = sizeof(columns) / sizeof(*columns),
	};

	qsort_r(watch->rows, watch->count, sizeof(*watch->rows), in_order,
		&watch->order);
	for (size_t i = 0; i < shown; i++)
		add_cells(&table, watch, &watch->rows[i]);
	table_print(&table, &watch->terminal, out);
	table_free(&table);
}

static void print_keys(FILE *out, struct watch *watch, size_t shown)
{
	const struct terminal *terminal = &watch->terminal;
	char text[128];

	snprintf(text, sizeof(text), "%zu of %zu, by %s (s: another, q: quit)",
		 shown, watch->count, order_name(watch->order));
	fputs(terminal_style(terminal, TERMINAL_LABEL), out);
	terminal_put(out, terminal, text, terminal->columns);
	fputs(terminal_style(terminal, TERMINAL_PLAIN), out);
	putc('\n', out);
}

static void draw(struct watch *watch)
{
	const struct terminal *terminal = &watch->terminal;
	size_t lines =
		terminal->rows > OTHER_LINES ? terminal->rows - OTHER_LINES : 1;
	size_t shown = watch->count < lines ? watch->count : lines;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return;
	if (watch->status) {
		status_table_head(out, terminal, watch->status);
	} else {
		terminal_put(out, terminal, watch->name, 0);
		fputs(": no answer\n", out);
	}
	if (shown)
		print_table(out, watch, shown);
	print_keys(out, watch, shown);
	if (!fclose(out))
		screen_show(watch->screen, text, length);
	free(text);
}

/* The last column stays free: some terminals wrap as soon as it is written. */
static void find_size(struct watch *watch)
{
	terminal_find_size(&watch->terminal);
	if (watch->terminal.columns > 1)
		watch->terminal.columns--;
}

/* A tunnel that is down comes again, as does one that starts anew. */
static void ask(struct watch *watch)
{
	json_t *answer = NULL, *status;

	control_request(watch->name, watch->request, ANSWER_MS, &answer);
	status = json_object_get(answer, "status");
	/* One that runs since before an upgrade may not know the request. */
	if (answer && !status)
		watch->request = "status";
	take(watch, json_incref(status));
	json_decref(answer);
}

static void run(struct watch *watch)
{
	long long next = clock_ms(CLOCK_MONOTONIC) + PERIOD_MS;
	enum screen_event event;
	char key = '\0';

	do {
		draw(watch);
		event = screen_wait(watch->screen, next, &key);
		if (event == SCREEN_RESIZE)
			find_size(watch);
		if (event == SCREEN_KEY && key == 's')
			watch->order = (watch->order + 1) % ORDERS;
		if (event == SCREEN_TIME) {
			ask(watch);
			/* After an answer that took long there is a pause. */
			next = clock_ms(CLOCK_MONOTONIC) + PERIOD_MS;
		}
	} while (event != SCREEN_END && !(event == SCREEN_KEY && key == 'q'));
}

int status_watch(const char *name, json_t *status)
{
	struct watch watch = {.name = name, .request = "rates"};
	int err;

	terminal_find(&watch.terminal);
	err = screen_open(&watch.screen);
	if (err == -ENOTTY)
		return cli_error("status: --watch needs a terminal whose "
				 "cursor can be moved");
	if (err)
		return cli_error("status: --watch: %s", strerror(-err));
	find_size(&watch);
	take(&watch, json_incref(status));
	run(&watch);
	screen_close(watch.screen);
	json_decref(watch.status);
	free(watch.rows);
	rates_free(&watch.rates);
	return CLI_DONE;
}
