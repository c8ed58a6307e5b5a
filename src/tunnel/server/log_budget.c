/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/server/log_budget.h"

#include "common/clock.h"
#include "tunnel/server/admission.h"

/* So many lines there are at once, and a minute. */
#define REFUSED_NETWORK		 10.
#define REFUSED_NETWORK_MINUTE	 6.
#define REFUSED			 60
#define REFUSED_MINUTE		 30
#define HELD_BACK_NETWORK	 1.
#define HELD_BACK_NETWORK_MINUTE 1.
#define HELD_BACK		 10
#define HELD_BACK_MINUTE	 6

int log_budget_init(struct log_budget *budget)
{
	int err;

	*budget = (struct log_budget){
		.refused.all = {.burst = REFUSED, .per_minute = REFUSED_MINUTE},
		.held_back.all = {.burst = HELD_BACK,
				  .per_minute = HELD_BACK_MINUTE},
	};
	err = rate_table_new(&budget->refused.networks, REFUSED_NETWORK,
			     REFUSED_NETWORK_MINUTE / 60.);
	if (!err)
		err = rate_table_new(&budget->held_back.networks,
				     HELD_BACK_NETWORK,
				     HELD_BACK_NETWORK_MINUTE / 60.);
	return err;
}

void log_budget_free(struct log_budget *budget)
{
	rate_table_free(budget->refused.networks);
	rate_table_free(budget->held_back.networks);
}

static bool network_allows(struct rate_table *networks,
			   const struct inet_address *from, double now)
{
	struct inet_prefix network = admission_network(from, ADMISSION_NETWORK);
	rate_table_place place = rate_table_find(networks, &network.address,
						 sizeof(network.address));

	if (!rate_table_allows(networks, place, now))
		return false;
	rate_table_take(networks, place, now);
	return true;
}

static bool allows(struct log_budget_kind *kind,
		   const struct inet_address *from)
{
	double now = clock_now();
	unsigned suppressed;

	if (from && !network_allows(kind->networks, from, now)) {
		kind->all.suppressed++;
		return false;
	}
	if (!log_allowed(&kind->all, now, &suppressed))
		return false;
	if (suppressed)
		log_notice("(%u lines like the next one were left out)",
			   suppressed);
	return true;
}

bool log_budget_refused(struct log_budget *budget,
			const struct inet_address *from)
{
	return allows(&budget->refused, from);
}

bool log_budget_held_back(struct log_budget *budget,
			  const struct inet_address *from)
{
	return allows(&budget->held_back, from);
}
