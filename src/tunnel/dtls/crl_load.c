/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a file of lists to what crl.c searches. GnuTLS needs microseconds and
 * hundreds of bytes for each entry; here it gets a list without its entries,
 * and those are only read once the whole is known to be signed.
 */
#include <errno.h>
#include <gnutls/abstract.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/file.h"
#include "tunnel/dtls/crl.h"
#include "tunnel/dtls/crl_internal.h"
#include "tunnel/dtls/pem_kind.h"

#define PEM_BEGIN "-----BEGIN X509 CRL-----"
#define PEM_END	  "-----END X509 CRL-----"

/* Some three million entries; the memory is needed for a moment. */
#define FILE_MOST (128 << 20)

/* A header has a tag, the length's length, and four bytes of length. */
#define HEADER_MOST 6

/* cRLNumber has 20 bytes at most (RFC 5280, section 5.2.3). */
#define NUMBER_SIZE 32

#define OID_ISSUER_ALTERNATIVE "2.5.29.18"
#define OID_NUMBER	       "2.5.29.20"
#define OID_DELTA	       "2.5.29.27"
#define OID_DISTRIBUTION_POINT "2.5.29.28"
#define OID_AUTHORITY_KEY      "2.5.29.35"
#define OID_FRESHEST	       "2.5.29.46"

struct number {
	uint8_t bytes[NUMBER_SIZE];
	size_t length; /* 0: there is none */
};

/* A list beside its serial numbers. */
struct list {
	gnutls_datum_t issuer; /* its name, in DER */
	gnutls_datum_t name;   /* the same as text */
	uint8_t *points;
	struct crl_head head;
	struct number number, base; /* base: of a delta list */
	struct list *next;
};

struct loading {
	const struct crl_source *source;
	gnutls_x509_trust_list_t cas;
	struct list *lists;
	struct crl_bytes bytes;
	struct reason *reason;
};

/* Where the parts of a list are (RFC 5280, section 5.1). */
struct parts {
	struct crl_element tbs; /* what is signed */
	struct crl_span before; /* of its content: up to the entries ... */
	struct crl_span after;	/* ... and from there on */
	struct crl_span revoked;
	struct crl_span tail; /* signatureAlgorithm, signatureValue */
	struct crl_span signature;
};

static bool is_time(const struct crl_element *element)
{
	return element->tag == CRL_TAG_UTC_TIME || element->tag == CRL_TAG_TIME;
}

/* The number of unused bits comes first (X.690, section 8.6). */
static bool find_signature(struct parts *parts)
{
	struct crl_span rest = parts->tail;
	struct crl_element element;

	if (!crl_element_of(&rest, CRL_TAG_SEQUENCE, &element) ||
	    !crl_element_of(&rest, CRL_TAG_BITS, &element) ||
	    element.content.length < 2 || element.content.data[0])
		return false;
	parts->signature.data = element.content.data + 1;
	parts->signature.length = element.content.length - 1;
	return true;
}

static bool find_parts(struct crl_span der, struct parts *parts)
{
	struct crl_span rest = der, within, behind;
	struct crl_element element;

	memset(parts, 0, sizeof(*parts));
	if (!crl_element_of(&rest, CRL_TAG_SEQUENCE, &element))
		return false;
	parts->tail = element.content;
	if (!crl_element_of(&parts->tail, CRL_TAG_SEQUENCE, &parts->tbs) ||
	    !find_signature(parts))
		return false;
	within = parts->tbs.content;
	/* Before the times are version, signature and issuer. */
	do {
		if (!crl_element(&within, &element))
			return false;
	} while (!is_time(&element));
	behind = within;
	if (crl_element(&behind, &element) && is_time(&element))
		within = behind;
	parts->before = parts->tbs.content;
	parts->before.length -= within.length;
	parts->after = within;
	if (crl_element_of(&within, CRL_TAG_SEQUENCE, &element)) {
		parts->revoked = element.content;
		parts->after = within;
	}
	return true;
}

