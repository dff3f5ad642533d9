/*
 * counting_token - a PKCS#11 module that stands before SoftHSM's: counts, and may be "pulled out".
 *
 * In the folder $TOKEN_FOLDER: each login and each signature adds a byte to `logins` and
 * `signatures`; while `pulled` is there, nothing is signed; while `final` is there, the
 * token says that one try is left.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static CK_FUNCTION_LIST_PTR real;
static CK_FUNCTION_LIST shown;

static const char *path_of(const char *name)
{
	static char path[512];
	snprintf(path, sizeof path, "%s/%s", getenv("TOKEN_FOLDER"), name);
	return path;
}

static void count(const char *name)
{
	const int fd = open(path_of(name), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "+", 1) != 1)
		abort();
	close(fd);
}

static CK_RV log_in(CK_SESSION_HANDLE s, CK_USER_TYPE who, CK_UTF8CHAR_PTR pin, CK_ULONG len)
{
	count("logins");
	return real->C_Login(s, who, pin, len);
}

static CK_RV sign(CK_SESSION_HANDLE s, CK_BYTE_PTR hash, CK_ULONG len, CK_BYTE_PTR out,
		  CK_ULONG_PTR out_len)
{
	count("signatures");
	if (access(path_of("pulled"), F_OK) == 0)
		return CKR_DEVICE_REMOVED;
	return real->C_Sign(s, hash, len, out, out_len);
}

static CK_RV describe(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR out)
{
	const CK_RV code = real->C_GetTokenInfo(slot, out);
	if (code == CKR_OK && access(path_of("final"), F_OK) == 0)
		out->flags |= CKF_USER_PIN_FINAL_TRY;
	return code;
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out)
{
	CK_C_GetFunctionList get;
	void *library = dlopen("/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return CKR_GENERAL_ERROR;
	*(void **)&get = dlsym(library, "C_GetFunctionList");
	if (!get || get(&real) != CKR_OK)
		return CKR_GENERAL_ERROR;
	shown = *real;
	shown.C_Login = log_in;
	shown.C_Sign = sign;
	shown.C_GetTokenInfo = describe;
	*out = &shown;
	return CKR_OK;
}
