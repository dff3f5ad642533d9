#include "cloud/skerry/verbs.h"

enum exit_code verb_dev(struct options *o)
{
	(void)o;
	return EXIT_CODE_FAILED;
}