static size_t put_header(uint8_t header[HEADER_MOST], size_t length)
{
	unsigned octets = 0;

	header[0] = CRL_TAG_SEQUENCE;
	if (length < 0x80) {
		header[1] = (uint8_t)length;
		return 2;
	}
	while (length >> (8 * octets))
		octets++;
	header[1] = (uint8_t)(0x80 | octets);
	for (unsigned i = 0; i < octets; i++)
		header[2 + i] = (uint8_t)(length >> (8 * (octets - 1 - i)));
	return 2 + octets;
}

static uint8_t *put(uint8_t *to, const void *data, size_t length)
{
	if (length)
		memcpy(to, data, length);
	return to + length;
}

/* GnuTLS reads the list without its entries, which are what costs. */
static int import_frame(const struct parts *parts, gnutls_x509_crl_t crl)
{
	uint8_t inner_header[HEADER_MOST], outer_header[HEADER_MOST];
	size_t inner = parts->before.length + parts->after.length;
	size_t inner_head = put_header(inner_header, inner);
	size_t outer = inner_head + inner + parts->tail.length;
	size_t outer_head = put_header(outer_header, outer);
	uint8_t *frame = malloc(outer_head + outer), *at;
	gnutls_datum_t der = {frame, (unsigned)(outer_head + outer)};
	int code;

	if (!frame)
		return -ENOMEM;
	at = put(frame, outer_header, outer_head);
	at = put(at, inner_header, inner_head);
	at = put(at, parts->before.data, parts->before.length);
	at = put(at, parts->after.data, parts->after.length);
	put(at, parts->tail.data, parts->tail.length);
	code = gnutls_x509_crl_import(crl, &der, GNUTLS_X509_FMT_DER);
	free(frame);
	return code < 0 ? -EINVAL : 0;
}

static int malformed(struct loading *loading)
{
	reason_set(loading->reason, "%s: holds a malformed list",
		   loading->source->path);
	return -EINVAL;
}

static int exhausted(struct loading *loading)
{
	reason_set(loading->reason, "%s: out of memory", loading->source->path);
	return -ENOMEM;
}

/* Refuses a list, and so the file. */
static int refuse(struct loading *loading, const struct list *list,
		  const char *why)
{
	reason_set(loading->reason, "%s: the list of %s %s",
		   loading->source->path, (const char *)list->name.data, why);
	return -EINVAL;
}

static gnutls_datum_t datum_of(struct crl_span span)
{
	return (gnutls_datum_t){(uint8_t *)span.data, (unsigned)span.length};
}

static bool same_name(const gnutls_datum_t *a, const gnutls_datum_t *b)
{
	return a->size == b->size && !memcmp(a->data, b->data, a->size);
}

static bool has_signed(gnutls_x509_crt_t ca, gnutls_x509_crl_t crl,
		       const struct parts *parts)
{
	const gnutls_datum_t tbs = datum_of(parts->tbs.whole);
	const gnutls_datum_t signature = datum_of(parts->signature);
	int algorithm = gnutls_x509_crl_get_signature_algorithm(crl);
	unsigned usage, critical;
	gnutls_pubkey_t key;
	bool is_signed;

	if (gnutls_x509_crt_get_key_usage(ca, &usage, &critical) >= 0 &&
	    !(usage & GNUTLS_KEY_CRL_SIGN))
		return false;
	if (algorithm < 0 || gnutls_pubkey_init(&key) < 0)
		return false;
	is_signed = gnutls_pubkey_import_x509(key, ca, 0) >= 0 &&
		    gnutls_pubkey_verify_data2(
			    key, (gnutls_sign_algorithm_t)algorithm,
			    (unsigned)GNUTLS_PROFILE_TO_VFLAGS(
				    GNUTLS_PROFILE_MEDIUM),
			    &tbs, &signature) >= 0;
	gnutls_pubkey_deinit(key);
	return is_signed;
}

/* A CA that has a new key may go by the same name: any of them will do. */
static bool is_vouched_for(const struct loading *loading, gnutls_x509_crl_t crl,
			   const struct list *list, const struct parts *parts)
{
	gnutls_x509_trust_list_iter_t iter = NULL;
	gnutls_datum_t name;
	gnutls_x509_crt_t ca;
	bool found = false;

	while (gnutls_x509_trust_list_iter_get_ca(loading->cas, &iter, &ca) >=
	       0) {
		if (!found && gnutls_x509_crt_get_raw_dn(ca, &name) >= 0) {
			found = same_name(&name, &list->issuer) &&
				has_signed(ca, crl, parts);
			gnutls_free(name.data);
		}
		gnutls_x509_crt_deinit(ca);
	}
	return found;
}

