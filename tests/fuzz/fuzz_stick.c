/*
 * fuzz_stick - what lies on a stick that somebody hands to `skerry import`.
 *
 * Pieces: manifest, letters, index, and a signature.
 */
#include "cloud/hub/depot.h"
#include "cloud/skerry/stick.h"
#include "sync/topic.h"
#include "tests/fuzz/folder.h"

static enum err on_letter(void *owner, const char *rest, struct bytes payload, struct why *why)
{
	char topic[TOPIC_MAX + 1];
	struct topic t;
	(void)owner;
	(void)why;
	assert(strlen(rest) < TOPIC_MAX && payload.len <= MESSAGE_MAX);
	topic_make(topic, "main", "drone-07", rest);
	if (topic_parse(topic, &t) == OK)
		assert(strcmp(t.device, "drone-07") == 0 && strcmp(t.fleet, "main") == 0);
	return OK;
}

/* Names from a stick become paths at the hub. */
static enum err on_line(void *owner, const struct json *line, struct why *why)
{
	struct depot_file f = { .id = "0123" };
	const char *id = json_string(json_member(line, "id"));
	(void)owner;
	(void)why;
	if (id && strlen(id) < sizeof f.id)
		memcpy(f.id, id, strlen(id) + 1);
	if (depot_read(line, &f, NULL))
		return OK;
	assert(!strchr(f.id, '/') && !strchr(f.pod, '/') && !strchr(f.name, '/'));
	assert(f.name[0] != '.' && f.id[0] != '.' && f.pod[0] != '.' && f.size >= 0);
	return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static const char *const names[] = { "manifest.json", "letters", "index", "manifest.sig" };
	const char *const keys[] = { KEY };
	struct bytes rest = { (const char *)at, len };
	struct json *manifest = NULL;
	struct why why = { "" };
	const char *folder = fuzz_folder();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		fuzz_folder_put(names[i], fuzz_piece(&rest));
	assert(stick_is_one(folder));
	assert(stick_verify(folder, keys, 1, &why) && why.text[0]);
	if (stick_read(folder, &manifest, &why) == OK)
		json_free(manifest);
	if (stick_each_letter(folder, on_letter, NULL, &why))
		assert(why.text[0]);
	if (stick_each_line(folder, "index", on_line, NULL, &why))
		assert(why.text[0]);
	return 0;
}
