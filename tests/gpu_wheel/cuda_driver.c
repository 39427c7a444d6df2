/* A stand-in for NVIDIA's driver library: real enough for the CUDA runtime to ask it, and to fail as a real one does.
 * FAKE_CUINIT is what the driver answers when it is started, FAKE_DRIVER the CUDA that it serves: 12020 is 12.2. */
#include <stdlib.h>
#include <string.h>

static int number(const char *name, int otherwise) {
  const char *text = getenv(name);
  return text ? atoi(text) : otherwise;
}

int cuInit(unsigned flags) { return number("FAKE_CUINIT", 100); }

int cuDriverGetVersion(int *version) {
  *version = number("FAKE_DRIVER", 13060);
  return 0;
}

int cuDeviceGetCount(int *count) {
  *count = 0;
  return number("FAKE_CUINIT", 100);
}

int cuTensorMapEncodeTiled(void) { return 801; }

/* Every other function fails, too: with "not initialised" where the driver claims to be well. */
static int fails(void) {
  int answer = number("FAKE_CUINIT", 100);
  return answer ? answer : 3;
}

int cuGetProcAddress_v2(const char *symbol, void **function, int version, unsigned long flags, int *status);

static void *find(const char *symbol) {
  if (!strcmp(symbol, "cuInit")) return cuInit;
  if (!strcmp(symbol, "cuDriverGetVersion")) return cuDriverGetVersion;
  if (!strcmp(symbol, "cuDeviceGetCount")) return cuDeviceGetCount;
  if (!strncmp(symbol, "cuGetProcAddress", 16)) return cuGetProcAddress_v2;
  return fails;
}

int cuGetProcAddress_v2(const char *symbol, void **function, int version, unsigned long flags, int *status) {
  *function = find(symbol);
  if (status) *status = 0;
  return 0;
}

int cuGetProcAddress(const char *symbol, void **function, int version, unsigned long flags) {
  *function = find(symbol);
  return 0;
}
