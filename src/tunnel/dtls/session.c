/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/jitter.h"
#include "common/reason.h"
#include "tunnel/dtls/alert.h"
#include "tunnel/dtls/dtls.h"
#include "tunnel/dtls/precheck.h"
#include "tunnel/dtls/preshared.h"
#include "tunnel/dtls/reassembly.h"
#include "tunnel/dtls/record.h"
#include "tunnel/dtls/transport.h"

#define RETRANSMISSION_MS     400
#define RETRANSMISSION_SPREAD 0.2
#define HANDSHAKE_MS	      10000
/*
 * A client waits for that long for each answer, as a slow path takes its time
 * for every one of them, but for no longer than this in all, whoever sent the
 * answers. A path whose first answer was quick is not slow: what is late there
 * is lost, again and again, and `up` is to say so within 15 seconds.
 */
#define HANDSHAKE_MOST_MS  60000
#define HANDSHAKE_QUICK_MS 13000
#define QUICK_ANSWER_MS	   2000
/* GnuTLS keeps its last flight for that long, for a peer that asks again. */
#define LAST_FLIGHT_MS 60000

/*
 * Records that one handshake may take. A chain of certificates in fragments,
 * sent seven times and each doubled, is far below it; a flood is not.
 */
#define HANDSHAKE_RECORDS 1024

/*
 * Bytes of a datagram, once two flights have gone unanswered, and three: what
 * goes through everywhere (RFC 6347, section 4.1.1.1), for IPv4 with 576 bytes,
 * and half of that.
 */
#define SMALL_MTU    548
#define SMALLEST_MTU 256

/* A call of GnuTLS reads one record, but not always at once. */
#define FEED_TRIES 32

#define CIPHER_SIZE 64

/* A record with Finished has some 60 bytes. */
#define FINISHED_MOST 128

/* RFC 4279, section 2 has it for nearly the same. */
#define PRESHARED_ALERT GNUTLS_A_UNKNOWN_PSK_IDENTITY
#define NONE_FOR_IT	"it has a PresharedKey, and the file has none for it"

enum session_state {
	STATE_HANDSHAKE,
	STATE_PROVING, /* see session_is_proving() */
	STATE_OPEN,
	STATE_ENDED
};

struct session {
	gnutls_session_t tls; /* NULL: released, see release_library() */
	struct transport transport;
	struct credentials *credentials; /* an owner of them */
	const struct session_hooks *hooks;
	void *owner;
	bool server;
	char *server_host;
	enum session_state state;
	bool opened; /* SESSION_OPENED is still to be told */
	bool resumed;
	double age; /* see session_age() */

	struct record *record; /* from STATE_OPEN on */
	bool preshared;	       /* it has keys of our own, not GnuTLS's */
	uint8_t proof[PRESHARED_PROOF_SIZE];
	bool proves; /* client: what we send has the proof before it */
	struct identity identity;
	char cipher[CIPHER_SIZE];
	struct session_counters counters;

	uint8_t *datagram; /* what is left of it */
	size_t left;

	unsigned retransmission; /* milliseconds */
	unsigned total;		 /* the same, for an answer (client) */
	int64_t begun, deadline; /* milliseconds, monotonic */
	int64_t last_attempt;	 /* the same */
	int64_t held;		 /* the same: no retransmission before that */
	int64_t last;		 /* the same: of deadline; 0: no answer yet */
	unsigned handshake_records;
	struct reassembly reassembly;
	/* What came before its turn: the end of the other end's flight. */
	struct {
		bool changed; /* ChangeCipherSpec has come */
		uint8_t finished[FINISHED_MOST];
		size_t length; /* 0: it has not come */
	} early;
	unsigned repeated; /* flights in a row */

	gnutls_alert_description_t refusal; /* for a peer that we refuse */
	int error;
	struct reason reason;
};

/* GnuTLS calls it during the handshake, so that an alert tells the peer. */
static int verify(gnutls_session_t tls)
{
	struct session *session = gnutls_session_get_ptr(tls);
	int err;

	err = credentials_check(session->credentials, tls, session->server_host,
				&session->identity, &session->reason);
	session->refusal = alert_for_refusal(err);
	if (!err && session->hooks->authorize) {
		err = session->hooks->authorize(
			session->owner, &session->identity, &session->reason);
		session->refusal = GNUTLS_A_ACCESS_DENIED;
	}
	if (!err)
		return 0;
	session->error = -EACCES;
	return GNUTLS_E_CERTIFICATE_ERROR;
}

