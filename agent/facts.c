#include "agent/facts.h"

#include "base/scoped.h"
#include "base/text.h"
#include "ports/file.h"
#include "ports/json.h"

static const int64_t MIB = 1LL << 20;

static enum err read_text(const struct json *from, const char *key, char *out, size_t cap,
			  struct why *why)
{
	const struct json *member = json_member(from, key);
	const char *s = json_string(member);
	if (member && (!s || !text_copy(out, cap, bytes_of(s))))
		return why_set(why, ERR_INVALID, "%s: a text of at most %zu bytes is expected", key,
			       cap - 1);
	return OK;
}

static enum err add_device(struct facts *f, const struct json *device, struct why *why)
{
	const char *path = json_string(device);
	if (f->device_count == FACTS_DEVICES_MAX)
		return why_set(why, ERR_INVALID, "devices: more than %d", FACTS_DEVICES_MAX);
	if (!path || path[0] != '/' ||
	    !text_copy(f->devices[f->device_count], sizeof f->devices[0], bytes_of(path)))
		return why_set(why, ERR_INVALID,
			       "devices: absolute paths of at most %zu bytes "
			       "are expected",
			       sizeof f->devices[0] - 1);
	f->device_count++;
	return OK;
}

static enum err read_devices(struct facts *f, const struct json *devices, struct why *why)
{
	enum err e = read_text(devices, "watchdog", f->watchdog, sizeof f->watchdog, why);
	const struct json *clock = json_member(devices, "clock");
	if (!e && clock)
		e = add_device(f, clock, why);
	for (const char *const *kind = (const char *const[]){ "serial", "sensors", NULL }; *kind;
	     kind++)
		for (const struct json *d = json_first(json_member(devices, *kind)); d && !e;
		     d = json_next(d))
			e = add_device(f, d, why);
	return e;
}

static enum err read_members(struct facts *f, const struct json *j, struct why *why)
{
	int64_t memory_mib = 0;
	enum err e = read_text(j, "name", f->name, sizeof f->name, why);
	if (!e)
		e = read_text(j, "architecture", f->architecture, sizeof f->architecture, why);
	if (!e)
		e = read_text(j, "commandLine", f->command_line, sizeof f->command_line, why);
	if (!e)
		e = read_text(j, "commandLineFile", f->command_line_file,
			      sizeof f->command_line_file, why);
	if (!e && (!json_integer(json_member(j, "memoryMiB"), &memory_mib) || memory_mib <= 0 ||
		   memory_mib > INT32_MAX))
		e = why_set(why, ERR_INVALID, "memoryMiB: a number of MiB is expected");
	f->memory_bytes = memory_mib * MIB;
	return e ? e : read_devices(f, json_member(j, "devices"), why);
}

enum err facts_read(struct facts *f, const char *path, struct why *why)
{
	SCOPED_MEMORY char *text = NULL;
	struct json *j = NULL;
	size_t len;
	*f = (struct facts){ 0 };
	enum err e = file_read(path, FACTS_FILE_MAX, &text, &len, why);
	if (e)
		return e;
	e = json_parse((struct bytes){ text, len }, &j, why);
	if (!e)
		e = read_members(f, j, why);
	json_free(j);
	return e ? why_in(why, e, path) : OK;
}
