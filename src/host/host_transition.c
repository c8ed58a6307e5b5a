/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the changes that are in force to those that are wanted. */
#include "host/host_private.h"

static void say_failed(char *reason, size_t size, const struct change *change,
		       const char *why)
{
	char text[CHANGE_TEXT_SIZE];

	if (change_print(change, text, sizeof(text)))
		snprintf(text, sizeof(text), "a change to this host");
	snprintf(reason, size, "%.160s: %s", text, why);
}

static bool wanted_has(const struct change_list *wanted,
		       const struct change *change)
{
	for (size_t i = 0; i < wanted->count; i++) {
		if (change_equal(&wanted->items[i], change))
			return true;
	}
	return false;
}

static void revert_surplus(struct host *host, const struct change_list *wanted)
{
	const struct change_list *force = journal_changes(host->journal);
	char why[HOST_REASON_SIZE];

	for (size_t i = force->count; i-- > 0;) {
		struct change change = force->items[i];

		if (wanted_has(wanted, &change))
			continue;
		if (journal_revert(host->journal, &host->context, &change, why,
				   sizeof(why)))
			log_warning("%s", why);
	}
}

int host_transition(struct host *host, const struct change_list *wanted,
		    char *reason, size_t size)
{
	char why[HOST_REASON_SIZE];

	revert_surplus(host, wanted);
	for (size_t i = 0; i < wanted->count; i++) {
		const struct change *change = &wanted->items[i];
		int err;

		if (wanted_has(journal_changes(host->journal), change))
			continue;
		err = journal_apply(host->journal, &host->context, change, why,
				    sizeof(why));
		if (err < 0) {
			say_failed(reason, size, change, why);
			return err;
		}
	}
	return 0;
}
