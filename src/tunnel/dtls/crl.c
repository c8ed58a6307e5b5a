/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/crl.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "common/log.h"
#include "tunnel/dtls/certificate.h"
#include "tunnel/dtls/crl_internal.h"

#define OID_DISTRIBUTION_POINTS "2.5.29.31"

struct crl_set {
	struct crl_span bytes; /* checked by check_lists() */
	bool mapped;
};

/* A list where it is in the bytes. */
struct list {
	struct crl_head head;
	struct crl_span issuer, points;
	const uint8_t *serials;
};

bool crl_element(struct crl_span *rest, struct crl_element *element)
{
	const uint8_t *data = rest->data;
	size_t head = 2, length;

	if (rest->length < head)
		return false;
	length = data[1];
	if (length & 0x80) {
		size_t octets = length & 0x7f;

		if (octets == 0 || octets > 4 || octets > rest->length - head)
			return false;
		length = 0;
		for (size_t i = 0; i < octets; i++)
			length = length << 8 | data[head + i];
		head += octets;
	}
	if (length > rest->length - head)
		return false;
	element->tag = data[0];
	element->whole = (struct crl_span){data, head + length};
	element->content = (struct crl_span){data + head, length};
	rest->data += head + length;
	rest->length -= head + length;
	return true;
}

bool crl_element_of(struct crl_span *rest, uint8_t tag,
		    struct crl_element *element)
{
	return crl_element(rest, element) && element->tag == tag;
}

struct crl_span crl_without_zeros(struct crl_span number)
{
	while (number.length > 1 && !number.data[0]) {
		number.data++;
		number.length--;
	}
	return number;
}

static struct crl_span cut(struct crl_span *rest, size_t length)
{
	struct crl_span part = {rest->data, length};

	rest->data += length;
	rest->length -= length;
	return part;
}

/* Cuts a list off *from. False: there is none, or one that is not whole. */
static bool next_list(struct crl_span *from, struct list *list)
{
	struct crl_head *head = &list->head;
	struct crl_span rest = *from;

	if (rest.length < sizeof(*head))
		return false;
	memcpy(head, cut(&rest, sizeof(*head)).data, sizeof(*head));
	if (head->issuer > rest.length)
		return false;
	list->issuer = cut(&rest, head->issuer);
	if (head->points > rest.length)
		return false;
	list->points = cut(&rest, head->points);
	if (!head->width || head->width > CRL_SERIAL_SIZE ||
	    head->count > rest.length / head->width)
		return false;
	list->serials = cut(&rest, head->count * head->width).data;
	*from = rest;
	return true;
}

static struct crl_span first_list(const struct crl_set *set)
{
	struct crl_span rest = set->bytes;

	cut(&rest, sizeof(uint64_t));
	return rest;
}

static int check_lists(const struct crl_set *set)
{
	struct crl_span rest;
	struct list list;
	uint64_t magic;

	if (set->bytes.length < sizeof(magic))
		return -EINVAL;
	memcpy(&magic, set->bytes.data, sizeof(magic));
	if (magic != CRL_MAGIC)
		return -EINVAL;
	rest = first_list(set);
	while (next_list(&rest, &list))
		;
	return rest.length ? -EINVAL : 0;
}

static int set_new(struct crl_set **set, struct crl_span bytes, bool mapped)
{
	struct crl_set *new = calloc(1, sizeof(*new));
	int err = new ? 0 : -ENOMEM;

	if (new) {
		new->bytes = bytes;
		new->mapped = mapped;
		err = check_lists(new);
	}
	if (err)
		free(new);
	else
		*set = new;
	return err;
}

int crl_set_new(struct crl_set **set, struct crl_bytes *bytes)
{
	int err = set_new(set, (struct crl_span){bytes->data, bytes->length},
			  false);

	if (err)
		free(bytes->data);
	*bytes = (struct crl_bytes){NULL, 0};
	return err;
}

int crl_set_map(struct crl_set **set, int fd)
{
	struct stat status;
	size_t size;
	void *map;
	int err;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (status.st_size <= 0)
		return -EINVAL;
	size = (size_t)status.st_size;
	map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	err = set_new(set, (struct crl_span){map, size}, true);
	if (err)
		munmap(map, size);
	return err;
}

void crl_set_free(struct crl_set *set)
{
	if (!set)
		return;
	if (set->mapped)
		munmap((void *)set->bytes.data, set->bytes.length);
	else
		free((void *)set->bytes.data);
	free(set);
}

void crl_set_warn(const struct crl_set *set, const char *path)
{
	struct crl_span rest = first_list(set);
	char date[CERTIFICATE_DATE_SIZE];
	struct list list;

	while (next_list(&rest, &list)) {
		if (list.head.until > 0 && list.head.until < time(NULL))
			log_warning("%s: was to be replaced on %s; what has "
				    "been revoked since is not known",
				    path,
				    certificate_date(list.head.until, date));
	}
}

static struct crl_span span_of(const gnutls_datum_t *datum)
{
	return (struct crl_span){datum->data, datum->size};
}