static int read_number(const gnutls_datum_t *data, struct number *number)
{
	struct crl_span rest = {data->data, data->size};
	struct crl_element element;

	if (!crl_element_of(&rest, CRL_TAG_INTEGER, &element))
		return -EINVAL;
	rest = crl_without_zeros(element.content);
	if (!rest.length || rest.length > sizeof(number->bytes))
		return -EINVAL;
	memcpy(number->bytes, rest.data, rest.length);
	number->length = rest.length;
	return 0;
}

/* Its distribution point: full names, or else one that is not understood. */
static int read_point(struct crl_span rest, struct list *list)
{
	struct crl_element names;

	if (!crl_element_of(&rest, CRL_TAG_INNER(0), &names) ||
	    !names.content.length) {
		list->head.scope |= CRL_PARTIAL;
		return 0;
	}
	list->points = malloc(names.content.length);
	if (!list->points)
		return -ENOMEM;
	memcpy(list->points, names.content.data, names.content.length);
	list->head.points = (uint32_t)names.content.length;
	return 0;
}

/* issuingDistributionPoint (RFC 5280, section 5.2.5). */
static int read_scope(const gnutls_datum_t *data, struct list *list)
{
	struct crl_span rest = {data->data, data->size};
	struct crl_element element;

	if (!crl_element_of(&rest, CRL_TAG_SEQUENCE, &element) || rest.length)
		return -EINVAL;
	for (rest = element.content; rest.length;) {
		int err = 0;

		if (!crl_element(&rest, &element))
			return -EINVAL;
		if (element.tag == CRL_TAG_INNER(0))
			err = read_point(element.content, list);
		else if (element.tag == CRL_TAG_PLAIN(1))
			list->head.scope |= CRL_USERS;
		else if (element.tag == CRL_TAG_PLAIN(2))
			list->head.scope |= CRL_CAS;
		else if (element.tag == CRL_TAG_PLAIN(3) ||
			 element.tag == CRL_TAG_PLAIN(5))
			list->head.scope |= CRL_PARTIAL;
		else /* indirectCRL: its entries are of other issuers */
			err = -ENOTSUP;
		if (err)
			return err;
	}
	return 0;
}

static int read_extension(const char *oid, const gnutls_datum_t *data,
			  bool critical, struct list *list)
{
	if (!strcmp(oid, OID_NUMBER))
		return read_number(data, &list->number);
	if (!strcmp(oid, OID_DELTA)) {
		list->head.scope |= CRL_DELTA;
		return read_number(data, &list->base);
	}
	if (!strcmp(oid, OID_DISTRIBUTION_POINT))
		return read_scope(data, list);
	if (!strcmp(oid, OID_ISSUER_ALTERNATIVE) ||
	    !strcmp(oid, OID_AUTHORITY_KEY) || !strcmp(oid, OID_FRESHEST))
		return 0;
	return critical ? -ENOTSUP : 0;
}

