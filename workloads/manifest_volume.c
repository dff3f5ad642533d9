/* spec.volumes: emptyDir and hostPath; files are manifest_files.c's. */
#include "workloads/manifest_parts.h"

#include <string.h>

const struct volume_spec *manifest_volume(const struct pod *p, const char *name)
{
	for (size_t i = 0; i < p->volume_count; i++)
		if (strcmp(p->volumes[i].name, name) == 0)
			return &p->volumes[i];
	return NULL;
}

static enum err read_medium(struct reader *r, const struct json *j, void *into)
{
	static const char *const names[] = { "", "Memory", NULL };
	size_t which;
	struct volume_spec *v = into;
	enum err e = field_choice(r, j, names, &which);
	if (!e)
		v->kind = which ? VOLUME_MEMORY : VOLUME_DISK;
	return e;
}

static enum err read_empty_dir(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "medium", read_medium },
		{ "sizeLimit", manifest_bytes, offsetof(struct volume_spec, bytes) },
		{ 0 },
	};
	struct volume_spec *v = into;
	v->kind = VOLUME_DISK;
	return field_object(r, j, fields, v);
}

static enum err read_host_path_type(struct reader *r, const struct json *j, void *into)
{
	static const char *const names[] = {
		[HOST_ANY] = "",
		[HOST_FOLDER] = "Directory",
		[HOST_FOLDER_MADE] = "DirectoryOrCreate",
		[HOST_FILE] = "File",
		[HOST_FILE_MADE] = "FileOrCreate",
		[HOST_SOCKET] = "Socket",
		[HOST_CHARACTER] = "CharDevice",
		[HOST_BLOCK] = "BlockDevice",
		NULL,
	};
	size_t which;
	struct volume_spec *v = into;
	enum err e = field_choice(r, j, names, &which);
	if (!e)
		v->host_type = (enum host_type)which;
	return e;
}

static enum err read_host_path(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "path", field_path, offsetof(struct volume_spec, host_path) },
		{ "type", read_host_path_type },
		{ 0 },
	};
	struct volume_spec *v = into;
	v->kind = VOLUME_HOST;
	enum err e = field_object(r, j, fields, v);
	return e || v->host_path ? e : field_refuse(r, "path is missing");
}

static enum err read_volume_name(struct reader *r, const struct json *j, void *into)
{
	const char **name = into;
	enum err e = field_name(r, j, name);
	if (!e && manifest_volume(r->pod, *name))
		return field_refuse(r, "a second volume is called \"%s\"", *name);
	return e;
}

static enum err refuse_kind(struct reader *r, const struct json *j, void *into)
{
	(void)j;
	(void)into;
	return field_refuse(r, "a volume of this kind is not supported on a board");
}

static enum err read_volume(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "name", read_volume_name, offsetof(struct volume_spec, name) },
		{ "emptyDir", read_empty_dir },
		{ "hostPath", read_host_path },
		{ "configMap", manifest_config_map },
		{ "secret", manifest_secret },
		{ "downwardAPI", manifest_downward },
		{ "projected", manifest_projected },
		{ "persistentVolumeClaim", refuse_kind },
		{ "csi", refuse_kind },
		{ "nfs", refuse_kind },
		{ "iscsi", refuse_kind },
		{ "ephemeral", refuse_kind },
		{ "gitRepo", refuse_kind },
		{ "flexVolume", refuse_kind },
		{ 0 },
	};
	struct pod *p = into;
	struct volume_spec v = { 0 };
	enum err e = field_object(r, j, fields, &v);
	if (!e && (!v.name || json_count(j) != 2))
		return field_refuse(r, "name and one kind of volume are expected");
	p->volumes[p->volume_count++] = v;
	return e;
}

enum err manifest_volumes(struct reader *r, const struct json *j, void *into)
{
	return field_list(r, j, VOLUMES_MAX, read_volume, into);
}