static int set_up(struct session *session, unsigned mtu)
{
	unsigned flags = session->server ? GNUTLS_SERVER : GNUTLS_CLIENT;

	flags |= GNUTLS_DATAGRAM | GNUTLS_NONBLOCK | GNUTLS_FORCE_CLIENT_CERT;
	if (gnutls_init(&session->tls, flags) < 0) {
		session->tls = NULL;
		return -ENOMEM;
	}
	transport_attach(&session->transport, session->tls,
			 session->hooks->transmit, session->owner);
	gnutls_session_set_ptr(session->tls, session);
	gnutls_session_set_verify_function(session->tls, verify);
	gnutls_dtls_set_mtu(session->tls, mtu);
	reassembly_init(&session->reassembly, session->server);
	session_set_timeouts(session, RETRANSMISSION_MS, HANDSHAKE_MS);
	return credentials_attach(session->credentials, session->tls);
}

static int new_session(struct session **session,
		       struct credentials *credentials,
		       const struct session_hooks *hooks, void *owner,
		       bool server, unsigned mtu)
{
	struct session *new = calloc(1, sizeof(*new));
	int err;

	if (!new)
		return -ENOMEM;
	new->credentials = credentials_keep(credentials);
	new->hooks = hooks;
	new->owner = owner;
	new->server = server;
	err = set_up(new, mtu);
	if (err) {
		session_free(new);
		return err;
	}
	*session = new;
	return 0;
}

int session_server(struct session **session, struct credentials *credentials,
		   const struct session_hooks *hooks, void *owner,
		   gnutls_dtls_prestate_st *prestate, unsigned mtu)
{
	int err = new_session(session, credentials, hooks, owner, true, mtu);

	if (!err)
		gnutls_dtls_prestate_set((*session)->tls, prestate);
	return err;
}

int session_client(struct session **session, struct credentials *credentials,
		   const struct session_hooks *hooks, void *owner,
		   const char *server_host, unsigned mtu)
{
	struct session *new;
	int err = new_session(&new, credentials, hooks, owner, false, mtu);

	if (!err && server_host) {
		err = session_expect(new, server_host);
		if (err)
			session_free(new);
	}
	if (!err)
		*session = new;
	return err;
}

int session_expect(struct session *session, const char *server_host)
{
	char *copy = strdup(server_host);

	if (!copy)
		return -ENOMEM;
	free(session->server_host);
	session->server_host = copy;
	return 0;
}

void session_free(struct session *session)
{
	if (!session)
		return;
	record_free(session->record);
	reassembly_free(&session->reassembly);
	if (session->tls)
		gnutls_deinit(session->tls);
	credentials_free(session->credentials);
	free(session->server_host);
	explicit_bzero(session, sizeof(*session));
	free(session);
}

void session_set_timeouts(struct session *session, unsigned retransmission,
			  unsigned total)
{
	session->retransmission =
		(unsigned)jitter(retransmission, RETRANSMISSION_SPREAD, 0.);
	session->total = total;
	session->begun = clock_ms(CLOCK_MONOTONIC);
	session->deadline = session->begun + total;
	/* The deadline moves, so that session_tick() checks it. */
	gnutls_dtls_set_timeouts(session->tls, session->retransmission,
				 session->server ? total : HANDSHAKE_MOST_MS);
}

void session_offer_tickets(struct session *session, struct ticket_jar *jar,
			   double now)
{
	ticket_jar_offer(jar, session->tls, now);
}

void session_resume(struct session *session, const struct ticket *ticket,
		    double now)
{
	ticket_use(ticket, session->tls, now);
}

struct ticket *session_ticket(const struct session *session, double now)
{
	if (session->state != STATE_OPEN || session->resumed || !session->tls)
		return NULL;
	return ticket_new(session->tls, now);
}

bool session_resumed(const struct session *session)
{
	return session->state == STATE_OPEN && session->resumed;
}

