#include "ports/random.h"

#include <assert.h>
#include <errno.h>
#include <sys/random.h>

bool random_is_ready(void)
{
	char byte;
	return getrandom(&byte, sizeof byte, GRND_NONBLOCK) == sizeof byte;
}

void random_bytes(void *out, size_t len)
{
	unsigned char *at = out;
	while (len) {
		ssize_t n = getrandom(at, len, 0);
		assert(n >= 0 || errno == EINTR);
		const size_t got = n > 0 ? (size_t)n : 0;
		at += got;
		len -= got;
	}
}

int64_t random_below(int64_t below)
{
	if (below <= 1)
		return 0;
	uint64_t r;
	random_bytes(&r, sizeof r);
	return (int64_t)(r % (uint64_t)below);
}

void random_name(char *out, size_t len)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	for (size_t i = 0; i < len; i++)
		out[i] = letters[random_below(sizeof letters - 1)];
	out[len] = '\0';
}
