/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who was connected to the tunnel process, or the server, of before is asked to
 * come at once: it would find out by its keepalive alone, in more than a
 * minute. Each is asked once, by a notice that is shorter than any hello, and
 * no faster than they are served.
 */
#include <errno.h>
#include <stdlib.h>

#include "tunnel/control/notice.h"
#include "tunnel/server/server_internal.h"

/*
 * A thousand a second; a hundred while so many more were asked than have come,
 * as they may be slow, or the server, or gone.
 */
#define PAUSE  0.01
#define BATCH  10
#define ENOUGH 256

struct recalled {
	struct inet_endpoint outer;
	struct inet_address local;
	unsigned socket;
};

static void ask(struct server *server, const struct recalled *client)
{
	const struct notice notice = {.kind = NOTICE_ANEW};
	const struct role_destination to = {
		.socket = client->socket,
		.peer = &client->outer,
		.local = &client->local,
	};
	struct tunnel *tunnel = server->tunnel;
	uint8_t datagram[NOTICE_SIZE];

	/*
	 * The file has another Listen since then, or the client has come by
	 * itself.
	 */
	if (client->socket >= tunnel->udp_count ||
	    tunnel->udp[client->socket].io.fd < 0 ||
	    peer_table_connected(&server->table, &client->outer))
		return;
	notice_encode(&notice, datagram);
	role_send(tunnel, &to, datagram, sizeof(datagram));
}

static void ask_some(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct server *server = timer->data;
	struct server_recall *recall = &server->recall;
	unsigned come = HASH_COUNT(server->table.peers);
	unsigned batch = recall->next < come + ENOUGH ? BATCH : 1;

	(void)loop;
	(void)events;
	for (unsigned i = 0; i < batch && recall->next < recall->count; i++)
		ask(server, &recall->list[recall->next++]);
	if (recall->next == recall->count)
		server_recall_free(server);
}

void server_recall_add(struct server *server,
		       const struct channel_message *message)
{
	struct server_recall *recall = &server->recall;

	if (recall->count == recall->room) {
		unsigned room = recall->room ? 2 * recall->room : 64;
		struct recalled *list =
			realloc(recall->list, room * sizeof(*list));

		/* It is going to find out by itself. */
		if (!list)
			return;
		recall->list = list;
		recall->room = room;
	}
	recall->list[recall->count++] = (struct recalled){
		.outer = message->lease.outer,
		.local = message->lease.local,
		.socket = message->lease.socket,
	};
}

void server_recall_start(struct server *server)
{
	struct server_recall *recall = &server->recall;

	if (!recall->count)
		return;
	log_notice("%u clients that were connected are asked to come again",
		   recall->count);
	ev_timer_init(&recall->timer, ask_some, 0., PAUSE);
	recall->timer.data = server;
	ev_timer_start(server->tunnel->loop, &recall->timer);
}

void server_recall_free(struct server *server)
{
	struct server_recall *recall = &server->recall;

	ev_timer_stop(server->tunnel->loop, &recall->timer);
	free(recall->list);
	recall->list = NULL;
	recall->count = recall->room = recall->next = 0;
}
