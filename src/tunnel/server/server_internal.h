/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the server's role share. Each calls those below it:
 *
 *   server       where datagrams and packets go, and what host says
 *   reload       the file has changed
 *   lifetime     a session's time is over
 *   handshake    from a first hello to a session
 *   association  a session, from its first datagram to its end
 *   connected    what passes on the session of a peer
 *   roaming      a peer is where its newest record comes from
 *   push         what a peer is told, until it answers
 *   peer         a peer comes and goes
 *   recall       who was connected before is asked to come
 *
 * The other modules of the folder know nothing of struct server.
 */
#ifndef MINIVPN_TUNNEL_SERVER_SERVER_INTERNAL_H
#define MINIVPN_TUNNEL_SERVER_SERVER_INTERNAL_H

#include "common/reason.h"
#include "tunnel/control/control.h"
#include "tunnel/dtls/cookie.h"
#include "tunnel/role/role.h"
#include "tunnel/role/send.h"
#include "tunnel/server/admission.h"
#include "tunnel/server/flood_filter.h"
#include "tunnel/server/handshake_queue.h"
#include "tunnel/server/lease_pool.h"
#include "tunnel/server/lease_proof.h"
#include "tunnel/server/log_budget.h"
#include "tunnel/server/peer_table.h"
#include "tunnel/server/presence.h"
#include "tunnel/server/retry_after.h"
#include "tunnel/server/usage.h"

struct recalled;

struct server_recall {
	struct recalled *list;
	unsigned count, room, next; /* to be asked */
	ev_timer timer;
};

struct server {
	struct tunnel *tunnel;
	unsigned mtu; /* of the tun device; 0: paths are not probed */
	struct cookie_jar *cookies;
	struct ticket_jar *tickets;
	struct lease_pool *pool;
	/* By which siblings know what we have granted; without Siblings not. */
	uint8_t proof_key[KEY_SIZE];
	struct peer_table table;
	struct admission *admission;
	struct handshake_queue queue;
	struct retry_after retry_after;
	struct server_recall recall;
	struct flood_filter flood_filter;
	struct log_budget log;
	struct presence presence;
	struct usage usage;
	ev_timer lifetimes;
	ev_timer wiping; /* of keys that are too old */
};

/* server.c */

/* What is shared with siblings, by TicketKey, follows from config. -EIO. */
int server_share(struct server *server, const struct config *config);

/* peer.c */

/* session_hooks.authorize: is this identity one of the file's peers? */
int server_authorize(void *owner, const struct identity *identity,
		     struct reason *reason);

/* session_hooks.preshared_key: what the file has for it. */
const uint8_t *server_preshared_key(void *owner,
				    const struct identity *identity);

/*
 * Does a peer's section (NULL: it has none) keep it out now? The code that
 * tells it so, with what more there is to say in reason; else
 * MESSAGE_CODE_NONE.
 */
enum message_code server_bars(const struct config_peer *section,
			      struct reason *reason);

/* May a line that a peer of this name has caused be logged now? */
bool server_may_log_peer(struct server *server, const char *name);

/* What of a peer's traffic host has not been told yet. */
struct traffic_bytes server_untold(const struct peer *peer);

/* Tells host that. */
void server_tell_usage(struct server *server, struct peer *peer);

/*
 * Logs that a peer has gone, with how long it was there and what it has sent
 * and got. how: "disconnected" or so; more: further reason, or "".
 */
void server_log_end(struct server *server, const struct peer *peer,
		    const char *how, const char *why, const char *more);

/* Removes and frees it, and its peer; nothing is sent. */
void server_drop_association(struct server *server,
			     struct association *association);

/*
 * The handshake of a pending association is complete: it gets a peer. False: it
 * is gone.
 */
bool server_admit(struct server *server, struct association *association);

/* Ends its session with a BYE that says why; "": there is no more to say. */
void server_say_goodbye(struct peer *peer, enum message_code code,
			const char *text);

/* Says why with a BYE, logs it, and drops the peer. */
void server_dismiss(struct server *server, struct peer *peer,
		    enum message_code code);

/* The same with more to say; text "": nothing. */
void server_dismiss_with_reason(struct server *server, struct peer *peer,
				enum message_code code, const char *text);

/*
 * Tells host that a peer is connected, or not any more, where the file has
 * PeerRoutes.
 */
void server_announce(struct server *server, struct peer *peer, bool connected);

/*
 * Has host write the lease down, and where its peer is connected (NULL: it is
 * not).
 */
void server_keep_lease(struct server *server, const struct lease *lease,
		       const struct association *association);