static int read_extensions(struct loading *loading, gnutls_x509_crl_t crl,
			   struct list *list)
{
	for (unsigned i = 0;; i++) {
		gnutls_datum_t data = {NULL, 0};
		unsigned critical = 0;
		char oid[128];
		size_t size = sizeof(oid);
		int err, code;

		code = gnutls_x509_crl_get_extension_info(crl, i, oid, &size,
							  &critical);
		if (code == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return 0;
		if (code < 0 ||
		    gnutls_x509_crl_get_extension_data2(crl, i, &data) < 0)
			return malformed(loading);
		err = read_extension(oid, &data, critical, list);
		gnutls_free(data.data);
		if (err == -ENOTSUP)
			return refuse(loading, list,
				      "says something critical that is not "
				      "understood: have it issued as a plain "
				      "list of all that are revoked");
		if (err)
			return err == -ENOMEM ? exhausted(loading)
					      : malformed(loading);
	}
}

/*
 * May an entry with these extensions count (RFC 5280, section 5.3)? An entry of
 * a delta list may take a revocation back (removeFromCRL). That is ignored: the
 * revocation is in force until the next whole list.
 */
static bool check_entry(struct crl_span rest)
{
	/* cRLReasons, holdInstructionCode, invalidityDate, as DER has them. */
	static const uint8_t known[][3] = {
		{0x55, 0x1d, 21}, {0x55, 0x1d, 23}, {0x55, 0x1d, 24}};
	struct crl_element list, extension, oid, critical;

	if (!rest.length)
		return true;
	if (!crl_element_of(&rest, CRL_TAG_SEQUENCE, &list) || rest.length)
		return false;
	while (list.content.length) {
		bool is_known = false;

		if (!crl_element_of(&list.content, CRL_TAG_SEQUENCE,
				    &extension) ||
		    !crl_element_of(&extension.content, CRL_TAG_OID, &oid))
			return false;
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			is_known |= oid.content.length == sizeof(known[i]) &&
				    !memcmp(oid.content.data, known[i],
					    sizeof(known[i]));
		if (!is_known && crl_element_of(&extension.content,
						CRL_TAG_BOOLEAN, &critical))
			return false;
	}
	return true;
}

/* Cuts an entry off rest, and finds its serial number. */
static bool next_entry(struct crl_span *rest, struct crl_span *serial,
		       struct crl_span *extensions)
{
	struct crl_element entry, element, when;

	if (!crl_element_of(rest, CRL_TAG_SEQUENCE, &entry) ||
	    !crl_element_of(&entry.content, CRL_TAG_INTEGER, &element) ||
	    !crl_element(&entry.content, &when) || !is_time(&when))
		return false;
	*serial = crl_without_zeros(element.content);
	*extensions = entry.content;
	return serial->length && serial->length <= CRL_SERIAL_SIZE;
}

/* Counts the entries, and finds the longest serial number. */
static int measure(struct loading *loading, struct crl_span revoked,
		   struct list *list)
{
	struct crl_span serial, extensions;

	list->head.width = 1;
	while (revoked.length) {
		if (!next_entry(&revoked, &serial, &extensions))
			return malformed(loading);
		if (!check_entry(extensions))
			return refuse(loading, list,
				      "has an entry with something critical "
				      "that is not understood: have it issued "
				      "as a plain list");
		list->head.count++;
		if (serial.length > list->head.width)
			list->head.width = (uint32_t)serial.length;
	}
	return 0;
}

static int compare(const void *one, const void *other, void *width)
{
	return memcmp(one, other, *(const uint32_t *)width);
}

/* Most authorities list serial numbers in their own order. */
static void sort(uint8_t *serials, struct crl_head *head)
{
	uint8_t *end = serials + head->count * head->width;

	for (uint8_t *at = serials + head->width; at < end; at += head->width) {
		if (memcmp(at - head->width, at, head->width) <= 0)
			continue;
		qsort_r(serials, head->count, head->width, compare,
			&head->width);
		return;
	}
}

static int write_list(struct loading *loading, struct crl_span revoked,
		      struct list *list)
{
	struct crl_head *head = &list->head;
	size_t old = loading->bytes.length;
	size_t length = sizeof(*head) + head->issuer + head->points +
			head->count * head->width;
	uint8_t *at = realloc(loading->bytes.data, old + length), *serials;
	struct crl_span serial, extensions;

	if (!at)
		return exhausted(loading);
	loading->bytes.data = at;
	loading->bytes.length += length;
	at = put(at + old, head, sizeof(*head));
	at = put(at, list->issuer.data, head->issuer);
	serials = at = put(at, list->points, head->points);
	while (next_entry(&revoked, &serial, &extensions)) {
		memset(at, 0, head->width - serial.length);
		at += head->width - serial.length;
		at = put(at, serial.data, serial.length);
	}
	sort(serials, head);
	return 0;
}

static int read_signed(struct loading *loading, gnutls_x509_crl_t crl,
		       const struct parts *parts, struct list *list)
{
	int err;

	if (gnutls_x509_crl_get_raw_issuer_dn(crl, &list->issuer) < 0 ||
	    gnutls_x509_crl_get_issuer_dn2(crl, &list->name) < 0)
		return malformed(loading);
	if (!is_vouched_for(loading, crl, list, parts)) {
		reason_set(loading->reason,
			   "%s: is not signed by a CA in %s, where each CA has "
			   "to be that has a list",
			   loading->source->path, loading->source->ca_path);
		return -EINVAL;
	}
	list->head.issuer = list->issuer.size;
	list->head.until = gnutls_x509_crl_get_next_update(crl);
	err = read_extensions(loading, crl, list);
	if (!err)
		err = measure(loading, parts->revoked, list);
	if (!err)
		err = write_list(loading, parts->revoked, list);
	return err;
}

static int read_list(struct loading *loading, struct crl_span der,
		     struct list *list)
{
	gnutls_x509_crl_t crl;
	struct parts parts;
	int err;

