/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/ticket_key.h"

#include <stddef.h>
#include <sys/mman.h>

#include "common/locked.h"

struct ticket_key *ticket_key_share(void)
{
	void *key =
		mmap(NULL, sizeof(struct ticket_key), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (key == MAP_FAILED)
		return NULL;
	locked_keep(key, sizeof(struct ticket_key));
	return key;
}

void ticket_key_unmap(struct ticket_key *key)
{
	if (key)
		munmap(key, sizeof(*key));
}
