#include "cloud/skerry/places.h"

#include "cloud/skerry/terminal.h"

#include <stdio.h>

void places_tell_waiting(const char *device, const struct fit *fit)
{
	for (size_t i = 0; fit && i < fit->count; i++)
		if (fit->pods[i].verdict == FIT_WAITS)
			terminal_line(stderr, "waits       %s  %s: %s", device, fit->pods[i].name,
				      fit->pods[i].why.text);
}

bool places_tell(const char *device, const struct fit *fit)
{
	if (!fit)
		return true;
	if (fit->refused.text[0]) {
		terminal_line(stderr, "misfit      %s  %s", device, fit->refused.text);
		return false;
	}
	if (fit->count && !fit->has_report)
		terminal_line(stderr, "unknown     %s  %s", device, fit->pods[0].why.text);
	places_tell_waiting(device, fit);
	return true;
}

enum err places_refuse(size_t misfits, size_t devices, struct why *why)
{
	return why_set(why, ERR_INVALID,
		       "%s%zu of %zu devices would refuse it; nothing was published (see: skerry "
		       "explain -f)",
		       misfits == devices ? "it fits nowhere: " : "", misfits, devices);
}
