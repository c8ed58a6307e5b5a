/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The channel between the host and the tunnel process: fixed-size messages
 * over a SOCK_SEQPACKET pair, a closed list of types, each checked by its
 * receiver as if a hostile process had sent it.
 */
#ifndef MINIVPN_COMMON_IPC_CHANNEL_H
#define MINIVPN_COMMON_IPC_CHANNEL_H

#include <ev.h>
#include <stdint.h>

#include "common/config/settings.h"
#include "common/inet.h"
#include "common/ipc/traffic.h"
#include "common/log.h"

#define CHANNEL_KEY_SIZE     45 /* a key in base64 */
#define CHANNEL_CIPHER_SIZE  64
#define CHANNEL_LIBRARY_SIZE 32
/* Addresses that a client tries, of all its servers together. */
#define CHANNEL_ENDPOINTS_MOST 32
/* Peers that one message tells of. */
#define CHANNEL_PEERS_MOST 16

enum channel_type {
	/* tunnel to host */
	CHANNEL_READY = 1,	 /* without privileges, ready to serve */
	CHANNEL_LOG,		 /* log: a line for the log */
	CHANNEL_ENDPOINT_WANTED, /* client: addresses to try */
	CHANNEL_CONFIG,		 /* client, settings: what the server said */
	CHANNEL_UP,		 /* client, up: packets flow */
	CHANNEL_LOST,		 /* client, lost: an attempt or session ended */
	CHANNEL_FAILED,		 /* lost: the tunnel process can't go on */
	CHANNEL_LEASE_TAKEN,	 /* server, lease: to be kept on disk */
	CHANNEL_PEERS,		 /* server, peers: who has come and gone */
	CHANNEL_USAGE,		 /* server, usage: what sessions have carried */
	CHANNEL_STATUS_PEER,	 /* peer: one for each connected peer ... */
	CHANNEL_STATUS_END,	 /* total: ... and the end of the list */
	CHANNEL_LOADED,		 /* loaded: what has come of a RELOAD */
	CHANNEL_MTU,		 /* client, mtu: what the path carries */
	CHANNEL_ANSWERED,	 /* client, answered: this one of ENDPOINTS */
	CHANNEL_TUN_REFUSES, /* tun_refuses: joined packets, so it has none */
	/* host to tunnel */
	CHANNEL_LEASE,	    /* server, lease: from the disk */
	CHANNEL_START,	    /* begin to serve (mtu), or to connect */
	CHANNEL_ENDPOINTS,  /* client, endpoints: try these */
	CHANNEL_CONFIGURED, /* client, mtu: the host is set up */
	CHANNEL_MOVED,	    /* client, moved: another way to the server */
	CHANNEL_STATUS_WANTED,
	CHANNEL_DISCONNECT, /* server, disconnect: end this peer's session */
	/* What comes along is a sealed memfd. */
	CHANNEL_PEM,	/* pem: one of the files that the new text names ... */
	CHANNEL_RELOAD, /* ... and the new text itself, to be made ready */
	CHANNEL_TAKE,	/* mtu: what was made ready is in force from now on */
	CHANNEL_STOP,	/* say goodbye to the peers and end */
	CHANNEL_TYPES
};

/* An address of a server. */
struct channel_endpoint {
	struct inet_endpoint address;
	uint32_t server; /* index into the servers of the file */
};

/* One peer as `status` shows it. */
struct channel_peer {
	char name[SETTINGS_NAME_SIZE];
	char key[CHANNEL_KEY_SIZE]; /* "" with X.509 */
	char cipher[CHANNEL_CIPHER_SIZE];
	char library[CHANNEL_LIBRARY_SIZE]; /* that encrypts with it */
	struct inet_endpoint endpoint;
	struct inet_address address4, address6;
	uint32_t connected_s; /* since when, seconds ago */
	uint32_t heard_ms;    /* last heard, milliseconds ago */
	uint32_t rtt_us;      /* 0: not measured yet */
	int64_t expires;      /* its certificate, Unix time; 0: has none */
	uint32_t runs_lost;   /* 1: on the way to it, so they are not sent */
	struct traffic traffic;
	/* What of it no USAGE has told yet. */
	struct traffic_bytes untold;
};

/* A session of a peer is over, or is replaced by another. */
struct channel_usage {
	char name[SETTINGS_NAME_SIZE];
	uint32_t heard_ms; /* as in struct channel_peer */
	struct traffic_bytes untold;
};

