#include "tests/unit/agent/vitals_fake.h"

#include "base/bytes.h"
#include "base/text.h"

#include <assert.h>
#include <string.h>

enum { FILES_MAX = 128 };

static struct {
	const char *path, *text;
} files[FILES_MAX];
static size_t count;
static struct vitals_disk disk;

void vitals_fake_reset(void)
{
	count = 0;
	disk = (struct vitals_disk){ 0 };
}

void vitals_fake_set(const char *path, const char *text)
{
	size_t i = 0;
	while (i < count && strcmp(files[i].path, path) != 0)
		i++;
	assert(i < FILES_MAX);
	files[i].path = path;
	files[i].text = text;
	if (i == count)
		count++;
}

void vitals_fake_disk(struct vitals_disk d)
{
	disk = d;
}

bool vitals_read(const char *path, char *out, size_t cap)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(files[i].path, path) == 0 && files[i].text) {
			text_copy(out, cap, bytes_of(files[i].text));
			return true;
		}
	return false;
}

/* The part of a path behind a folder; NULL: it is not below it. */
static const char *below(const char *path, const char *folder)
{
	const size_t len = strlen(folder);
	return strncmp(path, folder, len) == 0 && path[len] == '/' ? path + len + 1 : NULL;
}

void vitals_each(const char *folder, void (*on_name)(void *owner, const char *name), void *owner)
{
	for (size_t i = 0; i < count; i++) {
		const char *rest = files[i].text ? below(files[i].path, folder) : NULL;
		char name[64];
		bool told = !rest;
		if (rest)
			text_copy(name, sizeof name, (struct bytes){ rest, strcspn(rest, "/") });
		for (size_t k = 0; k < i && !told; k++) {
			const char *other = files[k].text ? below(files[k].path, folder) : NULL;
			told = other && strncmp(other, name, strlen(name)) == 0 &&
			       (other[strlen(name)] == '/' || !other[strlen(name)]);
		}
		if (!told)
			on_name(owner, name);
	}
}

/* A link is a file that holds the last part of what it names. */
bool vitals_link(const char *path, char *out, size_t cap)
{
	return vitals_read(path, out, cap);
}

bool vitals_disk(const char *path, struct vitals_disk *out)
{
	(void)path;
	*out = disk;
	return disk.total > 0;
}
