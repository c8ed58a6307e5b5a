/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the changes that are applied to those that are wanted. What is wanted
 * is for the plan to say.
 */
#ifndef MINIVPN_HOST_CHANGE_TRANSITION_H
#define MINIVPN_HOST_CHANGE_TRANSITION_H

#include "common/reason.h"
#include "host/change/journal.h"

/*
 * Takes back what is too much, the last first, then adds what is missing.
 * -errno, with the change and the reason in reason.
 */
int transition_to(struct journal *journal, struct change_context *context,
		  const struct change_list *wanted, struct reason *reason);

/*
 * Puts the filters that are wanted in the place of those that are applied for
 * the same addresses: nothing is to come in meanwhile. Errors as
 * transition_to().
 */
int transition_filters(struct journal *journal, struct change_context *context,
		       const struct change_list *wanted, struct reason *reason);

/* Makes one change unless it is in the journal; errors as transition_to(). */
int transition_ensure(struct journal *journal, struct change_context *context,
		      const struct change *change, struct reason *reason);

#endif