double session_age(const struct session *session)
{
	return session_resumed(session) ? session->age : 0.;
}

static const uint8_t *preshared_key(const struct session *session)
{
	return session->hooks->preshared_key
		       ? session->hooks->preshared_key(session->owner,
						       &session->identity)
		       : NULL;
}

static void end(struct session *session, int err)
{
	session->state = STATE_ENDED;
	session->error = err;
	session->left = 0;
	transport_offer(&session->transport, NULL, 0);
}

static void end_timed_out(struct session *session)
{
	reason_set(&session->reason, "the %s does not answer",
		   session->server ? "client" : "server");
	end(session, -ETIMEDOUT);
}

/* A fatal alert has come, or a close_notify. */
static void end_by_peer(struct session *session,
			gnutls_alert_description_t alert)
{
	struct reason why = {0};
	int err;

	if (alert == PRESHARED_ALERT && !session->server) {
		reason_set(&session->reason, "the server refuses us: %s",
			   preshared_key(session)
				   ? "it has another PresharedKey for this "
				     "client, or none"
				   : "it has a PresharedKey for this client, "
				     "and this file has none");
		end(session, -EPERM);
		return;
	}
	err = alert_explain(alert, !session->server,
			    credentials_by_key(session->credentials), &why);
	if (err == -EPERM)
		reason_set(&session->reason, "%s (%s)", why.text,
			   credentials_own_text(session->credentials));
	else
		session->reason = why;
	end(session, err);
}

static void end_failed(struct session *session, int code)
{
	if (session->error == -EACCES) { /* by verify(), which says why */
		gnutls_alert_send(session->tls, GNUTLS_AL_FATAL,
				  session->refusal);
		end(session, -EACCES);
		return;
	}
	gnutls_alert_send(session->tls, GNUTLS_AL_FATAL,
			  alert_for_failure(code));
	reason_set(&session->reason, "the handshake failed: %s",
		   gnutls_strerror(code));
	end(session, -EPROTO);
}

/*
 * GnuTLS keeps the time of the full handshake with a resumed session, by a
 * clock that may be set meanwhile: no ticket is older than it may be.
 */
static double age_of(gnutls_session_t tls)
{
	gnutls_datum_t data;
	double age;

	if (gnutls_session_get_data2(tls, &data) < 0)
		return TICKET_LIFETIME;
	age = difftime(time(NULL), gnutls_db_check_entry_time(&data));
	gnutls_memset(data.data, 0, data.size);
	gnutls_free(data.data);
	return age < 0. || age > TICKET_LIFETIME ? TICKET_LIFETIME : age;
}

/*
 * A server needs GnuTLS's session, which is two thirds of what a client costs
 * in memory, for as long as the client may not have its last flight. From then
 * on there are records alone, and alerts, and the master secret is gone. With
 * X.509 it is kept for the certificates, which are checked again.
 */
static void release_library(struct session *session)
{
	if (!session->server || !session->tls ||
	    !credentials_by_key(session->credentials))
		return;
	gnutls_deinit(session->tls);
	session->tls = NULL;
}

/* It goes by the keys of data: with a preshared key these alone are believed.
 */
static void send_alert(struct session *session, uint8_t level,
		       uint8_t description)
{
	const uint8_t alert[RECORD_ALERT_SIZE] = {level, description};
	uint8_t datagram[DTLS_HEADER + 64];
	ssize_t length = record_seal_alert(session->record, datagram,
					   sizeof(datagram), alert);

	if (length > 0)
		session->hooks->transmit(session->owner, datagram,
					 (size_t)length);
}

/* GnuTLS may send from here on; sync() again once it has. */
static int sync(struct session *session)
{
	return session->record ? record_sync(session->record, session->tls) : 0;
}

/* Our key and the client's are not the same: in its keys, if not in ours. */
static void end_unproved(struct session *session, const char *why)
{
	if (!session->tls)
		send_alert(session, GNUTLS_AL_FATAL, PRESHARED_ALERT);
	else if (!sync(session))
		gnutls_alert_send(session->tls, GNUTLS_AL_FATAL,
				  PRESHARED_ALERT);
	reason_set(&session->reason, "%s: %s", session->identity.text, why);
	end(session, -EACCES);
}