	if (!find_parts(der, &parts))
		return malformed(loading);
	if (gnutls_x509_crl_init(&crl) < 0)
		return exhausted(loading);
	err = import_frame(&parts, crl);
	if (err)
		err = err == -ENOMEM ? exhausted(loading) : malformed(loading);
	else
		err = read_signed(loading, crl, &parts, list);
	gnutls_x509_crl_deinit(crl);
	return err;
}

/* The value of each letter of base64 (RFC 4648, section 4), plus one. */
static const uint8_t values[256] = {
	['A'] = 1, 2,  3,	   4,	       5,  6,  7,	   8,  9,  10,
	11,	   12, 13,	   14,	       15, 16, 17,	   18, 19, 20,
	21,	   22, 23,	   24,	       25, 26, ['a'] = 27, 28, 29, 30,
	31,	   32, 33,	   34,	       35, 36, 37,	   38, 39, 40,
	41,	   42, 43,	   44,	       45, 46, 47,	   48, 49, 50,
	51,	   52, ['0'] = 53, 54,	       55, 56, 57,	   58, 59, 60,
	61,	   62, ['+'] = 63, ['/'] = 64,
};

/*
 * Decodes base64 (RFC 7468, section 3) in place, in a quarter of the time that
 * GnuTLS takes for a list of megabytes. The number of bytes, or -EINVAL.
 */
static ssize_t decode(uint8_t *text, size_t length)
{
	uint8_t *bytes = text;
	uint32_t group = 0;
	unsigned letters = 0;
	size_t count = 0;

	for (size_t i = 0; i < length && text[i] != '='; i++) {
		unsigned value = values[text[i]];

		if (!value && strchr("\r\n\t ", text[i]))
			continue;
		if (!value)
			return -EINVAL;
		group = group << 6 | (value - 1);
		if (++letters % 4)
			continue;
		bytes[count++] = (uint8_t)(group >> 16);
		bytes[count++] = (uint8_t)(group >> 8);
		bytes[count++] = (uint8_t)group;
	}
	if (letters % 4 == 1)
		return -EINVAL;
	if (letters % 4 == 2)
		bytes[count++] = (uint8_t)(group >> 4);
	if (letters % 4 == 3) {
		bytes[count++] = (uint8_t)(group >> 10);
		bytes[count++] = (uint8_t)(group >> 2);
	}
	return (ssize_t)count;
}

static int add_list(struct loading *loading, uint8_t *text, size_t length)
{
	struct list *list = calloc(1, sizeof(*list));
	ssize_t size = decode(text, length);

	if (!list)
		return exhausted(loading);
	list->next = loading->lists;
	loading->lists = list;
	if (size <= 0)
		return malformed(loading);
	return read_list(loading, (struct crl_span){text, (size_t)size}, list);
}

/* Cuts the text between the next two lines of PEM off. */
static uint8_t *next_text(char **pem, size_t *left, size_t *length)
{
	char *begin = memmem(*pem, *left, PEM_BEGIN, sizeof(PEM_BEGIN) - 1);
	char *end;

	if (!begin)
		return NULL;
	begin += sizeof(PEM_BEGIN) - 1;
	*left -= (size_t)(begin - *pem);
	end = memmem(begin, *left, PEM_END, sizeof(PEM_END) - 1);
	*length = end ? (size_t)(end - begin) : 0;
	*pem = begin + *length;
	*left -= *length;
	return (uint8_t *)begin;
}

static int order(const struct number *a, const struct number *b)
{
	if (a->length != b->length)
		return a->length < b->length ? -1 : 1;
	return memcmp(a->bytes, b->bytes, a->length);
}

/*
 * Is there the whole list that a delta list goes with, or a newer one? Without
 * it what has been revoked in between is in neither (section 5.2.4).
 */
static int check_delta(struct loading *loading, const struct list *delta)
{
	for (const struct list *list = loading->lists; list;
	     list = list->next) {
		if (!(list->head.scope & CRL_DELTA) && list->number.length &&
		    same_name(&list->issuer, &delta->issuer) &&
		    order(&list->number, &delta->base) >= 0)
			return 0;
	}
	return refuse(loading, delta,
		      "has only what has changed since a whole one (delta "
		      "CRL), which is not there, or too old: append that one");
}

static int refuse_without(struct loading *loading, const struct crl_span *file)
{
	char kind[PEM_KIND_SIZE];

	pem_kind((const char *)file->data, file->length, CONFIG_PEM_CRL, kind);
	reason_set(loading->reason, "%s: holds no revocation list in PEM%s%s",
		   loading->source->path, *kind ? ": it " : "", kind);
	return -EINVAL;
}

static int load_lists(struct loading *loading, char *pem, size_t length)
{
	const uint64_t magic = CRL_MAGIC;
	const struct crl_span all = {(uint8_t *)pem, length};
	uint8_t *text;
	size_t size;
	int err = 0;

	loading->bytes.data = malloc(sizeof(magic));
	if (!loading->bytes.data)
		return exhausted(loading);
	put(loading->bytes.data, &magic, sizeof(magic));
	loading->bytes.length = sizeof(magic);
	while (!err && (text = next_text(&pem, &length, &size)))
		err = add_list(loading, text, size);
	if (!err && !loading->lists)
		return refuse_without(loading, &all);
	for (const struct list *list = loading->lists; list && !err;
	     list = list->next) {
		if (list->head.scope & CRL_DELTA)
			err = check_delta(loading, list);
	}
	return err;
}

static void free_lists(struct list *list)
{
	while (list) {
		struct list *next = list->next;

		gnutls_free(list->issuer.data);
		gnutls_free(list->name.data);
		free(list->points);
		free(list);
		list = next;
	}
}

int crl_reduce(struct crl_bytes *bytes, char *pem, size_t length,
	       const struct crl_source *source, struct reason *reason)
{
	struct loading loading = {.source = source, .reason = reason};
	gnutls_datum_t ca = {(uint8_t *)source->ca,
			     (unsigned)source->ca_length};
	int err = 0;

	if (gnutls_x509_trust_list_init(&loading.cas, 0) < 0)
		return exhausted(&loading);
	/* Whoever uses them says what is wrong with the CAs. */
	gnutls_x509_trust_list_add_trust_mem(loading.cas, &ca, NULL,
					     GNUTLS_X509_FMT_PEM, 0, 0);
	err = load_lists(&loading, pem, length);
	gnutls_x509_trust_list_deinit(loading.cas, 1);
	free_lists(loading.lists);
	if (err)
		free(loading.bytes.data);
	else
		*bytes = loading.bytes;
	return err;
}

static int read_file(const struct crl_source *source, char **pem,
		     size_t *length)
{
	int fd, err;

	if (source->text) {
		*pem = strndup(source->text, source->length);
		*length = *pem ? strlen(*pem) : 0;
		return *pem ? 0 : -ENOMEM;
	}
	fd = file_open(source->path);
	err = fd < 0 ? fd : file_read_most(fd, FILE_MOST, pem, length);
	if (fd >= 0)
		close(fd);
	return err;
}

int crl_load(struct crl_bytes *bytes, const struct crl_source *source,
	     struct reason *reason)
{
	char *pem = NULL;
	size_t length = 0;
	int err = read_file(source, &pem, &length);

	if (err)
		reason_set(reason, "%s: can't be read: %s", source->path,
			   err == -EINVAL ? "it is not a regular file"
					  : strerror(-err));
	else
		err = crl_reduce(bytes, pem, length, source, reason);
	free(pem);
	return err;
}
