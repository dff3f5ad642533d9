/*
 * replay - gives a target every file of a folder, as an ordinary test.
 *
 * What a fuzzer has found stays found: its inputs lie in corpus/TARGET. Needs no clang.
 */
#include "base/scoped.h"
#include "ports/file.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>

enum { INPUT_MAX = 1024 * 1024 };

struct replay {
	const char *folder;
	size_t files;
};

static void run(void *owner, const char *name)
{
	struct replay *r = owner;
	char path[1024];
	SCOPED_MEMORY char *text = NULL;
	size_t len;
	struct why why;
	snprintf(path, sizeof path, "%s/%s", r->folder, name);
	if (file_read(path, INPUT_MAX, &text, &len, &why)) {
		fprintf(stderr, "%s\n", why.text);
		exit(1);
	}
	/* Said before: what ends the program is the last one named. */
	printf("%s\n", name);
	fflush(stdout);
	/* Without the NUL that file_read() puts behind it. */
	SCOPED_MEMORY char *input = fuzz_copy((struct bytes){ text, len });
	(void)LLVMFuzzerTestOneInput((const uint8_t *)input, len);
	r->files++;
}

int main(int argc, char **argv)
{
	struct replay r = { .folder = argc == 2 ? argv[1] : "" };
	struct why why;
	if (dir_each(r.folder, run, &r, &why)) {
		fprintf(stderr, "usage: %s CORPUS: %s\n", argv[0], why.text);
		return 1;
	}
	printf("%zu inputs\n", r.files);
	return r.files ? 0 : 1;
}