struct channel_message {
	uint32_t type; /* enum channel_type */
	union {
		struct {
			uint32_t level;
			char line[LOG_LINE_SIZE];
		} log;
		struct settings settings;
		struct {
			/* Our certificate, Unix time; 0: there is none. */
			int64_t expires;
		} ready;
		struct {
			uint32_t rtt_us;
		} up;
		/* Bytes of an inner packet; from host: at most, 0: as it is. */
		uint32_t mtu;
		struct {
			int32_t error; /* -errno as session_error() */
			char reason[LOG_LINE_SIZE];
		} lost;
		struct {
			char peer[SETTINGS_NAME_SIZE];
			struct inet_address address4, address6;
			int64_t used; /* Unix time */
			/*
			 * Where the peer was connected, to which of the
			 * server's addresses, and by which of the tunnel
			 * process's sockets; family none: it was not.
			 */
			struct inet_endpoint outer;
			struct inet_address local;
			uint32_t socket;
		} lease;
		struct {
			char peer[SETTINGS_NAME_SIZE];
		} disconnect;
		struct {
			uint32_t id;
		} reload;
		struct {
			uint32_t which; /* enum config_pem */
		} pem;
		struct {
			uint32_t id;	 /* of the RELOAD */
			int32_t error;	 /* 0, or -errno with its reason */
			int64_t expires; /* as in ready */
			char reason[LOG_LINE_SIZE];
		} loaded;
		struct channel_peer peer;
		struct traffic total;
		struct {
			/* In the order in which it has happened. */
			struct {
				char name[SETTINGS_NAME_SIZE];
				uint32_t connected; /* 0: gone */
			} list[CHANNEL_PEERS_MOST];
			uint32_t count; /* at least one */
		} peers;
		struct {
			/* In the order in which it has happened. */
			struct channel_usage list[CHANNEL_PEERS_MOST];
			uint32_t count; /* at least one */
		} usage;
		struct {
			/* At least one, the one to be tried first first. */
			struct channel_endpoint list[CHANNEL_ENDPOINTS_MOST];
			uint32_t count;
			uint32_t lead_ms;     /* until the second is tried */
			uint32_t patience_ms; /* for each answer */
		} endpoints;
		struct inet_endpoint answered;
		struct {
			int32_t error; /* -errno of the first */
		} tun_refuses;
		struct {
			/* The address that we send from is another as well. */
			uint32_t rebind;
		} moved;
	};
};

struct channel;

struct channel_hooks {
	/*
	 * One checked message; fd is -1 or the descriptor that came along,
	 * now the receiver's. The channel must not be freed here.
	 */
	void (*receive)(void *owner, const struct channel_message *message,
			int fd);
	/*
	 * One that was refused; the channel must not be freed here. NULL: it is
	 * logged.
	 */
	void (*malformed)(void *owner);
	/* The other end is gone. The channel may be freed here. */
	void (*closed)(void *owner);
	/*
	 * What waited is with the other end: there is room after
	 * channel_is_full(). The channel must not be freed here. NULL is
	 * allowed.
	 */
	void (*drained)(void *owner);
};

/* Two connected, non-blocking, close-on-exec descriptors. */
int channel_pair(int fds[2]);

/* Takes over fd, and starts to read it in loop. hooks outlive the channel. */
int channel_new(struct channel **channel, struct ev_loop *loop, int fd,
		const struct channel_hooks *hooks, void *owner);
void channel_free(struct channel *channel);

/*
 * So much is waiting that a sender of many messages is to go on when drained is
 * called, and not before: it will be. What is sent all the same is taken, up to
 * a bound that no honest process reaches.
 */
bool channel_is_full(const struct channel *channel);

/*
 * Sends a copy, later where the other end is slow. fd (-1: none) stays the
 * caller's. What can't be sent is never left out in silence: where too much is
 * waiting already (-ENOBUFS), or memory has run out, the connection is at its
 * end: closed follows, from the loop.
 */
int channel_send(struct channel *channel, const struct channel_message *message,
		 int fd);

/*
 * The same for what its sender may do without, and then says so: 0, or -errno
 * and nothing has happened; -ENOBUFS long before channel_send() has it.
 */
int channel_try_send(struct channel *channel,
		     const struct channel_message *message, int fd);

/* Has the connection been ended as above, by this end? */
bool channel_is_overrun(const struct channel *channel);

/* A message that is only a type. */
int channel_send_type(struct channel *channel, enum channel_type type);

/*
 * Hands everything that waits to the kernel, blocking up to timeout_ms: before
 * the process ends.
 */
void channel_flush(struct channel *channel, int timeout_ms);

/*
 * Receives until the other end is closed, at most timeout_ms; closed is not
 * called.
 */
void channel_drain(struct channel *channel, int timeout_ms);

/*
 * Is the message well formed: a known type, texts that end and are printable,
 * addresses and counts in their range? -EPROTO where not.
 */
int channel_check(const struct channel_message *message);

#endif
