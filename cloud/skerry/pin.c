#include "cloud/skerry/pin.h"

#include "base/quantity.h"
#include "cloud/skerry/upload.h"
#include "workloads/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool lies_here(const char *image)
{
	return image && (image[0] == '.' || image[0] == '/');
}

static void name_of(const char *path, char out[LABEL_SIZE])
{
	size_t end = strlen(path), n = 0;
	while (end && path[end - 1] == '/')
		end--;
	size_t from = end;
	while (from && path[from - 1] != '/')
		from--;
	for (size_t i = from; i < end && n < LABEL_SIZE - 1; i++)
		out[n++] = path[i];
	out[n] = '\0';
}

static enum err add_list(struct pins *p, const struct pod_document *d,
			 const struct json *containers, struct why *why)
{
	for (const struct json *c = json_first(containers); c; c = json_next(c)) {
		const char *image = json_string(json_member(c, "image"));
		if (!lies_here(image))
			continue;
		struct pin *pin = &p->list[p->count];
		*pin = (struct pin){ .file = d->file, .container = (struct json *)(uintptr_t)c };
		pin->image = strdup(image);
		if (!pin->image)
			return why_set(why, ERR_SYSTEM, "no memory");
		p->count++;
	}
	return OK;
}

static enum err add_pins(struct pins *p, const struct pod_document *d, struct why *why)
{
	const struct json *spec = manifest_spec_of(d->yaml.tree);
	enum err e = add_list(p, d, json_member(spec, "initContainers"), why);
	return e ? e : add_list(p, d, json_member(spec, "containers"), why);
}

/* What lies here is packed; a digest, or the board's package, is known there. */
static enum err add_agent(struct pins *p, struct why *why)
{
	const char *agent = p->options->agent;
	const size_t len = agent ? strlen(agent) : 0;
	p->agent_image = agent;
	if (!agent || strcmp(agent, "package") == 0 ||
	    (len >= DIGEST_LEN && label_is_digest(bytes_of(agent + len - DIGEST_LEN))))
		return OK;
	struct pin *pin = &p->list[p->count];
	*pin = (struct pin){ .file = "", .image = strdup(agent) };
	if (!pin->image)
		return why_set(why, ERR_SYSTEM, "no memory");
	p->count++;
	p->agent = pin;
	return OK;
}

enum err pins_open(struct pins *p, const struct manifest_files *m, struct why *why)
{
	p->list = calloc((size_t)PODS_MAX * CONTAINERS_MAX + 1, sizeof *p->list);
	enum err e = p->list ? OK : why_set(why, ERR_SYSTEM, "no memory");
	for (size_t i = 0; i < m->count && !e; i++)
		e = add_pins(p, &m->pods[i], why);
	return e ? e : add_agent(p, why);
}

static enum err pack_and_push(struct pins *p, const char *path, const char *architecture,
			      struct packed *out, struct why *why)
{
	struct upload u;
	char size[16], name[LABEL_SIZE];
	const char *wanted = p->options->architecture ? p->options->architecture
			     : *architecture          ? architecture
						      : NULL;
	enum err e = p->opened ? OK : scratch_open(&p->scratch, why);
	p->opened = true;
	if (!e)
		e = pack_image(path, wanted, &p->scratch.blobs, out, why);
	if (e || p->options->dry_run || p->options->preview)
		return e;
	e = upload_image(&u, p->desk, &p->scratch.blobs, out, why);
	name_of(path, name);
	quantity_print(size, out->bytes);
	if (!e)
		fprintf(stderr, "pushed      %s  %sB  %s\n", name, size, out->digest);
	return e;
}

static const struct pinned *find(const struct pin *pin, const char *architecture)
{
	for (size_t i = 0; i < pin->count; i++)
		if (strcmp(pin->made[i].architecture, architecture) == 0)
			return &pin->made[i];
	return NULL;
}

static enum err make(struct pins *p, struct pin *pin, const char *architecture, struct why *why)
{
	char path[PATH_LIMIT], name[LABEL_SIZE];
	struct packed packed;
	if (find(pin, architecture))
		return OK;
	if (pin->count == PIN_ARCHITECTURES_MAX)
		return why_set(why, ERR_FULL, "more than %d architectures", PIN_ARCHITECTURES_MAX);
	manifest_path_beside(pin->file, pin->image, path); /* ./folder lies beside it */
	enum err e = pack_and_push(p, path, architecture, &packed, why);
	if (e)
		return e;
	struct pinned *made = &pin->made[pin->count++];
	name_of(path, name);
	snprintf(made->architecture, sizeof made->architecture, "%s", architecture);
	snprintf(made->image, sizeof made->image, "%s@%s", name[0] ? name : "image", packed.digest);
	return OK;
}

enum err pins_make(struct pins *p, const char *architecture, struct why *why)
{
	enum err e = OK;
	for (size_t i = 0; i < p->count && !e; i++)
		e = make(p, &p->list[i], architecture, why);
	return e;
}

void pins_set(struct pins *p, const char *architecture)
{
	for (size_t i = 0; i < p->count; i++) {
		struct pin *pin = &p->list[i];
		const struct pinned *made = find(pin, architecture);
		if (pin == p->agent)
			p->agent_image = made ? made->image : pin->image;
		if (!pin->container)
			continue;
		json_remove(pin->container, "image");
		json_set_string(pin->container, "image", made ? made->image : pin->image);
	}
}

void pins_close(struct pins *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->list[i].image);
	free(p->list);
	if (p->opened)
		scratch_close(&p->scratch);
	*p = (struct pins){ 0 };
}
