/*
 * pem - DER in files that people look at: base64 between two lines that name it.
 *
 * For files of this machine alone. What the network brings is DER.
 */
#pragma once

#include "base/bytes.h"
#include "base/text.h"

enum { PEM_LABEL_SIZE = 32 };

/* Add a block with this label, such as "CERTIFICATE", to `t`. */
void pem_add(struct text *t, const char *label, struct bytes der);

/* Bytes that a block of `len` bytes of DER takes at most, with a NUL. */
static inline size_t pem_size(size_t len)
{
	return 2 * len + 160;
}

struct pem_block {
	char label[PEM_LABEL_SIZE];
	struct bytes base64; /* with its line breaks; borrowed */
};

/* Take the next block from *rest. False: there is none, or it has no end. */
bool pem_next(struct bytes *rest, struct pem_block *out);