static int make_record(struct session *session, const uint8_t *key)
{
	int err = key ? preshared_record(&session->record, session->tls, key,
					 session->server, session->proof)
		      : record_new(&session->record, session->tls);

	session->preshared = key;
	if (err)
		end_failed(session, err == -ENOMEM
					    ? GNUTLS_E_MEMORY_ERROR
					    : GNUTLS_E_UNKNOWN_CIPHER_TYPE);
	return err;
}

static void set_open(struct session *session)
{
	session->state = STATE_OPEN;
	session->opened = true;
}

static void open_up(struct session *session)
{
	const uint8_t *key;

	/*
	 * GnuTLS asks nobody about a session that it has resumed; but the peer
	 * may have been removed, revoked, or have expired since.
	 */
	session->resumed = gnutls_session_is_resumed(session->tls);
	if (session->resumed && verify(session->tls)) {
		end_failed(session, GNUTLS_E_CERTIFICATE_ERROR);
		return;
	}
	/*
	 * RFC 7627: without it another session could be made to have the same
	 * keys. GnuTLS 3.7 has no priority that demands it.
	 */
	if (!gnutls_session_ext_master_secret_status(session->tls)) {
		end_failed(session, GNUTLS_E_INSUFFICIENT_SECURITY);
		return;
	}
	snprintf(session->cipher, sizeof(session->cipher), "%s %s",
		 gnutls_kx_get_name(gnutls_kx_get(session->tls)),
		 gnutls_cipher_get_name(gnutls_cipher_get(session->tls)));
	reassembly_free(&session->reassembly);
	if (session->resumed)
		session->age = age_of(session->tls);
	gnutls_dtls_set_timeouts(session->tls, session->retransmission,
				 LAST_FLIGHT_MS);
	key = preshared_key(session);
	session->proves = key && !session->server;
	if (key && session->server) {
		session->state = STATE_PROVING;
		return;
	}
	if (make_record(session, key))
		return;
	set_open(session);
	/* Then the last flight was the client's (RFC 5246, section 7.3). */
	if (session->resumed)
		release_library(session);
}

static void handshake(struct session *session)
{
	unsigned tries = 0;
	int code;

	do {
		code = gnutls_handshake(session->tls);
	} while (code < 0 && !gnutls_error_is_fatal(code) &&
		 transport_pending(&session->transport) &&
		 ++tries < FEED_TRIES);
	transport_offer(&session->transport, NULL, 0);
	session->last_attempt = clock_ms(CLOCK_MONOTONIC);
	if (!code)
		open_up(session);
	else if (code == GNUTLS_E_TIMEDOUT)
		end_timed_out(session);
	else if (code == GNUTLS_E_FATAL_ALERT_RECEIVED ||
		 code == GNUTLS_E_SESSION_EOF)
		end_by_peer(session, gnutls_alert_get(session->tls));
	else if (gnutls_error_is_fatal(code))
		end_failed(session, code);
}

/* A flight is about to be sent again, as nothing has come of it. */
static void note_repetition(struct session *session)
{
	session->repeated++;
	if (session->repeated >= 3)
		session->transport.mtu = SMALLEST_MTU;
	else if (session->repeated == 2 && !session->transport.mtu)
		session->transport.mtu = SMALL_MTU;
}

void session_start(struct session *session)
{
	if (session->state == STATE_HANDSHAKE)
		handshake(session);
}

void session_input(struct session *session, uint8_t *datagram, size_t length)
{
	if (session->state == STATE_ENDED)
		return;
	session->datagram = datagram;
	session->left = length;
}

static void postpone(struct session *session)
{
	int64_t now = clock_ms(CLOCK_MONOTONIC);

	if (session->server)
		return;
	if (!session->last)
		session->last =
			session->begun + (now - session->begun < QUICK_ANSWER_MS
						  ? HANDSHAKE_QUICK_MS
						  : HANDSHAKE_MOST_MS);
	session->deadline = now + session->total;
	if (session->deadline > session->last)
		session->deadline = session->last;
}

