/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/status_table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/json_field.h"
#include "cli/quantity.h"
#include "cli/status_page.h"
#include "cli/table.h"
#include "common/config/settings.h"

/* Without a terminal, whose lines could be counted. */
#define CLIENTS_SHOWN 20
/* In a small terminal the page is longer than that. */
#define CLIENTS_LEAST 5
/* Of clients that need attention. */
#define NOTES_SHOWN 3
#define NOTE_SIZE   192

struct row {
	json_t *client;
	double bytes;
};

/* A line of pieces with commas, as many as the terminal has room for. */
struct pieces {
	FILE *out;
	const struct terminal *terminal;
	unsigned used; /* columns */
	unsigned count;
	bool full;
};

static void __attribute__((format(printf, 2, 3)))
put_piece(struct pieces *line, const char *format, ...)
{
	const struct terminal *terminal = line->terminal;
	const char *comma = line->count++ ? ", " : "";
	unsigned width, room = 0;
	char text[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	width = terminal_put(NULL, terminal, text, 0) + (unsigned)strlen(comma);
	if (terminal->columns > line->used)
		room = terminal->columns - line->used;
	if (terminal->columns && (width > room && (*comma || !room)))
		line->full = true;
	if (line->full)
		return;
	fputs(comma, line->out);
	terminal_put(line->out, terminal, text, room);
	line->used += width;
}

static void put_head(struct pieces *line, json_t *status)
{
	const struct terminal *terminal = line->terminal;
	const char *name = json_field_text(status, "name");

	fputs(terminal_style(terminal, TERMINAL_HEAD), line->out);
	line->used += terminal_put(line->out, terminal, name, 31);
	fprintf(line->out, "%s: ", terminal_style(terminal, TERMINAL_PLAIN));
	line->used += 2;
}

static void put_state(struct pieces *line, json_t *status)
{
	const char *state = json_field_text(status, "state");
	char uptime[QUANTITY_SIZE];

	if (strcmp(state, "up") != 0)
		put_piece(line, "%s", state);
	else
		put_piece(line, "up for %s",
			  quantity_time(uptime,
					json_field_number(status, "uptime")));
}

/* known is what the file has; others than those may come with certificates. */
static void put_counts(struct pieces *line, json_t *status)
{
	size_t connected = json_array_size(json_object_get(status, "clients"));
	const json_t *known = json_object_get(status, "known");

	if (json_is_integer(known))
		put_piece(line, "%zu of %lld connected", connected,
			  (long long)json_integer_value(known));
	else
		put_piece(line, "%zu connected", connected);
}

void status_table_head(FILE *out, const struct terminal *terminal,
		       json_t *status)
{
	const json_t *traffic = json_object_get(status, "traffic");
	struct pieces line = {.out = out, .terminal = terminal};
	char in[QUANTITY_SIZE], sent[QUANTITY_SIZE];

	put_head(&line, status);
	put_state(&line, status);
	if (json_object_get(status, "clients"))
		put_counts(&line, status);
	put_piece(&line, "%s in",
		  quantity_bytes(in, json_field_number(traffic, "rx_bytes")));
	put_piece(&line, "%s out",
		  quantity_bytes(sent, json_field_number(traffic, "tx_bytes")));
	putc('\n', out);
}

/* "  tun0, 10.8.0.1/24, fd08::1/64, listening on *:4433, MTU 1435" */
static void print_device(FILE *out, const struct terminal *terminal,
			 json_t *status)
{
	struct pieces line = {.out = out, .terminal = terminal, .used = 2};
	const char *prefix = "listening on ";
	size_t i;
	json_t *item;

	fputs("  ", out);
	put_piece(&line, "%s", json_field_text(status, "device"));
	json_array_foreach(json_object_get(status, "addresses"), i, item)
		put_piece(&line, "%s", json_string_value(item));
	json_array_foreach(json_object_get(status, "listen"), i, item)
	{
		put_piece(&line, "%s%s", prefix, json_string_value(item));
		prefix = "";
	}
	if (json_is_true(json_object_get(status, "noise")))
		put_piece(&line, "%s", "noise on the wire");
	put_piece(&line, "MTU %.0f", json_field_number(status, "mtu"));
	putc('\n', out);
}

/* "  dropped: 12 source, 3 forged"; 0 where nothing was, else the one line. */
static unsigned print_drops(FILE *out, const struct terminal *terminal,
			    json_t *status)
{
	struct pieces line = {.out = out, .terminal = terminal, .used = 11};
	const char *reason;
	json_t *count;

	json_object_foreach(json_object_get(status, "drops"), reason, count)
	{
		if (!json_integer_value(count))
			continue;
		if (!line.count)
			fprintf(out, "  %sdropped%s: ",
				terminal_style(terminal, TERMINAL_LABEL),
				terminal_style(terminal, TERMINAL_PLAIN));
		put_piece(&line, "%lld %s",
			  (long long)json_integer_value(count), reason);
	}
	if (line.count)
		putc('\n', out);
	return line.count > 0;
}

/* What a client's page would show as a warning; false: nothing. */
static bool note_of(json_t *client, double now, char text[NOTE_SIZE])
{
	const json_t *date = json_object_get(client, "certificate_expires");
	double left = (double)json_integer_value(date) - now;
	const char *name = json_field_text(client, "name");

	if (json_is_integer(date) && left < 0.)
		snprintf(text, NOTE_SIZE, "%s: its certificate has expired",
			 name);
	else if (json_is_integer(date) && left < SETTINGS_EXPIRY_DAYS * 86400.)
		snprintf(text, NOTE_SIZE,
			 "%s: its certificate expires in %d days", name,
			 (int)(left / 86400.));
	else if (json_is_true(json_object_get(client, "runs_lost")))
		snprintf(text, NOTE_SIZE,
			 "%s: UDP segmentation is off: see minivpn doctor",
			 name);
	else
		return false;
	return true;
}

/* Returns how many lines they take. */
static unsigned print_notes(FILE *out, const struct terminal *terminal,
			    json_t *status)
{
	double now = (double)time(NULL);
	char text[NOTE_SIZE];
	unsigned count = 0;
	json_t *client;
	size_t i;

	json_array_foreach(json_object_get(status, "clients"), i, client)
	{
		if (!note_of(client, now, text) || count++ >= NOTES_SHOWN)
			continue;
		fprintf(out, "  %snote%s: ",
			terminal_style(terminal, TERMINAL_WARNING),
			terminal_style(terminal, TERMINAL_PLAIN));
		terminal_put(out, terminal, text,
			     terminal->columns > 8 ? terminal->columns - 8 : 0);
		putc('\n', out);
	}
	if (count > NOTES_SHOWN)
		fprintf(out, "  and %u such clients more\n",
			count - NOTES_SHOWN);
	return count > NOTES_SHOWN ? NOTES_SHOWN + 1 : count;
}

const char *status_table_address(char text[STATUS_TABLE_ADDRESS],
				 const char *endpoint)
{
	const char *port = strrchr(endpoint, ':');
	size_t length = port ? (size_t)(port - endpoint) : strlen(endpoint);

	if (*endpoint == '[' && length > 1 && endpoint[length - 1] == ']') {
		endpoint++;
		length -= 2;
	}
	snprintf(text, STATUS_TABLE_ADDRESS, "%.*s", (int)length, endpoint);
	return text;
}

static int by_bytes(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

static void add_row(struct table *table, json_t *client)
{
	char from[STATUS_TABLE_ADDRESS], text[QUANTITY_SIZE];
	bool measured = json_is_number(json_object_get(client, "rtt_ms"));

	table_add(table, json_field_text(client, "name"));
	table_add(table, json_field_first(client, "addresses"));
	table_add(table, status_table_address(
				 from, json_field_text(client, "endpoint")));
	table_add(table,
		  quantity_time(text, json_field_number(client, "connected")));
	table_add(table,
		  measured ? quantity_round_trip(
				     text, json_field_number(client, "rtt_ms"))
			   : "-");
	table_add(table,
		  quantity_bytes(text, json_field_number(client, "rx_bytes")));
	table_add(table,
		  quantity_bytes(text, json_field_number(client, "tx_bytes")));
}

static void print_rows(FILE *out, const struct terminal *terminal,
		       const struct row *rows, size_t count)
{
	static const struct table_column columns[] = {
		{"NAME", TABLE_LEFT, 10, 0}, {"ADDRESS", TABLE_LEFT, 11, 3},
		{"FROM", TABLE_LEFT, 13, 6}, {"SINCE", TABLE_RIGHT, 6, 5},
		{"RTT", TABLE_RIGHT, 7, 4},  {"IN", TABLE_RIGHT, 7, 2},
		{"OUT", TABLE_RIGHT, 7, 1},
	};
	struct table table = {
		.columns = columns,
		.column_count = sizeof(columns) / sizeof(*columns),
	};

	for (size_t i = 0; i < count; i++)
		add_row(&table, rows[i].client);
	table_print(&table, terminal, out);
	table_free(&table);
}

/* How many clients fit, where lines are taken already. */
static size_t room(const struct terminal *terminal, unsigned lines)
{
	/* The titles, how many more there are, and the shell's next line. */
	unsigned taken = lines + 3;

	if (!terminal->rows)
		return CLIENTS_SHOWN;
	if (terminal->rows < taken + CLIENTS_LEAST)
		return CLIENTS_LEAST;
	return terminal->rows - taken;
}

static void print_clients(FILE *out, const struct terminal *terminal,
			  json_t *clients, size_t most)
{
	size_t count = json_array_size(clients), i;
	struct row *rows = calloc(count, sizeof(*rows));
	json_t *client;

	if (!rows)
		return;
	json_array_foreach(clients, i, client) rows[i] = (struct row){
		client, json_field_number(client, "rx_bytes") +
				json_field_number(client, "tx_bytes")};
	qsort(rows, count, sizeof(*rows), by_bytes);
	/* One more takes the line that would say so. */
	if (count <= most + 1)
		most = count;
	print_rows(out, terminal, rows, most);
	if (count > most)
		fprintf(out, "and %zu more: --all shows them\n", count - most);
	free(rows);
}

void status_table_print(FILE *out, const struct terminal *terminal,
			json_t *status, bool all)
{
	json_t *clients = json_object_get(status, "clients");
	unsigned lines = 2;

	status_table_head(out, terminal, status);
	print_device(out, terminal, status);
	lines += print_drops(out, terminal, status);
	if (json_is_integer(json_object_get(status, "certificate_expires"))) {
		status_page_certificate(out, terminal, status);
		lines++;
	}
	lines += status_page_warnings(out, terminal, status);
	lines += print_notes(out, terminal, status);
	if (json_array_size(clients))
		print_clients(out, terminal, clients,
			      all ? SIZE_MAX - 1 : room(terminal, lines));
}
