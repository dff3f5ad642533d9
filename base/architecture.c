#include "base/architecture.h"

const char *architecture_ours(void)
{
#if defined __x86_64__
	return "amd64";
#elif defined __aarch64__
	return "arm64";
#elif defined __arm__
	return "arm";
#elif defined __i386__
	return "386";
#elif defined __riscv && __riscv_xlen == 64
	return "riscv64";
#else
#error "add this machine's GOARCH name and e_machine here"
#endif
}

const char *architecture_of_elf(struct bytes head)
{
	enum { DATA_AT = 5, LITTLE_ENDIAN_DATA = 1, MACHINE_AT = 18 };
	static const struct {
		unsigned machine;
		const char *name;
	} known[] = {
		{ 3, "386" }, { 40, "arm" }, { 62, "amd64" }, { 183, "arm64" }, { 243, "riscv64" }
	};
	const unsigned char *p = (const unsigned char *)head.at;
	if (head.len < ELF_HEAD_SIZE || memcmp(p, "\177ELF", 4) != 0 ||
	    p[DATA_AT] != LITTLE_ENDIAN_DATA)
		return NULL;
	const unsigned machine = p[MACHINE_AT] | (unsigned)p[MACHINE_AT + 1] << 8;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i].machine == machine)
			return known[i].name;
	return NULL;
}
