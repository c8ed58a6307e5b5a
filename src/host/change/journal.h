/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has been done to the host, on disk, so that anyone can undo it:
 * RUNDIR/NAME.journal, readable text. A head line names the version, the boot
 * (/proc/sys/kernel/random/boot_id) and the network namespace; then one line a
 * change, "+ ENTRY" written before the change is applied and "- ENTRY" once it
 * is undone, ENTRY as change_encode() has it; each behind its checksum, eight
 * digits of CRC-32. A last line that is cut short was never applied, or is
 * found undone.
 */
#ifndef MINIVPN_HOST_CHANGE_JOURNAL_H
#define MINIVPN_HOST_CHANGE_JOURNAL_H

#include "common/reason.h"
#include "host/change/change.h"

struct journal;

/*
 * Makes the file (0600); -EEXIST where there is one: journal_heal() first.
 * The caller owns *journal.
 */
int journal_create(const char *path, struct journal **journal);

/*
 * Goes on with a file that an earlier run has left; what it says is applied.
 * -ENOENT where there is none, or it is of another boot; -EXDEV and others as
 * journal_heal().
 */
int journal_resume(const char *path, struct journal **journal);

/* Closes the file and leaves it where it is. */
void journal_close(struct journal *journal);

/*
 * Writes the change down, then applies it; as change_apply(). A change that is
 * not ours afterwards is struck out again.
 */
int journal_apply(struct journal *journal, struct change_context *context,
		  const struct change *change, struct reason *reason);

/* Applies all, in order; stops at the first error, whose index is *failed. */
int journal_apply_all(struct journal *journal, struct change_context *context,
		      const struct change_list *list, size_t *failed,
		      struct reason *reason);

/* Reverts one change that is applied and strikes it out; -ENOENT. */
int journal_revert(struct journal *journal, struct change_context *context,
		   const struct change *change, struct reason *reason);

/*
 * The same for one that takes the place of an older one of its kind, here too;
 * that is struck out then without being reverted. change_hash() is the same for
 * both. Where the new one can't be applied the old one stays.
 */
int journal_replace(struct journal *journal, struct change_context *context,
		    const struct change *old, const struct change *change,
		    struct reason *reason);

/* Strikes out the oldest, whose place a later one has taken. */
void journal_forget_oldest(struct journal *journal);

/*
 * Reverts what is applied and not in wanted, the last first. What can't be
 * undone is logged, and stays in the journal.
 */
void journal_revert_others(struct journal *journal,
			   struct change_context *context,
			   const struct change_list *wanted);

/*
 * Reverts all that is applied, the last first, goes on past errors (each is
 * logged), removes the file where all is undone, and returns how many could
 * not be undone. The journal is then to be closed.
 */
int journal_revert_all(struct journal *journal, struct change_context *context);

/* What is applied, oldest first; owned by the journal. */
const struct change_list *journal_changes(const struct journal *journal);

/*
 * Undoes what a killed run left: reads the file, reverts, removes it. Returns
 * the number of changes that it undid (0 also where there is no file), or
 * -errno: -EXDEV where it belongs to another network namespace. A journal of
 * another boot is removed without reverting (only a resolver entry outlives a
 * boot: it is reverted). Lines that are not as they were written are logged and
 * passed over.
 * -EIO where something could not be undone (logged): the file is then kept.
 * -ELOOP, -EPERM: a symbolic link, or a file that others could have written.
 */
int journal_heal(const char *path, struct change_context *context);

#endif