static bool is_own_random(const struct session *session,
			  const uint8_t random[DTLS_RANDOM_SIZE])
{
	gnutls_datum_t own, other;

	gnutls_session_get_random(session->tls, &own, &other);
	return own.data && own.size == DTLS_RANDOM_SIZE &&
	       !memcmp(own.data, random, DTLS_RANDOM_SIZE);
}

bool session_hold(struct session *session,
		  const uint8_t random[DTLS_RANDOM_SIZE], unsigned wait)
{
	int64_t held = clock_ms(CLOCK_MONOTONIC) + wait;

	if (session->state != STATE_HANDSHAKE || session->server ||
	    gnutls_handshake_get_last_in(session->tls) !=
		    GNUTLS_HANDSHAKE_HELLO_VERIFY_REQUEST ||
	    !is_own_random(session, random) ||
	    held > session->begun + HANDSHAKE_MOST_MS)
		return false;
	session->held = held;
	/* It is the server that takes its time. */
	session->last = session->begun + HANDSHAKE_MOST_MS;
	session->deadline = held + session->total;
	if (session->deadline > session->last)
		session->deadline = session->last;
	return true;
}

/* A chain that is too long would be repeated to the end without an answer. */
static bool end_too_long(struct session *session,
			 const struct precheck_record *record)
{
	size_t most, excess = 0;

	if (!record->epoch)
		excess = precheck_excess(
			session->datagram, record, session->server,
			credentials_by_key(session->credentials), &most);
	if (!excess)
		return false;
	gnutls_alert_send(session->tls, GNUTLS_AL_FATAL,
			  GNUTLS_A_RECORD_OVERFLOW);
	reason_set(&session->reason,
		   "its certificates are %zu bytes long, and %zu at most are "
		   "taken",
		   excess, most);
	end(session, -EACCES);
	return true;
}

static void offer(struct session *session, uint8_t *record, size_t length)
{
	transport_offer(&session->transport, record, length);
	handshake(session);
}

/* What is complete goes to GnuTLS in order. */
static void assemble(struct session *session, size_t length)
{
	uint8_t *record;

	if (reassembly_add(&session->reassembly,
			   session->datagram + DTLS_HEADER,
			   length - DTLS_HEADER)) {
		end_failed(session, GNUTLS_E_MEMORY_ERROR);
		return;
	}
	while (session->state == STATE_HANDSHAKE &&
	       reassembly_next(&session->reassembly, &record, &length)) {
		session->repeated = 0;
		offer(session, record, length);
	}
}

/* It is of use only to GnuTLS, and only once it has come to the end of a
 * flight. */
static void keep_finished(struct session *session,
			  const struct precheck_record *record)
{
	if (record->type != DTLS_HANDSHAKE ||
	    record->length > sizeof(session->early.finished))
		return;
	memcpy(session->early.finished, session->datagram, record->length);
	session->early.length = record->length;
}

/*
 * ChangeCipherSpec and Finished may have overtaken what they follow. GnuTLS
 * drops what it does not expect yet, so they are offered again once there is
 * more; what it has had already it drops as well.
 */
static void offer_end(struct session *session)
{
	uint8_t change[DTLS_HEADER + 1] = {
		[DTLS_TYPE] = DTLS_CHANGE_CIPHER_SPEC,
		[DTLS_VERSION] = DTLS_1_2 >> 8,
		[DTLS_VERSION + 1] = DTLS_1_2 & 0xff,
		[DTLS_LENGTH + 1] = 1,
		[DTLS_HEADER] = 1,
	};

	if (session->state != STATE_HANDSHAKE || !session->early.changed ||
	    reassembly_waits(&session->reassembly))
		return;
	reassembly_number(&session->reassembly, change);
	offer(session, change, sizeof(change));
	if (session->state == STATE_HANDSHAKE && session->early.length)
		offer(session, session->early.finished, session->early.length);
}