/* push.c */

/*
 * The HELLO of a peer that a sibling of ours has given other addresses: it has
 * those from now on, as far as they are free.
 */
void server_adopt(struct server *server, struct peer *peer,
		  const struct message *hello);

/* A CONFIG for a peer, as it answers a HELLO of that id or is pushed. */
void server_fill_config(struct server *server, const struct peer *peer,
			const struct config *config, uint16_t id,
			struct message *message);

/* What a peer is told under config. */
void server_settings(const struct config *config, const struct peer *peer,
		     struct settings *settings);

/* Are there peers who are told something else under next? */
bool server_settings_differ(const struct config *now,
			    const struct config *next);

/* Once a peer, before anything else here. */
void server_push_init(struct peer *peer);

/*
 * Sends a CONFIG that the peer has not asked for, until it is answered by a
 * HELLO of the same id.
 */
void server_push(struct server *server, struct peer *peer,
		 const struct config *config);

/* A HELLO has come. True: it answers a CONFIG, and is left without an answer.
 */
bool server_push_answered(struct server *server, struct peer *peer,
			  uint16_t id);

/* connected.c */

/* As in struct tunnel_role. */
bool server_route(void *state, const uint8_t *bytes, size_t length,
		  struct path_target *target);
bool server_answer(void *state, const uint8_t *bytes, size_t length);
void server_sent(void *state, const struct udp_run *run, uint64_t bytes);

/* Of each peer, which is their owner. */
extern const struct run_probe_hooks server_run_probe_hooks;

/* Handles a record of a peer. False: its association is gone. */
bool server_record(struct server *server, struct association *association,
		   uint8_t *record, size_t length);

/*
 * Handles a record of the session that this one has replaced. False: it is none
 * of those.
 */
bool server_previous_input(struct server *server,
			   struct association *association,
			   struct udp_datagram *datagram);

/*
 * A handshake is under way at the association's address. Where the datagram is
 * a record of the association all the same it is handled, and that may be gone;
 * else false.
 */
bool server_early(struct server *server, struct association *association,
		  struct udp_datagram *datagram);

/* Searches how large packets on the path to a peer may be. */
void server_find_mtu(struct server *server, struct peer *peer);

/* roaming.c */

/*
 * May so many bytes be sent to where it is? They are taken from what may be
 * sent to an address that is not proved.
 */
bool server_may_send(struct association *association, size_t bytes);

/* An authentic record has come: it may say that its peer has moved. */
void server_roam(struct server *server, struct association *association);

/* A PONG has come, which may prove where the peer is. */
void server_roam_answered(struct server *server, struct peer *peer,
			  const struct message *pong);

/* association.c */

/*
 * A session for a hello whose cookie was true; nothing has been sent by it. The
 * association is in no table. source: who was charged with it, NULL: nobody.
 * NULL: no memory.
 */
struct association *
server_association_new(struct server *server, unsigned socket,
		       const struct udp_datagram *datagram,
		       struct cookie_result *hello,
		       const struct admission_source *source);

/* A datagram that is for this association, which may be gone then. */
void server_input(struct server *server, struct association *association,
		  struct udp_datagram *datagram);

/* The same for a record that was found by its connection ID. */
void server_take_record(struct server *server, struct udp_datagram *datagram);

/* Handles what session_input() has taken; the association may be gone then. */
void server_pump(struct server *server, struct association *association);

/* handshake.c */

extern const struct handshake_queue_hooks server_handshake_hooks;

/* False: a connected session's, if anybody's. True: queued, or dealt with. */
bool server_is_handshake(struct server *server, unsigned socket,
			 struct udp_datagram *datagram);

/* lifetime.c */

/* From now on peers whose time is over are dismissed. */
void server_lifetime_start(struct server *server);
void server_lifetime_stop(struct server *server);

/*
 * May host be told where a peer is, whose lease has not changed? It takes so
 * many for an attack (host/process/tunnel_policy.c), whoever causes them.
 */
bool server_may_keep_lease(struct server *server, const char *name);

/* recall.c */

/* A CHANNEL_LEASE whose peer was connected. */
void server_recall_add(struct server *server,
		       const struct channel_message *message);

/* All of them are asked, from now on. */
void server_recall_start(struct server *server);
void server_recall_free(struct server *server);

/* reload.c */

/* Fixed addresses of all peers of the file. */
void server_fix_addresses(struct server *server, const struct config *config);

/* As in struct tunnel_role. */
void server_reload(void *state, const struct config *next, unsigned mtu);

#endif
