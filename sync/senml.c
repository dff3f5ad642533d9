#include "sync/senml.h"

#include "base/text.h"

#include <math.h>

static const double RELATIVE_BELOW = 268435456.0; /* 2^28 s, RFC 8428 section 4.5.3 */

enum err senml_begin(struct senml *s, const struct json *pack, int64_t now_ms, struct why *why)
{
	*s = (struct senml){ .now_ms = now_ms, .base_name = "", .base_unit = "" };
	if (json_type_of(pack) != JSON_ARRAY)
		return why_set(why, ERR_INVALID, "SenML is an array of records");
	s->next = json_first(pack);
	return OK;
}

static void take_base(struct senml *s, const struct json *record)
{
	const char *name = json_string(json_member(record, "bn"));
	const char *unit = json_string(json_member(record, "bu"));
	if (name)
		s->base_name = name;
	if (unit)
		s->base_unit = unit;
	json_number(json_member(record, "bt"), &s->base_time);
	json_number(json_member(record, "bv"), &s->base_value);
}

static enum err read_value(const struct senml *s, const struct json *record, struct value *out,
			   struct why *why)
{
	const char *string = json_string(json_member(record, "vs"));
	bool flag;
	if (json_number(json_member(record, "v"), &out->number)) {
		out->type = VALUE_FLOAT;
		out->number += s->base_value;
		if (isfinite(out->number))
			return OK;
		return why_set(why, ERR_INVALID, "a SenML value that is not finite");
	}
	if (json_bool(json_member(record, "vb"), &flag)) {
		out->type = VALUE_BOOLEAN;
		out->integer = flag;
		return OK;
	}
	if (string && strlen(string) <= POINT_STRING_MAX) {
		out->type = VALUE_STRING;
		out->string = bytes_of(string);
		return OK;
	}
	return why_set(why, ERR_INVALID, "a SenML record without v, vs or vb");
}

static bool read_time(const struct senml *s, const struct json *record, struct point *out)
{
	double t = 0;
	json_number(json_member(record, "t"), &t);
	t += s->base_time;
	if (t == 0)
		return true;
	if (!(fabs(t) < 1e12))
		return false;
	if (t < RELATIVE_BELOW) {
		out->has_time = s->now_ms != 0;
		out->time_ms = s->now_ms + (int64_t)(t * 1000);
		return true;
	}
	out->has_time = true;
	out->time_ms = (int64_t)(t * 1000);
	return true;
}

static enum err read_record(struct senml *s, const struct json *record, struct point *out,
			    struct why *why)
{
	const char *name = json_string(json_member(record, "n"));
	const char *unit = json_string(json_member(record, "u"));
	struct text t = text_in(s->name, sizeof s->name);
	text_add(&t, "%s%s", s->base_name, name ? name : "");
	if (t.len == 0 || text_is_cut(&t))
		return why_set(why, ERR_INVALID, "a SenML record with no name, or too long a one");
	if (json_member(record, "s") || json_member(record, "bs") || json_member(record, "vd"))
		return why_set(why, ERR_INVALID, "%.60s: SenML sums and data are not supported",
			       s->name);

	out->measurement = text_bytes(&t);
	out->fields[0].name = BYTES_LIT("value");
	out->field_count = 1;
	if (!unit)
		unit = s->base_unit;
	if (*unit && point_set_tag(out, BYTES_LIT("unit"), bytes_of(unit)))
		return ERR_FULL;
	if (!read_time(s, record, out))
		return why_set(why, ERR_INVALID, "a SenML time beyond all clocks");
	return read_value(s, record, &out->fields[0].value, why);
}

enum err senml_read(struct senml *s, struct point *out, struct why *why)
{
	while (s->next) {
		const struct json *record = s->next;
		s->next = json_next(record);
		*out = (struct point){ 0 };
		if (json_type_of(record) != JSON_OBJECT)
			return why_set(why, ERR_INVALID, "a SenML record that is no object");
		take_base(s, record);
		/* A record of base fields alone carries no value. */
		bool only_base = !json_member(record, "v") && !json_member(record, "vs") &&
				 !json_member(record, "vb") && !json_member(record, "n") &&
				 !json_member(record, "s") && !json_member(record, "vd") &&
				 !json_member(record, "bs");
		if (!only_base)
			return read_record(s, record, out, why);
	}
	return ERR_NOT_FOUND;
}