static void handshake_input(struct session *session,
			    const struct precheck_record *record)
{
	/* Data that has overtaken Finished is lost, as datagrams may be. */
	if (record->type == DTLS_APPLICATION_DATA)
		return;
	if (end_too_long(session, record))
		return;
	if ((!record->epoch &&
	     !precheck_plain(session->datagram, record, session->server,
			     credentials_by_key(session->credentials))) ||
	    ++session->handshake_records > HANDSHAKE_RECORDS) {
		session->counters.malformed++;
		return;
	}
	session->held = 0;
	postpone(session);
	if (record->epoch) {
		keep_finished(session, record);
		offer(session, session->datagram, record->length);
	} else if (record->type == DTLS_HANDSHAKE) {
		assemble(session, record->length);
		offer_end(session);
	} else if (record->type == DTLS_CHANGE_CIPHER_SPEC) {
		session->early.changed = true;
		offer_end(session);
	} else {
		reassembly_number(&session->reassembly, session->datagram);
		offer(session, session->datagram, record->length);
	}
}

static void count_refused(struct session *session, int err)
{
	if (err == -EALREADY)
		session->counters.replayed++;
	else if (err == -EPROTO)
		session->counters.malformed++;
	else
		session->counters.forged++;
}

/* The length of the plaintext, or 0 where the record is dropped. */
static size_t open_record(struct session *session, uint8_t **plain)
{
	size_t used;
	ssize_t length = record_open(session->record, session->datagram,
				     session->left, plain, &used);

	/* A client has data to send only where it has our last flight. */
	if (length >= 0) {
		release_library(session);
		session->proves = false;
	}
	if (length < 0)
		count_refused(session, (int)length);
	return length > 0 ? (size_t)length : 0;
}

/*
 * GnuTLS reads alerts, and the peer's Finished again, which it answers with its
 * last flight where that is due (RFC 6347, section 4.2.4). A request to
 * renegotiate is left without an answer, and a forged record is dropped.
 * Returns the length of data, which is in the place of the record then, or 0.
 */
static size_t read_by_library(struct session *session,
			      const struct precheck_record *record)
{
	const size_t length = record->length;
	unsigned discarded = gnutls_record_get_discarded(session->tls);
	unsigned tries = 0;
	ssize_t code;

	if (sync(session) < 0)
		return 0;
	if (record->type == DTLS_HANDSHAKE)
		note_repetition(session);
	transport_offer(&session->transport, session->datagram, length);
	do {
		code = gnutls_record_recv(session->tls, session->datagram,
					  length);
	} while (code < 0 && transport_pending(&session->transport) &&
		 ++tries < FEED_TRIES);
	transport_offer(&session->transport, NULL, 0);
	session->counters.forged +=
		gnutls_record_get_discarded(session->tls) - discarded;
	if (!code || code == GNUTLS_E_FATAL_ALERT_RECEIVED)
		end_by_peer(session, gnutls_alert_get(session->tls));
	sync(session);
	return code > 0 ? (size_t)code : 0;
}

/*
 * A warning is no reason to do anything but close_notify (RFC 5246, section
 * 7.2.1); GnuTLS sends no other.
 */
static void read_alert(struct session *session,
		       const struct precheck_record *record)
{
	const size_t length = record->length;
	uint8_t alert[RECORD_ALERT_SIZE], copy[DTLS_HEADER + 64];
	int err = -EBADMSG;

	/* It may be GnuTLS's yet, to a client that has not proved its key. */
	if (length <= sizeof(copy)) {
		memcpy(copy, session->datagram, length);
		err = record_open_alert(session->record, copy, length, alert);
	}
	if (err && session->proves)
		read_by_library(session, record);
	else if (err)
		count_refused(session, err);
	else if (alert[0] == GNUTLS_AL_FATAL ||
		 alert[1] == GNUTLS_A_CLOSE_NOTIFY)
		end_by_peer(session, alert[1]);
}

/* The file may have changed since the handshake: its key of now counts. */
static void check_proof(struct session *session, const uint8_t *text,
			size_t length)
{
	const uint8_t *key = preshared_key(session);

	if (!preshared_is_proof(text, length)) {
		end_unproved(session, "it has no PresharedKey, and the file "
				      "has one for it");
		return;
	}
	if (!key) {
		end_unproved(session, NONE_FOR_IT);
		return;
	}
	if (make_record(session, key))
		return;
	if (gnutls_memcmp(text, session->proof, sizeof(session->proof))) {
		end_unproved(session, "its PresharedKey is another one than "
				      "the file's");
		return;
	}
	set_open(session);
	release_library(session);
}

