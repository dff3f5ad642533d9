#include "cloud/skerry/manifest_file.h"
#include "cloud/skerry/verbs.h"

#include <stdio.h>
#include <stdlib.h>

enum exit_code verb_validate(struct options *o)
{
	struct manifest_files *m = calloc(1, sizeof *m);
	struct why why;
	enum err e = m ? OK : why_set(&why, ERR_SYSTEM, "no memory");
	if (!e && !o->file_count)
		e = why_set(&why, ERR_INVALID, "which files? give -f FILE");
	if (!e)
		e = manifest_files_read(m, o->files, o->file_count, &why);
	for (size_t i = 0; !e && i < m->count; i++)
		printf("%s: pod %s is fine\n", m->pods[i].file, m->pods[i].name);
	if (m)
		manifest_files_free(m);
	free(m);
	return exit_code_tell(e, &why);
}
