#include "workloads/manifest_parts.h"

#include "base/quantity.h"

#include <stdio.h>

/* Less does not start anything: a suffix was forgotten. */
enum { MEMORY_MIN = 256 * 1024 };

enum err manifest_milli(struct reader *r, const struct json *j, void *into)
{
	char digits[32];
	double n;
	struct why why;
	const char *s = json_string(j);
	if (!s && json_number(j, &n)) {
		snprintf(digits, sizeof digits, "%.15g", n);
		s = digits;
	}
	if (!s)
		return field_refuse(r, "a quantity is expected");
	return quantity_milli(bytes_of(s), into, &why) ? field_refuse(r, "%s", why.text) : OK;
}

enum err manifest_bytes(struct reader *r, const struct json *j, void *into)
{
	int64_t milli = 0, *bytes = into;
	enum err e = manifest_milli(r, j, &milli);
	if (e)
		return e;
	*bytes = milli / 1000 + (milli % 1000 != 0);
	if (*bytes < MEMORY_MIN)
		return field_refuse(
			r, "%lld bytes is too little to start anything; did you mean \"%lldMi\"?",
			(long long)*bytes, (long long)*bytes);
	return OK;
}

struct resource_list {
	int64_t cpu, memory;
};

static const struct field resource_fields[] = {
	{ "cpu", manifest_milli, offsetof(struct resource_list, cpu) },
	{ "memory", manifest_bytes, offsetof(struct resource_list, memory) },
	{ 0 },
};

static enum err read_limits(struct reader *r, const struct json *j, void *into)
{
	struct container_spec *c = into;
	struct resource_list list = { 0 };
	enum err e = field_object(r, j, resource_fields, &list);
	c->limits.cpu_milli = list.cpu;
	c->limits.memory_bytes = list.memory;
	return e;
}

static enum err read_requests(struct reader *r, const struct json *j, void *into)
{
	struct container_spec *c = into;
	struct resource_list list = { 0 };
	enum err e = field_object(r, j, resource_fields, &list);
	c->limits.cpu_request_milli = list.cpu;
	c->memory_request = list.memory;
	c->has_requests = list.cpu || list.memory;
	return e;
}

enum err manifest_resources(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "limits", read_limits },
		{ "requests", read_requests },
		{ 0 },
	};
	struct container_spec *c = into;
	enum err e = field_object(r, j, fields, c);
	if (e)
		return e;

	/* Kubernetes: what is not requested is as much as the limit. */
	if (!c->limits.cpu_request_milli)
		c->limits.cpu_request_milli = c->limits.cpu_milli;
	if (!c->memory_request)
		c->memory_request = c->limits.memory_bytes;
	if (c->limits.memory_bytes && c->memory_request > c->limits.memory_bytes)
		return field_refuse(r, "requests.memory is more than limits.memory");
	if (c->limits.cpu_milli && c->limits.cpu_request_milli > c->limits.cpu_milli)
		return field_refuse(r, "requests.cpu is more than limits.cpu");
	return OK;
}