static void warn_of_ca(const struct crl_set *set, gnutls_x509_crt_t ca,
		       const char *path)
{
	gnutls_datum_t name = {NULL, 0}, text = {NULL, 0};
	struct crl_span rest = first_list(set);
	bool found = false;
	struct list list;

	if (gnutls_x509_crt_get_raw_dn(ca, &name) >= 0 &&
	    gnutls_x509_crt_get_dn2(ca, &text) >= 0) {
		while (!found && next_list(&rest, &list))
			found = crl_same(list.issuer, span_of(&name));
		if (!found)
			log_warning("%s: has no list of %s: whoever has a "
				    "certificate of that CA is refused; append "
				    "its list",
				    path, (const char *)text.data);
	}
	gnutls_free(name.data);
	gnutls_free(text.data);
}

void crl_set_warn_of_cas(const struct crl_set *set,
			 gnutls_x509_trust_list_t cas, const char *path)
{
	gnutls_x509_trust_list_iter_t iter = NULL;
	gnutls_x509_crt_t ca;

	while (gnutls_x509_trust_list_iter_get_ca(cas, &iter, &ca) >= 0) {
		warn_of_ca(set, ca, path);
		gnutls_x509_crt_deinit(ca);
	}
}

static bool has_name(struct crl_span names, struct crl_span name)
{
	struct crl_element element;

	while (crl_element(&names, &element)) {
		if (crl_same(element.whole, name))
			return true;
	}
	return false;
}

static bool share_name(struct crl_span names, struct crl_span others)
{
	struct crl_element element;

	while (crl_element(&others, &element)) {
		if (has_name(names, element.whole))
			return true;
	}
	return false;
}

/*
 * Does one of the certificate's distribution points have one of these names?
 * One that is for some reasons only does not count (RFC 5280, section
 * 4.2.1.13).
 */
static bool is_of_point(struct crl_span points, const gnutls_datum_t *extension)
{
	struct crl_span rest = span_of(extension), within;
	struct crl_element element, name;

	if (!crl_element_of(&rest, CRL_TAG_SEQUENCE, &element))
		return false;
	for (rest = element.content; crl_element(&rest, &element);) {
		within = element.content;
		if (!crl_element_of(&within, CRL_TAG_INNER(0), &name) ||
		    within.length)
			continue;
		within = name.content;
		if (crl_element_of(&within, CRL_TAG_INNER(0), &name) &&
		    share_name(points, name.content))
			return true;
	}
	return false;
}

static bool has_point(gnutls_x509_crt_t crt, struct crl_span points)
{
	gnutls_datum_t extension = {NULL, 0};
	bool has = false;

	if (gnutls_x509_crt_get_extension_by_oid2(crt, OID_DISTRIBUTION_POINTS,
						  0, &extension, NULL) >= 0)
		has = is_of_point(points, &extension);
	gnutls_free(extension.data);
	return has;
}

static bool covers(const struct list *list, gnutls_x509_crt_t crt)
{
	bool ca = gnutls_x509_crt_get_ca_status(crt, NULL) > 0;

	if (list->head.scope & (CRL_DELTA | CRL_PARTIAL))
		return false;
	if (list->head.scope & (ca ? CRL_USERS : CRL_CAS))
		return false;
	return !list->points.length || has_point(crt, list->points);
}

bool crl_set_covers(const struct crl_set *set, gnutls_x509_crt_t crt)
{
	struct crl_span rest = first_list(set);
	gnutls_datum_t issuer;
	struct list list;
	bool found = false;

	if (gnutls_x509_crt_get_raw_issuer_dn(crt, &issuer) < 0)
		return false;
	while (!found && next_list(&rest, &list))
		found = crl_same(list.issuer, span_of(&issuer)) &&
			covers(&list, crt);
	gnutls_free(issuer.data);
	return found;
}

static bool has_serial(const struct list *list, struct crl_span serial)
{
	size_t width = list->head.width, from = 0, to = list->head.count;
	uint8_t wanted[CRL_SERIAL_SIZE] = {0};

	if (serial.length > width)
		return false;
	memcpy(wanted + width - serial.length, serial.data, serial.length);
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		int order =
			memcmp(list->serials + middle * width, wanted, width);

		if (!order)
			return true;
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return false;
}

bool crl_set_revokes(const struct crl_set *set, gnutls_x509_crt_t crt)
{
	struct crl_span rest = first_list(set), serial;
	uint8_t bytes[CRL_SERIAL_SIZE];
	size_t size = sizeof(bytes);
	gnutls_datum_t issuer;
	bool revoked = false;
	struct list list;

	/* A certificate that can't be searched for may be revoked. */
	if (gnutls_x509_crt_get_serial(crt, bytes, &size) < 0 ||
	    gnutls_x509_crt_get_raw_issuer_dn(crt, &issuer) < 0)
		return true;
	serial = crl_without_zeros((struct crl_span){bytes, size});
	while (!revoked && next_list(&rest, &list))
		revoked = crl_same(list.issuer, span_of(&issuer)) &&
			  has_serial(&list, serial);
	gnutls_free(issuer.data);
	return revoked;
}