static void proving_input(struct session *session,
			  const struct precheck_record *record)
{
	size_t length;

	if (!record->epoch)
		return;
	length = read_by_library(session, record);
	if (length && session->state == STATE_PROVING)
		check_proof(session, session->datagram, length);
}

static size_t open_input(struct session *session,
			 const struct precheck_record *record, uint8_t **plain)
{
	size_t length;

	/* What is not encrypted may be anybody's: the handshake is over. */
	if (!record->epoch)
		return 0;
	if (record->type == DTLS_APPLICATION_DATA) {
		length = open_record(session, plain);
		if (length && session->server &&
		    preshared_is_proof(*plain, length)) {
			end_unproved(session, NONE_FOR_IT);
			return 0;
		}
		return length;
	}
	if (record->type == DTLS_ALERT && (session->preshared || !session->tls))
		read_alert(session, record);
	else if (session->tls)
		read_by_library(session, record);
	return 0;
}

enum session_event session_next(struct session *session, uint8_t **record,
				size_t *length)
{
	struct precheck_record next;

	while (session->state != STATE_ENDED && !session->opened &&
	       session->left) {
		size_t plain = 0;

		if (!precheck_record(session->datagram, session->left, &next)) {
			session->counters.malformed++;
			session->left = 0;
			break;
		}
		if (session->state == STATE_HANDSHAKE)
			handshake_input(session, &next);
		else if (session->state == STATE_PROVING)
			proving_input(session, &next);
		else
			plain = open_input(session, &next, record);
		if (session->state == STATE_ENDED)
			break;
		session->datagram += next.length;
		session->left -= next.length;
		if (plain) {
			*length = plain;
			return SESSION_RECORD;
		}
	}
	if (session->state == STATE_ENDED)
		return SESSION_ENDED;
	if (!session->opened)
		return SESSION_NONE;
	session->opened = false;
	return SESSION_OPENED;
}

size_t session_open_only(struct session *session, uint8_t *datagram,
			 size_t length, uint8_t **plain)
{
	/*
	 * A record of another session would be spoilt by an attempt to open it.
	 */
	uint8_t copy[DTLS_HEADER + DTLS_PLAIN_MAX], *opened;
	struct precheck_record record;
	ssize_t size;
	size_t used;

	if (session->state != STATE_OPEN || length > sizeof(copy) ||
	    !precheck_record(datagram, length, &record) ||
	    record.length != length)
		return 0;
	memcpy(copy, datagram, length);
	size = record_open(session->record, copy, length, &opened, &used);
	if (size <= 0)
		return 0;
	*plain = datagram + (opened - copy);
	memcpy(*plain, opened, (size_t)size);
	return (size_t)size;
}

int session_timeout(const struct session *session)
{
	int64_t now = clock_ms(CLOCK_MONOTONIC), due, pause;

	if (session->state == STATE_PROVING)
		return session->deadline > now ? (int)(session->deadline - now)
					       : 0;
	if (session->state != STATE_HANDSHAKE)
		return -1;
	due = gnutls_dtls_get_timeout(session->tls);
	/*
	 * GnuTLS returns 0 while it has a part of a flight and nothing to send.
	 */
	pause = session->last_attempt + session->retransmission / 4 - now;
	if (due < pause)
		due = pause;
	if (due < session->held - now)
		due = session->held - now;
	if (due > session->deadline - now)
		due = session->deadline - now;
	return due < 0 ? 0 : (int)due;
}

void session_tick(struct session *session)
{
	if (session->state != STATE_HANDSHAKE &&
	    session->state != STATE_PROVING)
		return;
	if (clock_ms(CLOCK_MONOTONIC) >= session->deadline) {
		end_timed_out(session);
		return;
	}
	if (session->state != STATE_HANDSHAKE)
		return;
	if (!gnutls_dtls_get_timeout(session->tls))
		note_repetition(session);
	handshake(session);
}

ssize_t session_seal(struct session *session, uint8_t *datagram, size_t size,
		     const uint8_t *plain, size_t length)
{
	if (session->state != STATE_OPEN)
		return -EPIPE;
	return record_seal(session->record, datagram, size, plain, length);
}

