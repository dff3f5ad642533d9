#include "workloads/placement.h"

#include "workloads/selector.h"

#include <stdio.h>
#include <string.h>

static void put(struct json *labels, const char *key, const char *value)
{
	json_remove(labels, key);
	if (value && *value)
		json_set_string(labels, key, value);
}

static void put_number(struct json *labels, const char *key, int64_t n)
{
	char text[24];
	snprintf(text, sizeof text, "%lld", (long long)n);
	put(labels, key, n ? text : NULL);
}

static void put_all(struct json *labels, const struct json *from)
{
	for (const struct json *l = json_first(from); l; l = json_next(l))
		put(labels, json_key(l), json_string(l));
}

/* "v1: memory cpu, v2: kill": each controller with the hierarchy that has it. */
static void put_cgroup(struct json *labels, const char *text)
{
	char words[160], key[96], version[8] = "";
	snprintf(words, sizeof words, "%s", text ? text : "");
	char *rest = NULL;
	for (char *w = strtok_r(words, " ,", &rest); w; w = strtok_r(NULL, " ,", &rest)) {
		const size_t len = strlen(w);
		if (w[len - 1] == ':') {
			snprintf(version, sizeof version, "%.*s", (int)len - 1, w);
			continue;
		}
		snprintf(key, sizeof key, "skerry.dev/cgroup.%.60s", w);
		put(labels, key, version);
	}
}

/* "seccomp, landlock 2". */
static void put_sandbox(struct json *labels, const char *text)
{
	char version[8] = "";
	const char *landlock = text ? strstr(text, "landlock ") : NULL;
	if (landlock)
		snprintf(version, sizeof version, "%.*s", (int)strspn(landlock + 9, "0123456789"),
			 landlock + 9);
	put(labels, "skerry.dev/landlock", version);
	put(labels, "skerry.dev/seccomp", text && strstr(text, "seccomp") ? "true" : NULL);
}

struct json *placement_labels(const struct placement_board *b)
{
	struct json *labels = json_new_object();
	put_all(labels, b->labels);
	put_all(labels, b->given);
	put(labels, "kubernetes.io/hostname", b->device);
	put(labels, "kubernetes.io/os", "linux");
	put(labels, "kubernetes.io/arch", b->architecture);
	put(labels, "skerry.dev/kernel", b->kernel);
	put_number(labels, "skerry.dev/memory", b->memory_bytes >> 20);
	put_number(labels, "skerry.dev/cpu", b->cpu_milli);
	put(labels, "skerry.dev/host-image", b->host_image ? "true" : "false");
	put_cgroup(labels, b->cgroup);
	put_sandbox(labels, b->sandbox);
	return labels;
}

enum err placement_check(const struct pod *p, const struct json *labels, struct why *why)
{
	for (size_t i = 0; i < p->selector_count; i++) {
		const struct pair *s = &p->selector[i];
		const char *have = json_string(json_member(labels, s->name));
		if (have && strcmp(have, s->value) == 0)
			continue;
		return why_set(why, ERR_INVALID,
			       "%s.nodeSelector: %.80s=%.63s is asked for, the board has %s%.63s",
			       p->where, s->name, s->value, have ? "it as " : "no such label",
			       have ? have : "");
	}
	return OK;
}

enum err placement_check_images(const struct pod *p, bool host_image, struct why *why)
{
	for (size_t i = 0; i < p->container_count && !host_image; i++)
		if (!p->containers[i].image_digest)
			return why_set(why, ERR_DENIED,
				       "%s.image: host is not allowed on this board; "
				       "set allow_host_image = true",
				       p->containers[i].where);
	return OK;
}

enum err placement_check_count(size_t containers, struct why *why)
{
	if (containers <= WORKLOADS_MAX)
		return OK;
	return why_set(why, ERR_FULL, "%zu containers; this board takes %d", containers,
		       WORKLOADS_MAX);
}
