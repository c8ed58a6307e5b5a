/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `up --dry-run`: the plan, printed and not applied. */
#include <errno.h>
#include <string.h>

#include "host/host.h"
#include "host/plan.h"
#include "host/resolve.h"

static int print_list(const struct change_list *list, FILE *out)
{
	char text[CHANGE_TEXT_SIZE];

	for (size_t i = 0; i < list->count; i++) {
		int err = change_print(&list->items[i], text, sizeof(text));

		if (err)
			return err;
		fprintf(out, "%s\n", text);
	}
	return 0;
}

/* With the addresses of every server, in the order of the file. */
static int add_killswitch(const struct config *config, struct change_list *list)
{
	struct inet_endpoint servers[RESOLVE_RESULTS];
	struct resolve_result results[RESOLVE_RESULTS];
	char reason[256];
	struct change change;
	size_t count = 0;

	for (unsigned i = 0; i < config->server_count; i++) {
		size_t found = resolve_now(&config->servers[i], i, results,
					   RESOLVE_RESULTS - count, reason,
					   sizeof(reason));

		for (size_t j = 0; j < found; j++)
			servers[count++] = results[j].endpoint;
	}
	plan_client_killswitch(config, servers, count, &change);
	return change_list_add(list, &change);
}

/* What only the server knows is said as comments; the order is that of up. */
static int client_plan(struct rtnl *rtnl, const struct config *config,
		       struct change_list *list, FILE *out, char *reason,
		       size_t size)
{
	struct resolve_result server;
	int err;

	if (!resolve_now(&config->servers[0], 0, &server, 1, reason, size))
		return -EHOSTUNREACH;
	err = plan_client_device(config, list);
	if (!err && config->kill_switch)
		err = add_killswitch(config, list);
	if (err)
		return err;
	err = plan_client_endpoint(rtnl, config, NULL, &server.endpoint, list,
				   reason, size);
	if (err)
		return err;
	err = plan_client(rtnl, config, NULL, &server.endpoint, list, reason,
			  size);
	if (!err)
		err = plan_resolved(config, NULL, "/etc/resolv.conf", NULL,
				    list);
	if (!err)
		fprintf(out,
			"# ip address add ... dev %s: the server says which\n",
			config->device);
	if (!err && (config->routes_choice == CONFIG_PUSHED ||
		     config->dns_choice == CONFIG_PUSHED))
		fprintf(out, "# and the%s%s%s that the server pushes\n",
			config->routes_choice == CONFIG_PUSHED ? " routes" : "",
			config->routes_choice == CONFIG_PUSHED &&
					config->dns_choice == CONFIG_PUSHED
				? " and"
				: "",
			config->dns_choice == CONFIG_PUSHED ? " name servers"
							    : "");
	return err;
}

int host_dry_run(const struct config *config, FILE *out, char *reason,
		 size_t size)
{
	struct change_list list = {0};
	struct rtnl *rtnl;
	int err = rtnl_open(&rtnl);

	reason[0] = '\0';
	if (err) {
		snprintf(reason, size, "netlink: %s", strerror(-err));
		return err;
	}
	err = config->role == CONFIG_SERVER
		      ? plan_server(rtnl, config, &list, reason, size)
		      : client_plan(rtnl, config, &list, out, reason, size);
	if (!err)
		err = print_list(&list, out);
	if (err && !reason[0])
		snprintf(reason, size, "%s", strerror(-err));
	change_list_free(&list);
	rtnl_close(rtnl);
	return err;
}