/* It may be lost, so it goes before each message until an answer has come. */
static void send_proof(struct session *session)
{
	if (sync(session))
		return;
	gnutls_record_send(session->tls, session->proof,
			   sizeof(session->proof));
	sync(session);
}

int session_send(struct session *session, const uint8_t *plain, size_t length)
{
	uint8_t datagram[DTLS_HEADER + DTLS_PLAIN_MAX];
	ssize_t sealed;

	if (session->proves && session->state == STATE_OPEN)
		send_proof(session);
	sealed = session_seal(session, datagram, sizeof(datagram), plain,
			      length);
	if (sealed < 0)
		return (int)sealed;
	session->hooks->transmit(session->owner, datagram, (size_t)sealed);
	return 0;
}

void session_close(struct session *session)
{
	if (session->state == STATE_ENDED)
		return;
	if (session->state == STATE_HANDSHAKE)
		gnutls_alert_send(session->tls, GNUTLS_AL_FATAL,
				  GNUTLS_A_USER_CANCELED);
	else if (!session->tls || (session->preshared && !session->proves))
		send_alert(session, GNUTLS_AL_WARNING, GNUTLS_A_CLOSE_NOTIFY);
	else if (!sync(session))
		gnutls_bye(session->tls, GNUTLS_SHUT_WR);
	reason_set(&session->reason, "closed");
	end(session, -ECONNRESET);
}

bool session_is_open(const struct session *session)
{
	return session->state == STATE_OPEN;
}

bool session_is_proving(const struct session *session)
{
	return session->state == STATE_PROVING;
}

bool session_worn(const struct session *session)
{
	return session->record && record_worn(session->record);
}

static int check_again(struct session *session, struct reason *reason)
{
	struct identity identity;
	int err;

	/* What was released is by key, which says all that there is to check.
	 */
	if (!session->tls && credentials_by_key(session->credentials))
		return 0;
	err = credentials_check(session->credentials, session->tls,
				session->server_host, &identity, reason);
	if (err)
		return err;
	/* PeerName may be another one in the file by now. */
	if (strcmp(identity.name, session->identity.name)) {
		reason_set(reason, "its name is %s now", identity.name);
		return -EACCES;
	}
	session->identity.valid_until = identity.valid_until;
	return 0;
}

int session_reverify(struct session *session, struct credentials *credentials,
		     struct reason *reason)
{
	if (session->credentials == credentials)
		return 0;
	/* GnuTLS verifies by the credentials that the session points to. */
	if (session->tls ? credentials_attach(credentials, session->tls)
			 : !credentials_by_key(credentials)) {
		reason_set(reason, "its certificate can't be checked");
		return -EACCES;
	}
	credentials_keep(credentials);
	credentials_free(session->credentials);
	session->credentials = credentials;
	return check_again(session, reason);
}

int session_recheck(struct session *session, struct reason *reason)
{
	int64_t until = session->identity.valid_until;

	return until && time(NULL) > until ? check_again(session, reason) : 0;
}

int64_t session_valid_until(const struct session *session)
{
	return session->identity.valid_until;
}

bool session_is_of_another(const struct session *session,
			   const struct credentials *credentials)
{
	return session->credentials != credentials &&
	       !credentials_same_own(session->credentials, credentials);
}

const struct identity *session_identity(const struct session *session)
{
	return &session->identity;
}

const char *session_reason(const struct session *session)
{
	return session->state == STATE_ENDED ? session->reason.text : "";
}

int session_error(const struct session *session)
{
	return session->state == STATE_ENDED ? session->error : 0;
}

const char *session_cipher(const struct session *session)
{
	return session->cipher;
}

const char *session_library(const struct session *session)
{
	return session->record ? record_library(session->record) : "";
}

size_t session_overhead(const struct session *session)
{
	return session->record ? record_overhead(session->record) : 0;
}

size_t session_headroom(const struct session *session)
{
	return session->record ? record_headroom(session->record) : 0;
}

const struct session_counters *session_counters(const struct session *session)
{
	return &session->counters;
}

uint64_t session_floor(const struct session *session)
{
	return session->state == STATE_OPEN && session->record
		       ? record_floor(session->record)
		       : 0;
}
