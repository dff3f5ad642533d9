/*
 * architecture - which machine a program is for, in the names that OCI images
 * use (GOARCH): "amd64", "arm64", "arm", "386", "riscv64".
 */
#pragma once

#include "base/bytes.h"

enum { ELF_HEAD_SIZE = 20 }; /* as far as e_machine */

/* What this very program was built for: what it runs on runs that. */
const char *architecture_ours(void);

/* What a program is for whose file begins with `head`; NULL: no ELF file for
 * Linux's machines. Source of the numbers: the ELF specification's e_machine. */
const char *architecture_of_elf(struct bytes head);
