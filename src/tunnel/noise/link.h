/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connection IDs (RFC 9146) of one session: by which its records are found,
 * wherever they come from, and by which the other end finds ours. Each end
 * chooses a seed for what it receives and tells it inside the session. The IDs
 * that follow from a seed are used one after another, the next one each time
 * that the client moves to another network, so that nobody who sees two of them
 * knows that they belong together.
 *
 * A table has three IDs of each link: those of before the last move, of now,
 * and of after the next one. It grows with sessions, and with nothing else.
 */
#ifndef MINIVPN_TUNNEL_NOISE_LINK_H
#define MINIVPN_TUNNEL_NOISE_LINK_H

#include "common/hash.h"
#include "tunnel/noise/noise.h"

#define NOISE_LINK_SEED 16 /* bytes */
#define NOISE_LINK_IDS	3

struct noise_link;

struct noise_link_id {
	uint32_t id;   /* the table's key */
	uint32_t move; /* after so many moves */
	struct noise_link *link;
	UT_hash_handle hh;
};

/* All zero at first. */
struct noise_link_table {
	struct noise_link_id *ids;
	struct noise_link_id *last; /* found last, or NULL */
};

struct noise_link {
	struct noise_link_table *table;
	struct noise *noise;
	void *owner;	 /* whose session it is */
	unsigned secret; /* by which of them the other end is spoken to */
	size_t explicit; /* as in noise_hide() */
	uint32_t move;	 /* how often the client has moved */
	uint64_t newest; /* 1 + the highest number of an authentic record */
	uint8_t ours[NOISE_LINK_SEED];
	uint8_t theirs[NOISE_LINK_SEED];
	bool is_known; /* theirs is: from now on records can be hidden */
	uint32_t to;   /* the ID that follows from it */
	struct noise_link_id ids[NOISE_LINK_IDS];
};

/*
 * A link without IDs, for a session that is in its handshake yet. table and
 * noise outlive it. -ENOMEM, -EIO (no random seed).
 */
int noise_link_new(struct noise_link **link, struct noise_link_table *table,
		   struct noise *noise, unsigned secret, void *owner);
/* Takes its IDs out of the table; NULL is allowed. */
void noise_link_free(struct noise_link *link);

/* The session is open: from now on its records are found. */
void noise_link_open(struct noise_link *link, size_t explicit);

/* The other end has told its seed. */
void noise_link_learn(struct noise_link *link,
		      const uint8_t seed[NOISE_LINK_SEED]);

/*
 * The client has moved once more: both ends go on to their next IDs, and those
 * of before the move before are forgotten.
 */
void noise_link_move(struct noise_link *link);

/* The secrets have changed: of each of them, which one it is now. */
void noise_link_change(struct noise_link_table *table,
		       const unsigned now[NOISE_SECRETS]);

/* NULL: it is nobody's. */
struct noise_link_id *noise_link_find(struct noise_link_table *table,
				      uint32_t id);

#endif
