/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `list`: every client of a server's file, whether the server runs or not. */
#include "cli/cli.h"

#include <errno.h>
#include <time.h>

#include "cli/clients.h"
#include "cli/json_field.h"
#include "cli/quantity.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "common/config/config.h"
#include "common/ipc/control_socket.h"
#include "common/reason.h"

#define STATUS_TIMEOUT_MS 10000

static bool is_connected(const json_t *client)
{
	return json_is_number(json_object_get(client, "connected"));
}

/* "connected", "3 h ago", or "-" where nothing is known of it. */
static const char *last_seen(char text[QUANTITY_SIZE + 4], const json_t *client,
			     double now)
{
	double seen = json_field_number(client, "last_seen");
	char age[QUANTITY_SIZE];

	if (is_connected(client))
		return "connected";
	if (seen <= 0.)
		return "-";
	snprintf(text, QUANTITY_SIZE + 4, "%s ago",
		 quantity_time(age, now > seen ? now - seen : 0.));
	return text;
}

static const char *kind_of(const json_t *client)
{
	if (!json_array_size(json_object_get(client, "addresses")))
		return "";
	return json_is_true(json_object_get(client, "fixed")) ? "fixed"
							      : "lease";
}

static void add_line(struct table *table, const json_t *client, double now)
{
	char seen[QUANTITY_SIZE + 4];
	const json_t *addresses = json_object_get(client, "addresses");
	const char *address6 = json_string_value(json_array_get(addresses, 1));

	table_add(table, json_field_text(client, "name"));
	table_add(table, json_field_first(client, "addresses"));
	table_add(table, address6 ? address6 : "");
	table_add(table, kind_of(client));
	table_add(table, last_seen(seen, client, now));
}

static void print_list(FILE *out, const struct terminal *terminal,
		       json_t *clients)
{
	static const struct table_column columns[] = {
		{"NAME", TABLE_LEFT, 10, 0},	 {"ADDRESS", TABLE_LEFT, 11, 2},
		{"", TABLE_LEFT, 11, 4},	 {"", TABLE_LEFT, 5, 3},
		{"LAST SEEN", TABLE_LEFT, 9, 1},
	};
	struct table table = {
		.columns = columns,
		.column_count = sizeof(columns) / sizeof(*columns),
	};
	double now = (double)time(NULL);
	const char *name;
	json_t *client;

	json_object_foreach(clients, name, client)
		add_line(&table, client, now);
	table_print(&table, terminal, out);
	table_free(&table);
}

/* "server: 620 clients, 500 connected" */
static void print_head(FILE *out, const struct config *config, json_t *clients)
{
	size_t count = json_object_size(clients), connected = 0;
	json_t *answer = NULL, *client;
	const char *name;
	int err = control_request(config->name, "status", STATUS_TIMEOUT_MS,
				  &answer);

	fprintf(out, "%s: %zu client%s", config->name, count,
		count == 1 ? "" : "s");
	if (!err && clients_add_connected(clients, config,
					  json_object_get(answer, "status"))) {
		json_object_foreach(clients, name, client) connected +=
			is_connected(client);
		fprintf(out, ", %zu connected", connected);
	} else if (!err || err == -ENOENT || err == -ECONNREFUSED) {
		fputs(", not up", out);
	}
	json_decref(answer);
	putc('\n', out);
}

static int list(const struct config *config)
{
	struct terminal terminal;
	json_t *clients = clients_known(config);

	terminal_find(&terminal);
	print_head(stdout, config, clients);
	if (json_object_size(clients))
		print_list(stdout, &terminal, clients);
	json_decref(clients);
	return CLI_DONE;
}

int cli_list(int argc, char **argv)
{
	struct config *config;
	struct reason reason;
	int status;

	if (argc != 2)
		return cli_usage("list FILE|NAME");
	if (control_check_directories(&reason))
		return cli_error("list: %s", reason.text);
	config = cli_load(argv[1]);
	if (!config)
		return CLI_FAILED;
	if (config->role == CONFIG_SERVER)
		status = list(config);
	else
		status = cli_error("list: %s: this is a client's file: only a "
				   "server has clients",
				   config->path);
	config_free(config);
	return status;
}
