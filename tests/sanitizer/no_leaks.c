/*
 * no_leaks - the leak sanitizer stops its process from outside, which programs
 * that gave up their rights do not allow: it is off for them, the others stay on.
 */
__attribute__((visibility("default"))) const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
